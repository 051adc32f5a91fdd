"""Answers: drafts kept while people read, final ones taken once, late ones never dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation.models import Annotation, AnswerDecision, ItemState, Read, ReadKind, ReadState, Region
from annotation.services.answers import CheckedAnswer, check_answer, describe_answer
from annotation.services.deciding import decide_or_hold, lock_item, settle_item
from annotation.services.images import image_of
from annotation.services.leases import Standing, hold, lease_lost, lock_read, refuse_answered
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import PreconditionFailed, TooLarge
from synthlab.core.kill_points import kill_point

MAX_DRAFT_BYTES = 256 * 1024
MAX_LATE = 10


def save_draft(*, actor: User, read: Read, rev: int, answer: Mapping[str, Any]) -> Read:
    """Keep an unfinished answer as it is; it also renews the lease. Only the newest draft of a person is kept.

    Args:
        actor: Who reads.
        read: A read that was handed to them.
        rev: The revision that the draft follows on.
        answer: Whatever the browser holds; it is checked only when it is submitted.

    Raises:
        PreconditionFailed: The person has saved something newer; both versions are in `current` and `yours`.
        Conflict: `lease_lost`: the read has gone to someone else (the draft is kept for the manager all the same), or
            `already_submitted`.
        TooLarge: The draft has more than 256 KiB.
    """
    _check_size(answer)
    with transaction.atomic():
        locked, standing = lock_read(actor=actor, read=read)
        if standing is not Standing.LOST:
            if newest_draft(locked, actor) == answer and standing is not Standing.ANSWERED:
                # The same draft again: the first reply was lost on its way.
                hold(locked, actor, standing)
                return locked
            _refuse_stale(locked, actor, rev, answer)
            refuse_answered(standing, locked)
            hold(locked, actor, standing)
        _keep_draft(locked, actor, rev, answer, late=standing is Standing.LOST)
    # Outside of the transaction: the refusal must not take the kept draft back.
    if standing is Standing.LOST:
        raise lease_lost(kept=True)
    return locked


def submit_answer(*, actor: User, read: Read, rev: int, answer: Mapping[str, Any]) -> Read:
    """Take the answer to a read, and move its item on.

    An answer whose lease has ended is taken as long as nobody else has the read; otherwise it is kept as a late answer,
    and the manager sees it.

    Args:
        actor: Who reads.
        read: A read that was handed to them.
        rev: The revision that the answer follows on.
        answer: See `check_answer`.

    Raises:
        InvalidInput: The answer breaks a rule of the schema; nothing is changed.
        PreconditionFailed: The person has saved something newer; both versions are in `current` and `yours`.
        Conflict: `lease_lost` (the answer is kept), or `already_submitted`.
        TooLarge: The answer has more than 256 KiB.
    """
    _check_size(answer)
    with transaction.atomic():
        locked, standing = lock_read(actor=actor, read=read)
        if standing is Standing.LOST:
            _keep_draft(locked, actor, rev, answer, late=True)
        else:
            _refuse_stale(locked, actor, rev, answer)
            refuse_answered(standing, locked)
            image = image_of(locked.item)
            checked = check_answer(answer, locked.study.schema, width=image.width, height=image.height)
            take_answer(actor=actor, read=locked, checked=checked)
    if standing is Standing.LOST:
        raise lease_lost(kept=True)
    return locked


def take_answer(*, actor: User, read: Read, checked: CheckedAnswer) -> Annotation:
    """Make a checked answer the final one of a locked read, in the caller's transaction; the item is settled."""
    item = lock_item(read.item_id)
    _submit_read(read, actor, checked)
    annotation = record_final(actor=actor, read=read, checked=checked)
    kill_point("answer.recorded")
    if read.kind == ReadKind.ADJUDICATION:
        decide_or_hold(item, annotation)
    elif read.kind != ReadKind.REPEAT and item.state in (ItemState.WAITING, ItemState.READING):
        settle_item(item)
    record_event(
        chain=study_chain(read.study),
        actor=actor,
        action="read.submitted",
        target=read,
        facts={
            "annotation": str(annotation.pk),
            "revision": annotation.revision,
            "decision": annotation.decision,
            "item": str(item.pk),
            "item_state": item.state,
            "review_reason": item.review_reason,
        },
    )
    return annotation


def record_final(*, actor: User, read: Read, checked: CheckedAnswer) -> Annotation:
    """The rows of a final answer; the person's draft of the read goes, it is part of it now."""
    read.annotations.filter(author=actor, is_final=False, is_late=False).delete()
    annotation = Annotation.objects.create(
        read=read,
        revision=read.rev,
        author=actor,
        is_final=True,
        decision=checked.decision,
        discard_reason=checked.discard_reason,
        classes=list(checked.classes),
        site=checked.site,
        confidence=checked.confidence,
        comment=checked.comment,
    )
    Region.objects.bulk_create(
        Region(
            annotation=annotation,
            label_class=region.label_class,
            kind=region.kind,
            geometry=region.shape.as_json(),
            order=order,
        )
        for order, region in enumerate(checked.regions)
    )
    return annotation


def newest_draft(read: Read, actor: User) -> dict[str, Any] | None:
    """The unfinished answer of a person to a read."""
    if read.rev == 0:
        return None  # nobody has said anything about it
    row = read.annotations.filter(author=actor, is_final=False).order_by("-revision").first()
    return dict(row.draft) if row else None


def _submit_read(read: Read, actor: User, checked: CheckedAnswer) -> None:
    read.state = ReadState.SUBMITTED
    read.reader = actor
    read.lease_until = None
    read.submitted_at = timezone.now()
    read.active_seconds, read.idle_seconds = checked.active_seconds, checked.idle_seconds
    read.is_flagged = checked.is_flagged
    read.rev += 1
    read.save(
        update_fields=[
            "state", "reader", "lease_until", "submitted_at", "active_seconds", "idle_seconds", "is_flagged", "rev",
        ]
    )  # fmt: skip


def _keep_draft(read: Read, actor: User, rev: int, answer: Mapping[str, Any], *, late: bool) -> None:
    """Keep a draft in place of the person's earlier one, which it follows on; late answers are kept side by side.

    A late one is taken whatever it follows on, for it would be lost otherwise. So what its sender, another tab perhaps,
    had not seen is kept as a late answer, too.
    """
    own = read.annotations.filter(author=actor, is_final=False).order_by("-revision")
    if late:
        if any(row.is_late and row.draft == answer for row in own):
            return  # sent again: the first refusal was lost on its way
        own.filter(is_late=False, revision__gt=rev).update(is_late=True)
    own.filter(is_late=False).delete()
    read.rev += 1
    read.save(update_fields=["rev"])
    decision = answer.get("decision")
    Annotation.objects.create(
        read=read,
        revision=read.rev,
        author=actor,
        is_late=late,
        decision=decision if decision in AnswerDecision.values else "",
        draft=dict(answer),
    )
    if late:
        own.filter(pk__in=[row.pk for row in own[MAX_LATE:]]).delete()
        record_event(
            chain=study_chain(read.study),
            actor=actor,
            action="read.answered_late",
            target=read,
            facts={"revision": read.rev},
        )


def _refuse_stale(read: Read, actor: User, rev: int, answer: Mapping[str, Any]) -> None:
    """Refuse an edit of an older version than the person's own newest one.

    Only their own answers count: what somebody else did with the read is neither theirs to see nor their fault.
    """
    newest = read.annotations.filter(author=actor).order_by("-revision").first()
    if rev > read.rev or (newest is not None and newest.revision > rev):
        current = describe_answer(newest) if newest else None
        raise PreconditionFailed(
            "stale_version",
            "This read was changed elsewhere, in another tab perhaps. Nothing was changed; both versions are here.",
            current={"rev": read.rev, "state": read.state, "answer": current},
            yours={"rev": rev, "answer": dict(answer)},
        )


def _check_size(answer: Mapping[str, Any]) -> None:
    if len(json.dumps(answer, default=str)) > MAX_DRAFT_BYTES:
        raise TooLarge("answer_too_large", f"An answer may have at most {MAX_DRAFT_BYTES // 1024} KiB.")
