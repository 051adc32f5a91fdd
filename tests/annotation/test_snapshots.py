"""The approved data set: frozen, signed, exported; nothing of it changes unseen, and nothing real gets in."""

from __future__ import annotations

import hashlib
import json
import zipfile
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from annotation.export.verify import verify_archive
from annotation.models import Annotation, Export, ExportState, Item, Read, Region, Snapshot, SnapshotItem
from annotation.services import exporting, filling, planning, signing, snapshots, studies
from evaluation.models import Evaluation, GateDecision
from generation.models import SourceImage, SyntheticImage
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from synthlab.core.files import path_of
from synthlab.core.invariants import find_violations
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.annotation.factories import (
    DISCARDED,
    GLAND,
    LABELLED,
    Scene,
    make_batch,
    make_dataset,
    make_evaluation,
    make_signed_snapshot,
)
from tests.factories import PASSWORD, make_clinician, make_scientist
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SIGNED = ("a signed snapshot is what was signed",)
WHOLE = (*SIGNED, "a snapshot holds accepted synthetic images only, and as many as it says",
         "no snapshot holds a real image's pixels")  # fmt: skip


def accepted_scene(count=3):
    scene = Scene(count, approval_policy="as_read")
    scene.answer_all(GLAND)
    return scene


def measured(scene, name="First"):
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name=name)
    make_evaluation(snapshot.image_set, scene.manager)
    return snapshot


def test_only_released_finished_batches_of_one_data_set_fill_a_study():
    scene = Scene(2)
    fill = partial(filling.fill_study, actor=scene.manager, study=scene.study)
    with pytest.raises(NotAllowed) as refusal:
        fill(batches=[make_batch(scene.dataset, 1, released=False)])
    assert refusal.value.code == "batch_not_released"
    withheld = make_batch(scene.dataset, 1)
    GateDecision.objects.filter(batch=withheld).update(decision="withheld")
    with pytest.raises(NotAllowed):
        fill(batches=[withheld])
    unfinished = make_batch(scene.dataset, 1)
    type(unfinished).objects.filter(pk=unfinished.pk).update(state="running")
    unfinished.refresh_from_db()
    with pytest.raises(NotAllowed):
        fill(batches=[unfinished])
    with pytest.raises(InvalidInput):
        fill(batches=[make_batch(make_dataset(scene.manager), 1)])
    with pytest.raises(InvalidInput):
        fill(batches=[])
    assert Item.objects.count() == 2


def test_filling_twice_adds_nothing_and_a_limit_is_kept():
    scene = Scene(3)
    again = filling.fill_study(actor=scene.manager, study=scene.study, batches=[scene.batch])
    assert (again.added, again.known) == (0, 3)
    more = filling.fill_study(
        actor=scene.manager, study=scene.study, batches=[make_batch(scene.dataset, 5)], limit=2
    )
    assert more.added == 2
    assert Read.objects.count() == 5


def test_an_image_with_a_real_ones_pixels_never_enters_a_study():
    scene = Scene(1)
    batch = make_batch(scene.dataset, 2)
    real = present(SourceImage.objects.first())
    SyntheticImage.objects.filter(pk=present(batch.images.first()).pk).update(pixel_digest=real.pixel_digest)
    filled = filling.fill_study(actor=scene.manager, study=scene.study, batches=[batch])
    assert (filled.added, filled.refused) == (1, 1)


def test_only_managers_fill_and_strangers_to_the_data_set_cannot_start_from_it():
    scene = Scene(1)
    with pytest.raises(NotAllowed):
        filling.fill_study(actor=scene.reader, study=scene.study, batches=[scene.batch])
    stranger = make_scientist()
    with pytest.raises(NotAllowed):
        studies.create_study(actor=stranger, title="x", schema=scene.study.schema, dataset=scene.dataset)
    own = studies.create_study(actor=stranger, title="x", schema=scene.study.schema)
    with pytest.raises(NotAllowed):
        filling.fill_study(actor=stranger, study=own, batches=[scene.batch])


def test_a_snapshot_freezes_accepted_images_only_and_asks_for_their_measurement():
    scene = Scene(4, approval_policy="as_read", sample_share=0.0)
    scene.submit(scene.claim()[0], GLAND)
    scene.submit(scene.claim()[0], DISCARDED)
    scene.submit(scene.claim()[0], LABELLED)
    preview = planning.preview_snapshot(scene.study)
    assert preview.images == 2
    assert {row["key"]: row["images"] for row in preview.classes} == {"gland": 1, "normal": 1}
    assert (preview.discarded, preview.undecided) == (1, 1)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="First")
    assert snapshot.item_count == 2 == snapshot.items.count()
    digests = list(snapshot.items.order_by("position").values_list("image__digest", flat=True))
    assert digests == sorted(digests)
    assert Evaluation.objects.get().image_set == snapshot.image_set
    assert Job.objects.get().kind == "evaluation"
    scene.submit(scene.claim()[0], GLAND)
    assert snapshot.items.count() == 2


def test_the_same_content_has_the_same_digest_and_other_content_another():
    scene = accepted_scene(2)
    first, second = measured(scene), measured(scene, "Again")
    assert first.digest == second.digest
    assert first.image_set == second.image_set
    filtered = snapshots.create_snapshot(
        actor=scene.manager, study=scene.study, name="g", filters={"classes": ["gland"]}
    )
    assert filtered.digest == first.digest
    region = present(Region.objects.first())
    Region.objects.filter(pk=region.pk).update(geometry={**region.geometry, "x": 1.0})
    assert snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="n").digest != first.digest


@pytest.mark.parametrize(
    "filters", [{"reader": "x"}, {"classes": []}, {"classes": ["wolf"]}, {"classes": "gland"}]
)
def test_an_unknown_filter_is_refused(filters):
    scene = accepted_scene(1)
    with pytest.raises(InvalidInput):
        snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x", filters=filters)


def test_nothing_accepted_gives_no_snapshot():
    scene = Scene(1)
    with pytest.raises(InvalidInput):
        snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x")
    with pytest.raises(NotAllowed):
        snapshots.create_snapshot(actor=scene.reader, study=scene.study, name="x")


def test_a_real_control_cannot_stand_in_a_snapshot():
    scene = accepted_scene(1)
    control = Item.objects.create(study=scene.study, source_image=SourceImage.objects.first())
    Item.objects.filter(pk=control.pk).update(
        state="accepted", outcome=Annotation.objects.first(), decided_at=scene.study.created_at
    )
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x")
    assert not snapshot.items.filter(item=control).exists()
    annotation = present(Annotation.objects.first())
    row: dict[str, Any] = {"snapshot": snapshot, "item": control, "image": None, "annotation": annotation}
    with pytest.raises(IntegrityError), transaction.atomic():
        SnapshotItem.objects.create(**row, position=9)


def test_an_accepted_image_with_real_pixels_stops_the_snapshot_and_the_export(
    django_capture_on_commit_callbacks,
):
    scene = accepted_scene(2)
    snapshot = make_signed(scene)
    real = present(SourceImage.objects.first())
    SyntheticImage.objects.filter(pk=snapshot.items.first().image_id).update(pixel_digest=real.pixel_digest)
    with pytest.raises(Conflict) as refusal:
        snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x")
    assert refusal.value.code == "real_pixels"
    with pytest.raises(Conflict):
        exporting.refuse_real_images(snapshot)
    assert list(find_violations(("no snapshot holds a real image's pixels",)))


def make_signed(scene):
    snapshot = measured(scene)
    return signing.sign_snapshot(
        actor=scene.manager, snapshot=snapshot, password=PASSWORD, meaning="approved for training"
    )


def test_signing_asks_for_the_password_a_meaning_and_a_measurement():
    scene = accepted_scene(1)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x")
    sign = {"actor": scene.manager, "snapshot": snapshot, "password": PASSWORD, "meaning": "approved"}
    with pytest.raises(Conflict) as refusal:
        signing.sign_snapshot(**sign)
    assert refusal.value.code == "evaluation_missing"
    make_evaluation(snapshot.image_set, scene.manager)
    for wrong, error in (
        ({"password": "x"}, NotAllowed),
        ({"meaning": " "}, InvalidInput),
        ({"actor": scene.reader}, NotAllowed),
    ):
        with pytest.raises(error):
            signing.sign_snapshot(**{**sign, **wrong})
    assert not Snapshot.objects.get().is_signed
    signed = signing.sign_snapshot(**sign)
    assert signing.signature_holds(signed)
    assert signed.evaluation is not None
    with pytest.raises(Conflict):
        signing.sign_snapshot(**sign)


def test_half_a_signature_is_refused_by_the_database():
    scene = accepted_scene(1)
    snapshot = measured(scene)
    with pytest.raises(IntegrityError), transaction.atomic():
        Snapshot.objects.filter(pk=snapshot.pk).update(signature="f" * 64)
    with pytest.raises(IntegrityError), transaction.atomic():
        Snapshot.objects.filter(pk=snapshot.pk).update(
            signature="f" * 64, signed_by=scene.manager, signed_at=snapshot.created_at
        )


@pytest.mark.parametrize("change", ["label", "region", "member", "meaning", "signer", "copied", "time"])
def test_a_signed_snapshot_cannot_change_unseen(change):
    scene = accepted_scene(3)
    snapshot = make_signed(scene)
    assert list(find_violations(WHOLE)) == []
    if change == "label":
        Annotation.objects.filter(is_final=True).update(confidence=1)
    elif change == "region":
        Region.objects.all().update(geometry={"x": 0, "y": 0, "width": 1, "height": 1})
    elif change == "member":
        snapshot.items.first().delete()
        Snapshot.objects.update(item_count=2)
    elif change == "meaning":
        Snapshot.objects.update(meaning="approved for everything")
    elif change == "signer":
        Snapshot.objects.update(signed_by=make_clinician())
    elif change == "time":
        Snapshot.objects.update(signed_at=snapshot.created_at)
    else:
        other = measured(scene, "Other")
        Snapshot.objects.filter(pk=other.pk).update(
            signed_by=snapshot.signed_by, signed_at=snapshot.signed_at, meaning=snapshot.meaning,
            signature=snapshot.signature, evaluation=snapshot.evaluation,
        )  # fmt: skip
        snapshot = other
    assert list(find_violations(SIGNED))
    if change in ("meaning", "signer", "time", "copied"):  # the job of an export finds the others
        with pytest.raises(Conflict) as refusal:
            exporting.request_export(actor=scene.manager, snapshot=Snapshot.objects.get(pk=snapshot.pk))
        assert refusal.value.code == "signature_void"


def test_an_unsigned_snapshot_and_an_unknown_format_are_not_exported():
    scene = accepted_scene(1)
    snapshot = measured(scene)
    with pytest.raises(Conflict) as refusal:
        exporting.request_export(actor=scene.manager, snapshot=snapshot)
    assert refusal.value.code == "snapshot_unsigned"
    with pytest.raises(InvalidInput):
        exporting.request_export(actor=scene.manager, snapshot=snapshot, format="floppy")
    with pytest.raises(NotAllowed):
        exporting.request_export(actor=scene.reader, snapshot=snapshot)


@pytest.mark.django_db(transaction=True)
def test_an_export_is_written_by_its_job_verifies_and_is_the_same_again():
    scene = Scene(3)
    snapshot = make_signed_snapshot(scene, PASSWORD)
    exports = [exporting.request_export(actor=scene.manager, snapshot=snapshot) for _ in range(2)]
    for export in exports:
        execute(str(export.job_id))
    first, second = Export.objects.order_by("created_at")
    assert (first.state, second.state) == (ExportState.SUCCEEDED, ExportState.SUCCEEDED)
    assert first.digest == second.digest
    found = verify_archive(path_of(first.digest))
    assert (found.images, found.regions, found.signed) == (2, 2, True)
    assert found.snapshot_digest == snapshot.digest
    assert Job.objects.get(pk=present(first.job_id)).state == JobState.SUCCEEDED
    with zipfile.ZipFile(path_of(first.digest)) as opened:
        listing = json.loads(opened.read("manifest.json"))
        text = b"".join(opened.read(name) for name in opened.namelist() if not name.endswith(".png")).decode()
    assert listing["snapshot"]["signature"]["meaning"] == "approved for training"
    assert listing["provenance"]["generators"] == [scene.batch.generator.digest]
    assert list(find_violations(WHOLE)) == []
    for person in (scene.manager, scene.reader, scene.reviewer):
        assert person.username not in text
        assert str(person.pk) not in text
    assert GLAND["comment"] not in text
    real = {
        hashlib.sha256(path_of(d).read_bytes()).hexdigest()
        for d in SourceImage.objects.values_list("digest", flat=True)
    }
    assert not real & {row["sha256"] for row in listing["files"]}


@pytest.mark.django_db(transaction=True)
def test_a_damaged_image_fails_the_export_at_once_and_says_so():
    scene = Scene(3)
    snapshot = make_signed_snapshot(scene, PASSWORD)
    path = path_of(snapshot.items.first().image.digest)
    path.chmod(0o600)
    path.write_bytes(b"damaged")
    export = exporting.request_export(actor=scene.manager, snapshot=snapshot)
    execute(str(export.job_id))
    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    job = Job.objects.get(pk=present(export.job_id))
    assert (job.state, job.error_code) == (JobState.FAILED, "export_damaged")
    assert export.digest == ""
