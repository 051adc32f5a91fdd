"""Who sees and does what over REST, and the manager's path from schema to file."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from annotation.models import Item, Read, Review, Snapshot
from annotation.services import exporting, studies
from synthlab.core.jobs import execute
from tests.annotation.calls import API, claim, post, streamed, submit
from tests.annotation.factories import (
    GLAND,
    LABELLED,
    Scene,
    make_batch,
    make_dataset,
    make_evaluation,
    make_schema,
    make_signed_snapshot,
)
from tests.factories import PASSWORD, client_of, make_clinician, make_scientist
from tests.present import present

pytestmark = pytest.mark.django_db


def test_a_stranger_finds_nothing_anywhere():
    scene = Scene(3)
    snapshot = make_signed_snapshot(scene, PASSWORD)
    export = exporting.request_export(actor=scene.manager, snapshot=snapshot)
    read = present(Read.objects.first())
    study = f"{API}/studies/{scene.study.pk}"
    gets = [
        study, f"{study}/progress", f"{study}/agreement", f"{study}/members", f"{study}/late-answers",
        f"{API}/reads/{read.pk}", f"{API}/reads/{read.pk}/pixels", f"{API}/items/{read.item_id}",
        f"{API}/reviews/{present(Review.objects.first()).pk}", f"{API}/snapshots/{snapshot.pk}",
        f"{API}/exports/{export.pk}", f"{API}/exports/{export.pk}/file",
    ]  # fmt: skip
    posts = [
        f"{study}/open", f"{study}/pause", f"{study}/close", f"{study}/fill", f"{study}/claim", f"{study}/assign",
        f"{study}/members", f"{API}/snapshots/{snapshot.pk}/sign",
        *(f"{API}/reads/{read.pk}/{verb}" for verb in ("submit", "skip", "renew", "release")),
    ]  # fmt: skip
    for stranger in (make_clinician(), make_scientist()):
        client = client_of(stranger)
        assert [client.get(url).status_code for url in gets] == [404] * len(gets)
        assert [post(client, url, If_Match='"0"').status_code for url in posts] == [404] * len(posts)
        for name in ("studies", "items", "reviews", "snapshots", "exports"):
            assert client.get(f"{API}/{name}").json()["results"] == []
    anonymous = client_of()
    assert {anonymous.get(url).status_code for url in gets} == {401}


def test_each_role_of_a_study_gets_its_part_and_no_more():
    scene = Scene(2)
    annotation = scene.submit(scene.claim()[0], GLAND)
    study = f"{API}/studies/{scene.study.pk}"
    reader, reviewer, manager = client_of(scene.reader), client_of(scene.reviewer), client_of(scene.manager)
    for client in (reader, reviewer):
        for verb in ("open", "pause", "close"):
            assert post(client, f"{study}/{verb}").status_code == 403
        assert post(client, f"{study}/fill", {"batches": [str(scene.batch.pk)]}).status_code == 403
        assert client.get(f"{study}/members").status_code == 403
        assert client.get(f"{study}/agreement").status_code == 403
        assert "items" not in client.get(f"{study}/progress").json()
        body = {"study": str(scene.study.pk), "name": "x"}
        assert post(client, f"{API}/snapshots", body).status_code == 403
    review = {"annotation": str(annotation.pk), "verdict": "accept"}
    assert post(reader, f"{API}/reviews", review).status_code == 404
    assert post(manager, f"{API}/reviews", review).status_code == 403
    assert post(manager, f"{study}/claim").status_code == 403
    (row,) = reviewer.get(f"{API}/items?study={scene.study.pk}&state=review").json()["results"]
    assert "image" not in row
    assert row["reads"][0]["annotation"]["classes"] == ["gland"]
    assert str(scene.reader.pk) not in json.dumps(row)
    assert reviewer.get(row["reads"][0]["pixels_url"]).status_code == 200
    assert post(reviewer, f"{API}/reviews", review).status_code == 201
    assert post(reviewer, f"{API}/reviews", review).status_code == 409
    assert manager.get(f"{study}/progress").json()["items"]["accepted"] == 1
    assert reader.get(f"{API}/reviews").json()["results"][0]["mine"] == "received"


def make_schema_and_study(client, dataset):
    body = {
        "name": "Glands",
        "classes": [{"key": "gland", "title": "Gland", "box": "optional"}],
        "discard_reasons": [{"key": "blurred", "title": "Blurred"}],
    }
    schema = post(client, f"{API}/label-schemas", body)
    assert schema.status_code == 201, schema.content
    assert [row["key"] for row in schema.json()["classes"]] == ["gland", "normal", "cannot_assess"]
    body = {"title": "T", "schema": schema.json()["id"], "dataset": str(dataset.pk)}
    made = post(client, f"{API}/studies", body)
    assert made.status_code == 201, made.content
    return made.json()["id"]


def read_and_accept_all(reader, reviewer, study):
    hands, eyes = client_of(reader), client_of(reviewer)
    while reads := post(hands, f"{study}/claim").json()["reads"]:
        assert submit(hands, reads[0], {"decision": "labelled", "classes": ["stroma"]}).status_code == 200
    for item in eyes.get(f"{API}/items?state=review").json()["results"]:
        body = {"annotation": item["reads"][0]["annotation"]["id"], "verdict": "accept"}
        assert post(eyes, f"{API}/reviews", body).status_code == 201


def test_a_study_is_filled_staffed_and_opened_in_this_order():
    scientist, reader = make_scientist(), make_clinician()
    client = client_of(scientist)
    dataset = make_dataset(scientist)
    batch = make_batch(dataset, 2)
    study = f"{API}/studies/{make_schema_and_study(client, dataset)}"
    assert post(client, f"{study}/open").json()["code"] == "study_empty"
    filled = post(client, f"{study}/fill", {"batches": [str(batch.pk)]})
    assert filled.json() == {"added": 2, "known": 0, "refused": 0}
    assert post(client, f"{study}/open").json()["code"] == "study_without_readers"
    member = post(client, f"{study}/members", {"user": str(reader.pk), "role": "reader"})
    assert member.status_code == 201
    assert post(client, f"{study}/open").json()["state"] == "open"
    assert client.delete(f"{study}/members/{member.json()['id']}").status_code == 204


def test_the_managers_path_from_answers_to_an_export():
    scene = Scene(2)
    client = client_of(scene.manager)
    read_and_accept_all(scene.reader, scene.reviewer, f"{API}/studies/{scene.study.pk}")
    snapshot = post(client, f"{API}/snapshots", {"study": str(scene.study.pk), "name": "One"})
    assert (snapshot.status_code, snapshot.json()["item_count"]) == (201, 2)
    url = f"{API}/snapshots/{snapshot.json()['id']}"
    make_evaluation(Snapshot.objects.get().image_set, scene.manager)
    assert post(client, f"{url}/sign", {"password": "nope", "meaning": "ok"}).status_code == 403
    assert post(client, f"{url}/sign", {"password": PASSWORD, "meaning": "ok"}).json()["signature"]
    export = post(client, f"{API}/exports", {"snapshot": snapshot.json()["id"], "format": "coco"})
    assert export.status_code == 202
    assert export["Location"] == reverse("job-detail", args=[export.json()["job"]])
    assert client.get(f"{API}/exports/{export.json()['id']}/file").status_code == 409


@pytest.mark.django_db(transaction=True)
def test_the_file_is_served_whole_and_in_parts():
    scene = Scene(3)
    snapshot = make_signed_snapshot(scene, PASSWORD)
    export = exporting.request_export(actor=scene.manager, snapshot=snapshot)
    execute(str(export.job_id))
    client = client_of(scene.manager)
    url = f"{API}/exports/{export.pk}/file"
    whole = client.get(url)
    data = streamed(whole)
    assert data[:2] == b"PK"
    assert whole["Content-Type"] == "application/zip"
    assert "attachment" in whole["Content-Disposition"]
    part = client.get(url, headers={"Range": "bytes=10-29"})
    assert part.status_code == 206
    assert streamed(part) == data[10:30]
    assert client.get(url, headers={"If-None-Match": whole["ETag"]}).status_code == 304
    assert client_of(scene.reviewer).get(url).status_code == 404


def test_clinicians_make_neither_schemas_nor_studies():
    schema = make_schema()
    client = client_of(make_clinician())
    body = {
        "name": "x",
        "classes": [{"key": "a", "title": "A"}],
        "discard_reasons": [{"key": "b", "title": "B"}],
    }
    assert post(client, f"{API}/label-schemas", body).status_code == 403
    assert client.get(f"{API}/label-schemas/{schema.pk}").status_code == 404
    assert post(client, f"{API}/studies", {"title": "x", "schema": str(schema.pk)}).status_code == 404


def test_a_reviewer_who_reads_too_does_not_see_unfinished_answers():
    scene = Scene(1, reads_per_item=2)
    studies.add_member(actor=scene.manager, study=scene.study, user=scene.second, role="reviewer")
    scene.answer_all(GLAND)
    client = client_of(scene.second)
    assert client.get(f"{API}/items").json()["results"] == []
    scene.answer_all(LABELLED, scene.second)
    assert Item.objects.get().state == "disputed"
    assert client_of(scene.reviewer).get(f"{API}/items").json()["results"] == []


def test_assigning_over_rest_and_taking_back():
    scene = Scene(2)
    keys = [str(key) for key in Read.objects.values_list("pk", flat=True)]
    client = client_of(scene.manager)
    url = f"{API}/studies/{scene.study.pk}/assign"
    assert post(client, url, {"reads": keys, "reader": str(scene.reader.pk)}).json() == {"changed": 2}
    assert claim(client_of(scene.second), scene)["reason"] == "all_done"
    assert post(client, url, {"reads": keys}).json() == {"changed": 2}
    assert len(claim(client_of(scene.second), scene)["reads"]) == 1


def test_a_manager_reads_the_audit_of_their_own_study_only():
    scene, other = Scene(1), Scene(1)
    chains = {row["chain"] for row in client_of(scene.manager).get(f"{API}/audit-events").json()["results"]}
    assert f"study:{scene.study.pk}" in chains
    assert f"study:{other.study.pk}" not in chains
    assert client_of(scene.reader).get(f"{API}/audit-events").json()["results"] == []
