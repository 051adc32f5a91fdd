"""The reader's path over REST: claim, look, draft, submit; late, stale and repeated answers; blinding."""

from __future__ import annotations

import io
import json
import uuid

import numpy as np
import pytest
from PIL import Image

from annotation.models import Annotation, Item, Read
from synthlab.core.files import path_of
from tests.annotation.calls import API, claim, post, submit
from tests.annotation.factories import (
    GLAND,
    LABELLED,
    SIZE,
    Scene,
)
from tests.annotation.test_queue import expire
from tests.factories import client_of
from tests.present import present

pytestmark = pytest.mark.django_db

READ_FIELDS = {"id", "rev", "state", "lease_until", "pixels_url", "draft", "note", "note_at", "progress"}


def keys_of(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


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
    assert done.json() == {"rev": 2, "state": "submitted"}
    assert post(client, f"{API}/reads/{second['id']}/skip", {"kind": "later"}).status_code == 200
    third = claim(client, scene)["reads"][0]
    assert third["progress"] == {"done": 1, "total": 3, "eta_seconds": None}
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
    image = present(Item.objects.get().synthetic_image)
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
    assert client.get(f"{API}/items/{present(Item.objects.first()).pk}").status_code == 404
    assert client.get(f"{API}/batches/{scene.batch.pk}").status_code == 404


def test_a_returned_read_carries_the_reviewers_note_with_its_place_and_the_earlier_answer():
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0], GLAND)
    body = {"annotation": str(annotation.pk), "verdict": "return", "comment": "Look at the rim."}
    reviewer = client_of(scene.reviewer)
    for point in ({"x": 1}, {"x": "left", "y": 2}, {"x": -1, "y": 2}, {"x": 3, "y": 2, "z": 1}, [3, 2]):
        assert post(reviewer, f"{API}/reviews", {**body, "point": point}).status_code == 422, point
    outside = post(reviewer, f"{API}/reviews", {**body, "point": {"x": SIZE + 1, "y": 2}})
    assert (outside.status_code, outside.json()["code"]) == (422, "point_outside")
    done = post(reviewer, f"{API}/reviews", {**body, "point": {"x": 3, "y": 2.5}})
    assert (done.status_code, done.json()["point"]) == (201, {"x": 3.0, "y": 2.5})
    (read,) = claim(client_of(scene.reader), scene)["reads"]
    assert set(read) == READ_FIELDS
    assert (read["note"], read["note_at"]) == ("Look at the rim.", {"x": 3.0, "y": 2.5})
    assert read["draft"]["classes"] == ["gland"]
    assert submit(client_of(scene.reader), read, GLAND).status_code == 200
