"""What the server tells of its rows, as small frozen dataclasses. Members that a later server adds are passed over."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Self

from synthlab.client.problems import BadAnswer

Json = dict[str, Any]

SUCCEEDED = "succeeded"
ENDED = frozenset({SUCCEEDED, "failed", "cancelled", "dead"})
_TIMES = frozenset({"created_at", "started_at", "finished_at", "completed_at", "approved_at"})


@dataclass(frozen=True, kw_only=True)
class Record:
    """What can be read from an answer."""

    nested: ClassVar[Mapping[str, type[Record]]] = {}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Read one, whatever else stands there.

        Raises:
            BadAnswer: A member that is needed is missing, or a time is none.
        """
        known = {part.name for part in fields(cls)}
        try:
            return cls(**{name: cls._read(name, value) for name, value in body.items() if name in known})
        except (TypeError, ValueError, AttributeError) as error:
            raise BadAnswer(
                f"the server tells of a {cls.__name__} otherwise than expected: {error}"
            ) from None

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name in _TIMES:
            return datetime.fromisoformat(value)
        kind = cls.nested.get(name)
        return tuple(kind.from_json(row) for row in value) if kind else value


@dataclass(frozen=True, kw_only=True)
class Row(Record):
    """One row of the server, which has an id."""

    id: str


@dataclass(frozen=True, kw_only=True)
class Job(Row):
    """One unit of long work.

    Attributes:
        eta_seconds: How long it will still take, counted from its last heartbeat; None when nobody can say.
        result: What it made, by name.
    """

    kind: str
    state: str
    phase: str = ""
    progress_done: int = 0
    progress_total: int = 0
    eta_seconds: int | None = None
    result: Json | None = None
    error_code: str = ""
    error: str = ""
    created_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class Dataset(Row):
    """A real data set: facts about it, never its pixels."""

    name: str
    modality: str = ""
    classes: list[str] = field(default_factory=list)
    image_size: int | None = None
    channels: int | None = None
    manifest_digest: str = ""
    data_sheet: Json = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Training(Row):
    """One run of training; the ids of what it made stand in `generators`."""

    dataset: str
    state: str
    job: str | None = None
    config: Json = field(default_factory=dict)
    seed: int = 0
    step: int = 0
    classes: list[str] = field(default_factory=list)
    warnings: list[Json] = field(default_factory=list)
    generators: list[str] = field(default_factory=list)
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Generator(Row):
    """A trained generator. A candidate makes at most 2,000 images, an approved one as many as you like."""

    name: str
    digest: str
    state: str
    dataset: str | None = None
    training: str | None = None
    architecture: str = ""
    image_size: int = 0
    channels: int = 0
    classes: list[str] = field(default_factory=list)
    card: Json = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class BatchRecord(Row):
    """A batch as the server tells it at one moment.

    Attributes:
        count: Images that were asked for.
        image_count: Images that stand so far.
        class_mix: Class key → how many of them.
        recipe: What all its images have in common: generator, truncation, precision, encoder.
    """

    generator: str
    state: str
    count: int
    seed: int
    job: str | None = None
    image_count: int = 0
    truncation: float = 1.0
    class_mix: dict[str, int] = field(default_factory=dict)
    recipe: Json = field(default_factory=dict)
    created_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SyntheticImage(Row):
    """One image of a batch; `recipe` is all that is needed to make it again."""

    index: int
    digest: str
    size: int
    class_key: str = ""
    width: int = 0
    height: int = 0
    recipe: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Metric(Record):
    """One number with its floor (the same measure between real sets) and its interval."""

    name: str
    status: str
    extractor: str = ""
    class_key: str = ""
    value: float | None = None
    floor: float | None = None
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    n_real: int | None = None
    n_synth: int | None = None
    n_groups: int | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation(Row):
    """One measurement of an image set against a split of the real data."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"metrics": Metric}

    image_set: str
    state: str
    dataset: str | None = None
    split: str = ""
    look_number: int | None = None
    job: str | None = None
    verdict: str = ""
    reasons: list[Any] = field(default_factory=list)
    metrics: tuple[Metric, ...] = ()
    created_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot(Row):
    """A frozen list of approved images.

    Attributes:
        digest: SHA-256 of the document of its labels, which the signatures are about.
        facts: What was true when it was frozen: what filters left out, splits, the head of the audit.
        is_signed: Whether everybody has signed who must.
        is_held: Whether a withdrawal of real images bars its export; `holds` tells which and what was decided.
    """

    study: str
    name: str
    digest: str
    item_count: int
    image_set: str
    evaluation: str | None = None
    filters: Json = field(default_factory=dict)
    facts: Json = field(default_factory=dict)
    signatures_needed: int = 1
    is_signed: bool = False
    is_held: bool = False
    holds: list[Json] = field(default_factory=list)
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ExportRecord(Row):
    """One archive of a signed snapshot as the server tells it at one moment; `digest` is the SHA-256 of the file."""

    snapshot: str
    format: str
    state: str
    job: str | None = None
    options: Json = field(default_factory=dict)
    digest: str = ""
    size: int | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None


def id_of(what: str | uuid.UUID | Row) -> str:
    """An id in the one form that belongs into an address.

    Raises:
        ValueError: It is none.
    """
    return str(uuid.UUID(what.id if isinstance(what, Row) else str(what)))
