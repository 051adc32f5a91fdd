"""Data sets, generators and batches for tests: real rows with real little PNG files, made without torch."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import struct
from typing import Any

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray
from PIL import Image

from generation.models import (
    Batch,
    BatchState,
    Dataset,
    DatasetMember,
    Generator,
    GeneratorState,
    Group,
    Ingest,
    SourceImage,
    Split,
    SyntheticImage,
)
from generation.pixels import pixel_digest
from generation.services.manifests import dataset_digest
from synthlab.accounts.models import User
from synthlab.core.files import StoredFile, store_bytes
from tests.factories import make_scientist

SIZE = 32
_numbers = itertools.count(1)


def picture(seed: int, size: int = SIZE) -> NDArray[np.uint8]:
    """A smooth random colour picture, `(size, size, 3)`; another seed, another picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def make_dataset(*, owner: User | None = None, per_split: int = 0, groups: int = 4, **fields: Any) -> Dataset:
    """A data set; with `per_split` images on each side of the split, spread over `groups` groups a side."""
    owner = owner or make_scientist()
    fields.setdefault("name", f"data set {next(_numbers)}")
    dataset = Dataset.objects.create(owner=owner, **fields)
    DatasetMember.objects.create(dataset=dataset, user=owner, view_real=True)
    if per_split:
        ingest = Ingest.objects.create(
            dataset=dataset, requested_by=owner, file_count=1, completed_at=timezone.now()
        )
        for split in (Split.TRAIN, Split.VAL):
            _fill(ingest, split, per_split, groups)
        dataset.image_size, dataset.channels = SIZE, 3
        dataset.manifest_digest = dataset_digest(dataset)
        dataset.save()
    return dataset


def _fill(ingest: Ingest, split: str, count: int, groups: int) -> None:
    rows = [
        Group.objects.create(dataset=ingest.dataset, key=f"{split}-{n}", split=split) for n in range(groups)
    ]
    for place in range(count):
        make_source_image(ingest=ingest, group=rows[place % groups])


def make_source_image(*, ingest: Ingest, group: Group) -> SourceImage:
    pixels = picture(next(_numbers))
    stored = store_bytes(png(pixels))
    return SourceImage.objects.create(
        dataset=ingest.dataset,
        group=group,
        ingest=ingest,
        ordinal=str(next(_numbers)),
        digest=stored.digest,
        pixel_digest=pixel_digest(pixels),
        thumbnail_digest=stored.digest,
        size=stored.size,
        width=SIZE,
        height=SIZE,
        channels=3,
    )


def weights_file(**header: Any) -> bytes:
    """A file that says what a generator's says, without a tensor in it."""
    record = {
        "architecture": "dcgan-s",
        "image_size": SIZE,
        "channels": 3,
        "latent_size": 128,
        "classes": [],
        "step": next(_numbers),
        **header,
    }
    text = json.dumps({"__metadata__": {"synthlab": json.dumps(record)}}).encode()
    return struct.pack("<Q", len(text)) + text


def make_generator(
    *, dataset: Dataset | None = None, state: str = GeneratorState.CANDIDATE, classes: tuple[str, ...] = ()
) -> Generator:
    dataset = dataset or make_dataset()
    stored: StoredFile = store_bytes(weights_file(classes=list(classes)))
    approved = state == GeneratorState.APPROVED
    return Generator.objects.create(
        dataset=dataset,
        name=f"generator {next(_numbers)}",
        digest=stored.digest,
        size=stored.size,
        architecture="dcgan-s",
        image_size=SIZE,
        channels=3,
        latent_size=128,
        classes=list(classes),
        state=state,
        approved_by=dataset.owner if approved else None,
        approved_at=timezone.now() if approved else None,
    )


def make_batch(
    *, generator: Generator | None = None, count: int = 4, state: str = BatchState.SUCCEEDED, **fields: Any
) -> Batch:
    """A batch; a succeeded one holds its images."""
    generator = generator or make_generator(state=GeneratorState.APPROVED)
    batch = Batch.objects.create(
        generator=generator,
        requested_by=generator.dataset.owner,
        count=count,
        seed=next(_numbers),
        state=state,
        recipe={"generator": generator.digest},
        **fields,
    )
    if state == BatchState.SUCCEEDED:
        for index in range(count):
            make_synthetic_image(batch=batch, index=index)
    return batch


def make_synthetic_image(*, batch: Batch, index: int) -> SyntheticImage:
    pixels = picture(next(_numbers))
    stored = store_bytes(png(pixels))
    return SyntheticImage.objects.create(
        batch=batch,
        index=index,
        seed=hashlib.sha256(str(index).encode()).hexdigest()[:16],
        digest=stored.digest,
        pixel_digest=pixel_digest(pixels),
        size=stored.size,
        width=SIZE,
        height=SIZE,
    )
