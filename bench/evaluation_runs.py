"""Peak memory of storing features, in a process of its own: `python -m bench.evaluation_runs SPEC.json`.

The way of each picture is the product's: read, digested, looked up, computed, stored. The network itself goes forward for
the first pictures only and gives drawn rows after that: its passes have one size, so that later ones take no more memory.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.harness import ROOT

SIDE = 16
FORWARD = 64


def peak_mib(folder: Path, count: int) -> float:
    """Peak memory in MiB of a process that stores the features of so many small pictures."""
    folder.mkdir(parents=True)
    spec = folder / "spec.json"
    spec.write_text(json.dumps({"folder": str(folder), "count": count}), encoding="utf-8")
    command = [sys.executable, "-m", "bench.evaluation_runs", str(spec)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["peak_mib"])


def store(spec: dict[str, Any]) -> float:
    """Store features of pictures that are written first; the peak begins with the process's own code."""
    from evaluation.ml.features import FeatureStore, store_features
    from evaluation.ml.images import parse_refs
    from evaluation.ml.lite0 import EfficientNetLite0
    from generation.child import Reporter

    class FewPasses(EfficientNetLite0):
        """Forward for the first pictures, drawn rows after."""

        seen = 0

        def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            rng = np.random.default_rng(self.seen)
            rows = rng.random((len(images), self.dimension), dtype=np.float32)
            if self.seen < FORWARD:
                rows[:FORWARD] = super().features(images[:FORWARD])
            self.seen += len(images)
            return rows

    folder = Path(spec["folder"])
    rows = _write(folder / "images", spec["count"])
    extractor = FewPasses()
    store_features(
        FeatureStore(folder / "store", extractor),
        extractor,
        parse_refs(rows, "image", grouped=False),
        Reporter(lambda line: None),
    )
    return _peak_mib()


def _write(folder: Path, count: int) -> list[dict[str, str]]:
    folder.mkdir(parents=True)
    rng, rows = np.random.default_rng(0), []
    for place in range(count):
        path = folder / f"{place}.png"
        picture = np.frombuffer(rng.bytes(SIDE * SIDE * 3), dtype=np.uint8).reshape(SIDE, SIDE, 3)
        Image.fromarray(picture).save(path, compress_level=0)
        rows.append({"id": str(place), "path": str(path)})
    return rows


def _peak_mib() -> float:
    """VmHWM, which unlike getrusage's begins anew with the program."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    print(json.dumps({"peak_mib": store(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))}))
