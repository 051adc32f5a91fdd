"""What people said about synthetic images that a measurement flagged as copies of real ones."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from generation.models import SourceImage, SyntheticImage
from synthlab.core.models import Identified


class CopyVerdict(models.TextChoices):
    CLEARED = "cleared"
    CONFIRMED = "confirmed"


class CopyReviewQuerySet(models.QuerySet["CopyReview"]):
    def live(self) -> CopyReviewQuerySet:
        return self.filter(superseded_at__isnull=True)


class CopyReview(Identified):
    """A person who may see real images looked at a flagged image beside its nearest real one, and decided.

    It is about the pair: flagged beside another real image, the synthetic one must be looked at again.
    """

    image = models.ForeignKey(SyntheticImage, on_delete=models.PROTECT, related_name="copy_reviews")
    nearest = models.ForeignKey(SourceImage, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=9, choices=CopyVerdict)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    superseded_at = models.DateTimeField(null=True)

    objects = CopyReviewQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["image", "nearest"],
                condition=Q(superseded_at__isnull=True),
                name="one_live_copy_review_a_pair",
            ),
            models.CheckConstraint(
                name="copy_review_verdict_known", condition=Q(verdict__in=CopyVerdict.values)
            ),
            models.CheckConstraint(
                name="copy_cleared_with_reason",
                condition=Q(verdict=CopyVerdict.CONFIRMED) | ~Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.image_id}"
