"""What may be sent is listed field by field; nobody can set whose a thing is, how it stands, or what it hashes to."""

from typing import Any

import pytest
from rest_framework import serializers

import synthlab.urls  # noqa: F401  (imports every app's API)

OURS = ("annotation.", "evaluation.", "generation.", "synthlab.")
# The rows that people edit through their serializer, and which fields of them.
WRITABLE: dict[str, set[str]] = {
    "MeSerializer": {"display_name", "preferences"},
    "DatasetWriteSerializer": {
        "name",
        "description",
        "modality",
        "licence",
        "provenance",
        "lawful_basis",
        "symmetries",
    },
}
SERVER_SETS = {
    "approved_by", "created_at", "created_by", "decided_by", "digest", "finished_at", "is_active", "is_staff",
    "is_superuser", "manifest_digest", "owner", "payload", "pixel_digest", "requested_by", "reviewer", "signature",
    "signed_at", "signed_by", "state", "token_digest",
}  # fmt: skip


def all_serializers() -> list[Any]:
    found: list[Any] = []
    queue: list[Any] = [serializers.BaseSerializer]
    while queue:
        for kind in queue.pop().__subclasses__():
            queue.append(kind)
            if kind.__module__.startswith(OURS):
                found.append(kind)
    return sorted(set(found), key=lambda kind: (kind.__module__, kind.__qualname__))


@pytest.mark.parametrize("kind", all_serializers(), ids=lambda kind: kind.__qualname__)
def test_fields_are_listed_and_the_servers_own_are_read_only(kind):
    if issubclass(kind, serializers.ModelSerializer):
        assert isinstance(kind.Meta.fields, tuple | list), "no __all__"
        assert not hasattr(kind.Meta, "exclude")
    writable = {name for name, field in kind().fields.items() if not field.read_only}
    if issubclass(kind, serializers.ModelSerializer):
        assert writable <= WRITABLE.get(kind.__name__, set())
    elif kind.__name__.endswith("WriteSerializer"):
        assert not writable & SERVER_SETS
