"""What a snapshot taken now would hold, and what it would leave out and why: shown before it is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count

from annotation.models import ItemState, Read, ReadState, Study
from annotation.services.choosing import REASONS, WAYS, Candidate, Choice, check_filters, choose
from annotation.services.holding import count_touched
from annotation.services.progress import discard_reasons
from annotation.services.splitting import Families, check_splits, describe_splits, families_of, split
from generation.models import Generator
from synthlab.accounts.models import User

_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is taken, how it is related, and which split each image goes to (empty words without splits)."""

    filters: dict[str, Any]
    splits: dict[str, Any] | None
    choice: Choice
    families: Families
    named: list[str]

    @property
    def split_facts(self) -> dict[str, dict[str, Any]]:
        """For each split its images, families and classes; nothing without splits."""
        if self.splits is None:
            return {}
        return describe_splits(self.choice.taken, self.families, self.named, self.splits)

    def facts(self) -> dict[str, Any]:
        """What is kept with the snapshot and told with every export; only what there is to tell."""
        facts: dict[str, Any] = {"filters": self.filters} if self.filters else {}
        if self.choice.excluded:
            facts["excluded"] = self.choice.excluded
        if self.splits is not None:
            counts = {name: row["images"] for name, row in self.split_facts.items()}
            facts["splits"] = {**self.splits, "images": counts}
        return {**facts, "families": self.families.count}


def plan_snapshot(study: Study, filters: Mapping[str, Any] | None, splits: Mapping[str, Any] | None) -> Plan:
    """Choose, relate and split, without writing anything.

    Raises:
        InvalidInput: A filter is unknown, or splits cannot be as they were asked for.
    """
    wanted, cut = check_filters(study, filters or {}), check_splits(splits)
    choice = choose(study, wanted)
    families = families_of(choice.taken)
    return Plan(wanted, cut, choice, families, split(choice.taken, families, cut))


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan in numbers.

    Attributes:
        images: Images it takes.
        classes: Rows of key, title and images.
        generators: Rows of id, name and images.
        ways: Rows of how images were decided.
        readers: Rows of people and how many of these images each has read.
        discarded: Images that readers discarded.
        discard_reasons: Rows of reason and images.
        undecided: Images about which nothing is decided yet.
        excluded: Rows of accepted images that are left out, each under the first reason that holds.
        families: How many families, how many images share theirs, and how many are in the largest.
        splits: Rows of what each split would hold.
        touched_by_withdrawals: Images of generators that learnt from real images withdrawn since: the snapshot will be
            held.
    """

    images: int
    classes: list[dict[str, Any]]
    generators: list[dict[str, Any]]
    ways: list[dict[str, Any]]
    readers: list[dict[str, Any]]
    discarded: int
    discard_reasons: list[dict[str, Any]]
    undecided: int
    excluded: list[dict[str, Any]]
    families: dict[str, int]
    splits: list[dict[str, Any]]
    touched_by_withdrawals: int

    def as_json(self) -> dict[str, Any]:
        """As REST answers it."""
        return asdict(self)


def preview_snapshot(
    study: Study, filters: Mapping[str, Any] | None = None, splits: Mapping[str, Any] | None = None
) -> Preview:
    """Count what a snapshot taken now would freeze, and what it would leave out.

    Raises:
        InvalidInput: As `plan_snapshot`.
    """
    plan = plan_snapshot(study, filters, splits)
    taken = plan.choice.taken
    states = count_states(study)
    discarded = states.get(ItemState.DISCARDED, 0)
    titles = dict(study.schema.classes.values_list("key", "title"))
    generators = Counter(row.generator for row in taken)
    names = dict(Generator.objects.filter(pk__in=generators).values_list("pk", "name"))
    return Preview(
        images=len(taken),
        classes=_titled(Counter(key for row in taken for key in row.classes), titles),
        generators=[{"id": str(pk), "name": names[pk], "images": n} for pk, n in generators.most_common()],
        ways=_titled(Counter(row.way for row in taken), WAYS),
        readers=_readers(taken),
        discarded=discarded,
        discard_reasons=_titled(discard_reasons(study.items.synthetic()), _reason_titles(study)),
        undecided=sum(states.values()) - states.get(ItemState.ACCEPTED, 0) - discarded,
        excluded=_titled(plan.choice.excluded, REASONS),
        families={
            "count": plan.families.count,
            "related_images": plan.families.related_images,
            "largest": plan.families.largest,
        },
        splits=[
            {"name": name, **row, "classes": _titled(row["classes"], titles)}
            for name, row in plan.split_facts.items()
        ],
        touched_by_withdrawals=(
            count_touched(study.dataset, (row.generator for row in taken)) if study.dataset else 0
        ),
    )


def count_states(study: Study) -> dict[str, int]:
    """State → synthetic images of the study in it; hidden controls are not counted among what is left out."""
    return dict(study.items.synthetic().order_by().values_list("state").annotate(n=Count("id")))


def _titled(counts: Mapping[str, int], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "title": titles.get(key, key), "images": count} for key, count in counts.items()]


def _reason_titles(study: Study) -> dict[str, str]:
    return {row["key"]: row["title"] for row in study.schema.discard_reasons}


def _readers(taken: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Who has read these images, by name: this is for the managers of the study."""
    counts: Counter[Any] = Counter()
    for start in range(0, len(taken), _CHUNK):
        items = [row.item for row in taken[start : start + _CHUNK]]
        reads = Read.objects.filter(item__in=items, state=ReadState.SUBMITTED).order_by()
        counts.update(dict(reads.values_list("reader").annotate(n=Count("item", distinct=True))))
    people = User.objects.in_bulk(list(counts))
    return [{"id": str(pk), "name": str(people[pk]), "images": n} for pk, n in counts.most_common()]
