"""A frozen, signed list of accepted synthetic images, and its renderings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from annotation.models.read import Annotation
from annotation.models.study import Item, Study, StudyRole
from evaluation.models import Evaluation, ImageSet
from generation.models import SyntheticImage
from synthlab.core.models import Identified, Job

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    def visible_to(self, user: User) -> SnapshotQuerySet:
        """Snapshots of studies a person manages."""
        return self.filter(study__in=Study.objects.with_role(user, StudyRole.MANAGER))


class Snapshot(Identified):
    """The accepted images of a study at one instant; its content never changes.

    `digest` is the SHA-256 of the canonical document of schema and members (image digest, labels, regions, reader and
    reviewer pseudonyms, split), which every export carries as `annotations/labels.json`; the signatures are bound to it.
    `signatures_needed` is the study's policy at that instant: with two, a second person countersigns.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="snapshots")
    name = models.CharField(max_length=120)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    filters = models.JSONField(default=dict)
    facts = models.JSONField(
        default=dict, help_text="what else was true at that instant: counts, head of the audit"
    )
    digest = models.CharField(max_length=64)
    item_count = models.PositiveIntegerField()
    image_set = models.ForeignKey(ImageSet, on_delete=models.PROTECT, related_name="snapshots")
    evaluation = models.ForeignKey(Evaluation, on_delete=models.PROTECT, null=True)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    signed_at = models.DateTimeField(null=True)
    meaning = models.CharField(max_length=200, blank=True)
    signature = models.CharField(max_length=128, blank=True, help_text="Ed25519, in hex")
    signatures_needed = models.PositiveSmallIntegerField(default=1)
    countersigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    countersigned_at = models.DateTimeField(null=True)
    countersigned_meaning = models.CharField(max_length=200, blank=True)
    countersignature = models.CharField(max_length=128, blank=True, help_text="Ed25519, in hex")

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                name="signature_whole_or_absent",
                condition=Q(signed_by__isnull=True, signed_at__isnull=True, signature="")
                | (
                    Q(signed_by__isnull=False, signed_at__isnull=False, evaluation__isnull=False)
                    & ~Q(signature="")
                ),
            ),
            models.CheckConstraint(
                name="countersignature_whole_or_absent",
                condition=Q(countersigned_by__isnull=True, countersigned_at__isnull=True, countersignature="")
                | (
                    Q(signed_by__isnull=False, countersigned_by__isnull=False, countersigned_at__isnull=False)
                    & ~Q(countersignature="")
                    & ~Q(countersigned_by=F("signed_by"))
                ),
            ),
            models.CheckConstraint(
                name="snapshot_signatures_one_or_two", condition=Q(signatures_needed__in=(1, 2))
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_signed(self) -> bool:
        """Whether everybody who must sign has signed."""
        return bool(self.signature) and (self.signatures_needed == 1 or bool(self.countersignature))

    @property
    def awaits_second(self) -> bool:
        """Whether one person has signed and another one still must."""
        return bool(self.signature) and not self.is_signed

    @property
    def is_held(self) -> bool:
        """Whether a withdrawal bars its export: a manager has not decided yet, or has forbidden it."""
        return any(hold.is_barring for hold in self.holds.all())


class SnapshotSplit(models.TextChoices):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class SnapshotItem(Identified):
    """One member. `image` is a synthetic one by its very type: a real control has no place here.

    `split` is empty where the snapshot is not split; members of one `family` have one split.
    """

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="items")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="snapshot_items")
    image = models.ForeignKey(SyntheticImage, on_delete=models.PROTECT, related_name="snapshot_items")
    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveIntegerField()
    split = models.CharField(max_length=5, choices=SnapshotSplit, blank=True)
    family = models.PositiveIntegerField(
        null=True,
        help_text="number of the family inside the snapshot; null where it was frozen without families",
    )
    readers = models.JSONField(
        default=list, help_text="pseudonyms of all who had read it by then; none where it was frozen without"
    )

    class Meta:
        ordering = ("position",)
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "item"], name="snapshot_item_once"),
            models.UniqueConstraint(fields=["snapshot", "position"], name="snapshot_position_once"),
            models.CheckConstraint(
                name="snapshot_item_split_known", condition=Q(split__in=("", *SnapshotSplit.values))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.snapshot_id} #{self.position}"


class ExportState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, user: User) -> ExportQuerySet:
        """Exports of studies a person manages."""
        return self.filter(snapshot__in=Snapshot.objects.visible_to(user))


class Export(Identified):
    """One rendering of a snapshot in one format: the same snapshot gives the same bytes."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="exports")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")
    format = models.CharField(max_length=20)
    options = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=ExportState, default=ExportState.QUEUED)
    digest = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(null=True)
    completed_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                name="export_digest_iff_succeeded",
                condition=(Q(state=ExportState.SUCCEEDED) & ~Q(digest=""))
                | (~Q(state=ExportState.SUCCEEDED) & Q(digest="")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.format} of {self.snapshot_id}"
