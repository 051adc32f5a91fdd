"""Accepting many answers at once, without a look at each: only the set that was shown, and all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from annotation.models import (
    Annotation,
    AnswerDecision,
    Item,
    ItemState,
    Review,
    ReviewVerdict,
    Study,
    StudyRole,
)
from annotation.services.access import require_role
from annotation.services.waiting import Filters, select_waiting
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict

_STATES = {AnswerDecision.LABELLED: ItemState.ACCEPTED, AnswerDecision.DISCARDED: ItemState.DISCARDED}


@transaction.atomic
def accept_waiting(*, actor: User, study: Study, filters: Filters, count: int, selection: str) -> int:
    """Accept every answer that the filters choose and that needs no look of its own.

    Args:
        actor: A reviewer of the study; images that they have read are not among the answers.
        study: Whose answers.
        filters: As `waiting_answers` takes them.
        count: How many answers the person was shown and confirmed.
        selection: `Selection.selection` of what they were shown.

    Returns:
        How many answers were accepted.

    Raises:
        NotAllowed: The actor does not review in this study.
        Conflict: `selection_changed`: it is another set by now (`count` tells how many), or an empty one; nothing was accepted.
        InvalidInput: `filter_unknown`.
    """
    require_role(actor, study, StudyRole.REVIEWER)
    shown = select_waiting(actor, study, filters)
    # Locked in the order of their ids, like every other lock on several items; then looked at again: what was decided,
    # returned or flagged while we waited for the locks must not slip through.
    items = Item.objects.filter(reads__annotations__in=shown.answers).order_by("id")
    list(items.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
    now = select_waiting(actor, study, filters)
    if now.answers != shown.answers or (now.count, now.selection) != (count, selection) or not count:
        raise Conflict(
            "selection_changed",
            f"These were {count} answers when you looked; now they are {now.count}, or others. Nothing was accepted. "
            "Look at them again.",
            count=now.count,
        )
    answers = list(Annotation.objects.filter(pk__in=now.answers).select_related("read"))
    _record(actor, study, answers, filters)
    _decide(answers)
    return len(answers)


def _record(actor: User, study: Study, answers: Sequence[Annotation], filters: Filters) -> None:
    Review.objects.bulk_create(
        Review(annotation=row, reader_id=row.author_id, reviewer=actor, verdict=ReviewVerdict.ACCEPT)
        for row in answers
    )
    record_event(
        chain=study_chain(study),
        actor=actor,
        action="review.accepted_together",
        target=study,
        facts={"filters": dict(filters), "annotations": sorted(str(row.pk) for row in answers)},
    )


def _decide(answers: Sequence[Annotation]) -> None:
    for decision, state in _STATES.items():
        outcomes: dict[UUID, UUID] = {row.read.item_id: row.pk for row in answers if row.decision == decision}
        items = [
            Item(pk=key, outcome_id=outcome, state=state, decided_at=Now())
            for key, outcome in outcomes.items()
        ]
        moved = Item.objects.filter(state=ItemState.REVIEW).bulk_update(
            items, ["state", "outcome", "decided_at"], batch_size=200
        )
        if moved != len(items):
            raise Conflict("item_decided", "One of these images was decided meanwhile. Nothing was accepted.")
