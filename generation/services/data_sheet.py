"""The data sheet of a data set as Markdown, written from the database each time it is asked for.

Its sections follow "Datasheets for Datasets" (arXiv 1803.09010) as far as a small medical data set has answers to them. It names no
person and no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Count

from generation.models import Dataset, Rejection, RejectionDecision, Symmetries
from generation.services.composition import Composition, composition_of
from synthlab.version import code_version

NOT_GIVEN = "**Not given.**"
_SYMMETRIES = {
    Symmetries.DIHEDRAL: "Turned by quarters and mirrored, an image shows the same thing.",
    Symmetries.FLIPS: "Mirrored, an image shows the same thing; turned it does not.",
    Symmetries.NONE: "Neither turned nor mirrored does an image show the same thing.",
}


def write_data_sheet(dataset: Dataset) -> str:
    """The data sheet of a data set, in Markdown."""
    composition = composition_of(dataset)
    sections = (
        _heading(dataset, composition),
        _composition(dataset, composition),
        _collection(dataset),
        _cleaning(dataset),
        _identifiers(dataset),
        _split(dataset),
        _terms(dataset),
        _withdrawn(dataset),
        _limits(dataset, composition),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _heading(dataset: Dataset, composition: Composition) -> Iterator[str]:
    yield f"# Data sheet: {_line(dataset.name)}\n"
    yield from _quoted(dataset.description, "Description")
    yield ""
    yield "| what | value |\n|---|---|"
    yield f"| Modality | {_line(dataset.modality) or NOT_GIVEN} |"
    yield f"| Images | {composition.images:,} in {composition.groups:,} independent groups |"
    yield f"| Form | {_form(dataset)} |"
    yield f"| Manifest digest | `{dataset.manifest_digest or 'none yet'}` |"
    yield f"| Written by | SynthLab {code_version()} |"


def _form(dataset: Dataset) -> str:
    if dataset.channels is None:
        return "of several sizes or channels"
    size = f"{dataset.image_size} × {dataset.image_size} px" if dataset.image_size else "not square"
    return f"{size}, {'grey' if dataset.channels == 1 else 'colour'}"


def _composition(dataset: Dataset, composition: Composition) -> Iterator[str]:
    yield "## Composition\n"
    titles = [_line(title) for title in composition.class_titles]
    yield f"| split | images | groups |{''.join(f' {title} |' for title in titles)}"
    yield f"|---|---|---|{'---|' * len(titles)}"
    for split in composition.splits:
        counts = "".join(f" {entry.images} |" for entry in split.classes)
        yield f"| {split.title} | {split.images} | {split.groups} |{counts}"
    flags = Counter(
        flag for flags in dataset.images.present().values_list("flags", flat=True) for flag in flags
    )
    if flags:
        yield ""
        yield "Marked for a person to look at: " + _counted(flags) + "."


def _collection(dataset: Dataset) -> Iterator[str]:
    yield "## Collection\n"
    yield from _quoted(dataset.provenance, "Where the images come from")
    yield ""
    uploads = dataset.ingests.filter(images__isnull=False).distinct()
    for ingest in uploads.order_by("completed_at"):
        when = f" of {ingest.completed_at:%Y-%m-%d}" if ingest.completed_at else ""
        yield f"- Upload{when}: {ingest.file_count:,} file(s), {ingest.accepted_count:,} images taken."


def _cleaning(dataset: Dataset) -> Iterator[str]:
    yield "## Cleaning\n"
    rows = Rejection.objects.filter(ingest__dataset=dataset)
    overruled = rows.filter(decision=RejectionDecision.OVERRULED).count()
    refused = rows.exclude(decision=RejectionDecision.OVERRULED)
    counts = dict(refused.order_by().values_list("code").annotate(n=Count("pk")))
    if not counts and not overruled:
        yield "Nothing was refused."
        return
    yield "| reason for a refusal | places |\n|---|---|"
    yield from (f"| `{code}` | {count} |" for code, count in sorted(counts.items()))
    if overruled:
        yield f"\nA person looked at {overruled} refused picture(s) and took them in."


def _identifiers(dataset: Dataset) -> Iterator[str]:
    yield "## De-identification\n"
    yield "Only pixels were kept, encoded anew; names of files and folders were never stored."
    removed: Counter[str] = Counter()
    methods: dict[str, str] = {}
    for record in dataset.ingests.values_list("deidentification", flat=True):
        removed.update(record.get("removed", {}))
        methods |= {f"{row['scheme']} {row['code']}": row["meaning"] for row in record.get("methods", [])}
    if removed:
        yield f"\nLeft behind: {_counted(removed)}."
    if methods:
        yield "\n| method (DICOM PS3.16 CID 7050) | meaning |\n|---|---|"
        yield from (f"| `{code}` | {meaning} |" for code, meaning in sorted(methods.items()))
    yield "\nNothing looked for text in the pixels themselves, but where a DICOM header asked for it a person did."


def _split(dataset: Dataset) -> Iterator[str]:
    yield "## Split\n"
    split: Mapping[str, Any] = dataset.data_sheet.get("split", {})
    if split:
        shares = ", ".join(f"{name} {share:g}" for name, share in split.get("shares", {}).items())
        yield f"Method: {split.get('method', 'unknown')}; seed {split.get('seed', 'unknown')}; shares {shares}."
    yield "No group (patient, slide or region) stands on both sides. Validation images are never trained on."
    yield f"\n{_SYMMETRIES[Symmetries(dataset.symmetries)]}"


def _terms(dataset: Dataset) -> Iterator[str]:
    yield "## Terms\n"
    yield f"- Licence: {_line(dataset.licence) or NOT_GIVEN}"
    yield f"- Lawful basis: {_line(dataset.lawful_basis) or NOT_GIVEN}"


def _withdrawn(dataset: Dataset) -> Iterator[str]:
    yield "## Withdrawn images\n"
    rows = dataset.withdrawals.annotate(count=Count("images")).order_by("created_at")
    lines = [f"- {at:%Y-%m-%d}: {count} image(s)" for at, count in rows.values_list("created_at", "count")]
    yield from lines or ["None."]


def _limits(dataset: Dataset, composition: Composition) -> Iterator[str]:
    yield "## Known limits\n"
    told = [advice.detail for advice in composition.advice()]
    said = [str(statement) for statement in dataset.data_sheet.get("statements", [])]
    lines = [f"- {_line(text)}" for text in dict.fromkeys([*said, *told])]
    yield from lines or ["None are known."]


def _quoted(text: str, what: str) -> Iterable[str]:
    if not text.strip():
        return [f"{what}: {NOT_GIVEN}"]
    return [f"> {line}" for line in text.strip().splitlines()]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(counts.items()))


def _line(text: str) -> str:
    """A text of people inside a table or a list: on one line, its bars no columns."""
    return " ".join(text.split()).replace("|", "\\|")
