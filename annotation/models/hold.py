"""What bars the export of a snapshot: real images were withdrawn from which its generators had learnt."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.snapshot import Snapshot
from generation.models import Withdrawal
from synthlab.core.models import Identified


class HoldDecision(models.TextChoices):
    ALLOW = "allow"
    FORBID = "forbid"


class SnapshotHoldQuerySet(models.QuerySet["SnapshotHold"]):
    def undecided(self) -> SnapshotHoldQuerySet:
        return self.filter(decision="")

    def barring(self) -> SnapshotHoldQuerySet:
        """Holds under which nothing may leave: all but the allowed ones."""
        return self.exclude(decision=HoldDecision.ALLOW)


class SnapshotHold(Identified):
    """One withdrawal that touches one snapshot, and what a manager of the study decided about it, once and for all."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="holds")
    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.PROTECT, related_name="snapshot_holds")
    member_count = models.PositiveIntegerField(
        help_text="images of the snapshot whose generator learnt from what was withdrawn, or may have"
    )
    decision = models.CharField(max_length=6, choices=HoldDecision, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    objects = SnapshotHoldQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "withdrawal"], name="snapshot_hold_once"),
            models.CheckConstraint(
                name="hold_decision_whole_or_absent",
                condition=Q(decision="", decided_by__isnull=True, decided_at__isnull=True, reason="")
                | (
                    Q(decision__in=HoldDecision.values, decided_by__isnull=False, decided_at__isnull=False)
                    & ~Q(reason="")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"hold of {self.snapshot_id}"

    @property
    def is_barring(self) -> bool:
        """Whether nothing may leave because of it."""
        return self.decision != HoldDecision.ALLOW
