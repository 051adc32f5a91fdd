"""Our side of the comparison, in processes of their own: `python -m bench.peers.ours queues|export SPEC.json`.

`queues` serves studies of open reads; `export` times the COCO archive of a set of accepted images, from the rows in the
database to the file on the disk, and leaves the same set as Label Studio's tasks.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.installation import cookies_of, prepare_home, serve

SIDE = 64


def queues(spec: dict[str, Any]) -> None:
    """Serve a study of each size, with one reader."""
    home = Path(spec["home"])
    prepare_home(home)
    from bench.filling import Filler, make_person

    reader = make_person("reader", "clinician")
    filler = Filler([reader], max(spec["sizes"]))
    studies = {size: str(filler.open_study(size).pk) for size in spec["sizes"]}
    serve(home, {"cookies": cookies_of(reader), "studies": studies})


def export(spec: dict[str, Any]) -> None:
    """Print ``{"seconds": [s, …], "bytes": n}``; ``tasks.zip`` in the spec's `work` holds the same for Label Studio."""
    prepare_home(Path(spec["home"]))
    from annotation.services.snapshots import create_snapshot

    work = Path(spec["work"])
    manager, study = _accepted(spec["count"])
    snapshot = create_snapshot(actor=manager, study=study, name="bench")
    seconds = [_write(snapshot, "coco", work / "coco.zip") for _ in range(spec["rounds"])]
    _write(snapshot, "labelstudio", work / "tasks.zip")
    print(json.dumps({"seconds": seconds, "bytes": (work / "coco.zip").stat().st_size}))


def _write(snapshot: Any, format: str, target: Path) -> float:
    """What the job of an export does, without its queue."""
    from annotation.export.package import write_package
    from annotation.models import Snapshot
    from annotation.services.releases import release_of
    from synthlab.core.files import path_of

    started = time.perf_counter()
    rows = Snapshot.objects.select_related(
        "study__schema", "image_set__dataset", "evaluation__image_set", "created_by"
    )
    release = release_of(rows.get(pk=snapshot.pk), target.with_suffix(".jsonl"))
    write_package(release, format=format, image_path=path_of, target=target)
    return time.perf_counter() - started


def _accepted(count: int) -> tuple[Any, Any]:
    """A study whose images were all read and accepted, each with one box; the first by the services, the rest copied."""
    from annotation.services import filling, queue, reading, studies
    from annotation.services.schemas import create_label_schema
    from bench.filling import make_person, released_batch

    manager, reader = make_person("manager", "scientist"), make_person("reader", "clinician")
    schema = create_label_schema(
        actor=manager, name="bench", classes=[{"key": "gland", "title": "Gland", "box": "required"}], sites=[],
        discard_reasons=[{"key": "artefact", "title": "Artefact"}],
    )  # fmt: skip
    study = studies.create_study(actor=manager, title="accepted", schema=schema, approval_policy="as_read")
    studies.add_member(actor=manager, study=study, user=reader, role="reader")
    batch = released_batch(manager, _pictures(count))
    _add_validation_image(batch.generator.dataset, manager)
    filling.fill_study(actor=manager, study=study, batches=[batch], limit=1)
    studies.open_study(actor=manager, study=study)
    [read] = queue.claim_reads(reader=reader, study=study, count=1).reads
    box = {"x": 6.4, "y": 6.4, "width": 25.6, "height": 19.2}
    answer = {
        "decision": "labelled",
        "classes": ["gland"],
        "regions": [{"kind": "box", "class": "gland", "geometry": box}],
    }
    reading.submit_answer(actor=reader, read=read, rev=read.rev, answer=answer)
    _copy_answer(study.items.get(), count - 1)
    return manager, study


def _copy_answer(item: Any, count: int) -> None:
    """So many more items with the read, the answer and the box of this one."""
    from django.db import transaction

    from bench.filling import SHUFFLED, copy_rows, key_of

    final = item.outcome
    keys = {name: key_of(name) for name in ("image", "item", "read", "annotation", "region")}
    own = {"id": keys["item"], "synthetic_image_id": keys["image"], "outcome_id": keys["annotation"]}
    with transaction.atomic():  # an item and its outcome name each other
        copy_rows(item, count, **own)
        copy_rows(final.read, count, id=keys["read"], item_id=keys["item"], shuffle=SHUFFLED)
        copy_rows(final, count, id=keys["annotation"], read_id=keys["read"])
        copy_rows(final.regions.get(), count, id=keys["region"], annotation_id=keys["annotation"])


def _add_validation_image(dataset: Any, owner: Any) -> None:
    """A set is frozen only where something is there to measure it against; here nobody will."""
    from django.utils import timezone

    from generation.models import Group, Ingest, SourceImage, Split

    SourceImage.objects.create(
        dataset=dataset, group=Group.objects.create(dataset=dataset, key="one", split=Split.VAL),
        ingest=Ingest.objects.create(dataset=dataset, requested_by=owner, completed_at=timezone.now()), ordinal="1",
        digest="1" * 64, pixel_digest="1" * 64, size=1, width=SIDE, height=SIDE, channels=3,
    )  # fmt: skip


def _pictures(count: int) -> list[Any]:
    """Stored images of noise, all different; the first belongs to the item that is copied."""
    from bench.filling import Picture, key_at
    from generation.ml.png import encode_png
    from synthlab.core.files import store_each

    rng = np.random.Generator(np.random.Philox(7))
    pixels = (rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(count))
    stored = store_each(encode_png(one, {}) for one in pixels)
    return [
        Picture(one.digest, one.size, SIDE, key_at("image", place - 1)) for place, one in enumerate(stored)
    ]


if __name__ == "__main__":
    {"queues": queues, "export": export}[sys.argv[1]](
        json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    )
