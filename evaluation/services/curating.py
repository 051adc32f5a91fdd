"""Putting images of a batch aside, and taking them back.

A discarded image stays where it is, with its file and its recipe. It stands in no list that is frozen from then on, so
that it is neither measured nor given to a study. Lists frozen before, and studies that hold it already, keep it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db import transaction

from evaluation.services.gating import revoke_release
from evaluation.services.image_uses import taken_of
from generation.models import (
    Batch,
    BatchState,
    DiscardReason,
    ImageAction,
    ImageDecision,
    SyntheticImage,
)
from generation.models.curation import ranges_of
from generation.services.access import require_use
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput

MAX_COMMENT = 2000
_CHUNK = 2000
T = TypeVar("T")
_AT_WORK = (BatchState.QUEUED, BatchState.RUNNING)


@dataclass(frozen=True)
class Curated:
    """What became of a wish to discard or restore.

    Attributes:
        decision: The row that was written; None where all images were as wished already.
        changed: Images that changed.
        unchanged: Images that were as wished already.
        in_studies: Of the changed ones, those that studies hold: they stay there.
        release_ended: Whether the batch is no longer released, since images came back that nobody had released.
    """

    decision: ImageDecision | None
    changed: int
    unchanged: int
    in_studies: int
    release_ended: bool = False


@transaction.atomic
def discard_images(
    *, actor: User, batch: Batch, indexes: Collection[int], reason: str, comment: str = ""
) -> Curated:
    """Put images of a batch aside. Asked for again, it changes nothing.

    Args:
        actor: Owner or member of the data set.
        batch: One whose sampling has ended.
        indexes: Of the images.
        reason: A `DiscardReason`.
        comment: In words; needed for `other`.

    Raises:
        NotAllowed: The actor may not use the data set.
        InvalidInput: An unknown reason, no comment where one is needed, no image, or one that the batch does not hold.
        Conflict: The batch is still being sampled.
    """
    _check_reason(reason, comment)
    locked = _lock(actor, batch)
    rows = _rows_of(locked, indexes)
    chosen = {index: pk for index, pk, discard in rows if discard is None}
    if not chosen:
        return Curated(None, 0, len(rows), 0)
    decision = _write(actor, locked, ImageAction.DISCARDED, chosen, reason, comment.strip())
    for pks in _chunks(list(chosen.values())):
        SyntheticImage.objects.filter(pk__in=pks).update(discard=decision)
    return Curated(decision, len(chosen), len(rows) - len(chosen), len(taken_of(locked) & chosen.keys()))


@transaction.atomic
def restore_images(*, actor: User, batch: Batch, indexes: Collection[int]) -> Curated:
    """Take images back that were put aside. A release that was not about them ends.

    Args:
        actor: Owner or member of the data set.
        batch: One whose sampling has ended.
        indexes: Of the images.

    Raises:
        NotAllowed, InvalidInput, Conflict: As `discard_images`.
    """
    locked = _lock(actor, batch)
    rows = _rows_of(locked, indexes)
    chosen = {index: pk for index, pk, discard in rows if discard is not None}
    if not chosen:
        return Curated(None, 0, len(rows), 0)
    out_by = ImageDecision.objects.in_bulk({discard for _, _, discard in rows if discard is not None})
    decision = _write(actor, locked, ImageAction.RESTORED, chosen, "", "")
    for pks in _chunks(list(chosen.values())):
        SyntheticImage.objects.filter(pk__in=pks).update(discard=None)
    ended = revoke_release(actor=actor, batch=locked, restored=list(out_by.values()))
    taken = len(taken_of(locked) & chosen.keys())
    return Curated(decision, len(chosen), len(rows) - len(chosen), taken, release_ended=ended)


def _check_reason(reason: str, comment: str) -> None:
    if reason not in DiscardReason.values:
        raise InvalidInput("unknown_reason", f"reason: one of {', '.join(DiscardReason.values)}.")
    if len(comment) > MAX_COMMENT:
        raise InvalidInput("comment_too_long", f"comment: At most {MAX_COMMENT} characters.")
    if reason == DiscardReason.OTHER and not comment.strip():
        raise InvalidInput("reason_needed", "comment: Say in words why; no code says it.")


def _lock(actor: User, batch: Batch) -> Batch:
    """The batch, of which no list is frozen and with which no study is filled until this transaction ends."""
    require_use(actor, batch.generator.dataset)
    locked = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if locked.state in _AT_WORK:
        raise Conflict(
            "batch_not_finished", f"This batch is {locked.state}; look through it when it has ended."
        )
    return locked


def _rows_of(batch: Batch, indexes: Collection[int]) -> list[tuple[int, UUID, UUID | None]]:
    """Index, id and discarding decision of the images."""
    wanted = sorted(set(indexes))
    if not wanted:
        raise InvalidInput("no_images_named", "Name at least one image.")
    rows: list[tuple[int, UUID, UUID | None]] = [
        row
        for chunk in _chunks(wanted)
        for row in batch.images.filter(index__in=chunk).values_list("index", "pk", "discard")
    ]
    if missing := len(wanted) - len(rows):
        raise InvalidInput("image_not_in_batch", f"{missing:,} of these images are not in the batch.")
    return rows


def _write(
    actor: User, batch: Batch, action: str, indexes: Collection[int], reason: str, comment: str
) -> ImageDecision:
    ranges = ranges_of(indexes)
    decision = ImageDecision.objects.create(
        batch=batch,
        made_by=actor,
        action=action,
        reason=reason,
        comment=comment,
        indexes=ranges,
        image_count=len(indexes),
    )
    record_event(
        chain=dataset_chain(batch.generator.dataset),
        actor=actor,
        action=f"batch_images.{action}",
        target=decision,
        facts={"batch": str(batch.pk), "indexes": ranges, "images": len(indexes)}
        | ({"reason": reason} if reason else {}),
        personal={"comment": comment} if comment else {},
    )
    return decision


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    # A database takes a limited number of values in one query.
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
