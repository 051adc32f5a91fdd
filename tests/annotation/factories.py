"""Rows of annotation for tests, made through the services wherever there is one."""

from __future__ import annotations

import hashlib
import io
import itertools
from typing import Any

import numpy as np
from django.utils import timezone
from PIL import Image

from annotation.models import Annotation, Item, LabelSchema, Read, ReadKind, Review, Study
from annotation.services import filling, queue, reading, reviewing, signing, snapshots, studies
from annotation.services.schemas import create_label_schema
from evaluation.models import (
    Decision,
    Evaluation,
    EvaluationState,
    GateDecision,
    GatePolicy,
    ImageSet,
    Verdict,
)
from generation.models import (
    Batch,
    BatchState,
    Dataset,
    Generator,
    GeneratorState,
    Group,
    Ingest,
    SourceImage,
    Split,
    SyntheticImage,
)
from synthlab.accounts.models import User
from synthlab.core.files import store_bytes
from tests.factories import make_clinician, make_scientist
from tests.present import present

SIZE = 16
_numbers = itertools.count(1)

LABELLED: dict[str, Any] = {"decision": "labelled", "classes": ["normal"]}
DISCARDED: dict[str, Any] = {"decision": "discarded", "discard_reason": "artefact"}
GLAND: dict[str, Any] = {
    "decision": "labelled",
    "classes": ["gland"],
    "confidence": 4,
    "comment": "clear lumen",
    "regions": [{"kind": "box", "class": "gland", "geometry": {"x": 2, "y": 3, "width": 6, "height": 5}}],
    "active_seconds": 4.5,
    "idle_seconds": 0.5,
}


def make_schema(actor: User | None = None, **options: Any) -> LabelSchema:
    """Gland (box required), stroma (polygon and point optional), normal, cannot assess."""
    wishes: dict[str, Any] = {
        "name": f"schema {next(_numbers)}",
        "classes": [
            {"key": "gland", "title": "Gland", "box": "required", "polygon": "optional"},
            {"key": "stroma", "title": "Stroma", "polygon": "optional", "point": "optional"},
        ],
        "sites": [{"key": "colon", "title": "Colon"}],
        "discard_reasons": [{"key": "artefact", "title": "Artefact"}, {"key": "blurred", "title": "Blurred"}],
    }
    return create_label_schema(actor=actor or make_scientist(), **{**wishes, **options})


def png(number: int, *, size: int = SIZE, mode: str = "L") -> bytes:
    """A small picture that no other number has."""
    rng = np.random.default_rng(number)
    shape = (size, size, 3) if mode == "RGB" else (size, size)
    samples = rng.integers(0, 65_536 if mode == "I;16" else 256, shape)
    picture = Image.fromarray(samples.astype(np.uint16 if mode == "I;16" else np.uint8))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def make_dataset(owner: User | None = None) -> Dataset:
    """A data set with one real image in each of train and val."""
    owner = owner or make_scientist()
    dataset = Dataset.objects.create(
        name=f"dataset {next(_numbers)}", owner=owner, licence="CC0-1.0", manifest_digest="a" * 64
    )
    ingest = Ingest.objects.create(dataset=dataset, requested_by=owner, completed_at=timezone.now())
    for split in (Split.TRAIN, Split.VAL):
        group = Group.objects.create(dataset=dataset, key=f"g-{split}", split=split)
        make_source_image(dataset, group, ingest)
    return dataset


def make_source_image(
    dataset: Dataset, group: Group, ingest: Ingest, number: int | None = None
) -> SourceImage:
    data = png(number if number is not None else 1_000_000 + next(_numbers))
    stored = store_bytes(data)
    return SourceImage.objects.create(
        dataset=dataset,
        group=group,
        ingest=ingest,
        ordinal=str(next(_numbers)),
        digest=stored.digest,
        pixel_digest=pixel_digest(data),
        size=stored.size,
        width=SIZE,
        height=SIZE,
        channels=1,
    )


def pixel_digest(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as picture:
        return hashlib.sha256(np.asarray(picture).tobytes()).hexdigest()


def make_batch(
    dataset: Dataset, count: int = 4, *, released: bool = True, mode: str = "L", files: bool = True
) -> Batch:
    """A finished batch whose images are real files; released by a person unless told otherwise."""
    generator = Generator.objects.create(
        dataset=dataset,
        name="generator",
        digest=hashlib.sha256(f"generator {next(_numbers)}".encode()).hexdigest(),
        size=10,
        architecture="dcgan",
        image_size=SIZE,
        channels=3 if mode == "RGB" else 1,
        latent_size=8,
        state=GeneratorState.APPROVED,
        approved_by=dataset.owner,
        approved_at=timezone.now(),
        approval_reason="test",
    )
    batch = Batch.objects.create(
        generator=generator,
        requested_by=dataset.owner,
        state=BatchState.SUCCEEDED,
        count=count,
        seed=7,
        recipe={"generator": generator.digest, "encoder": "test 1"},
        completed_at=timezone.now(),
    )
    SyntheticImage.objects.bulk_create([_synthetic(batch, index, mode, files) for index in range(count)])
    if released:
        GateDecision.objects.create(
            batch=batch, decision=Decision.RELEASED, decided_by=dataset.owner, reason="test"
        )
    return batch


def _synthetic(batch: Batch, index: int, mode: str, files: bool) -> SyntheticImage:
    number = next(_numbers)
    if files:
        data = png(number, mode=mode)
        stored = store_bytes(data)
        digest, pixels, size = stored.digest, pixel_digest(data), stored.size
    else:
        digest = pixels = hashlib.sha256(f"image {number}".encode()).hexdigest()
        size = 1
    return SyntheticImage(
        batch=batch, index=index, seed=f"{number:016x}", digest=digest, pixel_digest=pixels, size=size,
        width=SIZE, height=SIZE,
    )  # fmt: skip


class Scene:
    """An open study with its people: a manager, two readers, a reviewer."""

    def __init__(self, images: int = 4, **options: Any) -> None:
        mode, files = options.pop("mode", "L"), options.pop("files", True)
        schema_options = options.pop("schema", {})
        self.manager = make_scientist()
        self.dataset = make_dataset(self.manager)
        self.batch = make_batch(self.dataset, images, mode=mode, files=files)
        self.study: Study = studies.create_study(
            actor=self.manager,
            title="A study",
            schema=make_schema(self.manager, **schema_options),
            dataset=self.dataset,
            **options,
        )
        self.reader, self.second = make_clinician(), make_clinician()
        self.reviewer = make_clinician()
        for user, role in ((self.reader, "reader"), (self.second, "reader"), (self.reviewer, "reviewer")):
            studies.add_member(actor=self.manager, study=self.study, user=user, role=role)
        filling.fill_study(actor=self.manager, study=self.study, batches=[self.batch])
        studies.open_study(actor=self.manager, study=self.study)

    def claim(self, reader: User | None = None, count: int = 1) -> list[Read]:
        return list(queue.claim_reads(reader=reader or self.reader, study=self.study, count=count).reads)

    def submit(
        self, read: Read, answer: dict[str, Any] | None = None, reader: User | None = None
    ) -> Annotation:
        reading.submit_answer(
            actor=reader or read.reader or self.reader, read=read, rev=read.rev, answer=answer or LABELLED
        )
        return Annotation.objects.get(read=read, is_final=True)

    def answer_all(
        self, answer: dict[str, Any] | None = None, reader: User | None = None
    ) -> list[Annotation]:
        done = []
        while reads := self.claim(reader):
            done.append(self.submit(reads[0], answer, reader))
        return done

    def accept(self, annotation: Annotation) -> Review:
        return reviewing.accept(actor=self.reviewer, annotation=annotation)


def add_control(scene: Scene) -> Item:
    """A hidden real control, of the size of the study's other images."""
    group, ingest = scene.dataset.groups.first(), Ingest.objects.get(dataset=scene.dataset)
    image = make_source_image(scene.dataset, present(group), ingest)
    item = Item.objects.create(study=scene.study, source_image=image)
    Read.objects.create(study=scene.study, item=item, kind=ReadKind.CONTROL, shuffle=filling.random_place())
    return item


def make_evaluation(image_set: ImageSet, actor: User) -> Evaluation:
    """A finished measurement, as the evaluation's job would leave it."""
    policy, _ = GatePolicy.objects.get_or_create(name="test", version=1, defaults={"thresholds": {}})
    looks = Evaluation.objects.filter(dataset=image_set.dataset).count()
    return Evaluation.objects.create(
        image_set=image_set,
        dataset=image_set.dataset,
        look_number=looks + 1,
        requested_by=actor,
        state=EvaluationState.SUCCEEDED,
        extractor="efficientnet-lite0",
        policy=policy,
        verdict=Verdict.INSUFFICIENT,
        reasons=["too few images"],
        completed_at=timezone.now(),
    )


def make_signed_snapshot(scene: Scene, password: str) -> Any:
    """Everything read, accepted, frozen, measured and signed."""
    for number, annotation in enumerate(scene.answer_all(GLAND)):
        if number == 0:
            continue
        scene.accept(annotation)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="First")
    make_evaluation(snapshot.image_set, scene.manager)
    return signing.sign_snapshot(
        actor=scene.manager, snapshot=snapshot, password=password, meaning="approved for training"
    )
