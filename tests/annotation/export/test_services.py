"""From the database to archives in every format: nobody's name, no real pixel, nothing that came after the signature."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from annotation import tasks
from annotation.export.registry import FORMATS
from annotation.export.spool import tally_members
from annotation.export.verify import verify_archive
from annotation.models import Annotation, Export, ExportState, ItemState, Read, ReadState
from annotation.services import exporting, releases, signing, snapshots
from generation.models import Dataset, SourceImage
from synthlab.core.exceptions import InvalidInput
from synthlab.core.files import path_of
from synthlab.core.jobs import execute
from tests.annotation.factories import GLAND, Scene, make_evaluation, make_signed_snapshot
from tests.annotation.pictures import pictures_in, resembles
from tests.factories import PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def scene():
    return Scene(3)


@pytest.fixture
def snapshot(scene):
    return make_signed_snapshot(scene, PASSWORD)


def exported(scene, snapshot, **wish: Any) -> Export:
    export = exporting.request_export(actor=scene.manager, snapshot=snapshot, **wish)
    execute(str(export.job_id))
    export.refresh_from_db()
    assert export.state == ExportState.SUCCEEDED
    return export


def accept_the_last(scene) -> None:
    """`make_signed_snapshot` leaves one answer waiting."""
    scene.accept(Annotation.objects.get(read__study=scene.study, read__item__state=ItemState.REVIEW))


def real_pictures():
    return [
        picture
        for digest in SourceImage.objects.values_list("digest", flat=True)
        for picture in pictures_in(path_of(digest).read_bytes())
    ]


@pytest.mark.parametrize("key", sorted(FORMATS))
def test_no_name_no_address_and_no_real_pixel_is_in_an_archive_of_any_format(scene, snapshot, key):
    export = exported(scene, snapshot, format=key)
    path = path_of(export.digest)
    assert verify_archive(path).images == snapshot.item_count
    # Nothing in an archive is compressed but the pixels of pictures: words in it can be found in its bytes.
    data = path.read_bytes()
    for person in (scene.manager, scene.reader, scene.reviewer):
        for word in (person.username, person.email, str(person.pk), person.get_full_name()):
            assert not word or word.encode() not in data
    assert GLAND["comment"].encode() not in data
    pictures, canaries = list(pictures_in(data)), real_pictures()
    assert len(pictures) >= snapshot.item_count
    assert canaries
    assert not any(resembles(picture, canary) for picture in pictures for canary in canaries)


def test_what_comes_after_the_signature_is_not_in_it(scene, snapshot):
    before = exported(scene, snapshot)
    accept_the_last(scene)
    assert scene.study.items.for_snapshot().count() == snapshot.item_count + 1
    Dataset.objects.filter(pk=scene.dataset.pk).update(
        licence="another", description="other words", modality="x"
    )
    assert exported(scene, snapshot).digest == before.digest


def test_what_is_accepted_while_an_archive_is_written_is_not_in_it(scene, snapshot, monkeypatch):
    before = exported(scene, snapshot)
    asked: list[str] = []

    def accept_meanwhile(digest: str) -> Path:
        if not asked:
            accept_the_last(scene)
        asked.append(digest)
        return path_of(digest)

    monkeypatch.setattr(tasks, "path_of", accept_meanwhile)
    assert exported(scene, snapshot).digest == before.digest
    assert len(asked) == snapshot.item_count == scene.study.items.for_snapshot().count() - 1


def test_options_are_kept_and_bad_ones_refused_by_name(scene, snapshot):
    export = exported(scene, snapshot, format="yolo", options={"task": "segment"})
    assert export.options == {"task": "segment"}
    for wish, code in (
        ({"format": "yolo", "options": {"task": "x"}}, "option_unknown"),
        ({"format": "coco", "options": {"a": 1}}, "option_unknown"),
        ({"format": "floppy"}, "format_unknown"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            exporting.request_export(actor=scene.manager, snapshot=snapshot, **wish)
        assert refusal.value.code == code


def test_the_preview_counts_what_the_archive_then_tells(scene, snapshot, tmp_path):
    release = releases.release_of(snapshot, tmp_path / "members.jsonl")
    assert exporting.tally_of(snapshot) == tally_members(release.schema, release.members)
    client = APIClient()
    client.force_authenticate(scene.manager)
    answer = client.get(reverse("snapshot-formats", args=[snapshot.pk]))
    told = {row["key"]: row for row in answer.json()}
    assert set(told) == set(FORMATS)
    export = exported(scene, snapshot, format="cvat")
    with zipfile.ZipFile(path_of(export.digest)) as opened:
        ledger = json.loads(opened.read("losses.json"))["losses"]
    assert {row["code"]: row["values"] for row in told["cvat"]["losses"]} == {
        row["code"]: row["values"] for row in ledger
    }


def test_everybody_who_read_an_image_stands_beside_it_by_pseudonym(tmp_path):
    scene = Scene(2, reads_per_item=2, approval_policy="as_read")
    for reader in (scene.reader, scene.second):
        scene.answer_all(GLAND, reader)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="First")
    make_evaluation(snapshot.image_set, scene.manager)
    signing.sign_snapshot(actor=scene.manager, snapshot=snapshot, password=PASSWORD, meaning="approved")
    snapshot.refresh_from_db()
    both = sorted(releases.pseudonym(scene.study, person.pk) for person in (scene.reader, scene.second))
    path = path_of(exported(scene, snapshot).digest)
    with zipfile.ZipFile(path) as opened:
        rows = json.loads(opened.read("manifest.json"))["images"]
        labels = json.loads(opened.read("annotations/labels.json"))["members"]
    assert [row["readers"] for row in rows] == [both, both]
    assert {member["reader"] for member in labels} <= set(both)
    Read.objects.update(state=ReadState.VOID)  # whatever becomes of the reads later
    assert path_of(exported(scene, snapshot).digest) == path
    assert verify_archive(path).images == 2


def test_strangers_see_no_formats(scene, snapshot):
    client = APIClient()
    client.force_authenticate(scene.reader)
    assert client.get(reverse("snapshot-formats", args=[snapshot.pk])).status_code == 404


def test_the_page_offers_every_format_with_what_it_costs(scene, snapshot, client):
    client.force_login(scene.manager)
    page = client.get(reverse("snapshot-page", args=[snapshot.pk])).content.decode()
    for form in FORMATS.values():
        assert f"Export as {form.title}" in page
    assert "Who read and who reviewed (pseudonyms) is not there." in page
    assert "holds everything" in page
    yolo = exporting.request_export(actor=scene.manager, snapshot=snapshot, format="yolo")
    told = next(row for row in exporting.describe_formats(snapshot) if row["key"] == "yolo")
    lost = sum(
        row["values"] for row in told["losses"] if (row["only_with"] or {}).items() <= yolo.options.items()
    )
    assert lost < sum(row["values"] for row in told["losses"])
    assert f"cannot hold {lost} values" in page


def test_a_format_whose_package_is_missing_is_refused_in_words(scene, snapshot, monkeypatch):
    from synthlab.core.exceptions import Conflict

    monkeypatch.setattr("annotation.export.formats.find_spec", lambda name: None)
    with pytest.raises(Conflict, match="pyarrow") as refusal:
        exporting.request_export(actor=scene.manager, snapshot=snapshot, format="parquet")
    assert refusal.value.code == "format_unavailable"


def test_the_evaluation_in_an_archive_is_of_the_set_and_of_its_batches(scene, snapshot):
    export = exported(scene, snapshot)
    with zipfile.ZipFile(path_of(export.digest)) as opened:
        told = json.loads(opened.read("evaluation.json"))
        manifest = json.loads(opened.read("manifest.json"))
    assert told["approved_set"]["evaluation"] == str(snapshot.evaluation_id)
    assert isinstance(told["batches"], list)
    assert {row["generator"] for row in manifest["images"]} == {scene.batch.generator.digest}
    assert manifest["facts"]["audit_head"]
    assert all(row["readers"][0].startswith("p-") for row in manifest["images"])
