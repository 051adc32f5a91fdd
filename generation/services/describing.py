"""What a data set is, over all of its uploads: form, classes, data sheet, digest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from generation.ingest.datasheet import in_words
from generation.models import Dataset, Ingest, Rejection, RejectionDecision, Split
from generation.services.manifests import dataset_digest

_FIELDS = ("width", "height", "channels", "class_key", "flags", "group_id", "group__split")


def describe_dataset(dataset: Dataset) -> Dataset:
    """Write down anew what the present images of a data set are; to be called under its lock.

    Args:
        dataset: Its rows as they are in this transaction.
    """
    rows = list(dataset.images.present().values(*_FIELDS))
    sizes = {(row["width"], row["height"], row["channels"]) for row in rows}
    width, height, channels = sizes.pop() if len(sizes) == 1 else (None, None, None)
    dataset.channels, dataset.image_size = channels, width if width == height else None
    dataset.classes = _classes(dataset, rows)
    dataset.data_sheet = data_sheet(dataset, rows)
    dataset.manifest_digest = dataset_digest(dataset) if rows or dataset.manifest_digest else ""
    dataset.save(update_fields=["channels", "image_size", "classes", "data_sheet", "manifest_digest"])
    return dataset


def _classes(dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    titles = {entry["key"]: entry["title"] for entry in dataset.classes}
    keys = sorted({row["class_key"] for row in rows if row["class_key"]})
    return [{"key": key, "title": titles.get(key, key)} for key in keys]


def data_sheet(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The data sheet of all uploads together.

    What can be counted is counted from the rows, so that it holds after refusals were overruled; how the pictures came
    about is what each upload's reading said.

    Args:
        dataset: Theirs.
        rows: `_FIELDS` of each present image.
    """
    uploads: list[dict[str, Any]] = [ingest.facts for ingest in _read(dataset) if ingest.facts.get("splits")]
    if not uploads:
        return dict(dataset.data_sheet)
    taken_in = Rejection.objects.filter(ingest__dataset=dataset, decision=RejectionDecision.OVERRULED).count()
    first, last = uploads[0], uploads[-1]
    facts: dict[str, Any] = {
        **first,
        "images": len(rows),
        "groups": len({row["group_id"] for row in rows}),
        "classes": _count(row["class_key"] for row in rows if row["class_key"]),
        "splits": {split: _part(split, rows, uploads) for split in Split.values},
        "form": last["form"],
        "dimensions": _count(f"{row['height']}×{row['width']}×{row['channels']}" for row in rows),
        "flags": _count(flag for row in rows for flag in row["flags"]),
        "duplicates": _sums(upload["duplicates"] for upload in uploads),
        "tiling": _tiling(uploads),
        "holders_known": sum(upload["holders_known"] for upload in uploads),
        "uploads": len(uploads),
        "taken_in_by_a_person": taken_in,
    }
    words = in_words(facts)
    return {**facts, **words, "statements": [*words["statements"], *_further(len(uploads), taken_in)]}


def _read(dataset: Dataset) -> Iterable[Ingest]:
    return dataset.ingests.filter(completed_at__isnull=False).order_by("completed_at")


def _part(
    split: str, rows: Sequence[Mapping[str, Any]], uploads: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    images = [row for row in rows if row["group__split"] == split]
    is_cut = any(upload["tiling"] for upload in uploads)
    independent = sum(upload["splits"][split]["independent_images"] for upload in uploads)
    return {
        "images": len(images),
        "groups": len({row["group_id"] for row in images}),
        "classes": _count(row["class_key"] for row in images if row["class_key"]),
        "independent_images": min(independent, len(images)) if is_cut else len(images),
    }


def _tiling(uploads: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    plans = [upload["tiling"] for upload in uploads if upload["tiling"]]
    return {**plans[0], "slides": sum(plan["slides"] for plan in plans)} if plans else None


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _sums(records: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: defaultdict[str, int] = defaultdict(int)
    for record in records:
        for name, count in record.items():
            total[name] += count
    return dict(total)


def _further(uploads: int, taken_in: int) -> list[str]:
    said = []
    if uploads > 1:
        said.append(
            f"The images came in {uploads} uploads; groups of an earlier one kept their side of the split."
        )
    if taken_in:
        pictures = "One picture" if taken_in == 1 else f"{taken_in} pictures"
        said.append(
            f"{pictures} that the cleaning had refused {'was' if taken_in == 1 else 'were'} taken in by a person."
        )
    return said
