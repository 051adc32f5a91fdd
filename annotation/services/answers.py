"""What an answer may look like under a label schema; every refusal names the field it is about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.geometry import GeometryError, Shape, parse_shape
from annotation.models import (
    Annotation,
    AnswerDecision,
    ClassKind,
    LabelClass,
    LabelSchema,
    Region,
    RegionRule,
    SchemaMode,
)
from synthlab.core.exceptions import InvalidInput

MAX_REGIONS = 1000
MAX_COMMENT = 2000
MAX_SECONDS = 86_400.0
_MEMBERS = {
    "decision", "classes", "discard_reason", "confidence", "site", "comment", "regions", "active_seconds",
    "idle_seconds", "flag_second_opinion",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MarkedShape:
    """A region of a checked answer."""

    label_class: LabelClass
    kind: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer that keeps all rules of its schema."""

    decision: str
    classes: tuple[str, ...]
    discard_reason: str
    confidence: int | None
    site: str
    comment: str
    regions: tuple[MarkedShape, ...]
    active_seconds: float
    idle_seconds: float
    is_flagged: bool


def check_answer(answer: Mapping[str, Any], schema: LabelSchema, *, width: int, height: int) -> CheckedAnswer:
    """Check an answer as the browser sends it against the schema and the size of its image.

    Args:
        answer: The members of the workbench's contract; left out ones have their empty value.
        schema: What may be said.
        width: Of the image, in pixels.
        height: Of the image, in pixels.

    Raises:
        InvalidInput: code `invalid_answer`; `detail` and `errors` name the field, such as `regions[0].geometry`.
    """
    for name in answer:
        if name not in _MEMBERS:
            raise refused(str(name)[:60], "Unknown member.")
    decision = answer.get("decision")
    if decision not in AnswerDecision.values:
        raise refused("decision", "Say whether the image is labelled or discarded.")
    classes = {row.key: row for row in schema.classes.all()}
    discarded = decision == AnswerDecision.DISCARDED
    chosen = () if discarded else _chosen(answer, schema, classes)
    if discarded:
        _refuse_labels(answer)
    return CheckedAnswer(
        decision=decision,
        classes=chosen,
        discard_reason=_discard_reason(answer, schema, discarded=discarded),
        confidence=_confidence(answer.get("confidence")),
        site=_site(answer.get("site"), schema),
        comment=_comment(answer.get("comment")),
        regions=() if discarded else _regions(answer, [classes[key] for key in chosen], width, height),
        active_seconds=_seconds(answer, "active_seconds"),
        idle_seconds=_seconds(answer, "idle_seconds"),
        is_flagged=_flag(answer.get("flag_second_opinion")),
    )


def describe_answer(annotation: Annotation) -> dict[str, Any]:
    """An annotation as the answer that the browser sent: the draft itself, or the final one put together again."""
    if not annotation.is_final:
        return dict(annotation.draft)
    return {
        "decision": annotation.decision,
        "classes": list(annotation.classes),
        "discard_reason": annotation.discard_reason or None,
        "confidence": annotation.confidence,
        "site": annotation.site or None,
        "comment": annotation.comment,
        "regions": [describe_region(region) for region in annotation.regions.all()],
    }


def describe_region(region: Region) -> dict[str, Any]:
    """A region as answers carry it."""
    return {"kind": region.kind, "class": region.label_class.key, "geometry": region.geometry}


def refused(path: str, detail: str) -> InvalidInput:
    """The refusal of one field."""
    return InvalidInput("invalid_answer", f"{path}: {detail}", errors=[{"field": path, "detail": detail}])


def _refuse_labels(answer: Mapping[str, Any]) -> None:
    for name in ("classes", "regions"):
        if answer.get(name):
            raise refused(name, "A discarded image carries no classes and no regions.")


def _chosen(
    answer: Mapping[str, Any], schema: LabelSchema, classes: Mapping[str, LabelClass]
) -> tuple[str, ...]:
    given = answer.get("classes")
    if not _is_list(given) or not given:
        raise refused("classes", "Choose a class.")
    for i, key in enumerate(given):
        if not isinstance(key, str) or key not in classes:
            raise refused(f"classes[{i}]", "This class is not in the study's schema.")
    if len(set(given)) != len(given):
        raise refused("classes", "A class stands there twice.")
    if schema.mode == SchemaMode.ONE and len(given) != 1:
        raise refused("classes", "This study takes exactly one class for each image.")
    if len(given) > 1 and any(classes[key].kind != ClassKind.FINDING for key in given):
        raise refused("classes", "“Normal” and “cannot assess” stand alone, without a finding beside them.")
    return tuple(sorted(given, key=lambda key: classes[key].order))


def _discard_reason(answer: Mapping[str, Any], schema: LabelSchema, *, discarded: bool) -> str:
    reason = answer.get("discard_reason") or ""
    if not discarded:
        if reason:
            raise refused("discard_reason", "Only a discarded image has a reason to discard it.")
        return ""
    if reason not in [row["key"] for row in schema.discard_reasons]:
        raise refused("discard_reason", "Choose one of the study's reasons.")
    return str(reason)


def _regions(
    answer: Mapping[str, Any], chosen: Sequence[LabelClass], width: int, height: int
) -> tuple[MarkedShape, ...]:
    given = answer.get("regions") or []
    if not _is_list(given):
        raise refused("regions", "Expected a list of regions.")
    if len(given) > MAX_REGIONS:
        raise refused("regions", f"At most {MAX_REGIONS} regions.")
    by_key = {row.key: row for row in chosen}
    regions = tuple(_region(region, f"regions[{i}]", by_key, width, height) for i, region in enumerate(given))
    for row in chosen:
        for kind in ("box", "polygon", "point"):
            drawn = any(region.label_class == row and region.kind == kind for region in regions)
            if getattr(row, kind) == RegionRule.REQUIRED and not drawn:
                raise refused("regions", f"“{row.title}” needs at least one {kind}.")
    return regions


def _region(
    given: object, path: str, chosen: Mapping[str, LabelClass], width: int, height: int
) -> MarkedShape:
    if not isinstance(given, Mapping):
        raise refused(path, "Expected an object with kind, class and geometry.")
    unknown = sorted(str(name) for name in given if name not in {"kind", "class", "geometry"})
    if unknown:
        raise refused(f"{path}.{unknown[0]}"[:80], "Unknown member.")
    kind, key = given.get("kind"), given.get("class")
    if not isinstance(kind, str) or kind not in {"box", "polygon", "point"}:
        raise refused(f"{path}.kind", "Expected box, polygon or point.")
    row = chosen.get(key) if isinstance(key, str) else None
    if row is None:
        raise refused(f"{path}.class", "The class of a region must be one that was chosen for the image.")
    if getattr(row, kind) == RegionRule.NONE:
        raise refused(f"{path}.kind", f"“{row.title}” takes no {kind}.")
    try:
        shape = parse_shape(kind, given.get("geometry"), width=width, height=height)
    except GeometryError as error:
        where = f"{path}.geometry.{error.path}" if error.path else f"{path}.geometry"
        raise refused(where, error.detail) from error
    return MarkedShape(row, kind, shape)


def _confidence(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 5:
        raise refused("confidence", "Expected a whole number from 1 to 5.")
    return value


def _site(value: object, schema: LabelSchema) -> str:
    if value in (None, ""):
        return ""
    if value not in [row["key"] for row in schema.sites]:
        raise refused("site", "This site is not in the study's schema.")
    return str(value)


def _comment(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_COMMENT or "\0" in value:
        raise refused("comment", f"Expected text of at most {MAX_COMMENT} characters.")
    return value.strip()


def _seconds(answer: Mapping[str, Any], name: str) -> float:
    value = answer.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise refused(name, "Expected seconds, 0 or more.")
    return float(min(value, MAX_SECONDS))


def _flag(value: object) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise refused("flag_second_opinion", "Expected true or false.")
    return value


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)
