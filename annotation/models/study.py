"""A reading project, who takes part in it, and the images in it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from annotation.models.schema import LabelSchema
from evaluation.models import ImageSet
from generation.models import Dataset, SourceImage, SyntheticImage
from synthlab.core.models import Identified

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class StudyState(models.TextChoices):
    DRAFT = "draft"
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


class ApprovalPolicy(models.TextChoices):
    """Which submitted answers a reviewer must look at before they count."""

    EVERY = "every"
    SAMPLE = "sample"
    AS_READ = "as_read"


class StudyRole(models.TextChoices):
    READER = "reader"
    REVIEWER = "reviewer"
    MANAGER = "manager"


def _member(user: User, **membership: Any) -> Exists:
    """Whether a person has a part in the study. Asked for row by row: one person may have several."""
    return Exists(Membership.objects.filter(study=OuterRef("pk"), user=user, **membership))


class StudyQuerySet(models.QuerySet["Study"]):
    def visible_to(self, user: User) -> StudyQuerySet:
        """Studies a person has a role in; nobody else's, admins included."""
        return self.filter(_member(user))

    def with_role(self, user: User, *roles: str) -> StudyQuerySet:
        """Studies in which a person has one of these roles."""
        return self.filter(_member(user, role__in=roles))


def _make_study_key() -> str:
    return secrets.token_hex(32)


class Study(Identified):
    """A reading project: one label schema, its readers and its queue of reads."""

    title = models.CharField(max_length=160)
    description = models.TextField(blank=True)
    guideline = models.TextField(blank=True)
    schema = models.ForeignKey(LabelSchema, on_delete=models.PROTECT, related_name="studies")
    dataset = models.ForeignKey(
        Dataset,
        on_delete=models.PROTECT,
        null=True,
        related_name="studies",
        help_text="where all its synthetic images come from; given at the start or by the first fill",
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    state = models.CharField(max_length=8, choices=StudyState, default=StudyState.DRAFT)
    reads_per_item = models.PositiveSmallIntegerField(default=1)
    approval_policy = models.CharField(max_length=8, choices=ApprovalPolicy, default=ApprovalPolicy.EVERY)
    sample_share = models.FloatField(default=1.0)
    signatures_needed = models.PositiveSmallIntegerField(
        default=1, help_text="how many managers sign a snapshot before it is exported: 1 or 2"
    )
    pixel_size_um = models.FloatField(
        null=True,
        help_text="side of an image pixel in micrometres, one for all images of the study; empty where it is not known",
    )
    is_blinded = models.BooleanField(default=True)
    image_sets = models.ManyToManyField(
        ImageSet,
        related_name="studies",
        blank=True,
        help_text="its accepted images, as often as they were frozen",
    )
    key = models.CharField(max_length=64, default=_make_study_key, editable=False)

    objects = StudyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "studies"
        constraints = [
            models.CheckConstraint(
                name="study_reads_in_range",
                condition=Q(reads_per_item__gte=1, reads_per_item__lte=9),
            ),
            models.CheckConstraint(name="study_state_known", condition=Q(state__in=StudyState.values)),
            models.CheckConstraint(
                name="study_share_in_range", condition=Q(sample_share__gte=0, sample_share__lte=1)
            ),
            models.CheckConstraint(
                name="study_signatures_one_or_two", condition=Q(signatures_needed__in=(1, 2))
            ),
            models.CheckConstraint(
                name="study_pixels_have_a_size",
                condition=Q(pixel_size_um__isnull=True) | Q(pixel_size_um__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Membership(Identified):
    """Who is reader, reviewer or manager in a study; the only source of study roles."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=8, choices=StudyRole)
    queue_shuffle = models.PositiveIntegerField(
        default=0, help_text="how far along the stored shuffle this person's claims have come"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "user", "role"], name="membership_once"),
            models.CheckConstraint(name="membership_role_known", condition=Q(role__in=StudyRole.values)),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"


class ItemState(models.TextChoices):
    WAITING = "waiting", "waiting"
    READING = "reading", "being read"
    REVIEW = "review", "in review"
    DISPUTED = "disputed", "disputed"
    ACCEPTED = "accepted", "accepted"
    DISCARDED = "discarded", "discarded"


class ReviewReason(models.TextChoices):
    """Why a reviewer must look at an image; kept once they have."""

    EVERY = "every", "every answer is reviewed"
    SAMPLED = "sampled", "drawn into the sample"
    FLAGGED = "flagged", "the reader asks for a second opinion"
    RETURNED = "returned", "read again after it was returned"
    COPY = "copy", "flagged as a possible copy of a real image"


REVIEWED_ITEM_STATES = (ItemState.REVIEW, ItemState.ACCEPTED, ItemState.DISCARDED)


class ItemQuerySet(models.QuerySet["Item"]):
    def visible_to(self, user: User) -> ItemQuerySet:
        """All items of studies a person manages; to a reviewer those whose readings are finished.

        Readers meet items only as reads. Whoever may still get an image to read or to adjudicate must not see what
        others said about it, so items in reading or in dispute are hidden from reviewers.
        """
        managed = Study.objects.with_role(user, StudyRole.MANAGER)
        reviewed = Study.objects.with_role(user, StudyRole.REVIEWER)
        return self.filter(Q(study__in=managed) | Q(study__in=reviewed, state__in=REVIEWED_ITEM_STATES))

    def synthetic(self) -> ItemQuerySet:
        """What could ever be in a snapshot: hidden controls could not."""
        return self.filter(synthetic_image__isnull=False)

    def for_snapshot(self) -> ItemQuerySet:
        """Accepted synthetic images: nothing else may be listed, signed or exported."""
        return self.synthetic().filter(state=ItemState.ACCEPTED)


DECIDED_ITEM_STATES = (ItemState.ACCEPTED, ItemState.DISCARDED)


class Item(Identified):
    """One image in one study: synthetic, or a hidden real control.

    `outcome` is the answer that counts, once there is one.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="items")
    synthetic_image = models.ForeignKey(
        SyntheticImage, on_delete=models.PROTECT, null=True, related_name="items"
    )
    source_image = models.ForeignKey(SourceImage, on_delete=models.PROTECT, null=True, related_name="items")
    state = models.CharField(max_length=10, choices=ItemState, default=ItemState.WAITING)
    review_reason = models.CharField(
        max_length=8,
        choices=ReviewReason,
        blank=True,
        default="",
        help_text="why it was sent to a reviewer; empty: never",
    )
    outcome = models.ForeignKey(
        "annotation.Annotation", on_delete=models.PROTECT, null=True, related_name="decided_items"
    )
    decided_at = models.DateTimeField(null=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="item_decided_iff_outcome",
                condition=Q(state__in=DECIDED_ITEM_STATES, outcome__isnull=False, decided_at__isnull=False)
                | (~Q(state__in=DECIDED_ITEM_STATES) & Q(outcome__isnull=True, decided_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="item_has_exactly_one_image",
                condition=Q(synthetic_image__isnull=False, source_image__isnull=True)
                | Q(synthetic_image__isnull=True, source_image__isnull=False),
            ),
            models.UniqueConstraint(fields=["study", "synthetic_image"], name="item_synthetic_once"),
            models.UniqueConstraint(fields=["study", "source_image"], name="item_control_once"),
        ]
        indexes = [models.Index(fields=["study", "state"], name="item_study_state")]

    def __str__(self) -> str:
        return str(self.id)


def managed_chains(user: User) -> Q:
    """The condition on AuditEvent that lets through the chains of studies a person manages."""
    managed = Study.objects.with_role(user, StudyRole.MANAGER).values_list("pk", flat=True)
    return Q(chain__in=[f"study:{pk}" for pk in managed])
