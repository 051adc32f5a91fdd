"""What trainings were measured to cost on this installation's machines."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from generation.ml.cost import Costs


class CostSource(models.TextChoices):
    """A short measurement before a start, or a real run, which saw more."""

    MEASUREMENT = "measurement"
    RUN = "run"


class CostQuerySet(models.QuerySet["CostMeasurement"]):
    def on(self, *, threads: int, code_version: str) -> CostQuerySet:
        """What holds for runs of this code with so many threads; the newest first."""
        return self.filter(threads=threads, code_version=code_version).order_by("-measured_at")


class CostMeasurement(models.Model):
    """Seconds of the parts of a run, by what decides them; measured again, the row is overwritten.

    `key` is `generation.ml.cost.cost_digest`. No data set is named: what a step costs does not depend on what the images
    show.
    """

    key = models.CharField(max_length=64)
    threads = models.PositiveSmallIntegerField(help_text="as asked for; 0: as many as there are processors")
    code_version = models.CharField(max_length=60)
    source = models.CharField(max_length=11, choices=CostSource)
    measured_at = models.DateTimeField()
    device = models.CharField(max_length=20)
    model = models.CharField(max_length=120, blank=True, help_text="the chip")
    dtype = models.CharField(max_length=10)
    start_seconds = models.FloatField(default=0)
    step_seconds = models.FloatField()
    step_seconds_low = models.FloatField()
    step_seconds_high = models.FloatField()
    look_seconds = models.FloatField()
    checkpoint_seconds = models.FloatField()
    peak_bytes = models.PositiveBigIntegerField()

    objects = CostQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "threads", "code_version", "source"], name="cost_once"),
            models.CheckConstraint(
                name="cost_is_a_range",
                condition=Q(
                    step_seconds_low__gt=0,
                    step_seconds__gte=models.F("step_seconds_low"),
                    step_seconds_high__gte=models.F("step_seconds"),
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key[:12]} ({self.source})"

    @property
    def costs(self) -> Costs:
        """As `generation.ml.cost.estimate` takes them."""
        return Costs(
            start_seconds=self.start_seconds,
            step_seconds=self.step_seconds,
            step_seconds_low=self.step_seconds_low,
            step_seconds_high=self.step_seconds_high,
            look_seconds=self.look_seconds,
            checkpoint_seconds=self.checkpoint_seconds,
            is_whole_run=self.source == CostSource.RUN,
        )
