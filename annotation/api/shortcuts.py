"""`me/shortcuts`: one's own keys on the reading page."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.services.shortcuts import set_shortcuts, shortcuts_of
from annotation.shortcuts import CHANGEABLE
from synthlab.core.people import person_of


class ShortcutsSerializer(serializers.Serializer[Any]):
    """Action → key, such as `{"discard": "D"}`; actions left out have their usual key."""

    keys = serializers.DictField(child=serializers.CharField(max_length=20, trim_whitespace=False))

    def validate_keys(self, value: dict[str, str]) -> dict[str, str]:
        if len(value) > len(CHANGEABLE):
            raise serializers.ValidationError("More keys than there are actions.")
        return value


class ShortcutsView(APIView):
    """The keys that the person has changed."""

    @extend_schema(responses=ShortcutsSerializer)
    def get(self, request: Request) -> Response:
        """One's own keys."""
        return Response({"keys": shortcuts_of(person_of(request))})

    @extend_schema(request=ShortcutsSerializer, responses=ShortcutsSerializer)
    def put(self, request: Request) -> Response:
        """Replace them all; an empty object brings the usual ones back."""
        body = ShortcutsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        kept = set_shortcuts(actor=person_of(request), bindings=body.validated_data["keys"])
        return Response({"keys": kept})
