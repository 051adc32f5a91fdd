"""What people decided about single images of a batch: put aside, with a reason, or taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from synthlab.core.models import Identified

if TYPE_CHECKING:
    from synthlab.accounts.models import User

Ranges = list[list[int]]


class ImageAction(models.TextChoices):
    DISCARDED = "discarded"
    RESTORED = "restored"


class DiscardReason(models.TextChoices):
    """Why an image is put aside; `other` needs words of its own."""

    COPY = "copy", "Too near a real image"
    DUPLICATE = "duplicate", "The same as another image of the batch"
    ARTEFACT = "artefact", "Not a possible picture"
    WRONG_CLASS = "wrong_class", "Does not show its class"
    QUALITY = "quality", "Blurred, noisy or cut off"
    OTHER = "other", "Another reason"


class ImageDecisionQuerySet(models.QuerySet["ImageDecision"]):
    def visible_to(self, user: User) -> ImageDecisionQuerySet:
        from generation.models.batch import Batch

        return self.filter(batch__in=Batch.objects.visible_to(user))


class ImageDecision(Identified):
    """One decision about some images of a batch. Never changed: what is taken back is a decision of its own.

    `SyntheticImage.discard` names the decision by which an image is out now; these rows are its history.
    """

    batch = models.ForeignKey("generation.Batch", on_delete=models.PROTECT, related_name="image_decisions")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=9, choices=ImageAction)
    reason = models.CharField(max_length=11, choices=DiscardReason, blank=True)
    comment = models.TextField(blank=True)
    indexes = models.JSONField(help_text="[[first, last], …], both included")
    image_count = models.PositiveIntegerField()

    objects = ImageDecisionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                name="image_decision_reason_iff_discarded",
                condition=Q(action=ImageAction.DISCARDED, reason__in=DiscardReason.values)
                | Q(action=ImageAction.RESTORED, reason=""),
            ),
            models.CheckConstraint(name="image_decision_of_images", condition=Q(image_count__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.image_count} {self.action}"

    def concerns(self, index: int) -> bool:
        """Whether the image of this index is one of those decided about."""
        return any(first <= index <= last for first, last in self.indexes)


def ranges_of(indexes: Iterable[int]) -> Ranges:
    """Indexes as ranges, both ends included: `[3, 1, 2, 7]` is `[[1, 3], [7, 7]]`."""
    ranges: Ranges = []
    for index in sorted(set(indexes)):
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return ranges


def indexes_in(ranges: Iterable[Sequence[int]]) -> set[int]:
    """The indexes that ranges name; each is counted out once, however the ranges overlap."""
    found: set[int] = set()
    behind = 0
    for first, last in sorted((first, last) for first, last in ranges):
        found.update(range(max(first, behind), last + 1))
        behind = max(behind, last + 1)
    return found
