"""How far a study has come: for its manager, and for one reader who wants to know how long it will take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import caches
from django.db.models import Avg, Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now

from annotation.agreement import Agreement, krippendorff_alpha, pairwise_kappa, raw_agreement
from annotation.models import (
    LIVE_READ_STATES,
    Annotation,
    AnswerDecision,
    Item,
    ItemState,
    Read,
    ReadKind,
    ReadState,
    Study,
    StudyRole,
)
from synthlab.accounts.models import User

PACE_OVER = 20
# A pace from fewer answers would be a guess: one long first image tells nothing about the rest.
PACE_FROM = 5
ACTIVE_WITHIN = timedelta(minutes=30)
COUNTED_AT_ONCE = 1000
KEPT_SECONDS = 60
DISCARD = "(discarded)"


@dataclass(frozen=True, slots=True)
class ReaderProgress:
    """What a reader has done and what is left for them.

    `eta_seconds` is None until they have answered `PACE_FROM` images; it shares the queue among those who read at the moment.
    """

    done: int
    total: int
    eta_seconds: int | None

    def as_json(self) -> dict[str, int | None]:
        """As the workbench shows it."""
        return {"done": self.done, "total": self.total, "eta_seconds": self.eta_seconds}


def reader_progress(reader: User, study: Study) -> ReaderProgress:
    """Count a person's reads in a study.

    A long queue is counted once a minute and reader: it is asked for with every claim and every answer.
    """
    own = Read.objects.filter(study=study, reader=reader)
    states = dict(own.values_list("state").annotate(n=Count("id")).order_by())
    done = states.get(ReadState.SUBMITTED, 0)
    in_hand = states.get(ReadState.LEASED, 0) + states.get(ReadState.OPEN, 0)
    total = _total(reader, study, done + in_hand)
    return ReaderProgress(done, total, _eta(study, own, in_hand, total - done - in_hand))


def study_progress(study: Study) -> dict[str, Any]:
    """Items by state, reads by state, and every reader's count and pace."""
    items = dict(study.items.values_list("state").annotate(n=Count("id")).order_by())
    reads = dict(Read.objects.filter(study=study).values_list("state").annotate(n=Count("id")).order_by())
    return {
        "items": {state: items.get(state, 0) for state in ItemState.values},
        "reads": {state: reads.get(state, 0) for state in ReadState.values},
        "readers": reader_rows(study),
        "late_answers": Annotation.objects.kept_late().filter(read__study=study).count(),
    }


def study_agreement(study: Study) -> dict[str, Any]:
    """Agreement on the classes (a discard is an answer like any other) over images with several primary reads.

    Values that cannot be computed are null with the reason beside them.
    """
    table = list(_answers(study).values())
    pairs = pairwise_kappa(table)
    return {
        "raw": _describe(raw_agreement(table)),
        "krippendorff_alpha": _describe(krippendorff_alpha(table)),
        "cohen_kappa": [{"readers": [str(a), str(b)], **_describe(value)} for (a, b), value in pairs.items()],
        "disputed": study.items.filter(state=ItemState.DISPUTED).count(),
    }


def discard_reasons(items: QuerySet[Item]) -> dict[str, int]:
    """How often each reason stands behind the discarded ones of these items, most frequent first."""
    rows = items.filter(state=ItemState.DISCARDED).order_by()
    counted = rows.values_list("outcome__discard_reason").annotate(n=Count("id")).order_by("-n")
    return dict(counted)


def _total(reader: User, study: Study, own: int) -> int:
    """The person's own reads and what the queue has for them. The total stands still while they read, or it would jump."""
    queue = Read.objects.filter(study=study, state=ReadState.OPEN, reader__isnull=True)
    near = queue[: COUNTED_AT_ONCE + 1].count()
    if near <= COUNTED_AT_ONCE:
        return own + _fitting(study, own, near)
    total = caches["local"].get_or_set(
        f"reads-in-all:{study.pk}:{reader.pk}",
        lambda: own + _fitting(study, own, queue.count()),
        KEPT_SECONDS,
    )
    return max(total or 0, own)


def _fitting(study: Study, own: int, queue: int) -> int:
    """Nobody reads an image twice: of several reads of each, one is for this person."""
    if study.reads_per_item == 1:
        return queue
    items = study.items.order_by()[: own + queue].count()
    return min(queue, max(items - own, 0))


def _eta(study: Study, own: Any, in_hand: int, queue: int) -> int | None:
    recent = own.filter(submitted_at__isnull=False).order_by("-submitted_at")[:PACE_OVER]
    pace = [active + idle for active, idle in recent.values_list("active_seconds", "idle_seconds")]
    seconds = sum(pace) / len(pace) if len(pace) >= PACE_FROM else 0.0
    if not seconds:
        return None
    active = caches["local"].get_or_set(f"reading-now:{study.pk}", lambda: _reading_now(study), KEPT_SECONDS)
    return round((in_hand + queue / (active or 1)) * seconds)


def _reading_now(study: Study) -> int:
    """How many share the queue. Asked member by member, each along an index: the study's answers may be 100,000."""
    answers = Read.objects.filter(
        study=study, reader=OuterRef("user"), submitted_at__gt=Now() - ACTIVE_WITHIN
    )
    return max(study.memberships.filter(Exists(answers)).values("user").distinct().count(), 1)


def reader_rows(study: Study) -> list[dict[str, Any]]:
    """Every reader of a study: answered, returned, in hand, assigned and not begun, and their pace over active seconds."""
    members = (
        study.memberships.filter(role=StudyRole.READER).select_related("user").order_by("user__username")
    )
    numbers: dict[Any, dict[str, Any]] = {
        row["reader"]: dict(row)
        for row in Read.objects.filter(study=study, reader__isnull=False)
        .values("reader")
        .annotate(
            submitted=Count("id", filter=Q(state=ReadState.SUBMITTED)),
            returned=Count("id", filter=Q(state=ReadState.RETURNED)),
            in_hand=Count("id", filter=Q(state=ReadState.LEASED)),
            assigned=Count("id", filter=Q(state=ReadState.OPEN)),
            seconds=Avg("active_seconds", filter=Q(submitted_at__isnull=False)),
            active_seconds=Sum("active_seconds"),
            last=Max("submitted_at"),
        )
        .order_by()
    }
    empty = {
        "submitted": 0, "returned": 0, "in_hand": 0, "assigned": 0, "seconds": None, "active_seconds": 0, "last": None
    }  # fmt: skip
    return [
        {
            "user": str(member.user_id),
            "name": str(member.user),
            **_numbers(numbers.get(member.user_id, empty)),
        }
        for member in members
    ]


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    seconds = row["seconds"]
    return {
        "submitted": row["submitted"],
        "returned": row["returned"],
        "in_hand": row["in_hand"],
        "assigned": row["assigned"],
        "seconds_per_image": round(seconds, 1) if seconds else None,
        "images_per_hour": round(3600 / seconds) if seconds else None,
        "active_seconds": round(row["active_seconds"] or 0),
        "last_submitted_at": row["last"],
    }


def _answers(study: Study) -> dict[Hashable, dict[Hashable, Hashable]]:
    table: dict[Hashable, dict[Hashable, Hashable]] = defaultdict(dict)
    rows = Annotation.objects.filter(
        read__study=study, read__kind=ReadKind.PRIMARY, read__state__in=LIVE_READ_STATES, is_final=True
    ).values_list("read__item", "author", "decision", "classes")
    for item, author, decision, classes in rows:
        table[item][author] = DISCARD if decision == AnswerDecision.DISCARDED else "+".join(sorted(classes))
    return table


def _describe(agreement: Agreement) -> dict[str, Any]:
    return {
        "value": agreement.value,
        "n_images": agreement.n_units,
        "n_pairs": agreement.n_pairs,
        "reason": agreement.reason,
    }
