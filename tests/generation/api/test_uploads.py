"""Uploads through the form: what is staged, what is queued, and that nothing stays of what was refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from generation.models import Dataset, Ingest
from generation.services import ingesting, staging
from synthlab.core.jobs import execute, request_cancel, requeue_job
from synthlab.core.models import AuditEvent, IdempotencyKey, Job, JobState
from tests.factories import client_of
from tests.generation.cast import ROLES, Cast
from tests.generation.factories import make_dataset, make_generator, picture, png

PATIENT = "Musterfrau-Erika-1964"


def file(content: bytes, name: str = f"{PATIENT}.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def send(dataset: Dataset, files: Any, options: Any = None, *, client: Any = None, **headers: str) -> Any:
    client = client or client_of(dataset.owner)
    body = {"files": files}
    if options is not None:
        body["options"] = options if isinstance(options, str) else json.dumps(options)
    return client.post(f"/api/v1/datasets/{dataset.pk}/ingests", body, format="multipart", **headers)


def staged_files() -> list[Path]:
    return sorted(path for path in settings.STAGING_ROOT.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def tidy(settings: Any, tmp_path: Path) -> None:
    settings.STAGING_ROOT = tmp_path / "staging"


@pytest.mark.django_db
def test_an_upload_waits_in_its_own_folder_under_numbers() -> None:
    dataset = make_dataset()
    response = send(dataset, [file(png(picture(n)), f"{PATIENT}-{n}.png") for n in range(3)])
    assert response.status_code == 202
    ingest = Ingest.objects.get()
    assert response.headers["Location"] == f"/api/v1/jobs/{ingest.job_id}"
    folder = staging.folder_of(ingest)
    assert staged_files() == [folder / f"{n:06d}" for n in range(3)]
    assert (folder.stat().st_mode & 0o777, (folder / "000000").stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.django_db
def test_patient_keys_stay_beside_the_upload_and_go_with_it() -> None:
    dataset = make_dataset()
    groups = {"0": PATIENT, "1": "Mustermann-Max"}
    response = send(dataset, [file(png(picture(n))) for n in range(2)], {"groups": groups})
    ingest = Ingest.objects.get()
    beside = staging.folder_of(ingest) / "groups.json"
    assert beside.stat().st_mode & 0o777 == 0o600
    spec = ingesting.ingest_spec(ingest)
    assert spec["options"]["groups"] == groups
    assert len(spec["options"]["group_salt"]) == 64
    kept = [
        *AuditEvent.objects.values(), *Ingest.objects.values(), *Job.objects.values(), response.json()
    ]  # fmt: skip
    for secret in (PATIENT, "Mustermann", spec["options"]["group_salt"]):
        assert secret not in json.dumps(kept, default=str)


@pytest.mark.django_db
def test_the_salt_belongs_to_the_data_set() -> None:
    one, other = make_dataset(), make_dataset()
    assert staging.group_salt(one) == staging.group_salt(Dataset.objects.get(pk=one.pk))
    assert staging.group_salt(one) != staging.group_salt(other)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("files", "options", "status", "code"),
    [
        ([], None, 422, "no_files"),
        ("no file but text", None, 422, "no_files"),
        (1, "{broken", 400, "parse_error"),
        (1, "[]", 400, "parse_error"),
        (1, "[" * 100_000, 400, "parse_error"),
        (1, '{"channels": NaN}', 400, "parse_error"),
        (1, {"chanels": "rgb"}, 422, "invalid_input"),
        (1, {"channels": "ultraviolet"}, 422, "invalid_input"),
        (1, {"image_size": 63}, 422, "invalid_input"),
        (1, {"tile": {"size": 64, "stride": 65}}, 422, "bad_options"),
        (1, {"tile": {"size": 2}}, 422, "bad_options"),
        (1, {"tile": 64}, 422, "invalid_input"),
        (1, {"split": {"train": 0.5, "val": 0.6}}, 422, "bad_options"),
        (1, {"split": {"train": 0.5, "val": -0.5, "held_out": 1}}, 422, "bad_options"),
        (1, {"split": {"train": "nan", "val": 0.5}}, 422, "invalid_input"),
        (1, {"split": {"val": 1}}, 422, "bad_options"),
        (1, {"classes": {"0": "x" * 61}}, 422, "invalid_input"),
        (1, {"groups": ["a"]}, 422, "invalid_input"),
        (1, {"names": {"0": "x" * 1001}}, 422, "invalid_input"),
        (1, {"bits": 12}, 422, "invalid_input"),
        (1, {"bits": 16, "channels": "rgb"}, 422, "bad_options"),
        (1, {"crop": {"margin": -0.1}}, 422, "bad_options"),
        (1, {"crop": {"margin": 3}}, 422, "bad_options"),
        (1, {"crop": {"side": 8}}, 422, "bad_options"),
        (1, {"crop": {"around": 1}}, 422, "invalid_input"),
        (1, {"crop": {"margin": 0.1}, "tile": {"size": 64}}, 422, "bad_options"),
    ],
)
def test_a_bad_upload_is_refused_and_leaves_nothing(files: Any, options: Any, status: int, code: str) -> None:
    dataset = make_dataset()
    sent = [file(png(picture(1)))] if files == 1 else files
    response = send(dataset, sent, options)
    assert (response.status_code, response.json()["code"]) == (status, code), response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    assert not Ingest.objects.exists()
    assert not Job.objects.exists()
    assert staged_files() == []


@pytest.mark.django_db
def test_only_a_form_is_taken() -> None:
    dataset = make_dataset()
    url = f"/api/v1/datasets/{dataset.pk}/ingests"
    response = client_of(dataset.owner).post(url, {"files": ["x"]}, format="json")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    broken = client_of(dataset.owner).post(url, b"--x", content_type="multipart/form-data")
    assert (broken.status_code, broken.json()["code"]) == (400, "parse_error")


def test_only_the_owner_uploads(cast: Cast) -> None:
    empty = make_dataset(owner=cast.dataset.owner)
    for member in cast.dataset.members.exclude(user=empty.owner):
        empty.members.create(user=member.user, role=member.role)
    expected = {"owner": 202, "member": 403, "viewer": 403, "anonymous": 401}
    for role in reversed(ROLES):
        response = send(empty, [file(png(picture(1)))], client=cast.client(role))
        assert response.status_code == expected.get(role, 404), role
        assert bool(staged_files()) == (role == "owner")


@pytest.mark.django_db
def test_one_upload_is_read_at_a_time_and_none_after_a_training() -> None:
    dataset = make_dataset(per_split=4)
    assert send(dataset, [file(png(picture(1)))]).status_code == 202
    assert send(dataset, [file(png(picture(1)))]).json()["code"] == "ingest_running"
    assert len(staged_files()) == 1
    used = make_generator(dataset=make_dataset(per_split=4)).dataset
    response = send(used, [file(png(picture(1)))])
    assert (response.status_code, response.json()["code"]) == (409, "dataset_in_use")


@pytest.mark.django_db
def test_the_same_key_uploads_once() -> None:
    dataset = make_dataset()
    key = {"HTTP_IDEMPOTENCY_KEY": "one-upload"}
    first, second = (send(dataset, [file(png(picture(1)))], **key) for _ in range(2))
    assert first.json() == second.json()
    assert (Ingest.objects.count(), len(staged_files())) == (1, 1)
    assert PATIENT not in json.dumps(list(IdempotencyKey.objects.values()), default=str)


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_rolls_back_takes_the_staged_files_with_it(tmp_path: Path) -> None:
    dataset = make_dataset()
    upload = tmp_path / "upload"
    upload.write_bytes(b"x")

    class Power(Exception):
        pass

    def fails() -> None:
        with staging.staged([upload]) as staged, transaction.atomic():
            ingesting.start_ingest(actor=dataset.owner, dataset=dataset, upload=staged, options={})
            assert len(staged_files()) == 1
            raise Power

    with pytest.raises(Power):
        fails()
    assert staged_files() == []
    assert not Ingest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_usable_is_told_in_words_and_can_be_tried_again() -> None:
    dataset = make_dataset()
    empty_zip = io.BytesIO()
    zipfile.ZipFile(empty_zip, "w").close()
    files = [file(b"just words"), file(empty_zip.getvalue(), "scans.zip"), file(b"")]
    assert send(dataset, files).status_code == 202
    ingest = Ingest.objects.get()
    assert ingest.job is not None
    execute(str(ingest.job.pk))
    ingest.refresh_from_db()
    ingest.job.refresh_from_db()
    assert (ingest.job.state, ingest.job.error_code) == (JobState.FAILED, "nothing_accepted")
    assert "not a PNG" in ingest.job.error
    assert list(ingest.rejections.values_list("ordinal", flat=True)) == ["0", "1", "2"]
    assert staged_files() == []
    again = requeue_job(actor=dataset.owner, job=ingest.job)
    execute(str(again.pk))
    again.refresh_from_db()
    assert (again.state, again.error_code) == (JobState.FAILED, "upload_gone")

    assert send(dataset, [file(png(picture(n, 64))) for n in range(12)]).status_code == 202
    second = Ingest.objects.exclude(pk=ingest.pk).get()
    execute(str(second.job_id))
    second.refresh_from_db()
    dataset.refresh_from_db()
    assert (second.accepted_count, dataset.images.count(), dataset.is_ready) == (12, 12, True)
    assert staged_files() == []


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_upload_is_removed() -> None:
    dataset = make_dataset()
    send(dataset, [file(png(picture(1)))])
    job = Job.objects.get()
    request_cancel(actor=dataset.owner, job=job)
    assert staged_files() == []
    assert send(dataset, [file(png(picture(1)))]).status_code == 202
