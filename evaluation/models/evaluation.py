"""An image set, its measurements against a data set's split, and the scores of each image."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Cast

from evaluation.ml.report import p_text
from generation.models import Batch, Dataset, SourceImage, Split, SyntheticImage
from synthlab.core.models import Identified, Job
from synthlab.core.scopes import Scopes

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class ImageSetKind(models.TextChoices):
    BATCH = "batch"
    APPROVED = "approved"


# Who reads about image sets besides the people of their data sets. They say nothing about real images: these are shown to
# nobody without `view_real`.
SET_SCOPES = Scopes()


class ImageSetQuerySet(models.QuerySet["ImageSet"]):
    def visible_to(self, user: User) -> ImageSetQuerySet:
        """Sets of the person's data sets, and those that apps above show them: see `SET_SCOPES`."""
        return self.filter(Q(dataset__in=Dataset.objects.visible_to(user)) | SET_SCOPES.of(user))


class ImageSet(Identified):
    """A frozen list of synthetic images: what an Evaluation measures.

    A batch's set is the batch without the images that were discarded when it was frozen; the approved images of a
    study are listed one by one. `digest` is over the sorted image digests, so the same list again is the same set.
    """

    kind = models.CharField(max_length=10, choices=ImageSetKind)
    digest = models.CharField(max_length=64, unique=True)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="image_sets")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, null=True, related_name="image_sets")
    images = models.ManyToManyField(SyntheticImage, related_name="image_sets", blank=True)
    left_out = models.ManyToManyField(
        SyntheticImage, related_name="+", blank=True, help_text="of a batch's set: what was discarded by then"
    )
    image_count = models.PositiveIntegerField()

    objects = ImageSetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="image_set_batch_iff_kind",
                condition=Q(kind=ImageSetKind.BATCH, batch__isnull=False)
                | Q(kind=ImageSetKind.APPROVED, batch__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} set of {self.image_count}"

    def members(self) -> models.QuerySet[SyntheticImage]:
        """The images of the set, in a fixed order."""
        if not self.batch:
            return self.images.order_by("batch", "index")
        return self.batch.images.exclude(pk__in=self.left_out_ids()).order_by("batch", "index")

    def left_out_ids(self) -> models.QuerySet[Any, Any]:
        """Of the images of the batch that were not measured with the others, for use inside another query."""
        rows = ImageSet.left_out.through.objects.filter(imageset=self)
        return rows.values("syntheticimage")


class EvaluationState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Verdict(models.TextChoices):
    """What the rule says; what was done about it is a GateDecision."""

    RELEASE = "release"
    WITHHOLD = "withhold"
    INSUFFICIENT = "insufficient"


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def visible_to(self, user: User) -> EvaluationQuerySet:
        return self.filter(image_set__in=ImageSet.objects.visible_to(user))


class Evaluation(Identified):
    """One measurement of an image set against a split; each is one counted look at that split."""

    image_set = models.ForeignKey(ImageSet, on_delete=models.PROTECT, related_name="evaluations")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="evaluations")
    split = models.CharField(max_length=8, choices=Split, default=Split.VAL)
    look_number = models.PositiveIntegerField(help_text="the how-manieth look at this split")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=EvaluationState, default=EvaluationState.QUEUED)
    extractor = models.CharField(max_length=60)
    extractor_digest = models.CharField(max_length=64, blank=True)
    seed = models.PositiveBigIntegerField(default=0)
    policy = models.ForeignKey("GatePolicy", on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=12, choices=Verdict, blank=True)
    reasons = models.JSONField(default=list)
    report = models.JSONField(default=dict)
    completed_at = models.DateTimeField(null=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(fields=["dataset", "split", "look_number"], name="evaluation_look_once"),
            models.CheckConstraint(
                name="evaluation_verdict_iff_succeeded",
                condition=Q(state=EvaluationState.SUCCEEDED, verdict__in=Verdict.values)
                | (~Q(state=EvaluationState.SUCCEEDED) & Q(verdict="")),
            ),
        ]

    def __str__(self) -> str:
        return f"evaluation {self.id}"


class MetricResult(Identified):
    """A number with its floor and interval; never a bare number."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="metrics")
    name = models.CharField(max_length=60)
    extractor = models.CharField(max_length=60)
    class_key = models.CharField(max_length=60, blank=True)
    value = models.FloatField(null=True)
    floor = models.FloatField(null=True)
    ratio = models.FloatField(null=True)
    ci_low = models.FloatField(null=True)
    ci_high = models.FloatField(null=True)
    p_value = models.FloatField(null=True)
    n_real = models.PositiveIntegerField()
    n_synth = models.PositiveIntegerField()
    n_groups = models.PositiveIntegerField()
    status = models.CharField(max_length=20)
    details = models.JSONField(default=dict, help_text="method, caveats, seed, dtype, seconds …")

    class Meta:
        ordering = ("name", "class_key")
        constraints = [
            models.UniqueConstraint(
                fields=["evaluation", "name", "extractor", "class_key"], name="metric_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


# Equal pixels, also turned or mirrored, are no matter of opinion.
IDENTICAL_FLAGS = ("identical", "identical_reference")
COPY_FLAGS = (*IDENTICAL_FLAGS, "copy")


class ImageScoreQuerySet(models.QuerySet["ImageScore"]):
    def like_copies(self) -> ImageScoreQuerySet:
        """Those that ask for a person's look at the image and the real one beside it."""
        # Flags are a list in JSON, which SQLite cannot search; in its text each is a word in quotes.
        named = reduce(or_, (Q(flag_text__contains=f'"{flag}"') for flag in COPY_FLAGS))
        return self.annotate(flag_text=Cast("flags", models.TextField())).filter(named)

    def with_review(self) -> ImageScoreQuerySet:
        """Each with `copy_verdict`: what a person said about the pair last, or None."""
        from evaluation.models.copies import CopyReview

        live = CopyReview.objects.live().filter(image=OuterRef("image"), nearest=OuterRef("nearest"))
        return self.annotate(copy_verdict=Subquery(live.values("verdict")[:1]))

    def uncleared(self) -> ImageScoreQuerySet:
        """Of those `with_review`, the ones that nobody has cleared: not looked at, or confirmed."""
        return self.filter(Q(copy_verdict__isnull=True) | Q(copy_verdict="confirmed"))


class ImageScore(models.Model):
    """How near one synthetic image stands to a real one, and what that earned it."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="scores")
    image = models.ForeignKey(SyntheticImage, on_delete=models.PROTECT, related_name="scores")
    nearest = models.ForeignKey(SourceImage, on_delete=models.PROTECT, null=True, related_name="+")
    distance = models.FloatField(null=True)
    ratio = models.FloatField(null=True)
    p_value = models.FloatField(null=True)
    flags = models.JSONField(default=list)

    objects = ImageScoreQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["evaluation", "image"], name="image_score_once")]
        indexes = [models.Index(fields=["evaluation", "ratio"], name="image_scores_by_ratio")]

    def __str__(self) -> str:
        return f"score of {self.image_id}"

    @property
    def is_identical(self) -> bool:
        """Whether it has the pixels of a real image: that is no matter of opinion, and nobody clears it."""
        return any(flag in IDENTICAL_FLAGS for flag in self.flags)

    @property
    def p_text(self) -> str:
        """The p-value as ``2 of 101``: groups carry no more digits; empty where there is none."""
        groups = self.evaluation.report.get("counts", {}).get("n_groups")
        return p_text(self.p_value, groups) if groups else ""
