"""The demo generator's card, written from what was measured: no number in it is typed by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generation.ml.config import TrainConfig

INTRODUCTION = """\
# {name}

A generator for 64 px colour tiles that look like DAB-stained colon tissue, shipped so that a first start has something to
show within minutes. It has seen one slide of one patient. It is for demonstration and tests, not for research on tissue,
and never for diagnosis.
"""
DATA = """\
## Data

`skimage.data.immunohistochemistry()`: one 512 × 512 photograph of human colon, immunohistochemical staining (FHL2, brown DAB,
blue haematoxylin), distributed with scikit-image, no known restrictions. Cut by this project's own ingest into 64 px tiles
with a stride of 16 px; blocks of the picture are the groups of the split, with a guard band between the splits.
{images} training tiles were learnt from, {monitor_images} more (whole blocks) only watched the run. They overlap, so they are
worth far fewer independent pictures. The validation tiles were not used.

Manifest digest: `{manifest_digest}`
"""


def write_card(
    path: Path, *, name: str, card: Mapping[str, Any], curve: list[dict[str, Any]], command: str
) -> None:
    """Write the Markdown card.

    Args:
        path: where to.
        name: of the generator.
        card: the training verb's card.
        curve: metric messages ``{"step", "values"}`` of the run.
        command: makes the same file again.
    """
    run, machine = card["run"], card["machine"]
    facts = {
        "SHA-256": f"`{card['digest']}`",
        "Code version": f"`{card['code_version']}`",
        "Weights taken at step": int(run["chosen"].get("step", run["steps"])),
        "Chosen by": f"`{run['chosen_by']}`",
        "Steps run": f"{run['steps']:,} ({run['images_seen']:,} images seen)",
        "Seconds": f"{run['seconds']:,}",
        "Machine": f"{machine['model']}, {machine['device']}, {machine['dtype']}, {machine['threads']} thread(s)",
        "PyTorch": machine["torch"],
    }
    sections = [
        INTRODUCTION.format(name=name),
        _table(("what", "value"), facts.items()),
        DATA.format(**card["data"]),
        "## Settings\n",
        "What differs from the defaults of `TrainConfig`:\n",
        _table(("setting", "value"), _changes(card["config"])),
        "## Curve\n",
        "`monitor_kid_pixels` compares steps of this run with each other; it is no KID of a trained extractor.\n",
        _table(("step", *_COLUMNS), _curve_rows(curve, int(run["steps"]))),
        "## Make it again\n",
        f"```\n{command}\n```\n",
        "The bytes come out the same on the same kind of processor, with the same PyTorch and thread count: tests hold that\n"
        "for small networks, interrupted or not; this whole run was made once, interrupted and resumed.\n",
    ]
    path.write_text("\n".join(sections), encoding="utf-8")


_COLUMNS = ("monitor_kid_pixels", "diversity_ratio", "d_overfit_gap")
_MOST_ROWS = 16


def _changes(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    usual = TrainConfig().to_dict()
    changed = [(name, f"`{json.dumps(value)}`") for name, value in config.items() if value != usual[name]]
    return changed or [("none", "")]


def _curve_rows(curve: list[dict[str, Any]], last: int) -> list[tuple[str, ...]]:
    looks = {
        line["step"]: line["values"]
        for line in curve
        if _COLUMNS[0] in line["values"] and line["step"] <= last
    }
    steps = sorted(looks)
    every = max(1, -(-len(steps) // _MOST_ROWS))
    kept = sorted({*steps[every - 1 :: every], *steps[-1:], *_best(looks)})
    return [
        (f"{step:,}", *(f"{looks[step].get(name, float('nan')):.4f}" for name in _COLUMNS)) for step in kept
    ]


def _best(looks: Mapping[int, Mapping[str, float]]) -> list[int]:
    return [min(looks, key=lambda step: looks[step][_COLUMNS[0]])] if looks else []


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"
