"""A real data set, its groups and images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from synthlab.core.models import Identified

if TYPE_CHECKING:
    from synthlab.accounts.models import User


def _count_of(rows: models.QuerySet[Any]) -> Coalesce:
    """How many of `rows` belong to the outer query's data set."""
    counted = rows.filter(dataset=OuterRef("pk")).order_by().values("dataset").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> DatasetQuerySet:
        """Data sets a person owns or is a member of; nobody else's, admins included."""
        mine = Q(owner=user) | Q(members__user=user)
        return self.filter(mine).distinct()

    def with_counts(self) -> DatasetQuerySet:
        """`image_count` and `generator_count`, each by a query of its own: joined, they would multiply."""
        from generation.models.training import Generator

        counts = {"image_count": SourceImage.objects.present(), "generator_count": Generator.objects.all()}
        return self.annotate(**{name: _count_of(rows) for name, rows in counts.items()})


class Symmetries(models.TextChoices):
    """Which flips and turns may be taught: all eight for tissue, none for anatomy that has a left and a right.

    The words are those of `evaluation.ml`.
    """

    DIHEDRAL = "dihedral"
    FLIPS = "flips"
    NONE = "none"


class Dataset(Identified):
    """A small real data set: where every synthetic pixel's provenance starts."""

    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    modality = models.CharField(max_length=80, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    provenance = models.TextField(blank=True)
    lawful_basis = models.CharField(max_length=200, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_datasets"
    )
    classes = models.JSONField(default=list, help_text='[{"key": …, "title": …}] in index order')
    image_size = models.PositiveSmallIntegerField(null=True)
    channels = models.PositiveSmallIntegerField(null=True)
    symmetries = models.CharField(
        max_length=10,
        choices=Symmetries,
        default=Symmetries.NONE,
        help_text="which flips and turns leave the meaning as it is",
    )
    data_sheet = models.JSONField(default=dict)
    manifest_digest = models.CharField(max_length=64, blank=True)
    rev = models.PositiveIntegerField(default=1, help_text="the ETag of the descriptive fields")

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_ready(self) -> bool:
        return bool(self.manifest_digest)


class DatasetRole(models.TextChoices):
    """A member trains and samples; a viewer holds only what is granted beside the role."""

    MEMBER = "member"
    VIEWER = "viewer"


class DatasetMember(Identified):
    """Who may use a data set, and who holds `view_real`."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="dataset_memberships"
    )
    role = models.CharField(max_length=8, choices=DatasetRole, default=DatasetRole.MEMBER)
    view_real = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "user"], name="dataset_member_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.dataset_id}"


class Split(models.TextChoices):
    TRAIN = "train"
    VAL = "val"
    HELD_OUT = "held_out"


class Group(Identified):
    """A patient, slide or region block: the unit that a split never cuts."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="groups")
    key = models.CharField(max_length=64, help_text="salted digest or ordinal; never a file name")
    split = models.CharField(max_length=8, choices=Split)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "key"], name="group_key_once"),
            models.CheckConstraint(name="group_split_known", condition=Q(split__in=Split.values)),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.split})"


class SourceImageQuerySet(models.QuerySet["SourceImage"]):
    def present(self) -> SourceImageQuerySet:
        return self.filter(withdrawn_at__isnull=True)

    def withdrawn(self) -> SourceImageQuerySet:
        return self.filter(withdrawn_at__isnull=False)

    def barred_from(self, dataset: Dataset) -> SourceImageQuerySet:
        """Tombstones whose pixels must not come back: those of the data set, and of all others of its owner.

        A folder is uploaded anew to a new data set more often than not, and must not bring back who has gone.
        """
        return self.withdrawn().filter(dataset__owner=dataset.owner_id)

    def in_split(self, split: str) -> SourceImageQuerySet:
        return self.filter(group__split=split)

    def viewable_by(self, user: User) -> SourceImageQuerySet:
        """Real images whose pixels a person may see: only by the `view_real` grant."""
        return self.filter(dataset__members__user=user, dataset__members__view_real=True)


class SourceImage(Identified):
    """One de-identified real image, re-encoded; `digest` names its file."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="images")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="images")
    ingest = models.ForeignKey("generation.Ingest", on_delete=models.PROTECT, related_name="images")
    ordinal = models.CharField(max_length=40, help_text="place in the upload")
    digest = models.CharField(max_length=64)
    pixel_digest = models.CharField(max_length=64, db_index=True)
    thumbnail_digest = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    channels = models.PositiveSmallIntegerField()
    bits = models.PositiveSmallIntegerField(default=8)
    class_key = models.CharField(max_length=60, blank=True)
    flags = models.JSONField(
        default=list, help_text='what a person should look at: "blurred", "near_duplicate"'
    )
    source = models.JSONField(
        default=dict, help_text="how its pixels came about: window, bits stored, box, tile"
    )
    withdrawn_at = models.DateTimeField(null=True, help_text="from here on a tombstone: its files are gone")
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    withdrawal_reason = models.TextField(blank=True)
    withdrawal = models.ForeignKey(
        "generation.Withdrawal", on_delete=models.PROTECT, null=True, related_name="images"
    )
    erased_at = models.DateTimeField(null=True, help_text="when file, thumbnail and features were gone")

    objects = SourceImageQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["dataset", "digest"], name="source_digest_once"),
            models.CheckConstraint(
                name="source_has_size", condition=Q(width__gt=0, height__gt=0, size__gt=0)
            ),
            models.CheckConstraint(
                name="source_withdrawal_has_a_person",
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
            ),
            models.CheckConstraint(
                name="source_erased_after_withdrawal",
                condition=Q(erased_at__isnull=True) | Q(withdrawn_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
