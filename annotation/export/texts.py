"""The files of an archive that people read: what it is, its licence, its data sheet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from annotation.export.canonical import canonical_json
from annotation.export.rows import Release, TextFile

_BLANK = "*not stated*"


def write_texts(release: Release) -> list[TextFile]:
    """README, licence, data sheet, and the evaluation where there is one."""
    files = [
        TextFile("README.md", _readme(release).encode()),
        TextFile("LICENCE.md", _licence(release).encode()),
        TextFile("DATASHEET.md", _data_sheet(release).encode()),
    ]
    if release.evaluation is not None:
        files.append(TextFile("evaluation.json", canonical_json(release.evaluation, indent=1)))
    return files


def _readme(release: Release) -> str:
    return f"""# {_line(release.name)}

{len(release.members)} synthetic images with labels approved by people, from the study “{_line(release.study)}”.
No image shows a patient. Research use; not for diagnosis.

- `images/`: the images; each file is named by the SHA-256 of its bytes.
- `annotations/labels.json`: all that was said about every image, and the recipe that makes it again. The SHA-256 of
  this file is the digest that was signed: `{release.digest}`.
- `manifest.json`: size and SHA-256 of every file.
- `DATASHEET.md`, `LICENCE.md`{", `evaluation.json`" if release.evaluation is not None else ""}: read before use.

Check the archive with `synthlab verify FILE.zip`; no database and no network are needed.
"""


def _licence(release: Release) -> str:
    stated = _line(release.licence) if release.licence else _BLANK
    return f"""# Licence

Licence of the real data set that the generator learnt from: {stated}.

The images here are synthetic. Whether terms of the real data set reach them is for its owner to say; nothing here
grants more than the owner of this installation may grant.
"""


def _data_sheet(release: Release) -> str:
    """A data sheet after the question groups of Gebru et al., "Datasheets for Datasets" (2021)."""
    per_class = Counter(key for member in release.members for key in member.classes)
    readers = {member.reader for member in release.members}
    reviewers = {name for member in release.members for name in member.reviewers}
    lines = [
        "# Data sheet",
        "",
        "## Motivation",
        f"Purpose and funding: {_BLANK}.",
        "",
        "## Composition",
        f"- Images: {len(release.members)}, all synthetic.",
        *[f"- {_line(row.title)}: {per_class[row.key]}" for row in release.schema.classes],
        f"- Regions: {sum(len(member.regions) for member in release.members)}.",
        "",
        "## Collection process",
        *_facts(release.provenance),
        "",
        "## Labelling",
        f"- Schema: {_line(release.schema.name)}, version {release.schema.version}.",
        f"- Readers: {len(readers)}; reviewers: {len(reviewers)} (pseudonyms of this study).",
        *_facts(release.facts),
        "",
        "## Uses",
        "Research. The images follow the small real data set they were learnt from, its gaps and biases included; they "
        "are no sample of any population. Not for diagnosis.",
        "",
        "## Distribution and maintenance",
        f"{_BLANK}",
        "",
    ]
    return "\n".join(lines)


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
