"""Hostile files through the front door, with the worker's own handler and its real child."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from generation.models import Dataset, Ingest
from generation.services import ingesting, reading
from synthlab.core.invariants import find_violations
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.generation.api.test_uploads import file, send
from tests.generation.factories import make_dataset, picture, png
from tests.generation.ingest.builders import zipped
from tests.generation.ingest.hostile import disguises
from tests.generation.ingest.hostile.corpus import OK, whole_corpus
from tests.present import present

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def homes(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MEDIA_ROOT", "STAGING_ROOT", "WORK_ROOT"):
        setattr(settings, name, tmp_path / "home" / name)
        (tmp_path / "home" / name).mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return tmp_path / "home"


def upload(dataset: Dataset, files: list[SimpleUploadedFile], **options: Any) -> Ingest:
    """Send, do the job, and return what became of it."""
    response = send(dataset, files, {"channels": "rgb", "drop_duplicates": False, **options})
    assert response.status_code == 202, response.content
    execute(response.json()["job"])
    return Ingest.objects.get(pk=response.json()["id"])


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_whole_corpus_in_one_upload(homes: Path) -> None:
    corpus = whole_corpus()
    disguises.MARKER.unlink(missing_ok=True)
    dataset = make_dataset()
    ingest = upload(dataset, [file(each.build(), f"../../{each.name}.png") for each in corpus])

    job = present(ingest.job)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1), (job.error_code, job.error, job.log_tail)
    found: dict[int, list[tuple[list[int], str]]] = {n: [] for n in range(len(corpus))}
    rows = [*ingest.rejections.values_list("ordinal", "code"), *((o, OK) for o in _accepted(ingest))]
    for place, code in rows:
        numbers = [int(part) for part in re.split(r"[/#]", place)]
        found[numbers[0]].append((numbers, code))
    told = {each.name: tuple(code for _, code in sorted(found[n])) for n, each in enumerate(corpus)}
    assert told == {each.name: each.codes for each in corpus}

    for word in ("RecursionError", "Traceback", "Fatal", *(each.name for each in corpus)):
        assert word not in job.log_tail
        assert word not in str(ingest.facts)
    assert not disguises.MARKER.exists()
    assert files_below(homes / "STAGING_ROOT") == []
    assert files_below(homes.parent / "tmp") == []
    assert {path.parents[2] for path in files_below(homes / "MEDIA_ROOT")} == {homes / "MEDIA_ROOT"}
    assert not list(homes.parent.glob("*.png"))
    for path in files_below(homes / "MEDIA_ROOT"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert disguises.PAYLOAD not in path.read_bytes()
    assert list(find_violations()) == []


def _accepted(ingest: Ingest) -> list[str]:
    return list(ingest.images.values_list("ordinal", flat=True))


@pytest.mark.parametrize("name", ["dicom_deep_undefined", "pickle_plain"])
def test_one_hostile_file_alone_is_told_in_words(name: str, homes: Path) -> None:
    [hostile] = [each for each in whole_corpus() if each.name == name]
    ingest = upload(make_dataset(), [file(hostile.build(), "x.png")])
    job = present(ingest.job)
    assert (job.state, job.error_code, job.attempt) == (JobState.FAILED, "nothing_accepted", 1)
    assert present(ingest.rejections.first()).detail in job.error
    assert files_below(homes / "STAGING_ROOT") == []
    assert files_below(homes / "MEDIA_ROOT") == []


# A decoder with a fault, in the child only: one kind of picture is a null pointer, another an endless loop in C.
_FAULTY = """
import ctypes, hashlib
from PIL import Image
honest = Image.open
def faulty(file, *args, **options):
    image = honest(file, *args, **options)
    if image.size == (41, 41):
        ctypes.string_at(0)
    if image.size == (43, 43):
        hashlib.pbkdf2_hmac("sha1", b"x", b"y", 2**31 - 1)
    return image
Image.open = faulty
"""


@pytest.fixture
def faulty_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(_FAULTY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    told = ingesting.ingest_spec
    monkeypatch.setattr(
        ingesting, "ingest_spec", lambda ingest: {**told(ingest), "limits": {"seconds_per_picture": 1}}
    )


@pytest.mark.usefixtures("faulty_decoder")
def test_a_file_that_ends_the_reader_costs_itself_alone(homes: Path) -> None:
    deadly, endless = (png(picture(seed, side)) for seed, side in ((1, 41), (2, 43)))
    archive = zipped([("a.png", png(picture(3))), ("b.png", deadly), ("c.png", png(picture(4)))])
    ingest = upload(make_dataset(), [file(png(picture(5))), file(deadly), file(endless), file(archive)])
    job = present(ingest.job)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1), (job.error, job.log_tail)
    assert dict(ingest.rejections.values_list("ordinal", "code")) == {
        "1": "crashed", "2": "crashed", "3/2": "crashed",
    }  # fmt: skip
    assert sorted(_accepted(ingest)) == ["0", "3/1", "3/3"]
    assert files_below(homes / "STAGING_ROOT") == []
    assert list(find_violations()) == []


@pytest.mark.usefixtures("faulty_decoder")
def test_too_many_such_files_end_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in everything is no fault of the files: the attempt crashes, and is counted as any other."""
    monkeypatch.setattr(reading, "MOST_CRASHES", 2)
    response = send(make_dataset(), [file(png(picture(seed, 41))) for seed in range(4)])
    execute(response.json()["job"])
    row = Job.objects.get(pk=response.json()["job"])
    assert (row.state, row.attempt) == (JobState.QUEUED, 1)
    assert row.log_tail.count("It is left out.") == 2
