"""Somebody with an account of their own reaches for what belongs to others, or sends what no client would."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from generation.models import Ingest, SourceImage, Upload
from generation.services import uploads
from synthlab.core.files import OutsideRoot, path_of
from tests.factories import client_of
from tests.generation.api.test_uploads import file, send, staged_files
from tests.generation.cast import Cast
from tests.generation.factories import make_dataset, picture, png
from tests.present import present


@pytest.fixture(autouse=True)
def tidy(settings: Any, tmp_path: Any) -> None:
    settings.STAGING_ROOT = tmp_path / "staging"


def put(client: Any, url: str, body: bytes, **headers: Any) -> Any:
    return client.generic("PUT", url, body, content_type="application/octet-stream", **headers)


@pytest.mark.django_db
def test_an_upload_is_reached_through_its_own_data_set_only() -> None:
    victim, attacker = make_dataset(), make_dataset()
    data = png(picture(1))
    upload = uploads.open_upload(actor=victim.owner, dataset=victim, sizes=[len(data)], options={})
    client = client_of(attacker.owner)
    for dataset in (victim, attacker):
        url = f"/api/v1/datasets/{dataset.pk}/uploads/{upload.pk}"
        assert client.get(url).status_code == 404
        assert put(client, f"{url}/files/0", data).status_code == 404
        assert client.post(f"{url}/finish", {}, format="json").status_code == 404
        assert client.delete(url).status_code == 404
    assert Upload.objects.filter(pk=upload.pk).exists()
    assert staged_files() == []
    assert not Ingest.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("length", ["abc", "-1", "1e9", "٣", "", "99999999999999999999"])
def test_a_length_that_is_no_length_is_a_refusal(length: str) -> None:
    dataset = make_dataset()
    upload = uploads.open_upload(actor=dataset.owner, dataset=dataset, sizes=[10], options={})
    url = f"/api/v1/datasets/{dataset.pk}/uploads/{upload.pk}/files/0"
    response = put(client_of(dataset.owner), url, b"0123456789", CONTENT_LENGTH=length)
    assert response.status_code in (400, 413, 422), response.content
    assert staged_files() == []


@pytest.mark.django_db
@pytest.mark.parametrize("place", ["-1", "1", "99999999999999999999", "../0", "%2e%2e%2f0", "0/../../x"])
def test_a_place_is_a_number_of_this_upload(place: str) -> None:
    dataset = make_dataset()
    upload = uploads.open_upload(actor=dataset.owner, dataset=dataset, sizes=[1], options={})
    url = f"/api/v1/datasets/{dataset.pk}/uploads/{upload.pk}/files/{place}"
    assert put(client_of(dataset.owner), url, b"x").status_code == 404
    assert staged_files() == []


def test_ids_of_other_data_sets_withdraw_nothing(cast: Cast) -> None:
    attacker = make_dataset(per_split=4)
    image = present(cast.dataset.images.first())
    client = client_of(attacker.owner)
    for body in ({"images": [str(image.pk)]}, {"groups": [str(image.group_id)]}, {"images": [str(uuid4())]}):
        for tail in ("", "/preview"):
            wish = body if tail else {**body, "reason": "mine"}
            answer = client.post(f"/api/v1/datasets/{attacker.pk}/withdrawals{tail}", wish, format="json")
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_image"), answer.content
    assert not SourceImage.objects.exclude(withdrawn_at=None).exists()


def test_a_digest_opens_nothing(cast: Cast) -> None:
    """Digests are no addresses: who knows one, or guesses it, has nothing."""
    image = present(cast.dataset.images.first())
    owner = cast.client("owner")
    for url in (
        f"/api/v1/images/{image.digest}/file",
        f"/media/{image.digest[:2]}/{image.digest}",
        f"/api/v1/datasets/{cast.dataset.pk}/images/{image.digest}/file",
        f"/datasets/{cast.dataset.pk}/gallery/{image.digest}/",
    ):
        assert owner.get(url).status_code == 404, url
    for digest in ("../../etc/passwd", "a" * 63 + "/", "..", "", "A" * 64, f"{image.digest}/../x"):
        with pytest.raises((OutsideRoot, ValueError)):
            path_of(digest)


@pytest.mark.django_db
def test_the_same_picture_in_two_data_sets_is_two_pictures() -> None:
    """Sending a picture tells nobody whether another data set holds it."""
    data, answers = [png(picture(seed, 64)) for seed in range(6)], []
    for _ in range(2):
        dataset = make_dataset()
        response = send(dataset, [file(each) for each in data])
        body = response.json()
        answers.append((response.status_code, sorted(body), body["options"], body["file_count"]))
    assert answers[0] == answers[1]


@pytest.mark.django_db
def test_a_file_may_be_as_large_as_an_upload_and_other_bodies_may_not() -> None:
    dataset = make_dataset()
    data = bytes(11 * 2**20)
    upload = uploads.open_upload(actor=dataset.owner, dataset=dataset, sizes=[len(data)], options={})
    client, url = client_of(dataset.owner), f"/api/v1/datasets/{dataset.pk}/uploads/{upload.pk}"
    assert put(client, f"{url}/files/0", data).status_code == 204
    for method, path in (("POST", f"{url}/finish"), ("PATCH", f"/api/v1/datasets/{dataset.pk}")):
        for kind in ("application/octet-stream", "application/json"):
            response = client.generic(method, path, data.decode(), content_type=kind)
            assert response.status_code == 413, (method, path, kind)
