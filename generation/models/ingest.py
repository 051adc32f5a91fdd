"""Uploads of real images: the open one, the ones that were read, and what was not taken of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from generation.models.dataset import Dataset
from synthlab.core.models import Identified, Job

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class Upload(Identified):
    """An upload whose files are still coming, one by one; it ends by becoming the ingest of the same id.

    Its files lie in the staging folder of its id. There is at most one for each data set: a new one takes the
    place of one that was left.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="open_upload")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    sizes = models.JSONField(help_text="bytes of each file, by its place")

    def __str__(self) -> str:
        return f"upload {self.id}"

    @property
    def file_count(self) -> int:
        return len(self.sizes)


class Ingest(Identified):
    """One upload: how many were accepted, which places in it were rejected and why."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="ingests")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")
    options = models.JSONField(default=dict)
    file_count = models.PositiveIntegerField(default=0)
    accepted_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    facts = models.JSONField(
        default=dict, help_text="what was made of it: form, encoder, split method, duplicates, tiling"
    )
    deidentification = models.JSONField(default=dict)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"ingest {self.id}"


class RejectionDecision(models.TextChoices):
    """What a person made of a rejection that may be overruled."""

    OVERRULED = "overruled"
    CONFIRMED = "confirmed"


class RejectionQuerySet(models.QuerySet["Rejection"]):
    def kept(self) -> RejectionQuerySet:
        """Those whose picture waits for a person's decision."""
        return self.filter(decision="").exclude(image_digest="")

    def shown(self) -> RejectionQuerySet:
        """Those of which there is a picture to look at."""
        return self.exclude(thumbnail_digest="")

    def viewable_by(self, user: User) -> RejectionQuerySet:
        """Those whose pixels, of real patients, a person may see: only by the `view_real` grant."""
        return self.filter(ingest__dataset__members__user=user, ingest__dataset__members__view_real=True)


class Rejection(Identified):
    """One place of an upload that was not taken, and why.

    Where a person may overrule the reason, `candidate` holds what a row of accepted images would, and the files are
    kept until the decision, which empties all of them.
    """

    ingest = models.ForeignKey(Ingest, on_delete=models.PROTECT, related_name="rejections")
    ordinal = models.CharField(max_length=40, help_text="place in the upload")
    code = models.CharField(max_length=40)
    detail = models.TextField()
    thumbnail_digest = models.CharField(max_length=64, blank=True, db_index=True)
    image_digest = models.CharField(
        max_length=64,
        blank=True,
        db_index=True,
        help_text="the normalised picture; empty: nothing to overrule",
    )
    look_digest = models.CharField(
        max_length=64, blank=True, db_index=True, help_text="the picture in its full size, to be looked at"
    )
    candidate = models.JSONField(
        default=dict, help_text="digest, sizes, class, group key; empty: nothing is kept"
    )
    decision = models.CharField(max_length=10, choices=RejectionDecision, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)

    objects = RejectionQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        indexes = [models.Index(fields=["ingest", "code"], name="rejection_reason")]
        constraints = [
            models.CheckConstraint(
                name="rejection_decision_has_a_person",
                condition=Q(decision="", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(decision="") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="rejection_decided_keeps_nothing",
                condition=Q(decision="") | Q(image_digest="", look_digest="", thumbnail_digest=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} at {self.ordinal}"

    @property
    def has_thumbnail(self) -> bool:
        return bool(self.thumbnail_digest)

    @property
    def is_overrulable(self) -> bool:
        """Whether its picture waits for a decision."""
        return bool(self.image_digest)

    @property
    def is_quarantined(self) -> bool:
        """Whether a person has to look for text in the pixels first."""
        return self.code == "burned_in_unknown"
