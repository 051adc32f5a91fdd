"""``python -m generation.ml sample``: from a list of images to files in the work folder, handed over block by block."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from generation.child import BadInput, Reporter, required
from generation.ml.device import choose_device
from generation.ml.sampling import ImageRequest, SampledImage, Sampler
from generation.ml.side_by_side import sample_side_by_side
from generation.ml.weights import load_generator
from generation.pixels import pixel_digest

REPORT_EVERY = 100
# Images that are handed over together: enough to share one sync of the file system, few enough to lose.
BLOCK_SIZE = 1000


def sample_verb(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Sample images to ``work/images/INDEX.png``, or to one pack a block.

    Args:
        spec: ``work``, ``weights`` (path), ``generator_digest``, ``seed``, ``truncation``, ``images`` (a list of
            ``{"index", "class"}``), ``threads`` (passes side by side), ``dtype``; ``done``, how many were made before, for
            the progress; ``packed``: a block's files stand one after another in one file, in the order of its list, for
            a caller who puts them elsewhere anyhow (to make and remove a file costs more than to fill it).
        report: receives progress, and an artifact of the kind ``images`` for each finished block: a file of JSON lines
            ``{"index", "class", "seed", "file", "digest", "pixel_digest", "crc32", "size", "width", "height"}``. What they
            share stands in ``work/recipe.json`` before the first.

    Returns:
        ``{"count", "manifest", "recipe", "stopped"}``; the manifest holds the lines of all blocks.
    """
    work = Path(required(spec, "work"))
    threads = spec.get("threads") or torch.get_num_threads()
    device = choose_device(spec.get("dtype") or "float32", threads=1)
    weights = Path(required(spec, "weights"))
    generator = load_generator(weights, device=device.torch, expected_digest=spec.get("generator_digest"))
    sampler = Sampler(generator, device)
    requests = _requests(spec)
    shared = {"seed": spec["seed"], "truncation": requests[0].truncation, "device": device.name}
    recipe = {**sampler.shared_recipe(), **shared}
    (work / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    name = _pack_name if spec.get("packed") else _file_name
    done = int(spec.get("done", 0))
    with contextlib.closing(sample_side_by_side(sampler, requests, threads=threads)) as images:
        count = _write_images(work, images, report, name=name, done=done, wanted=len(requests))
    return {
        "count": count,
        "manifest": str(work / "images.jsonl"),
        "recipe": recipe,
        "stopped": count < len(requests),
    }


def _file_name(image: SampledImage, place: int) -> str:
    return f"images/{image.request.index}.png"


def _pack_name(image: SampledImage, place: int) -> str:
    return f"blocks/{place // BLOCK_SIZE}.pack"


def _write_images(
    work: Path,
    images: Iterator[SampledImage],
    report: Reporter,
    *,
    name: Callable[[SampledImage, int], str],
    done: int,
    wanted: int,
) -> int:
    """Write the files and their lists, block by block, until done or told to stop; how many it became."""
    (work / "images").mkdir(parents=True, exist_ok=True)
    (work / "blocks").mkdir(exist_ok=True)
    count, block = 0, []
    with (work / "images.jsonl").open("w", encoding="utf-8") as lines:
        for image in images:
            row = _row(image, name(image, count))
            with (work / row["file"]).open("ab") as file:
                file.write(image.png)
            block.append(json.dumps(row) + "\n")
            lines.write(block[-1])
            count += 1
            is_last = count == wanted or report.should_stop
            if len(block) == BLOCK_SIZE or is_last:
                report.artifact("images", _write_block(work, count, block))
                block = []
            if count % REPORT_EVERY == 0 or is_last:
                report.progress("sampling", done + count, done + wanted)
            if is_last:
                break
    return count


def _write_block(work: Path, end: int, lines: list[str]) -> Path:
    path = work / "blocks" / f"{end}.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _row(image: SampledImage, name: str) -> dict[str, Any]:
    height, width = image.pixels.shape[:2]
    return {
        "index": image.request.index,
        "class": image.request.class_index,
        "seed": image.seed,
        "file": name,
        "digest": image.digest,
        "pixel_digest": pixel_digest(image.pixels),
        "crc32": zlib.crc32(image.png),
        "size": len(image.png),
        "width": width,
        "height": height,
    }


def _requests(spec: Mapping[str, Any]) -> list[ImageRequest]:
    try:
        requests = [
            ImageRequest(
                batch_seed=int(required(spec, "seed")),
                index=int(image["index"]),
                class_index=None if image.get("class") is None else int(image["class"]),
                truncation=float(spec.get("truncation") or 1.0),
            )
            for image in required(spec, "images")
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            "bad_request", "images must be a list of {index, class}, seed and truncation numbers"
        ) from error
    if not requests:
        raise BadInput("no_images", "no images were asked for")
    if len({request.index for request in requests}) < len(requests):
        raise BadInput("bad_index", "an index was asked for twice")
    return requests
