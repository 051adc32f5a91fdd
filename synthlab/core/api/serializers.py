"""How jobs and audit events look from outside."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from synthlab.core.models import AuditEvent, Job


class JobSerializer(serializers.ModelSerializer[Job]):
    """One unit of long work. `payload` stays inside: it is the worker's."""

    requested_by = serializers.UUIDField(source="requested_by_id", read_only=True, allow_null=True)
    parent = serializers.UUIDField(  # type: ignore[assignment]  # DRF keeps declared fields apart from its own `parent`
        source="parent_id", read_only=True, allow_null=True
    )
    cancel_requested = serializers.BooleanField(read_only=True)
    eta_seconds = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = Job
        fields = (
            "id",
            "kind",
            "lane",
            "parent",
            "subject_type",
            "subject_id",
            "requested_by",
            "state",
            "attempt",
            "phase",
            "progress_done",
            "progress_total",
            "eta_seconds",
            "facts",
            "result",
            "error_code",
            "error",
            "cancel_requested",
            "created_at",
            "started_at",
            "heartbeat_at",
            "finished_at",
        )
        read_only_fields = fields


class JobDetailSerializer(JobSerializer):
    """The same with the tail of its log."""

    class Meta:
        model = Job
        fields = (*JobSerializer.Meta.fields, "log_tail")
        read_only_fields = fields


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """Who did what to what, when; with the digests that chain it to the event before."""

    chain = serializers.CharField(source="chain_id", read_only=True)
    actor = serializers.UUIDField(source="actor_id", read_only=True, allow_null=True)
    actor_name = serializers.SerializerMethodField()

    class Meta:
        model = AuditEvent
        fields = (
            "chain",
            "sequence",
            "at",
            "actor",
            "actor_name",
            "action",
            "target_type",
            "target_id",
            "request_id",
            "facts",
            "personal",
            "previous_digest",
            "digest",
        )
        read_only_fields = fields

    def get_actor_name(self, event: AuditEvent) -> str | None:
        """The person's shown name."""
        actor: Any = event.actor
        return None if actor is None else str(actor)
