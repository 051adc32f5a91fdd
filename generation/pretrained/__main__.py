"""Make the shipped demo generator again: ``python -m generation.pretrained FOLDER [--steps N] [--threads N]``.

Cuts scikit-image's colon IHC photograph with the ordinary ingest, trains on the training split with the ordinary training
verb, and leaves ``ihc-64.safetensors`` and its card in the folder. The same steps, thread count, PyTorch and kind of
processor give the same bytes. Started again on the same folder, it goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from generation import processes
from generation.ml.holdback import monitor_groups
from generation.pretrained.card import write_card
from synthlab.version import code_version

NAME = "ihc-64"
STEPS = 12_000
CURVE = "curve.jsonl"  # kept beside the work folders, over all attempts
INGEST_OPTIONS: dict[str, Any] = {"tile": {"size": 64, "stride": 16}, "channels": "rgb", "split": {"seed": 0}}
CONFIG: dict[str, Any] = {
    "architecture": "dcgan-s",
    "image_size": 64,
    "channels": 3,
    "dtype": "bfloat16",
    "seed": 0,
    "sample_every": 250,
    "checkpoint_every": 250,
}


def main() -> None:
    """Ingest, train, copy."""
    parser = argparse.ArgumentParser(prog="python -m generation.pretrained", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=JSON", help="change a setting, for trials"
    )
    parser.add_argument("--code-version", help="written into the file, and so part of its digest")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    changes = {name: json.loads(value) for name, _, value in (item.partition("=") for item in arguments.set)}
    manifest = prepare_manifest(folder / "data")
    spec = {
        "manifest": str(manifest),
        "config": {**CONFIG, **changes, "steps": arguments.steps},
        "resume_from": _last_checkpoint(folder / "train"),
        "threads": arguments.threads,
        "code_version": arguments.code_version or code_version(),
    }
    result = run_verb("generation.ml", "train", folder / "train", spec)
    shutil.copyfile(result["weights"], folder / f"{NAME}.safetensors")
    card = result["card"]
    command = f"python -m generation.pretrained FOLDER --steps {result['step']} --threads {arguments.threads}"
    command += f" --code-version {card['code_version']}" + "".join(f" --set {item}" for item in arguments.set)
    curve = [json.loads(line) for line in (folder / CURVE).read_text().splitlines()]
    write_card(folder / f"{NAME}.md", name=NAME, card=card, curve=curve, command=command)
    sys.stdout.write(f"{folder / NAME}.safetensors {result['digest']}\n")


def prepare_manifest(folder: Path) -> Path:
    """Tile and split the photograph; list the training tiles and the monitor slice.

    Returns:
        The path of the manifest. Its digest names the tiles and their splits.
    """
    path = folder / "manifest.json"
    if path.exists():
        return path
    work = folder / "ingest"
    work.mkdir(parents=True, exist_ok=True)
    photograph = folder / "photograph.png"
    save_photograph(photograph)
    files = [{"ordinal": "0", "path": str(photograph)}]
    run_verb("generation.ingest", "ingest", work, {"files": files, "options": INGEST_OPTIONS})
    rows = [json.loads(line) for line in (work / "accepted.jsonl").read_text().splitlines()]
    listing = sorted((row["digest"], row["group_key"], row["split"]) for row in rows)
    training = sorted((row for row in rows if row["split"] == "train"), key=lambda row: row["digest"])
    kept = monitor_groups(Counter(row["group_key"] for row in training), seed=CONFIG["seed"])
    manifest: dict[str, Any] = {
        "digest": hashlib.sha256(json.dumps(listing, separators=(",", ":")).encode()).hexdigest(),
        "images": [_entry(work, row) for row in training if row["group_key"] not in kept],
        "monitor": [_entry(work, row) for row in training if row["group_key"] in kept],
    }
    path.write_text(json.dumps(manifest))
    return path


def run_verb(package: str, verb: str, work: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """Run one child, passing its messages through to stderr and keeping the curve.

    Raises:
        BadInput: what the child refused.
        ChildFailed: it ended without an answer.
    """

    def tell(message: dict[str, Any]) -> None:
        line = json.dumps(message) + "\n"
        if message["type"] == "metric":
            with (work.parent / CURVE).open("a") as curve:
                curve.write(line)
        sys.stderr.write(line)

    return processes.run_verb(package, verb, work, spec, on_message=tell)


def save_photograph(path: Path) -> None:
    """Write scikit-image's colon photograph as a PNG."""
    import skimage.data  # takes a second; not needed to go on with a run
    from PIL import Image

    Image.fromarray(skimage.data.immunohistochemistry()).save(path)  # type: ignore[no-untyped-call]


def _entry(work: Path, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": str(work / row["file"]),
        "class": None,
        "digest": row["digest"],
        "group": row["group_key"],
    }


def _last_checkpoint(work: Path) -> str | None:
    folders = sorted((work / "checkpoints").glob("step-*"))
    return str(folders[-1]) if folders else None


if __name__ == "__main__":
    main()
