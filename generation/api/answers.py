"""Answers and fields that the endpoints of generation and evaluation share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from rest_framework import serializers
from rest_framework.response import Response

from synthlab.core.api.responses import accepted
from synthlab.core.models import Job


class HasJob(Protocol):
    """A row whose work a job does."""

    @property
    def job(self) -> Job | None: ...


def started(row: HasJob, data: Any) -> Response:
    """202 with the address of the job that a service has just given to this row."""
    if row.job is None:
        raise LookupError("the row has no job")
    return accepted(row.job, data)


class StrictSerializer(serializers.Serializer[Any]):
    """Input whose unknown members are refused: a misspelt option must not be dropped in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name[:80]: [f"There is no such member. Known here: {known}."] for name in unknown[:5]},
                code="unknown_member",
            )
        return super().to_internal_value(data)


class NumberField(serializers.FloatField):
    """A finite number; REST framework's own field takes "nan", and fails on a very long one."""

    def to_internal_value(self, data: Any) -> float:
        try:
            number = super().to_internal_value(data)
        except OverflowError:
            number = math.inf
        if isinstance(data, bool) or not math.isfinite(number):
            self.fail("invalid")
        return number
