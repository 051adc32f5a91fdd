"""Which accepted images a snapshot takes, and why it leaves the others out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from annotation.models import ReadKind, ReadState, Study
from evaluation.models import ImageScore
from evaluation.services.copies import uncleared_among
from synthlab.core.exceptions import InvalidInput

_CHUNK = 2000

SINGLE, AGREED, ADJUDICATED = "single", "agreed", "adjudicated"
WAYS = {
    SINGLE: "one reader",
    AGREED: "all readers agreed",
    ADJUDICATED: "decided by a reviewer's own answer",
}
# In the order in which they are looked for: an image counts under the first that holds.
REASONS = {
    "copies_not_cleared": "flagged as a possible copy of a real image, and not cleared",
    "put_aside": "put aside in the gallery of its batch",
    "classes": "of other classes",
    "generators": "of other generators",
    "agreement": "decided in another way",
    "exclude_cleared": "once flagged as a possible copy, though cleared",
    "decided_from": "decided earlier",
    "decided_until": "decided later",
    "min_confidence": "read with less confidence, or none given",
}


_COLUMNS = (
    "pk", "outcome", "synthetic_image", "synthetic_image__digest", "synthetic_image__seed",
    "synthetic_image__discard", "synthetic_image__batch__generator", "synthetic_image__batch__generator__digest",
    "outcome__classes", "outcome__confidence", "outcome__read__kind", "decided_at", "answered",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """An accepted image, as far as choosing and splitting go."""

    item: UUID
    answer: UUID
    image: UUID
    digest: str
    generator: UUID
    generator_digest: str
    seed: str
    classes: tuple[str, ...]
    confidence: int | None
    decided_at: datetime
    way: str
    is_put_aside: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """What is taken, in the order of the images' digests, and for each reason how many are not."""

    taken: list[Candidate]
    excluded: dict[str, int]


def check_filters(study: Study, filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters as they are kept with the snapshot: known ones only, each of its kind.

    Raises:
        InvalidInput: `filter_unknown`: a filter or its value is unknown; `dates_reversed`.
    """
    checked = {}
    for name, value in sorted(filters.items()):
        check = _CHECKS.get(name)
        if check is None:
            raise InvalidInput("filter_unknown", f"filters.{name}: Unknown filter.")
        if value is not None and value is not False:
            checked[name] = check(study, name, value)
    if checked.get("decided_from", "") > checked.get("decided_until", "9999"):
        raise InvalidInput(
            "dates_reversed", "filters.decided_until: Expected a day that is not before the first one."
        )
    return checked


def choose(study: Study, filters: Mapping[str, Any]) -> Choice:
    """Go through the accepted synthetic images of a study.

    Args:
        study: Whose.
        filters: As `check_filters` returned them.
    """
    candidates = _candidates(study)
    uncleared = uncleared_among(row.image for row in candidates)
    flagged = _ever_flagged([row.image for row in candidates]) if "exclude_cleared" in filters else set()
    tests: dict[str, Callable[[Candidate], bool]] = {
        "copies_not_cleared": lambda row: row.image in uncleared,
        "put_aside": lambda row: row.is_put_aside,
        "exclude_cleared": lambda row: row.image in flagged,
        **{
            name: partial(_is_left_out, keeps=_KEEPS[name], wish=filters[name])
            for name in filters
            if name in _KEEPS
        },
    }
    taken, excluded = [], dict.fromkeys(REASONS, 0)
    for row in candidates:
        reason = next((code for code in REASONS if code in tests and tests[code](row)), None)
        if reason is None:
            taken.append(row)
        else:
            excluded[reason] += 1
    return Choice(taken, {code: count for code, count in excluded.items() if count})


def _is_left_out(row: Candidate, *, keeps: Callable[[Candidate, Any], bool], wish: Any) -> bool:
    return not keeps(row, wish)


def _candidates(study: Study) -> list[Candidate]:
    answered = Count(
        "reads", filter=Q(reads__kind=ReadKind.PRIMARY, reads__state=ReadState.SUBMITTED), distinct=True
    )
    rows = study.items.for_snapshot().annotate(answered=answered).order_by("synthetic_image__digest")
    # A hundred thousand of them stand in memory at once: what many have in common stands there once.
    kept: dict[Any, Any] = {}

    def once(value: Any) -> Any:
        return kept.setdefault(value, value)

    return [
        Candidate(
            item=row["pk"],
            answer=row["outcome"],
            image=row["synthetic_image"],
            digest=row["synthetic_image__digest"],
            generator=once(row["synthetic_image__batch__generator"]),
            generator_digest=once(row["synthetic_image__batch__generator__digest"]),
            seed=row["synthetic_image__seed"],
            classes=once(tuple(row["outcome__classes"])),
            confidence=row["outcome__confidence"],
            decided_at=row["decided_at"],
            way=_way(row["outcome__read__kind"], row["answered"]),
            is_put_aside=row["synthetic_image__discard"] is not None,
        )
        for row in rows.values(*_COLUMNS).iterator(_CHUNK)
    ]


def _way(kind: str, answered: int) -> str:
    if kind == ReadKind.ADJUDICATION:
        return ADJUDICATED
    return AGREED if answered > 1 else SINGLE


def _ever_flagged(images: list[UUID]) -> set[UUID]:
    found: set[UUID] = set()
    for start in range(0, len(images), _CHUNK):
        rows = ImageScore.objects.like_copies().filter(image__in=images[start : start + _CHUNK])
        found.update(rows.values_list("image", flat=True))
    return found


def _some_of(known: set[str], name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not value or any(str(key) not in known for key in value):
        raise InvalidInput(
            "filter_unknown", f"filters.{name}: Expected a list of: {', '.join(sorted(known))}."
        )
    return sorted({str(key) for key in value})


def _check_classes(study: Study, name: str, value: Any) -> list[str]:
    return _some_of(set(study.schema.classes.values_list("key", flat=True)), name, value)


def _check_generators(study: Study, name: str, value: Any) -> list[str]:
    images = study.items.synthetic().order_by()
    known = images.values_list("synthetic_image__batch__generator", flat=True).distinct()
    return _some_of({str(key) for key in known}, name, value)


def _check_ways(study: Study, name: str, value: Any) -> list[str]:
    return _some_of(set(WAYS), name, value)


def _check_true(study: Study, name: str, value: Any) -> bool:
    if value is not True:
        raise InvalidInput("filter_unknown", f"filters.{name}: Expected true or false.")
    return True


def _check_day(study: Study, name: str, value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise InvalidInput("filter_unknown", f"filters.{name}: Expected a day, such as 2030-01-31.") from None


def _check_confidence(study: Study, name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 5:
        raise InvalidInput("filter_unknown", f"filters.{name}: Expected 1 to 5.")
    return value


def _day(row: Candidate) -> str:
    """The day in UTC: the same wherever the server stands."""
    return row.decided_at.astimezone(UTC).date().isoformat()


_CHECKS: dict[str, Callable[[Study, str, Any], Any]] = {
    "classes": _check_classes,
    "generators": _check_generators,
    "agreement": _check_ways,
    "exclude_cleared": _check_true,
    "decided_from": _check_day,
    "decided_until": _check_day,
    "min_confidence": _check_confidence,
}
_KEEPS: dict[str, Callable[[Candidate, Any], bool]] = {
    "classes": lambda row, keys: not set(keys).isdisjoint(row.classes),
    "generators": lambda row, keys: str(row.generator) in keys,
    "agreement": lambda row, ways: row.way in ways,
    "decided_from": lambda row, day: _day(row) >= day,
    "decided_until": lambda row, day: _day(row) <= day,
    "min_confidence": lambda row, least: row.confidence is not None and row.confidence >= least,
}
