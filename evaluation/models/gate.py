"""Thresholds, and what was decided about a batch."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from evaluation.models.evaluation import Evaluation
from generation.models import Batch
from synthlab.core.models import Identified


class GatePolicy(Identified):
    """An immutable version of the thresholds that release or withhold a batch."""

    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=1)
    thresholds = models.JSONField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True)

    class Meta:
        ordering = ("name", "-version")
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="policy_version_once")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def is_provisional(self) -> bool:
        """Whether these are the thresholds that came with the software: nobody here has thought about them."""
        return self.created_by_id is None


class Decision(models.TextChoices):
    RELEASED = "released"
    WITHHELD = "withheld"


class GateDecisionQuerySet(models.QuerySet["GateDecision"]):
    def live(self) -> GateDecisionQuerySet:
        return self.filter(superseded_at__isnull=True)


class GateDecision(Identified):
    """Released or withheld: by rule, or by a person with a reason. One live decision a batch."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="decisions")
    evaluation = models.ForeignKey(Evaluation, on_delete=models.PROTECT, null=True)
    decision = models.CharField(max_length=10, choices=Decision)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, help_text="null: by rule"
    )
    reason = models.TextField(blank=True)
    superseded_at = models.DateTimeField(null=True)

    objects = GateDecisionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["batch"],
                condition=Q(superseded_at__isnull=True),
                name="one_live_decision_a_batch",
            ),
            models.CheckConstraint(
                name="decision_by_rule_or_with_reason",
                condition=Q(decided_by__isnull=True, evaluation__isnull=False)
                | (Q(decided_by__isnull=False) & ~Q(reason="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.batch_id}"
