"""Sets of small pictures for the tests: procedural ones with known groups, and real ones where they are at hand."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from evaluation.ml.evaluate import evaluate
from generation.child import Reporter

Picture = npt.NDArray[np.uint8]
BCCD = Path(__file__).resolve().parents[4] / "shared" / "data" / "bccd"


def quiet() -> Reporter:
    return Reporter(lambda line: None)


def blobs(rng: np.random.Generator, hue: npt.NDArray[np.float64], side: int = 32) -> Picture:
    """A few soft blobs of about one colour: pictures of one hue belong together."""
    y, x = np.mgrid[:side, :side]
    picture = np.full((side, side, 3), 225.0) + rng.normal(0, 4, 3)
    for _ in range(rng.integers(3, 6)):
        (cy, cx), size = rng.uniform(0, side, 2), rng.uniform(2, 6)
        weight = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * size**2))[..., None]
        picture = picture * (1 - weight) + (hue + rng.normal(0, 12, 3)) * weight
    return np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)


class Maker:
    """Writes pictures and the rows of a spec that name them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._count = 0

    def row(self, picture: Picture, identity: str, group: str | None = None) -> dict[str, Any]:
        self._count += 1
        path = self.folder / f"{self._count}.png"
        Image.fromarray(picture).save(path)
        row = {"id": identity, "path": str(path)}
        return row if group is None else {**row, "group": group}

    def rows(
        self, pictures: Sequence[Picture], name: str, groups: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        return [
            self.row(picture, f"{name}-{at}", None if groups is None else groups[at])
            for at, picture in enumerate(pictures)
        ]


def grouped_blobs(rng: np.random.Generator, groups: int, per_group: int) -> tuple[list[Picture], list[str]]:
    """Each group has a hue of its own, as each patient has a stain of their own."""
    pictures, names = [], []
    for _ in range(groups):
        hue = np.array([150.0, 70.0, 130.0]) + rng.normal(0, 25, 3)
        pictures += [blobs(rng, hue) for _ in range(per_group)]
        names += [f"patient-{rng.integers(1 << 60)}"] * per_group
    return pictures, names


def small_spec(
    folder: Path, *, groups: int = 8, per_group: int = 3, n_synthetic: int = 24, seed: int = 0
) -> dict[str, Any]:
    """A complete spec over procedural pictures, synthetic ones from the same source."""
    rng = np.random.default_rng(seed)
    maker = Maker(folder / "images")
    real, real_groups = grouped_blobs(rng, groups, per_group)
    training, training_groups = grouped_blobs(rng, groups * 2, per_group)
    synthetic, _ = grouped_blobs(rng, n_synthetic, 1)
    return {
        "work": str(folder / "work"),
        "features": str(folder / "features"),
        "extractor": "random-conv",
        "synthetic": maker.rows(synthetic, "s"),
        "reference": maker.rows(real, "r", real_groups),
        "training": maker.rows(training, "t", training_groups),
        "seed": 7,
        "threads": 1,
    }


def bccd_crops(kind: str, per_photograph: int, side: int = 64) -> dict[str, list[Picture]]:
    """Cell crops by photograph; the photograph is the group."""
    crops: dict[str, list[Picture]] = {}
    for path in sorted((BCCD / "Annotations").glob("*.xml")):
        boxes = [
            [int(float(item.findtext(f"bndbox/{name}", "0"))) for name in ("xmin", "ymin", "xmax", "ymax")]
            for item in ET.parse(path).getroot().iter("object")
            if item.findtext("name") == kind
        ]
        boxes = [box for box in boxes if min(box[2] - box[0], box[3] - box[1]) > 20][:per_photograph]
        if boxes:
            with Image.open(BCCD / "JPEGImages" / f"{path.stem}.jpg") as photograph:
                crops[path.stem] = [
                    np.asarray(
                        photograph.convert("RGB")
                        .crop((box[0], box[1], box[2], box[3]))
                        .resize((side, side), Image.Resampling.LANCZOS)
                    )
                    for box in boxes
                ]
    return crops


def ihc_blocks(block: int = 128, stride: int = 32, side: int = 64) -> dict[str, list[Picture]]:
    """Tiles of scikit-image's colon photograph by block; tiles of one block overlap, blocks do not."""
    from skimage import data

    photograph = data.immunohistochemistry()
    return {
        f"block-{top}-{left}": [
            np.ascontiguousarray(photograph[y : y + side, x : x + side])
            for y in range(top, top + block - side + 1, stride)
            for x in range(left, left + block - side + 1, stride)
        ]
        for top in range(0, 512, block)
        for left in range(0, 512, block)
    }


def noisy(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    return np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)


def resized(picture: Picture) -> Picture:
    return np.asarray(
        Image.fromarray(np.ascontiguousarray(picture)).resize((64, 64), Image.Resampling.BICUBIC)
    )


def cropped(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    """A part of this share of the side, anywhere, brought back to full size."""
    side = round(share * len(picture))
    top, left = rng.integers(0, len(picture) - side + 1, 2)
    return resized(picture[top : top + side, left : left + side])


def blended(picture: Picture, other: Picture, weight: float) -> Picture:
    return np.round(weight * picture + (1 - weight) * other.astype(float)).astype(np.uint8)


def moved(picture: Picture, pixels: int) -> Picture:
    """Shifted down and left, the border mirrored."""
    padded = np.pad(picture, ((pixels, 0), (0, pixels), (0, 0)), mode="reflect")
    return padded[: len(picture), pixels:]


# Ways to hide a copy of a picture, given another training picture, by name.
DISGUISES: dict[str, Callable[[Picture, Picture, np.random.Generator], Picture]] = {
    "exact": lambda picture, other, rng: picture,
    "mirrored": lambda picture, other, rng: np.ascontiguousarray(picture[:, ::-1]),
    "turned": lambda picture, other, rng: np.ascontiguousarray(np.rot90(picture)),
    "noisy": lambda picture, other, rng: noisy(picture, 8, rng),
    "flipnoise": lambda picture, other, rng: noisy(picture[::-1], 8, rng),
    "noisier": lambda picture, other, rng: noisy(picture, 16, rng),
    "moved": lambda picture, other, rng: moved(picture, 3),
    "cropped": lambda picture, other, rng: cropped(picture, 0.9, rng),
    "blended": lambda picture, other, rng: blended(picture, other, 0.8),
    "mixed": lambda picture, other, rng: blended(picture, other, 0.7),
}


def run(spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Measure in this process: the parsed report, and the scores by image id."""
    result = evaluate(spec, quiet())
    report = json.loads(Path(result["report"]).read_text())
    scores = [json.loads(line) for line in Path(result["scores"]).read_text().splitlines()]
    return report, {score["id"]: score for score in scores}


def by_metric(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["metric"]: result for result in report["results"]}
