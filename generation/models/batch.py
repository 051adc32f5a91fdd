"""A request for n synthetic images, and the images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from generation.models.curation import ImageDecision
from generation.models.dataset import Dataset
from generation.models.training import Generator
from synthlab.core.models import Identified, Job

if TYPE_CHECKING:
    from synthlab.accounts.models import User

MAX_BATCH_SIZE = 100_000
MAX_CANDIDATE_IMAGES = 2_000


class BatchState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: User) -> BatchQuerySet:
        """Batches of the person's data sets (study managers see released ones through studies)."""
        return self.filter(generator__dataset__in=Dataset.objects.visible_to(user))

    def with_image_count(self) -> BatchQuerySet:
        """`image_count`: images that stand so far; counted for the rows of the page only."""
        images = SyntheticImage.objects.filter(batch=OuterRef("pk")).order_by().values("batch")
        counted = images.annotate(n=Count("pk")).values("n")
        return self.annotate(image_count=Coalesce(Subquery(counted), 0))


class Batch(Identified):
    """n images from one generator and one seed: the same request gives the same digests."""

    generator = models.ForeignKey(Generator, on_delete=models.PROTECT, related_name="batches")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.QUEUED)
    count = models.PositiveIntegerField()
    seed = models.PositiveBigIntegerField()
    truncation = models.FloatField(default=1.0)
    class_mix = models.JSONField(default=dict, help_text='{"class key": count}')
    recipe = models.JSONField(default=dict, help_text="what all images of the batch share")
    completed_at = models.DateTimeField(null=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                name="batch_count_in_range", condition=Q(count__gte=1, count__lte=MAX_BATCH_SIZE)
            ),
            models.CheckConstraint(
                name="batch_truncation_in_range",
                condition=Q(truncation__gt=0, truncation__lte=1),
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.id}"


class SyntheticImageQuerySet(models.QuerySet["SyntheticImage"]):
    def visible_to(self, user: User) -> SyntheticImageQuerySet:
        return self.filter(batch__in=Batch.objects.visible_to(user))

    def kept(self) -> SyntheticImageQuerySet:
        """Images that nobody has put aside."""
        return self.filter(discard__isnull=True)

    def discarded(self) -> SyntheticImageQuerySet:
        return self.filter(discard__isnull=False)


class SyntheticImage(Identified):
    """One synthetic image: its place in the batch and its own seed are its recipe."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="images")
    index = models.PositiveIntegerField()
    seed = models.CharField(max_length=16, help_text="8 bytes as hex")
    class_key = models.CharField(max_length=60, blank=True)
    digest = models.CharField(max_length=64, db_index=True)
    pixel_digest = models.CharField(max_length=64, db_index=True)
    size = models.PositiveIntegerField()
    crc32 = models.PositiveBigIntegerField(
        null=True, help_text="of the file, for zip archives; null: not known yet"
    )
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    discard = models.ForeignKey(
        ImageDecision,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # few are discarded: the partial index below costs nothing where images are made
        related_name="+",
        help_text="the decision that put it aside; null: it is kept",
    )

    objects = SyntheticImageQuerySet.as_manager()

    class Meta:
        ordering = ("batch", "index")
        constraints = [models.UniqueConstraint(fields=["batch", "index"], name="synthetic_index_once")]
        indexes = [
            models.Index(
                fields=["batch", "discard"], name="synthetic_discarded", condition=Q(discard__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def recipe(self) -> dict[str, Any]:
        """Everything needed to make this image again: generator, seed, class, index, encoder."""
        own = {"seed": self.seed, "class": self.class_key or None, "index": self.index}
        return {**self.batch.recipe, **own}
