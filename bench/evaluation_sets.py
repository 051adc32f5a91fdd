"""What the benchmark of evaluations measures: pictures on disk, and a subject whose features are already there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage import data

from bench.frechet import drawn_features
from evaluation.ml.images import ImageSet, parse_refs, read_set
from evaluation.ml.lite0 import EfficientNetLite0
from evaluation.ml.subject import Subject

REAL, TRAINING, SYNTHETIC = 200, 200, 1000
PER_GROUP = 2
CLASSES = ("first", "second")
SIDE = 64
SEED = 11


def tissue(count: int, side: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.uint8]]:
    """Crops of scikit-image's colon photograph, each turned and shaded its own way: no two are the same."""
    photograph = data.immunohistochemistry()  # type: ignore[no-untyped-call]
    for _ in range(count):
        top, left = rng.integers(0, photograph.shape[0] - side, 2)
        crop = np.rot90(photograph[top : top + side, left : left + side], int(rng.integers(4)))
        yield np.clip(crop + rng.normal(0, 3, crop.shape), 0, 255).astype(np.uint8)


def write_pictures(folder: Path, count: int, side: int = SIDE, seed: int = SEED) -> list[dict[str, Any]]:
    """PNG files and the rows of a spec that name them, two to a group and the classes in turns."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, picture in enumerate(tissue(count, side, np.random.default_rng(seed))):
        path = folder / f"{place:06}.png"
        Image.fromarray(picture).save(path, compress_level=1)
        rows.append(
            {
                "id": f"{folder.name}-{place}",
                "path": str(path),
                "group": f"{folder.name}-{place // PER_GROUP}",
                "class": CLASSES[place // PER_GROUP % len(CLASSES)],
            }
        )
    return rows


def make_subject(folder: Path, share: int = 1) -> Subject:
    """Three sets of pictures, and features as long and as correlated as those of efficientnet-lite0.

    Features are drawn: no step's time depends on their values. Sets are smaller by `share`, for a glance.
    """
    rng = np.random.default_rng(SEED)
    whole = {"synthetic": SYNTHETIC, "reference": REAL, "training": TRAINING}
    sizes = {name: number // share for name, number in whole.items()}
    sets = {
        name: _read(folder / name, count, name, seed)
        for seed, (name, count) in enumerate(sizes.items(), start=SEED)
    }
    rows = {name: drawn_features(count, 0.02 * (name == "synthetic"), rng) for name, count in sizes.items()}
    mean = rows["training"].mean(axis=0)
    return Subject(
        extractor=EfficientNetLite0(),
        synthetic=sets["synthetic"],
        reference=sets["reference"],
        training=sets["training"],
        synthetic_rows=rows["synthetic"] - mean,
        reference_rows=rows["reference"] - mean,
        training_rows=rows["training"] - mean,
        seed=SEED,
        symmetries=(
            "identity",
            "rot90",
            "rot180",
            "rot270",
            "mirror",
            "rot90-mirror",
            "rot180-mirror",
            "rot270-mirror",
        ),
    )


def _read(folder: Path, count: int, name: str, seed: int) -> ImageSet:
    pictures = write_pictures(folder, count, seed=seed)
    return read_set(parse_refs(pictures, name, grouped=name != "synthetic"), name)
