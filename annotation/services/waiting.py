"""What waits for a reviewer: one answer stands for each image, and filters choose among them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from annotation.models import (
    Annotation,
    AnswerDecision,
    ItemState,
    Read,
    ReadKind,
    ReadState,
    ReviewReason,
    Study,
    StudyRole,
)
from annotation.services.choosing import ADJUDICATED, AGREED, SINGLE
from annotation.services.releases import pseudonym
from evaluation.services.copies import uncleared_among
from synthlab.accounts.models import User
from synthlab.core.exceptions import InvalidInput

MAX_AT_ONCE = 1000
# A repeat is for agreement alone; it decides nothing.
_DECIDING = (ReadKind.PRIMARY, ReadKind.CONTROL, ReadKind.ADJUDICATION)
Filters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """Answers that can be accepted together, without a look at each.

    Attributes:
        answers: Ids of the answers, oldest image first, at most `MAX_AT_ONCE`.
        items: The images of all answers that the filters choose, oldest first.
        flagged: Chosen by the filters but left out: their readers ask for a second opinion.
        copies: Left out of the first `MAX_AT_ONCE`: flagged as possible copies of real images.
        rest: Left out: beyond `MAX_AT_ONCE`.
    """

    answers: tuple[UUID, ...]
    items: tuple[UUID, ...]
    flagged: int
    copies: int
    rest: int

    @property
    def count(self) -> int:
        """How many can be accepted together."""
        return len(self.answers)

    @property
    def waiting(self) -> int:
        """How many the filters choose."""
        return len(self.items)

    @property
    def selection(self) -> str:
        """Names exactly these answers: another set, even one of the same size, has another token."""
        return hashlib.sha256(",".join(sorted(map(str, self.answers))).encode()).hexdigest()[:32]


def waiting_answers(reviewer: User, study: Study, filters: Filters | None = None) -> QuerySet[Annotation]:
    """The answers that a person may review, oldest image first: never of an image that they have read themselves.

    Of several readers' equal answers the first planned one stands for the image; a settled dispute stands by its settling answer.

    Raises:
        InvalidInput: `filter_unknown`.
    """
    final = Annotation.objects.filter(
        is_final=True, read__state=ReadState.SUBMITTED, read__kind__in=_DECIDING
    )
    own = Read.objects.filter(item=OuterRef("read__item"), reader=reviewer, submitted_at__isnull=False)
    rows = final.filter(~Exists(own), read__study=study, read__item__state=ItemState.REVIEW)
    # By its word "adjudication" comes before "control" and "primary".
    speaking = final.filter(read__item=OuterRef("read__item")).order_by("read__kind", "read__ordinal")
    rows = rows.filter(pk=Subquery(speaking.values("pk")[:1]))
    for name, value in (filters or {}).items():
        rows = rows.filter(_condition(study, name, value))
    return rows.order_by("read__item__created_at", "read__item")


def select_waiting(reviewer: User, study: Study, filters: Filters | None = None) -> Selection:
    """What `accept_waiting` would accept now: of what the filters choose, all that needs no look of its own.

    Raises:
        InvalidInput: `filter_unknown`.
    """
    # One walk through what waits, which may be thousands: the page takes its first images from it, too.
    columns = ("pk", "read__item", "read__item__synthetic_image", "read__item__review_reason", "decision")
    rows = list(waiting_answers(reviewer, study, filters).values_list(*columns))
    plain = [row for row in rows if row[3] != ReviewReason.FLAGGED]
    first = plain[:MAX_AT_ONCE]
    # A discard of a copy is as good as any other: what may not be accepted is its label.
    labels = [image for _, _, image, _, decision in first if image and decision == AnswerDecision.LABELLED]
    copies = uncleared_among(labels)
    kept = [
        key
        for key, _, image, _, decision in first
        if decision == AnswerDecision.DISCARDED or image not in copies
    ]
    return Selection(
        answers=tuple(kept),
        items=tuple(row[1] for row in rows),
        flagged=len(rows) - len(plain),
        copies=len(first) - len(kept),
        rest=len(plain) - len(first),
    )


def readers_by_pseudonym(study: Study) -> dict[str, object]:
    """The people who may have read, under the names by which reviewers know them."""
    read = Read.objects.filter(study=study, submitted_at__isnull=False).order_by()
    people = set(read.values_list("reader", flat=True).distinct())
    people |= set(study.memberships.filter(role=StudyRole.READER).values_list("user", flat=True))
    return {pseudonym(study, person): person for person in people}


def _condition(study: Study, name: str, value: str) -> Q:
    make = _CONDITIONS.get(name)
    condition = make(study, value) if make else None
    if condition is None:
        raise InvalidInput(
            "filter_unknown", f"filters.{name}: There is no such filter, or it takes other values."
        )
    return condition


def _by_class(study: Study, value: str) -> Q | None:
    # Text in a JSON list: the database's own containment look-up does not exist on SQLite.
    known = study.schema.classes.filter(key=value).exists()
    return Q(classes__icontains=f'"{value}"') if known else None


def _by_reason(study: Study, value: str) -> Q | None:
    known = any(row["key"] == value for row in study.schema.discard_reasons)
    return Q(discard_reason=value) if known else None


def _by_reader(study: Study, value: str) -> Q | None:
    person = readers_by_pseudonym(study).get(value)
    return Q(author=person) if person else None


def _by_agreement(study: Study, value: str) -> Q | None:
    settled = Q(read__kind=ReadKind.ADJUDICATION)
    fellows = Read.objects.filter(
        item=OuterRef("read__item"), state=ReadState.SUBMITTED, kind__in=(ReadKind.PRIMARY, ReadKind.CONTROL)
    )
    together = Q(Exists(fellows.exclude(pk=OuterRef("read"))))
    ways = {SINGLE: ~settled & ~together, AGREED: ~settled & together, ADJUDICATED: settled}
    return ways.get(value)


def _by_decision(study: Study, value: str) -> Q | None:
    return Q(decision=value) if value in AnswerDecision.values else None


def _by_because(study: Study, value: str) -> Q | None:
    return Q(read__item__review_reason=value) if value in ReviewReason.values else None


_CONDITIONS: dict[str, Callable[[Study, str], Q | None]] = {
    "decision": _by_decision,
    "class": _by_class,
    "reason": _by_reason,
    "reader": _by_reader,
    "agreement": _by_agreement,
    "because": _by_because,
}
FILTERS = tuple(_CONDITIONS)
