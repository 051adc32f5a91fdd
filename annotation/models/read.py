"""Planned readings, the answers given in them, and what reviewers said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from annotation.models.schema import LabelClass
from annotation.models.study import Item, Study, StudyRole
from synthlab.core.models import Identified

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class ReadKind(models.TextChoices):
    PRIMARY = "primary"
    REPEAT = "repeat"
    CONTROL = "control"
    ADJUDICATION = "adjudication"


class ReadState(models.TextChoices):
    OPEN = "open"
    LEASED = "leased"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    VOID = "void"


LIVE_READ_STATES = (ReadState.OPEN, ReadState.LEASED, ReadState.SUBMITTED)


def _held_by(user: User) -> Exists:
    """Whether a person ever held the read. Asked for row by row: a join would double rows, and distinct rows are dear."""
    return Exists(ReadHolder.objects.filter(read=OuterRef("pk"), reader=user))


class ReadQuerySet(models.QuerySet["Read"]):
    def visible_to(self, user: User) -> ReadQuerySet:
        """A reader's own reads, and those once handed to them: a late answer must find its place."""
        return self.filter(Q(reader=user) | _held_by(user))

    def lookable_by(self, user: User) -> ReadQuerySet:
        """Reads whose pixels a person may see: own ones, and all of studies they review or manage.

        Nobody sees pixels of a study that they have left.
        """
        overseen = Study.objects.with_role(user, StudyRole.REVIEWER, StudyRole.MANAGER)
        own = (Q(reader=user) | _held_by(user)) & Q(study__in=Study.objects.visible_to(user))
        return self.filter(own | Q(study__in=overseen))

    def answered_by(self, user: User) -> ReadQuerySet:
        """What a person has read and answered; what they said as a reviewer of others is none of it."""
        return self.filter(reader=user, state=ReadState.SUBMITTED, holders__reader=user)

    def live(self) -> ReadQuerySet:
        return self.filter(state__in=LIVE_READ_STATES)

    def lease_expired(self) -> ReadQuerySet:
        return self.filter(state=ReadState.LEASED, lease_until__lt=Now())


class Read(Identified):
    """One planned reading of one item by one reader (assigned, or whoever claims it).

    `shuffle` is a stored random number, so that a random order is an index walk; `rev` is the ETag
    that guards every edit.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="reads")
    # Indexes of item and reader alone would be the heads of the ones below, and tempt planners that know no better.
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="reads", db_index=False)
    kind = models.CharField(max_length=12, choices=ReadKind, default=ReadKind.PRIMARY)
    ordinal = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=10, choices=ReadState, default=ReadState.OPEN)
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="reads", db_index=False
    )
    is_assigned = models.BooleanField(default=False)
    shuffle = models.PositiveIntegerField()
    rev = models.PositiveIntegerField(default=0)
    leased_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    active_seconds = models.FloatField(default=0)
    idle_seconds = models.FloatField(default=0)
    is_flagged = models.BooleanField(default=False)

    objects = ReadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "kind", "ordinal"], name="read_ordinal_once"),
            models.UniqueConstraint(
                fields=["item", "reader"],
                condition=Q(kind=ReadKind.PRIMARY, state__in=LIVE_READ_STATES),
                name="one_live_primary_read_a_reader",
            ),
            models.CheckConstraint(
                name="read_lease_iff_leased",
                condition=Q(state=ReadState.LEASED, reader__isnull=False, lease_until__isnull=False)
                | (~Q(state=ReadState.LEASED) & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="read_submitted_by_someone",
                condition=~Q(state__in=(ReadState.SUBMITTED, ReadState.RETURNED))
                | Q(reader__isnull=False, submitted_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["study", "shuffle", "id"],
                condition=Q(state=ReadState.OPEN),
                name="read_open_by_shuffle",
            ),
            models.Index(
                fields=["study", "lease_until"],
                condition=Q(state=ReadState.LEASED),
                name="read_leases_by_study",
            ),
            models.Index(fields=["reader", "study", "state"], name="read_by_reader"),
            models.Index(fields=["item", "reader"], name="read_by_item"),
            models.Index(
                fields=["study", "reader", "submitted_at"],
                condition=Q(submitted_at__isnull=False),
                name="read_by_submission",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ReadHolder(models.Model):
    """To whom a read was ever handed out; a late answer is taken only from one of them."""

    read = models.ForeignKey(Read, on_delete=models.CASCADE, related_name="holders")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["read", "reader"], name="holder_once")]

    def __str__(self) -> str:
        return f"{self.reader_id} held {self.read_id}"


class SkipKind(models.TextChoices):
    LATER = "later"
    NOT_MY_FIELD = "not_my_field"


class ReadSkip(Identified):
    """A reader put this read aside; `not_my_field` keeps it from this reader for good."""

    read = models.ForeignKey(Read, on_delete=models.CASCADE, related_name="skips")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    kind = models.CharField(max_length=12, choices=SkipKind)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["read", "reader"], name="skip_once_a_reader")]

    def __str__(self) -> str:
        return f"{self.kind} {self.read_id}"


class AnswerDecision(models.TextChoices):
    LABELLED = "labelled"
    DISCARDED = "discarded"


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def kept_late(self) -> AnnotationQuerySet:
        """Answers whose lease had gone to someone else: kept, and offered to the manager."""
        return self.filter(is_late=True, is_final=False)

    def usable_late(self) -> AnnotationQuerySet:
        """Those whose read has no other answer yet: there is something to decide."""
        return self.kept_late().filter(read__state__in=(ReadState.OPEN, ReadState.LEASED))


class Annotation(Identified):
    """An immutable revision of an answer to a read.

    Of a person's drafts on a read only the newest is kept; a final one is never touched again.
    """

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="annotations")
    revision = models.PositiveIntegerField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    is_final = models.BooleanField(default=False)
    is_late = models.BooleanField(default=False, help_text="came after the lease had gone to another reader")
    decision = models.CharField(max_length=10, choices=AnswerDecision, blank=True)
    discard_reason = models.CharField(max_length=60, blank=True)
    classes = models.JSONField(default=list, help_text="keys of the schema's classes")
    site = models.CharField(max_length=60, blank=True)
    confidence = models.PositiveSmallIntegerField(null=True)
    comment = models.TextField(blank=True)
    draft = models.JSONField(
        default=dict, help_text="an unfinished answer as the browser sent it; empty when final"
    )

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ("read", "revision")
        constraints = [
            models.UniqueConstraint(fields=["read", "revision"], name="annotation_revision_once"),
            models.UniqueConstraint(
                fields=["read"], condition=Q(is_final=True), name="one_final_annotation_a_read"
            ),
            models.CheckConstraint(
                name="final_discard_has_a_reason",
                condition=Q(is_final=False, decision__in=("", *AnswerDecision.values))
                | Q(decision=AnswerDecision.LABELLED, discard_reason="")
                | (Q(decision=AnswerDecision.DISCARDED) & ~Q(discard_reason="")),
            ),
            models.CheckConstraint(
                name="confidence_in_range",
                condition=Q(confidence__isnull=True) | Q(confidence__gte=1, confidence__lte=5),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} r{self.revision}"


class RegionKind(models.TextChoices):
    BOX = "box"
    POLYGON = "polygon"
    POINT = "point"
    MASK = "mask"


class Region(Identified):
    """Where: a shape in image pixels, origin at the top left, with its class."""

    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="regions")
    label_class = models.ForeignKey(LabelClass, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=RegionKind)
    geometry = models.JSONField()
    order = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("order",)
        constraints = [models.UniqueConstraint(fields=["annotation", "order"], name="region_order_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.order}"


class ReviewVerdict(models.TextChoices):
    ACCEPT = "accept"
    RETURN = "return"
    OVERRULE = "overrule"


class ReviewQuerySet(models.QuerySet["Review"]):
    def visible_to(self, user: User) -> ReviewQuerySet:
        """Reviews in studies a person reviews or manages, and those of their own readings."""
        overseen = Study.objects.with_role(user, StudyRole.REVIEWER, StudyRole.MANAGER)
        return self.filter(Q(reader=user) | Q(annotation__read__study__in=overseen))


class Review(Identified):
    """What a second person said; the database refuses a review of one's own reading."""

    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="reviews")
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews_received"
    )
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews_given"
    )
    verdict = models.CharField(max_length=8, choices=ReviewVerdict)
    comment = models.TextField(blank=True)
    point_x = models.FloatField(null=True, help_text="where on the image the comment points, in its pixels")
    point_y = models.FloatField(null=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)
        constraints = [
            models.CheckConstraint(
                name="return_says_why", condition=~Q(verdict=ReviewVerdict.RETURN) | ~Q(comment="")
            ),
            models.CheckConstraint(name="reviewer_is_not_the_reader", condition=~Q(reviewer=F("reader"))),
            models.CheckConstraint(
                name="review_point_whole_with_comment",
                condition=Q(point_x__isnull=True, point_y__isnull=True)
                | (Q(point_x__isnull=False, point_y__isnull=False) & ~Q(comment="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.annotation_id}"

    @property
    def point(self) -> dict[str, float] | None:
        """Where the comment points: `x`, `y` in pixels of the image from its top left corner."""
        if self.point_x is None or self.point_y is None:
            return None
        return {"x": self.point_x, "y": self.point_y}
