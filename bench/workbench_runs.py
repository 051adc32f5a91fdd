"""Studies with pictures and readers, served: `python -m bench.workbench_runs SPEC.json` for `bench.workbench`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.installation import cookies_of, prepare_home, serve


def main(spec: dict[str, Any]) -> None:
    """Serve one study of images to be read one after the other, and one of a single image with many shapes in its draft."""
    home = Path(spec["home"])
    prepare_home(home)
    from annotation.services.schemas import create_label_schema
    from bench.filling import make_person
    from synthlab.demo.study import SCHEMA

    manager, reader = make_person("manager", "scientist"), make_person("reader", "clinician")
    schema = create_label_schema(actor=manager, **SCHEMA)
    paths = {}
    for name, side, count in (("many", spec["side"], spec["images"]), ("crowded", spec["crowded_side"], 1)):
        study = _open_study(manager, reader, schema, side, count)
        paths[name] = f"/studies/{study.pk}/read/"
        if name == "crowded":
            _draw(reader, study, spec["shapes"], side)
    serve(home, {"paths": paths, "cookies": cookies_of(reader)})


def _open_study(manager: Any, reader: Any, schema: Any, side: int, count: int) -> Any:
    from annotation.services import filling, studies
    from bench.filling import Picture, released_batch
    from generation.ml.png import encode_png
    from synthlab.core.files import store_each

    stored = store_each(encode_png(pixels, {}) for pixels in _pictures(side, count))
    batch = released_batch(manager, [Picture(one.digest, one.size, side) for one in stored])
    study = studies.create_study(actor=manager, title=f"{count} images of {side} pixels", schema=schema)
    studies.add_member(actor=manager, study=study, user=reader, role="reader")
    filling.fill_study(actor=manager, study=study, batches=[batch])
    studies.open_study(actor=manager, study=study)
    return study


def _pictures(side: int, count: int) -> Iterator[np.ndarray]:
    rng = np.random.Generator(np.random.Philox(7))
    for _ in range(count):
        yield rng.integers(0, 256, (side, side, 3), dtype=np.uint8)


def _draw(reader: Any, study: Any, count: int, side: int) -> None:
    """A draft with so many shapes: boxes and polygons in turns, in rows, each with free ground around it."""
    from annotation.services.queue import claim_reads
    from annotation.services.reading import save_draft

    columns = int(np.ceil(np.sqrt(count)))
    cell = side / columns
    regions = []
    for place in range(count):
        x, y = place % columns * cell + cell / 5, place // columns * cell + cell / 5
        half = round(cell / 2, 2)
        shape: dict[str, Any] = {
            "kind": "box",
            "geometry": {"x": round(x, 2), "y": round(y, 2), "width": half, "height": half},
        }
        if place % 2:
            turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
            around = np.stack([np.cos(turns), np.sin(turns)], axis=1)
            points = np.round([x, y] + cell / 4 * (1 + around), 2)
            shape = {"kind": "polygon", "geometry": {"points": points.tolist()}}
        regions.append({**shape, "class": "dab_positive_gland"})
    [read] = claim_reads(reader=reader, study=study, count=1).reads
    save_draft(
        actor=reader, read=read, rev=read.rev, answer={"classes": ["dab_positive_gland"], "regions": regions}
    )


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
