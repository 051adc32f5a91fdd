"""Label schemas: made once, never changed; the same name again is the next version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max

from annotation.models import ClassKind, LabelClass, LabelSchema, RegionRule, SchemaMode
from synthlab.accounts.models import User
from synthlab.core.audit import record_event
from synthlab.core.exceptions import InvalidInput, NotAllowed

MAX_CLASSES = 60
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
# Told apart by people with any colour vision (Okabe and Ito), then repeated.
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#b0b0b0")
_OWN_COLUMNS = ("box", "polygon", "point", "mask", "code_system", "code", "code_display")


@transaction.atomic
def create_label_schema(
    *,
    actor: User,
    name: str,
    classes: Sequence[Mapping[str, Any]],
    mode: str = SchemaMode.ONE,
    sites: Sequence[Mapping[str, str]] = (),
    discard_reasons: Sequence[Mapping[str, str]] = (),
) -> LabelSchema:
    """Make a schema, or the next version of the one with this name.

    `normal` and `cannot assess` are always among the classes: where they are not given, they are added at the end.

    Args:
        actor: A data scientist or an admin.
        name: The schema's name.
        classes: `{"key", "title"}`, optionally `colour`, `kind`, `box`, `polygon`, `point`, `code_system`, `code`,
            `code_display`; in the order in which readers see them.
        mode: Whether an image has `one` class or may have `many`.
        sites: Anatomical sites, `{"key", "title"}`.
        discard_reasons: Why an image may be thrown away, `{"key", "title"}`; at least one.

    Raises:
        NotAllowed: The actor's role makes no schemas.
        InvalidInput: A key is malformed or stands twice, a rule or colour is unknown, or there are no discard reasons.
    """
    if not (actor.is_scientist or actor.is_admin):
        raise NotAllowed("schema_role_needed", "Only data scientists and admins make label schemas.")
    if not name.strip():
        raise _invalid("name", "A schema needs a name.")
    rows = _with_fixed_classes([_class_row(given, i) for i, given in enumerate(classes)])
    last = LabelSchema.objects.filter(name=name.strip()).aggregate(last=Max("version"))["last"] or 0
    schema = LabelSchema.objects.create(
        name=name.strip(),
        version=last + 1,
        mode=_choice(mode, SchemaMode.values, "mode"),
        sites=_titled(sites, "sites"),
        discard_reasons=_discard_reasons(discard_reasons),
        created_by=actor,
    )
    LabelClass.objects.bulk_create(
        LabelClass(schema=schema, order=order, **row) for order, row in enumerate(rows)
    )
    record_event(
        chain="site",
        actor=actor,
        action="label_schema.created",
        target=schema,
        facts={"version": schema.version, "mode": schema.mode, "classes": [row["key"] for row in rows]},
        personal={"name": schema.name},
    )
    return schema


def _class_row(given: Mapping[str, Any], index: int) -> dict[str, Any]:
    path = f"classes[{index}]"
    row = {"key": _key(given, path), "title": _title(given, path)}
    row["kind"] = _choice(given.get("kind", ClassKind.FINDING), ClassKind.values, f"{path}.kind")
    row["colour"] = str(given.get("colour") or _COLOURS[index % len(_COLOURS)]).lower()
    if not _COLOUR.fullmatch(row["colour"]):
        raise _invalid(f"{path}.colour", "Expected a colour such as #4f9dde.")
    for rule in ("box", "polygon", "point", "mask"):
        row[rule] = _choice(given.get(rule, RegionRule.NONE), RegionRule.values, f"{path}.{rule}")
    if row["mask"] != RegionRule.NONE:
        raise _invalid(f"{path}.mask", "Masks cannot be drawn yet; ask for a polygon instead.")
    for column, length in (("code_system", 120), ("code", 60), ("code_display", 200)):
        row[column] = str(given.get(column) or "").strip()
        if len(row[column]) > length:
            raise _invalid(f"{path}.{column}", f"At most {length} characters.")
    if bool(row["code"]) != bool(row["code_system"]):
        raise _invalid(f"{path}.code", "A code needs its code system, and a code system its code.")
    unknown = sorted(set(given) - {"key", "title", "kind", "colour", *_OWN_COLUMNS})
    if unknown:
        raise _invalid(f"{path}.{unknown[0]}", "Unknown member.")
    return row


def _with_fixed_classes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not any(row["kind"] == ClassKind.FINDING for row in rows):
        raise _invalid("classes", "A schema needs at least one finding.")
    kinds = {row["kind"] for row in rows}
    if ClassKind.NORMAL not in kinds:
        rows.append(_fixed("normal", "Normal", ClassKind.NORMAL))
    if ClassKind.CANNOT_ASSESS not in kinds:
        rows.append(_fixed("cannot_assess", "Cannot assess", ClassKind.CANNOT_ASSESS))
    if len(rows) > MAX_CLASSES:
        raise _invalid("classes", f"At most {MAX_CLASSES} classes.")
    _refuse_twice([row["key"] for row in rows], "classes")
    return rows


def _fixed(key: str, title: str, kind: ClassKind) -> dict[str, Any]:
    return _class_row({"key": key, "title": title, "kind": kind, "colour": "#9aa4b2"}, 0)


def _discard_reasons(given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    reasons = _titled(given, "discard_reasons")
    if not reasons:
        raise _invalid("discard_reasons", "Name at least one reason for which an image may be discarded.")
    return reasons


def _titled(given: Sequence[Mapping[str, str]], field: str) -> list[dict[str, str]]:
    if len(given) > MAX_CLASSES:
        raise _invalid(field, f"At most {MAX_CLASSES} entries.")
    rows = [
        {"key": _key(entry, f"{field}[{i}]"), "title": _title(entry, f"{field}[{i}]")}
        for i, entry in enumerate(given)
    ]
    _refuse_twice([row["key"] for row in rows], field)
    return rows


def _key(given: Mapping[str, Any], path: str) -> str:
    key = given.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise _invalid(f"{path}.key", "A key has 1 to 60 lower-case letters, digits, - or _.")
    return key


def _title(given: Mapping[str, Any], path: str) -> str:
    title = given.get("title")
    if not isinstance(title, str) or not 0 < len(title.strip()) <= 120:
        raise _invalid(f"{path}.title", "A title has 1 to 120 characters.")
    return title.strip()


def _choice(value: object, values: Sequence[str], path: str) -> str:
    if value not in values:
        raise _invalid(path, f"Expected one of {', '.join(values)}.")
    return str(value)


def _refuse_twice(keys: Sequence[str], field: str) -> None:
    for i, key in enumerate(keys):
        if key in keys[:i]:
            raise _invalid(f"{field}[{i}].key", f"The key {key!r} stands twice.")


def _invalid(path: str, detail: str) -> InvalidInput:
    return InvalidInput("invalid_schema", f"{path}: {detail}", errors=[{"field": path, "detail": detail}])
