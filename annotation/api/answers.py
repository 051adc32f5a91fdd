"""What a reader says about one image: taken from a request of its own, or with others from a page that goes away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.response import Response

from annotation.api.serializers import SkipSerializer
from annotation.models import Read
from annotation.services import leases, reading
from generation.api.answers import StrictSerializer
from synthlab.accounts.models import User
from synthlab.core.api.errors import handle_exception
from synthlab.core.api.idempotency import Wish, answer_once
from synthlab.core.api.responses import with_etag
from synthlab.core.exceptions import Conflict

# A page sends a few seconds' work; more has to fit into what browsers send after a page has gone (64 KiB).
MAX_ENTRIES = 100
# The page's own sending of an entry may have been cut off while the server was at it.
PATIENCE_SECONDS = 2.0


class EntrySerializer(StrictSerializer):
    """One thing that was said: `body`, `rev` and `key` as a request of its own would carry them."""

    read = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=("draft", "submit", "skip"))
    rev = serializers.IntegerField(min_value=0)
    key = serializers.CharField(max_length=128)
    body = serializers.DictField()


class LeavingSerializer(StrictSerializer):
    entries = serializers.ListField(child=EntrySerializer(), min_length=1, max_length=MAX_ENTRIES)


class TakenSerializer(serializers.Serializer[dict[str, Any]]):
    read = serializers.UUIDField()
    status = serializers.IntegerField(help_text="what a request of its own would have been answered")
    code = serializers.CharField(help_text="of the refusal; empty where it was taken")


def named(pk: UUID) -> Read:
    """A read by its id alone: it is looked up where it is locked, and whom it is not for is refused there."""
    return Read(pk=pk)


def draft(user: User, read: Read, rev: int, body: Mapping[str, Any]) -> Response:
    """Keep an unfinished answer."""
    saved = reading.save_draft(actor=user, read=read, rev=rev, answer=body)
    return with_etag(Response({"rev": saved.rev}), saved.rev)


def submit(user: User, read: Read, rev: int, body: Mapping[str, Any]) -> Response:
    """Give the answer. How far its reader is now, the next claim tells."""
    try:
        saved = reading.submit_answer(actor=user, read=read, rev=rev, answer=body)
    except Conflict as refusal:
        # Answered here, not raised: raising would roll back the transaction of the idempotency key, and with it
        # the late answer that was kept.
        return handle_exception(refusal, {}) or Response(status=refusal.status)
    return with_etag(Response({"rev": saved.rev, "state": saved.state}), saved.rev)


def skip(user: User, read: Read, _rev: int, body: Mapping[str, Any]) -> Response:
    """Put the read aside, whatever its version."""
    wish = SkipSerializer(data=body)
    wish.is_valid(raise_exception=True)
    leases.skip_read(actor=user, read=read, kind=wish.validated_data["kind"])
    return Response({"skipped": wish.validated_data["kind"]})


_VERBS: dict[str, Callable[[User, Read, int, Mapping[str, Any]], Response]] = {
    "draft": draft,
    "submit": submit,
    "skip": skip,
}


def take_all(user: User, entries: Sequence[Mapping[str, Any]], base: str) -> list[dict[str, Any]]:
    """Take entries one after the other, each in a transaction of its own.

    Stops behind the first that may be taken later, so that nothing is taken before what was said before it.

    Args:
        user: Who said it.
        entries: As `EntrySerializer` checked them.
        base: The path of the reads, for the key of an entry to fit a request of its own.

    Returns:
        For each entry that was tried its read, the status and the code of a refusal.
    """
    results = []
    for entry in entries:
        response = _take(user, entry, base)
        code = response.data.get("code", "") if response.status_code >= HTTPStatus.BAD_REQUEST else ""
        results.append({"read": entry["read"], "status": response.status_code, "code": code})
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or code == "idempotency_in_flight":
            break
    return results


def _take(user: User, entry: Mapping[str, Any], base: str) -> Response:
    verb, path = entry["kind"], f"{base}/{entry['read']}/{entry['kind']}"

    def answer() -> Response:
        return _VERBS[verb](user, named(entry["read"]), entry["rev"], entry["body"])

    try:
        if verb == "draft":
            return answer()
        wish = Wish(user.pk, "POST", path, entry["body"])
        return answer_once(wish, entry["key"], answer, patience=PATIENCE_SECONDS)
    except Exception as refusal:
        told = handle_exception(refusal, {})
        if told is None:
            raise
        return told
