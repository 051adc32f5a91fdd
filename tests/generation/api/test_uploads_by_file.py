"""Uploads whose files come one by one: each can be sent again, and nothing is read before all have come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from generation.models import Dataset, Ingest, Upload
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.factories import client_of
from tests.generation.cast import ROLES, Cast
from tests.generation.factories import make_dataset, make_generator, picture, png

FILES = [png(picture(n, 64)) for n in range(12)]


@pytest.fixture(autouse=True)
def tidy(settings: Any, tmp_path: Path) -> None:
    settings.STAGING_ROOT = tmp_path / "staging"


def staged_files() -> list[str]:
    return sorted(path.name for path in settings.STAGING_ROOT.rglob("*") if path.is_file())


class Sender:
    """Somebody who uploads to a data set."""

    def __init__(self, dataset: Dataset, client: Any = None) -> None:
        self.client = client or client_of(dataset.owner)
        self.url = f"/api/v1/datasets/{dataset.pk}/uploads"

    def open(self, files: list[bytes] = FILES, **more: Any) -> Any:
        body = {"sizes": [len(data) for data in files], **more}
        response = self.client.post(self.url, body, format="json")
        if response.status_code == 201:
            self.upload = response.json()["id"]
        return response

    def put(self, place: int, data: bytes, kind: str = "application/octet-stream") -> Any:
        return self.client.put(f"{self.url}/{self.upload}/files/{place}", data, content_type=kind)

    def finish(self, **options: Any) -> Any:
        return self.client.post(f"{self.url}/{self.upload}/ingest", {"options": options}, format="json")

    def missing(self) -> list[int]:
        found: list[int] = self.client.get(f"{self.url}/{self.upload}").json()["missing"]
        return found


@pytest.mark.django_db(transaction=True)
def test_files_come_in_any_order_and_are_read_when_all_have_come() -> None:
    dataset = make_dataset()
    sender = Sender(dataset)
    assert sender.open().status_code == 201
    for place in reversed(range(1, 12)):
        assert sender.put(place, FILES[place]).status_code == 204
    assert sender.missing() == [0]
    early = sender.finish()
    assert (early.status_code, early.json()["code"], early.json()["missing"]) == (
        409,
        "upload_incomplete",
        [0],
    )
    assert sender.put(0, FILES[0]).status_code == 204
    done = sender.finish(channels="rgb")
    assert done.status_code == 202
    ingest = Ingest.objects.get(pk=sender.upload)  # the upload became the ingest of the same id
    assert (ingest.file_count, Upload.objects.count()) == (12, 0)
    execute(str(ingest.job_id))
    ingest.refresh_from_db()
    assert ingest.accepted_count == 12
    assert staged_files() == []


@pytest.mark.django_db
def test_a_file_that_was_cut_off_is_noticed_and_sent_again() -> None:
    sender = Sender(make_dataset())
    sender.open()
    for wrong in (FILES[0][:-1], FILES[0] + b"x", b""):
        refused = sender.put(0, wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "size_mismatch")
    assert staged_files() == []
    assert [sender.put(0, FILES[0]).status_code for _ in range(2)] == [204, 204]
    assert staged_files() == ["000000"]


@pytest.mark.django_db
def test_a_file_without_a_byte_is_a_file() -> None:
    sender = Sender(make_dataset())
    sender.open([b"", b"x"])
    assert sender.put(0, b"").status_code == 204
    assert sender.missing() == [1]


@pytest.mark.django_db
def test_limits_are_told_before_anything_is_sent(settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 100
    sender = Sender(make_dataset())
    for body, status, code in (
        ({"sizes": []}, 422, "no_files"),
        ({"sizes": [1] * 10_001}, 422, "too_many_files"),
        ({"sizes": [60, 41]}, 413, "upload_too_large"),
        ({"sizes": [-1]}, 422, "invalid_input"),
        ({"sizes": [1], "options": {"tile": {"size": 2}}}, 422, "bad_options"),
        ({"sizes": [1], "options": {"chanels": "rgb"}}, 422, "invalid_input"),
        ({"sizes": [1], "names": ["Doe.png"]}, 422, "invalid_input"),
    ):
        response = sender.client.post(sender.url, body, format="json")
        assert (response.status_code, response.json()["code"]) == (status, code), body
    assert not Upload.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_new_upload_takes_the_place_of_one_that_was_left() -> None:
    dataset = make_dataset()
    left, new = Sender(dataset), Sender(dataset)
    left.open()
    left.put(0, FILES[0])
    assert new.open().status_code == 201
    assert staged_files() == []
    assert left.put(0, FILES[0]).status_code == 404
    assert new.client.delete(f"{new.url}/{new.upload}").status_code == 204
    assert new.put(0, FILES[0]).status_code == 404
    assert Upload.objects.count() == 0


@pytest.mark.django_db
def test_only_places_that_were_declared_and_only_plain_bodies() -> None:
    sender = Sender(make_dataset())
    sender.open([b"x"])
    assert sender.put(1, b"x").json()["code"] == "no_such_place"
    assert sender.put(0, b"x", "application/json").status_code == 415
    other = Sender(make_dataset())
    other.upload = sender.upload
    assert other.put(0, b"x").status_code == 404


def test_only_the_owner_sends(cast: Cast) -> None:
    empty = make_dataset(owner=cast.dataset.owner)
    for member in cast.dataset.members.exclude(user=empty.owner):
        empty.members.create(user=member.user, role=member.role)
    mine = Sender(empty)
    mine.open([b"x"])
    expected = {"owner": 204, "member": 403, "viewer": 403, "anonymous": 401}
    for role in ROLES:
        theirs = Sender(empty, cast.client(role))
        theirs.upload = mine.upload
        assert theirs.put(0, b"x").status_code == expected.get(role, 404), role


@pytest.mark.django_db(transaction=True)
def test_a_data_set_grows_until_something_is_trained_on_it() -> None:
    dataset = make_dataset()
    assert _whole(dataset, FILES) == (12, {})
    dataset.refresh_from_db()
    first = dict(dataset.groups.values_list("key", "split"))
    before = dataset.manifest_digest
    # One picture again, two new ones.
    more = [FILES[0], png(picture(50, 64)), png(picture(51, 64))]
    assert _whole(dataset, more) == (2, {"0": "already_present"})
    dataset.refresh_from_db()
    after = dict(dataset.groups.values_list("key", "split"))
    assert {key: after[key] for key in first} == first
    assert dataset.manifest_digest != before
    assert (dataset.data_sheet["images"], dataset.data_sheet["uploads"]) == (14, 2)
    assert sum(part["images"] for part in dataset.data_sheet["splits"].values()) == 14

    other_form = Sender(dataset).open([b"x"], options={"image_size": 32})
    assert (other_form.status_code, other_form.json()["code"]) == (422, "form_differs")
    make_generator(dataset=dataset)
    late = Sender(dataset).open([b"x"])
    assert (late.status_code, late.json()["code"]) == (409, "dataset_in_use")


@pytest.mark.django_db(transaction=True)
def test_a_patient_of_a_later_upload_is_known_again() -> None:
    dataset = make_dataset()
    groups = {str(n): f"patient {n % 4}" for n in range(12)}
    assert _whole(dataset, FILES, groups=groups)[0] == 12
    split = dict(dataset.groups.values_list("key", "split"))
    late = [png(picture(n, 64)) for n in range(60, 64)]
    assert _whole(dataset, late, groups={str(n): f"patient {n}" for n in range(4)})[0] == 4
    assert dict(dataset.groups.values_list("key", "split")) == split
    assert "patient" not in str(list(Ingest.objects.values()))


def _whole(dataset: Dataset, files: list[bytes], **options: Any) -> tuple[int, dict[str, str]]:
    sender = Sender(dataset)
    assert sender.open(files).status_code == 201
    for place, data in enumerate(files):
        assert sender.put(place, data).status_code == 204
    assert sender.finish(**options).status_code == 202
    ingest = Ingest.objects.get(pk=sender.upload)
    job = Job.objects.get(kind="ingest", subject_id=ingest.pk)
    execute(str(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    ingest.refresh_from_db()
    return ingest.accepted_count, dict(ingest.rejections.values_list("ordinal", "code"))
