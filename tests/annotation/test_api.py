"""Annotation over REST: the reader's path, who sees what, and what bad input gets."""

from __future__ import annotations

import io
import json
import uuid

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image

from annotation.models import Annotation, Item, LabelSchema, Read, Review, Study
from annotation.services import exporting, reviewing, snapshots, studies
from synthlab.core.files import path_of
from synthlab.core.jobs import execute
from tests.annotation.factories import (
    GLAND,
    LABELLED,
    SIZE,
    Scene,
    make_batch,
    make_evaluation,
    make_schema,
    make_signed_snapshot,
)
from tests.annotation.test_queue import expire
from tests.factories import PASSWORD, client_of, make_clinician, make_scientist

pytestmark = pytest.mark.django_db

READ_FIELDS = {"id", "rev", "state", "lease_until", "pixels_url", "draft", "note", "progress"}
API = "/api/v1"


def post(client, url, body=None, **headers):
    return client.post(
        url, body or {}, format="json", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def claim(client, scene, count=1):
    return post(client, f"{API}/studies/{scene.study.pk}/claim", {"count": count}).json()


def submit(client, read, answer, **headers):
    return post(
        client, f"{API}/reads/{read['id']}/submit", answer, **{"If_Match": f'"{read["rev"]}"', **headers}
    )


def test_the_readers_path():
    scene = Scene(3)
    client = client_of(scene.reader)
    answer = claim(client, scene, 2)
    assert set(answer) == {"reads", "reason", "until"}
    first, second = answer["reads"]
    assert set(first) == READ_FIELDS
    assert first["progress"] == {"done": 0, "total": 3, "eta_seconds": None}
    assert first["draft"] is None
    url = f"{API}/reads/{first['id']}"
    saved = client.put(f"{url}/draft", {"comment": "x"}, format="json", headers={"If-Match": '"0"'})
    assert (saved.json(), saved["ETag"]) == ({"rev": 1}, '"1"')
    assert claim(client, scene)["reads"][0]["draft"] == {"comment": "x"}
    assert post(client, f"{url}/renew").json()["lease_until"]
    done = submit(client, {**first, "rev": 1}, GLAND)
    assert done.json() == {
        "rev": 2,
        "state": "submitted",
        "progress": {"done": 1, "total": 3, "eta_seconds": 10},
    }
    assert post(client, f"{API}/reads/{second['id']}/skip", {"kind": "later"}).status_code == 200
    third = claim(client, scene)["reads"][0]
    assert post(client, f"{API}/reads/{third['id']}/release").status_code == 204


def test_the_same_key_gets_the_same_answer_again():
    scene = Scene(1)
    client = client_of(scene.reader)
    (read,) = claim(client, scene)["reads"]
    key = str(uuid.uuid4())
    replies = [submit(client, read, LABELLED, Idempotency_Key=key) for _ in range(2)]
    assert replies[0].status_code == replies[1].status_code == 200
    assert replies[0].json() == replies[1].json()
    assert replies[1]["Idempotency-Replayed"] == "true"
    assert Annotation.objects.count() == 1


def test_a_missing_version_is_428_and_a_stale_one_412_with_both_versions():
    scene = Scene(1)
    client = client_of(scene.reader)
    (read,) = claim(client, scene)["reads"]
    assert post(client, f"{API}/reads/{read['id']}/submit", LABELLED).status_code == 428
    client.put(
        f"{API}/reads/{read['id']}/draft", {"comment": "a"}, format="json", headers={"If-Match": '"0"'}
    )
    stale = submit(client, read, LABELLED)
    assert stale.status_code == 412
    assert stale["Content-Type"] == "application/problem+json"
    assert stale.json()["current"]["answer"] == {"comment": "a"}
    assert stale.json()["yours"]["answer"] == LABELLED


@pytest.mark.parametrize("key", [None, "a-key-of-mine"])
def test_a_lost_lease_is_409_and_the_answer_is_kept_with_and_without_a_key(key):
    scene = Scene(1)
    client = client_of(scene.reader)
    (read,) = claim(client, scene)["reads"]
    expire(Read.objects.get())
    scene.claim(scene.second)
    lost = submit(client, read, GLAND, **({"Idempotency_Key": key} if key else {}))
    assert (lost.status_code, lost.json()["code"], lost.json()["kept"]) == (409, "lease_lost", True)
    assert lost["Content-Type"] == "application/problem+json"
    assert Annotation.objects.kept_late().get().draft == GLAND
    assert client.get(f"{API}/reads/{read['id']}").json()["state"] == "lost"
    manager = client_of(scene.manager)
    (row,) = manager.get(f"{API}/studies/{scene.study.pk}/late-answers").json()["results"]
    assert row["answer"] == GLAND
    url = f"{API}/studies/{scene.study.pk}/late-answers/{row['id']}/use"
    assert post(client, url).status_code == 403
    assert post(manager, url).status_code == 204
    assert Item.objects.get().state == "review"


@pytest.mark.parametrize(("mode", "channels", "bits"), [("L", 1, 8), ("RGB", 3, 8), ("I;16", 1, 16)])
def test_pixels_are_raw_samples_with_their_shape_and_no_name(mode, channels, bits):
    scene = Scene(1, mode=mode)
    client = client_of(scene.reader)
    (read,) = claim(client, scene)["reads"]
    answer = client.get(read["pixels_url"])
    assert answer.status_code == 200
    image = Item.objects.get().synthetic_image
    with Image.open(io.BytesIO(path_of(image.digest).read_bytes())) as picture:
        expected = np.asarray(picture)
    samples = np.frombuffer(answer.content, "<u2" if bits == 16 else "u1").reshape(expected.shape)
    assert (samples == expected).all()
    shape = [answer[f"X-Image-{name}"] for name in ("Width", "Height", "Channels", "Bits")]
    assert shape == [str(SIZE), str(SIZE), str(channels), str(bits)]
    assert answer["Cache-Control"] == "private, no-store"
    told = str(dict(answer.items()))
    assert all(secret not in told for secret in (image.digest, str(image.pk), image.pixel_digest))
    again = client.get(read["pixels_url"], headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def keys_of(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def test_no_payload_of_a_reader_tells_one_image_or_kind_of_read_from_another():
    scene = Scene(2, reads_per_item=2)
    Read.objects.filter(item=Item.objects.first()).update(kind="control")
    scene.answer_all(GLAND, scene.second)
    client = client_of(scene.reader)
    reads = claim(client, scene, 2)["reads"]
    study = client.get(f"{API}/studies/{scene.study.pk}").json()
    progress = client.get(f"{API}/studies/{scene.study.pk}/progress").json()
    payloads = [*reads, *[client.get(f"{API}/reads/{read['id']}").json() for read in reads], study, progress]
    assert {frozenset(read) for read in reads} == {frozenset(READ_FIELDS)}
    forbidden = {
        "image",
        "digest",
        "file",
        "batch",
        "generator",
        "kind",
        "item",
        "reader",
        "dataset",
        "filename",
    }
    assert not forbidden & set(keys_of(payloads))
    text = json.dumps(payloads)
    for image in scene.batch.images.all():
        assert image.digest not in text
        assert str(image.pk) not in text
    assert str(scene.second.pk) not in text
    for image in scene.batch.images.all():
        assert client.get(f"{API}/images/{image.pk}/file").status_code == 404
    assert client.get(f"{API}/items").json()["results"] == []
    assert client.get(f"{API}/items/{Item.objects.first().pk}").status_code == 404
    assert client.get(f"{API}/batches/{scene.batch.pk}").status_code == 404


def test_a_stranger_finds_nothing_anywhere():
    scene = Scene(3)
    snapshot = make_signed_snapshot(scene, PASSWORD)
    export = exporting.request_export(actor=scene.manager, snapshot=snapshot)
    read = Read.objects.first()
    study = f"{API}/studies/{scene.study.pk}"
    gets = [
        study, f"{study}/progress", f"{study}/agreement", f"{study}/members", f"{study}/late-answers",
        f"{API}/reads/{read.pk}", f"{API}/reads/{read.pk}/pixels", f"{API}/items/{read.item_id}",
        f"{API}/reviews/{Review.objects.first().pk}", f"{API}/snapshots/{snapshot.pk}",
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


def test_the_managers_path_from_schema_to_file():
    scientist, reader, reviewer = make_scientist(), make_clinician(), make_clinician()
    client = client_of(scientist)
    schema = post(client, f"{API}/label-schemas", {
        "name": "Glands",
        "classes": [{"key": "gland", "title": "Gland", "box": "optional"}],
        "discard_reasons": [{"key": "blurred", "title": "Blurred"}],
    })  # fmt: skip
    assert schema.status_code == 201, schema.content
    assert [row["key"] for row in schema.json()["classes"]] == ["gland", "normal", "cannot_assess"]
    from tests.annotation.factories import make_dataset

    dataset = make_dataset(scientist)
    batch = make_batch(dataset, 2)
    made = post(
        client, f"{API}/studies", {"title": "T", "schema": schema.json()["id"], "dataset": str(dataset.pk)}
    )
    assert made.status_code == 201, made.content
    study = f"{API}/studies/{made.json()['id']}"
    assert post(client, f"{study}/open").json()["code"] == "study_empty"
    assert post(client, f"{study}/fill", {"batches": [str(batch.pk)]}).json() == {
        "added": 2,
        "known": 0,
        "refused": 0,
    }
    assert post(client, f"{study}/open").json()["code"] == "study_without_readers"
    for user, role in ((reader, "reader"), (reviewer, "reviewer")):
        assert post(client, f"{study}/members", {"user": str(user.pk), "role": role}).status_code == 201
    assert post(client, f"{study}/open").json()["state"] == "open"
    hands = client_of(reader)
    while reads := post(hands, f"{study}/claim").json()["reads"]:
        answer = {"decision": "labelled", "classes": ["gland"]}
        assert submit(hands, reads[0], answer).status_code == 200
    eyes = client_of(reviewer)
    for item in eyes.get(f"{API}/items?state=review").json()["results"]:
        body = {"annotation": item["reads"][0]["annotation"]["id"], "verdict": "accept"}
        assert post(eyes, f"{API}/reviews", body).status_code == 201
    snapshot = post(client, f"{API}/snapshots", {"study": made.json()["id"], "name": "One"})
    assert (snapshot.status_code, snapshot.json()["item_count"]) == (201, 2)
    url = f"{API}/snapshots/{snapshot.json()['id']}"
    make_evaluation(snapshots.Snapshot.objects.get().image_set, scientist)
    assert post(client, f"{url}/sign", {"password": "nope", "meaning": "ok"}).status_code == 403
    assert post(client, f"{url}/sign", {"password": PASSWORD, "meaning": "ok"}).json()["signature"]
    export = post(client, f"{API}/exports", {"snapshot": snapshot.json()["id"], "format": "coco"})
    assert export.status_code == 202
    assert export["Location"] == reverse("job-detail", args=[export.json()["job"]])
    file = f"{API}/exports/{export.json()['id']}/file"
    assert client.get(file).status_code == 409


@pytest.mark.django_db(transaction=True)
def test_the_file_is_served_whole_and_in_parts():
    scene = Scene(3)
    snapshot = make_signed_snapshot(scene, PASSWORD)
    export = exporting.request_export(actor=scene.manager, snapshot=snapshot)
    execute(str(export.job_id))
    client = client_of(scene.manager)
    url = f"{API}/exports/{export.pk}/file"
    whole = client.get(url)
    data = b"".join(whole.streaming_content)
    assert data[:2] == b"PK"
    assert whole["Content-Type"] == "application/zip"
    assert "attachment" in whole["Content-Disposition"]
    part = client.get(url, headers={"Range": "bytes=10-29"})
    assert part.status_code == 206
    assert b"".join(part.streaming_content) == data[10:30]
    assert client.get(url, headers={"If-None-Match": whole["ETag"]}).status_code == 304
    assert client_of(scene.reviewer).get(url).status_code == 404


BAD = [
    ("label-schemas", {}),
    ("label-schemas", {"name": "x", "classes": [], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [1], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "A b", "title": "A"}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A"}] * 2, "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A", "mask": "required"}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A", "colour": "red"}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A", "code": "1"}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A", "order": 1}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A"}], "discard_reasons": []}),
    ("label-schemas", {"name": "x", "classes": [{"key": {"a": 1}, "title": ["A"]}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("studies", {}),
    ("studies", {"title": "x", "schema": "no uuid"}),
    ("studies", {"title": "x", "schema": str(uuid.uuid4())}),
    ("studies", {"title": "x" * 161, "schema": "{schema}"}),
    ("studies", {"title": "x", "schema": "{schema}", "reads_per_item": 0}),
    ("studies", {"title": "x", "schema": "{schema}", "reads_per_item": 10**9}),
    ("studies", {"title": "x", "schema": "{schema}", "sample_share": 2}),
    ("studies", {"title": "x", "schema": "{schema}", "approval_policy": "never"}),
    ("studies", {"title": "x", "schema": "{schema}", "dataset": str(uuid.uuid4())}),
    ("studies/{study}/fill", {}),
    ("studies/{study}/fill", {"batches": []}),
    ("studies/{study}/fill", {"batches": ["x"]}),
    ("studies/{study}/fill", {"batches": [str(uuid.uuid4())]}),
    ("studies/{study}/fill", {"batches": ["{foreign}"]}),
    ("studies/{study}/fill", {"batches": ["{batch}"], "limit": 0}),
    ("studies/{study}/members", {"user": "x", "role": "reader"}),
    ("studies/{study}/members", {"user": str(uuid.uuid4()), "role": "reader"}),
    ("studies/{study}/members", {"user": "{reader}", "role": "king"}),
    ("studies/{study}/assign", {"reads": [str(uuid.uuid4())], "reader": "{reader}"}),
    ("studies/{study}/assign", {"reads": "x"}),
    ("studies/{study}/open", {}),
    ("snapshots", {"study": "{study}", "name": "x"}),
    ("snapshots", {"study": "{study}", "name": "", "filters": {}}),
    ("snapshots", {"study": "{study}", "name": "x", "filters": {"classes": {"a": 1}}}),
    ("snapshots", {"study": str(uuid.uuid4()), "name": "x"}),
    ("exports", {"snapshot": str(uuid.uuid4()), "format": "coco"}),
    ("exports", {"snapshot": "x", "format": "floppy"}),
    ("reviews", {"annotation": str(uuid.uuid4()), "verdict": "accept"}),
    ("reviews", {"annotation": str(uuid.uuid4()), "verdict": "maybe"}),
    ("reviews", {"annotation": str(uuid.uuid4()), "verdict": "overrule"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), BAD)
def test_bad_input_gets_a_problem_document_and_changes_nothing(path, body):
    scene = Scene(1)
    foreign = make_batch(
        __import__("tests.annotation.factories", fromlist=["make_dataset"]).make_dataset(), 1
    )
    names = {
        "study": scene.study.pk, "schema": scene.study.schema_id, "batch": scene.batch.pk, "reader": scene.reader.pk,
        "foreign": foreign.pk,
    }  # fmt: skip
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", str(value))
        body = json.loads(json.dumps(body).replace(f"{{{name}}}", str(value)))
    before = [model.objects.count() for model in (LabelSchema, Study, Item, Read, Annotation)]
    answer = post(client_of(scene.manager), f"{API}/{path}", body)
    assert 400 <= answer.status_code < 500, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"]
    assert [model.objects.count() for model in (LabelSchema, Study, Item, Read, Annotation)] == before


@pytest.mark.parametrize("count", [0, 4, -1, "x", None, 1.5, [1]])
def test_a_claim_for_a_wrong_count_is_refused(count):
    scene = Scene(1)
    answer = post(client_of(scene.reader), f"{API}/studies/{scene.study.pk}/claim", {"count": count})
    assert answer.status_code == 422 or answer.status_code == 400
    assert not Read.objects.filter(state="leased").exists()


@pytest.mark.parametrize("answer", [{}, {"decision": "labelled", "classes": [{}]}, {**GLAND, "regions": [{"kind": []}]},
                                    {**GLAND, "regions": [{"kind": "box", "class": {}, "geometry": "x"}]}])  # fmt: skip
def test_a_wrong_answer_is_422_by_its_field(answer):
    scene = Scene(1)
    client = client_of(scene.reader)
    (read,) = claim(client, scene)["reads"]
    refused = submit(client, read, answer)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"]


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


def test_a_returned_read_carries_the_reviewers_note_and_the_earlier_answer():
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0], GLAND)
    reviewing.return_(actor=scene.reviewer, annotation=annotation, comment="Look at the rim.")
    (read,) = claim(client_of(scene.reader), scene)["reads"]
    assert set(read) == READ_FIELDS
    assert read["note"] == "Look at the rim."
    assert read["draft"]["classes"] == ["gland"]
    assert submit(client_of(scene.reader), read, GLAND).status_code == 200


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
