"""The files of an archive that people read: what it is, its licence, its data sheet, what the format cannot hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from annotation.export.canonical import canonical_json
from annotation.export.formats import Format, Member
from annotation.export.ledger import Loss, Tally
from annotation.export.rows import Release

README, LICENCE, DATA_SHEET = "README.md", "LICENCE.md", "DATASHEET.md"
EVALUATION, LOSSES = "evaluation.json", "losses.json"
NAMES = (README, LICENCE, DATA_SHEET, EVALUATION, LOSSES)
_BLANK = "*not stated*"


def text_members(release: Release, form: Format, tally: Tally, losses: Sequence[Loss]) -> list[Member]:
    """README, licence, data sheet, loss ledger, and the evaluation where there is one."""
    members = [
        Member(README, _readme(release, form, losses).encode()),
        Member(LICENCE, _licence(release).encode()),
        Member(DATA_SHEET, _data_sheet(release, tally).encode()),
        Member(
            LOSSES,
            canonical_json({"format": form.key, "losses": [asdict(loss) for loss in losses]}, indent=1),
        ),
    ]
    if release.evaluation is not None:
        members.append(Member(EVALUATION, canonical_json(release.evaluation, indent=1)))
    return members


def _readme(release: Release, form: Format, losses: Sequence[Loss]) -> str:
    front = "".join(f"{line}\n" for line in form.front_matter(release))
    layout = "\n".join(f"- {line}" for line in form.layout)
    return f"""{front}# {_line(release.name)}

{len(release.members)} synthetic images with labels approved by people, from the study “{_line(release.study)}”.
No image shows a patient. Research use; not for diagnosis.

## What lies where

Format: {form.title}. For {form.summary}.

{layout}
- `annotations/labels.json`: all that was said about every image, and the recipe that makes it again. The SHA-256 of
  this file is the digest that was signed: `{release.digest}`.
- `manifest.json`: size and SHA-256 of every file; where every image came from.
{_seal(release)}- `croissant.json`: the data set as Croissant JSON-LD describes it.
- `DATASHEET.md`, `LICENCE.md`{", `evaluation.json`" if release.evaluation is not None else ""}: read before use.

Check the archive with `synthlab verify FILE.zip`; no database and no network are needed.

## What this format cannot hold

Nothing is lost to the archive: `annotations/labels.json` holds every value. The format's own files cannot hold:

{_ledger(losses)}
"""


def _seal(release: Release) -> str:
    return "- `seal.json`: the installation's signature under the manifest.\n" if release.signature else ""


def _ledger(losses: Sequence[Loss]) -> str:
    rows = [f"| {loss.sentence} | {loss.values} |" for loss in losses]
    return "\n".join(["| what | values of this release |", "|---|---|", *(rows or ["| nothing | 0 |"])])


def _licence(release: Release) -> str:
    stated = _line(release.licence) if release.licence else _BLANK
    return f"""# Licence

Licence of the real data set that the generator learnt from: {stated}.

The images here are synthetic. Whether terms of the real data set reach them is for its owner to say; nothing here
grants more than the owner of this installation may grant.
"""


def _data_sheet(release: Release, tally: Tally) -> str:
    """A data sheet after the question groups of Gebru et al., "Datasheets for Datasets" (2021)."""
    parts = (
        _motivation(release),
        _composition(release, tally),
        _collection(release),
        _labelling(release, tally),
        _USES,
    )
    lines = [line for part in parts for line in (*part, "")]
    return "\n".join(["# Data sheet", "", *lines, *_distribution(release), ""])


def _motivation(release: Release) -> list[str]:
    return [
        "## Motivation",
        f"- Purpose: {_value(release.source.get('purpose'))}",
        f"- Funding: {_BLANK}",
    ]


def _composition(release: Release, tally: Tally) -> list[str]:
    per_class = tally.per_class
    return [
        "## Composition",
        f"- Images: {len(release.members)}, all synthetic.",
        *[f"- {_line(row.title)}: {per_class.get(row.key, 0)}" for row in release.schema.classes],
        f"- Regions: {tally.regions}.",
    ]


def _collection(release: Release) -> list[str]:
    return [
        "## Collection process",
        "The images were drawn by a generator that learnt from a real data set:",
        *_facts(release.source),
        "",
        "What can be traced:",
        *_facts(release.provenance),
    ]


def _labelling(release: Release, tally: Tally) -> list[str]:
    return [
        "## Labelling",
        f"- Schema: {_line(release.schema.name)}, version {release.schema.version}.",
        f"- Readers: {len(tally.readers)}; reviewers: {len(tally.reviewers)} (pseudonyms of this study).",
        f"- Qualification of readers: {_BLANK}",
        *_facts(release.facts),
    ]


_USES = (
    "## Uses",
    "Research. The images follow the small real data set they were learnt from, its gaps and biases included; they "
    "are no sample of any population. Not for diagnosis.",
)


def _distribution(release: Release) -> list[str]:
    return [
        "## Distribution and maintenance",
        f"- Licence: {_value(release.licence)}",
        f"- Who maintains it: {_BLANK}",
    ]


def _facts(facts: Mapping[str, Any]) -> list[str]:
    return [f"- {name.replace('_', ' ')}: {_value(value)}" for name, value in sorted(facts.items())]


def _value(value: Any) -> str:
    if value in (None, "", [], {}):
        return _BLANK
    if isinstance(value, str | int | float):
        return _line(str(value))
    return f"`{canonical_json(value).decode().strip()}`"


def _line(text: str) -> str:
    """Text of people on one line, so that it cannot make headings of its own."""
    return " ".join(text.split())
