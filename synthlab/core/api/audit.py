"""`audit-events`: who did what to what, when."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import mixins
from rest_framework.viewsets import GenericViewSet

from synthlab.core.api.serializers import AuditEventSerializer
from synthlab.core.models import AuditEvent
from synthlab.core.people import person_of


class AuditEventFilter(filters.FilterSet):  # type: ignore[misc]
    """By chain, action, actor, target or time."""

    chain = filters.CharFilter(field_name="chain_id")
    action = filters.CharFilter()
    actor = filters.UUIDFilter(field_name="actor_id")
    target_type = filters.CharFilter()
    target_id = filters.UUIDFilter()
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class AuditEventViewSet(mixins.ListModelMixin, GenericViewSet[AuditEvent]):
    """The audit, newest first: all of it for admins, their own chains for those who run something."""

    serializer_class = AuditEventSerializer
    filterset_class = AuditEventFilter
    ordering = ("-id",)

    def get_queryset(self) -> QuerySet[AuditEvent]:
        """What the person may see."""
        return AuditEvent.objects.visible_to(person_of(self.request)).select_related("actor")
