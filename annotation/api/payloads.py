"""What a reader gets to see, field by field: nothing here may tell one image or read from another by its kind."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from annotation.models import Annotation, Item, Read, ReadState, Study
from annotation.services.answers import describe_answer
from annotation.services.images import image_of
from annotation.services.progress import reader_progress
from annotation.services.queue import Claim
from annotation.services.reading import newest_draft
from annotation.services.releases import pseudonym
from annotation.services.reviewing import last_return
from synthlab.accounts.models import User

LOST = "lost"


def describe_claim(claim: Claim, user: User, study: Study) -> dict[str, Any]:
    """A claim's answer."""
    progress = reader_progress(user, study).as_json() if claim.reads else None
    return {
        "reads": [describe_read(read, user, progress) for read in claim.reads],
        "reason": claim.reason,
        "until": claim.until,
    }


def describe_read(read: Read, user: User, progress: dict[str, int | None] | None = None) -> dict[str, Any]:
    """A read as its reader sees it; one that has gone to someone else tells nothing but that."""
    own = read.reader_id == user.pk or (read.state == ReadState.OPEN and read.reader_id is None)
    returned = last_return(read) if own else None
    return {
        "id": str(read.pk),
        "rev": read.rev,
        "state": read.state if own else LOST,
        "lease_until": read.lease_until if own else None,
        "pixels_url": reverse("read-pixels", args=[read.pk]),
        "draft": newest_draft(read, user),
        "note": returned.comment if returned else "",
        "note_at": returned.point if returned else None,
        "progress": progress or reader_progress(user, read.study).as_json(),
    }


def describe_own_answer(read: Read, can_reopen: bool) -> dict[str, Any]:
    """An answered read as its reader looks back on it; its `annotations` are loaded."""
    final = next(row for row in read.annotations.all() if row.is_final)
    return {
        "id": str(read.pk),
        "submitted_at": read.submitted_at,
        "active_seconds": read.active_seconds,
        "pixels_url": reverse("read-pixels", args=[read.pk]),
        "answer": {**describe_answer(final), "flag_second_opinion": read.is_flagged},
        "can_reopen": can_reopen,
    }


def describe_late(annotation: Annotation) -> dict[str, Any]:
    """A late answer as the manager sees it."""
    return {
        "id": str(annotation.pk),
        "read": str(annotation.read_id),
        "read_state": annotation.read.state,
        "author": str(annotation.author_id),
        "author_name": str(annotation.author),
        "at": annotation.created_at,
        "answer": annotation.draft,
    }


def describe_item(item: Item, *, manages: bool) -> dict[str, Any]:
    """An item for those who review it (people under pseudonyms, no image id) or manage it."""
    image = image_of(item)
    payload: dict[str, Any] = {
        "id": str(item.pk),
        "study": str(item.study_id),
        "state": item.state,
        "width": image.width,
        "height": image.height,
        "decided_at": item.decided_at,
        "outcome": str(item.outcome_id) if item.outcome_id else None,
        "reads": [_describe_reading(read, manages=manages) for read in item.reads.all()],
    }
    if manages:
        payload["image"] = str(image.pk)
    return payload


def _describe_reading(read: Read, *, manages: bool) -> dict[str, Any]:
    final = next((row for row in read.annotations.all() if row.is_final), None)
    reader = None
    if read.reader_id:
        reader = str(read.reader_id) if manages else pseudonym(read.study, read.reader_id)
    return {
        "id": str(read.pk),
        "ordinal": read.ordinal,
        "state": read.state,
        "reader": reader,
        "submitted_at": read.submitted_at,
        "is_flagged": read.is_flagged,
        "pixels_url": reverse("read-pixels", args=[read.pk]),
        "annotation": {"id": str(final.pk), **describe_answer(final)} if final else None,
        **({"kind": read.kind} if manages else {}),
    }
