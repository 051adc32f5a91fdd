"""A training run, its curve and sample grids, and the generators that come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from generation.models.dataset import Dataset
from synthlab.core.models import Identified, Job

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class TrainingState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrainingQuerySet(models.QuerySet["Training"]):
    def visible_to(self, user: User) -> TrainingQuerySet:
        return self.filter(dataset__in=Dataset.objects.visible_to(user))


class Training(Identified):
    """One run of one configuration on one frozen manifest; resumed runs add jobs, not rows."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="trainings")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=TrainingState, default=TrainingState.QUEUED)
    cloned_from = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="clones")
    config = models.JSONField()
    seed = models.PositiveBigIntegerField()
    code_version = models.CharField(max_length=60)
    manifest_digest = models.CharField(max_length=64)
    step = models.PositiveBigIntegerField(default=0)
    checkpoint = models.CharField(
        max_length=200, blank=True, help_text="last complete checkpoint, below the work root"
    )
    classes = models.JSONField(
        default=list, help_text="of a run with classes: their keys, in the networks' order"
    )
    warnings = models.JSONField(default=list, help_text='[{"code", "detail", "step"}] in words')
    stop_reason = models.CharField(
        max_length=8,
        blank=True,
        choices=[("pause", "pause"), ("cancel", "cancel")],
        help_text="what the person who stopped the running job wanted",
    )

    objects = TrainingQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"training {self.id}"


class TrainingMetric(models.Model):
    training = models.ForeignKey(Training, on_delete=models.CASCADE, related_name="metrics")
    step = models.PositiveBigIntegerField()
    name = models.CharField(max_length=40)
    value = models.FloatField()

    class Meta:
        ordering = ("step", "name")
        constraints = [
            models.UniqueConstraint(fields=["training", "step", "name"], name="training_metric_once")
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.step}"


class TrainingSample(models.Model):
    """A grid drawn from fixed latents at one step; a file in content-addressed storage."""

    training = models.ForeignKey(Training, on_delete=models.CASCADE, related_name="samples")
    step = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("step",)
        constraints = [models.UniqueConstraint(fields=["training", "step"], name="training_sample_once")]

    def __str__(self) -> str:
        return f"samples@{self.step}"


class GeneratorState(models.TextChoices):
    CANDIDATE = "candidate"
    APPROVED = "approved"
    RETIRED = "retired"


class GeneratorQuerySet(models.QuerySet["Generator"]):
    def visible_to(self, user: User) -> GeneratorQuerySet:
        return self.filter(dataset__in=Dataset.objects.visible_to(user))


class Generator(Identified):
    """One immutable trained checkpoint; the same digest again is the same Generator."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="generators")
    training = models.ForeignKey(Training, on_delete=models.PROTECT, null=True, related_name="generators")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField()
    architecture = models.CharField(max_length=40)
    image_size = models.PositiveSmallIntegerField()
    channels = models.PositiveSmallIntegerField()
    latent_size = models.PositiveSmallIntegerField()
    classes = models.JSONField(default=list)
    card = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=GeneratorState, default=GeneratorState.CANDIDATE)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True)
    approval_reason = models.TextField(blank=True)

    objects = GeneratorQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                name="generator_approval_has_a_person",
                condition=~Q(state=GeneratorState.APPROVED) | Q(approved_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name
