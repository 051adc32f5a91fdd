"""Uploads: in the staging folder only, for the owner only, under names of ours, and gone afterwards."""

import os
import stat
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from synthlab.core.job_sweep import sweep
from synthlab.core.models import Job, JobState
from synthlab.core.uploads import (
    StagedFile,
    UploadTooLarge,
    clear_staging,
    make_staging_folder,
    remove_staging_folder,
)


@pytest.fixture(autouse=True)
def staging(settings: Any, tmp_path: Path) -> Path:
    folder = settings.STAGING_ROOT = tmp_path / "staging"
    return folder


def post(*files: tuple[str, bytes]) -> HttpRequest:
    uploads = [SimpleUploadedFile(name, data) for name, data in files]
    return RequestFactory().post("/", {"files": uploads})


def test_a_file_lies_in_the_staging_folder_under_our_name(staging: Path) -> None:
    request = post(("Miller^Anna/../x.png", b"pixels"))
    (file,) = request.FILES.getlist("files")
    assert isinstance(file, StagedFile)
    assert file.read() == b"pixels"
    assert file.path.parent == staging / "arriving"
    assert "Miller" not in str(file.path)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    for folder in (staging, file.path.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    file.close()
    assert not file.path.exists()


def test_kept_files_are_named_by_their_place(staging: Path) -> None:
    owner = uuid.uuid4()
    request = post(("a.png", b"a"), ("b.png", b"b"))
    folder = make_staging_folder(owner)
    files: list[Any] = request.FILES.getlist("files")
    kept = [file.keep(folder, number) for number, file in enumerate(files)]
    request.close()
    assert [path.name for path in kept] == ["000000", "000001"]
    assert [path.read_bytes() for path in kept] == [b"a", b"b"]
    assert list((staging / "arriving").iterdir()) == []
    remove_staging_folder(owner)
    assert not folder.exists()


def test_too_large_says_so_and_leaves_nothing(settings: Any, staging: Path) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    request = post(("big", b"x" * 5000))
    with pytest.raises(UploadTooLarge) as refused:
        _ = request.FILES
    assert (refused.value.status, refused.value.code) == (413, "upload_too_large")
    assert not staging.exists() or not any(path.is_file() for path in staging.rglob("*"))


def test_a_body_that_lies_about_its_length_is_stopped(settings: Any, staging: Path) -> None:
    request = post(("big", b"x" * 200_000))
    settings.MAX_UPLOAD_BYTES = 100_000
    request.META["CONTENT_LENGTH"] = "50"
    with pytest.raises(UploadTooLarge):
        _ = request.FILES
    assert not any(path.is_file() for path in staging.rglob("*"))


def test_start_up_empties_all_but_what_waits(staging: Path) -> None:
    waiting, ended = uuid.uuid4(), uuid.uuid4()
    for owner in (waiting, ended):
        (make_staging_folder(owner) / "000000").write_bytes(b"x")
    (staging / "arriving").mkdir()
    (staging / "arriving" / "rest").write_bytes(b"x")
    (staging / "link").symlink_to("/")
    assert clear_staging(keep=[waiting]) == 3
    assert [path.name for path in staging.iterdir()] == [str(waiting)]


@pytest.mark.django_db
def test_the_sweep_removes_what_a_killed_process_left(staging: Path) -> None:
    ended, waiting, killed, arriving = (uuid.uuid4() for _ in range(4))
    for owner in (ended, waiting, killed, arriving):
        (make_staging_folder(owner) / "000000").write_bytes(b"a patient")
    now = timezone.now()
    Job.objects.create(kind="test_answer", subject_id=ended, state=JobState.SUCCEEDED, finished_at=now)
    Job.objects.create(kind="test_answer", subject_id=waiting)
    (staging / "arriving").mkdir()
    for name in ("old", "new"):
        (staging / "arriving" / name).write_bytes(b"a patient")
    two_days_ago = time.time() - 2 * 86_400
    for path in (staging / str(killed), staging / "arriving" / "old", staging / str(waiting)):
        os.utime(path, (two_days_ago, two_days_ago))
    sweep()
    assert {path.name for path in staging.iterdir()} == {str(waiting), str(arriving), "arriving"}
    assert [path.name for path in (staging / "arriving").iterdir()] == ["new"]


def test_staging_folders_have_ids_for_names() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        make_staging_folder("../x")


def test_it_is_the_only_handler_and_a_form_without_files_needs_no_folder(staging: Path) -> None:
    assert django_settings.FILE_UPLOAD_HANDLERS == ["synthlab.core.uploads.StagedUploadHandler"]
    assert not RequestFactory().post("/", {"a": "b"}).FILES
    assert not staging.exists()
