"""Eighty identifiers in eighty places of an upload, followed to the signed export: none may be found anywhere."""

from __future__ import annotations

import base64
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.core.files.uploadedfile import SimpleUploadedFile

from generation.api.ingest_options import IngestOptionsSerializer
from generation.models import Dataset, Ingest
from generation.services import training as trainings
from synthlab.core.files import path_of
from synthlab.core.jobs import execute
from tests.annotation.factories import make_schema
from tests.annotation.pictures import pictures_in, resembles
from tests.annotation.traces import Listener, Search
from tests.factories import PASSWORD, client_of, make_clinician, make_scientist
from tests.generation.cast import drained
from tests.generation.ingest.builders import encoded, texture
from tests.generation.ingest.identified import FILES, MARK, Planter, annotated

TINY = {
    "preset": "quick", "steps": 4, "image_size": 32, "g_filters": 4, "d_filters": 4, "batch_size": 4, "latent_size": 8,
    "metric_every": 2, "sample_every": 2, "checkpoint_every": 2, "sample_count": 4, "standing_batches": 1,
}  # fmt: skip
ANSWER = {"decision": "labelled", "classes": ["normal"], "regions": [], "comment": "", "active_seconds": 1.0}


class Rest:
    """The API as one person; keeps every answer, also refusals."""

    said: list[bytes]

    def __init__(self, user: Any, said: list[bytes]) -> None:
        self.client, self.said = client_of(user), said

    def call(self, method: str, url: str, body: Any = None, *, form: str = "json", **headers: str) -> Any:
        response = getattr(self.client, method)(f"/api/v1/{url}", body, format=form, headers=headers)
        drained(response)
        self.said.append(str(response.headers).encode() + (b"" if response.streaming else response.content))
        return response

    def get(self, url: str) -> Any:
        response = self.call("get", url)
        assert response.status_code == 200, response.content
        return response.json()

    def post(self, url: str, body: Any = None, *, form: str = "json", **headers: str) -> Any:
        response = self.call("post", url, body or {}, form=form, **headers)
        assert response.status_code < 300, response.content
        return response.json() if response.content else {}

    def work(self, row: dict[str, Any]) -> dict[str, Any]:
        execute(row["job"])
        job: dict[str, Any] = self.get(f"jobs/{row['job']}")
        assert job["state"] == "succeeded", job
        return job


@pytest.fixture
def homes(settings: Any, tmp_path: Path) -> list[Path]:
    """Every place where the product writes, made anew for this test."""
    names = ("MEDIA_ROOT", "STAGING_ROOT", "WORK_ROOT", "FEATURE_ROOT", "GENERATOR_ROOT", "LOG_ROOT")
    for name in names:
        setattr(settings, name, tmp_path / name.lower())
    settings.TORCH_THREADS = 1
    folders = [tmp_path / name.lower() for name in (*names, "checkpoints")]
    for folder in folders:
        folder.mkdir(mode=0o700)
    return folders


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    loggers = [logging.getLogger(name) for name in ("", "django-q", "django", "django_structlog")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
    yield listener
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(listener)
        logger.setLevel(level)


def _keep_checkpoints(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """Copies of all checkpoints, which go when their training has succeeded."""
    kept: list[str] = []
    record = trainings.record_checkpoint

    def keep(*, cursor: dict[str, Any], **about: Any) -> None:
        record(cursor=cursor, **about)
        shutil.copytree(cursor["checkpoint"], folder / str(len(kept)))
        kept.append(cursor["checkpoint"])

    monkeypatch.setattr(trainings, "record_checkpoint", keep)
    return kept


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(600)
def test_no_identifier_stays(homes: list[Path], listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, said = Planter(), []  # type: ignore[var-annotated]
    checkpoints = _keep_checkpoints(monkeypatch, homes[-1])
    scientist, reader = make_scientist(), make_clinician()
    rest = Rest(scientist, said)
    dataset = _upload(rest, plant)
    _upload_boxes(rest, plant)
    _refused(rest, plant, dataset)
    batch = _generate(rest, dataset)
    study = _read(rest, Rest(reader, said), dataset, batch, reader)
    export = _export(rest, study)
    _look_at_pages(rest, dataset)

    assert len(plant.planted) >= 80
    search = Search(plant.planted.values())
    files = {home.name: search.look_at_files(home) for home in homes}
    rows = search.look_at_database()
    for answer in said:
        search.look_at("answer", answer)
    search.look_at("export", export)
    search.look_at("log", "\n".join(listener.lines).encode())
    assert search.findings == set()
    # what was looked at was there
    assert files["media_root"] > 40
    assert files["checkpoints"] >= 3
    assert checkpoints
    assert files["staging_root"] == 0
    assert rows > 150
    assert len(said) > 30
    assert len(listener.lines) > 20
    assert search.bytes_read > 500_000
    _check_record(dataset)
    _check_that_no_real_picture_left(dataset, export)
    _check_that_the_search_finds(plant, dataset, homes, listener)


def _named(plant: Planter, kind: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(
        f"{plant(f'folder of a {kind}')}/{plant(f'file name of a {kind}')}.{kind}", data
    )


def _names(files: list[SimpleUploadedFile]) -> dict[str, Any]:
    """The names, to be sent along where the API takes them."""
    if "names" not in IngestOptionsSerializer().fields:
        return {}
    return {"names": {str(place): str(file.name) for place, file in enumerate(files)}}


def _upload(rest: Rest, plant: Planter) -> str:
    dataset = rest.post("datasets", {"name": "Cells", "modality": "IHC", "symmetries": "none"})
    files = [_named(plant, kind, build(plant)) for kind, build in FILES.items()]
    files += [
        SimpleUploadedFile(f"{plant('honest file')}-{n}.png", encoded(texture(2000 + n, (64, 64, 3))))
        for n in range(24)
    ]
    files.append(_named(plant, "txt", plant("text of a file that is no image").encode()))
    options = {
        "channels": "rgb", "image_size": 32, "groups": {"1": plant("patient told"), "2": plant("slide told")},
        **_names(files),
    }  # fmt: skip
    body = {"files": files, "options": json.dumps(options)}
    ingest = rest.post(f"datasets/{dataset['id']}/ingests", body, form="multipart")
    rest.work(ingest)
    detail = rest.get(f"datasets/{dataset['id']}/ingests/{ingest['id']}")
    assert detail["accepted_count"] == 8 + 24
    refused = Ingest.objects.get(pk=ingest["id"]).rejections.values_list("code", flat=True)
    assert set(refused) == {"unsupported_type", "damaged", "csv_no_file"}
    rest.get(f"datasets/{dataset['id']}/images?page_size=200")
    return str(dataset["id"])


def _upload_boxes(rest: Rest, plant: Planter) -> None:
    dataset = rest.post("datasets", {"name": "Boxes", "modality": "IHC", "symmetries": "none"})
    options = {"channels": "rgb", "image_size": 32}
    body = {"files": [_named(plant, "voc", annotated(plant))], "options": json.dumps(options)}
    ingest = rest.post(f"datasets/{dataset['id']}/ingests", body, form="multipart")
    rest.work(ingest)
    assert rest.get(f"datasets/{dataset['id']}/ingests/{ingest['id']}")["accepted_count"] == 2


def _refused(rest: Rest, plant: Planter, dataset: str) -> None:
    """Requests that are refused: their answers and what they leave must not tell names either."""
    url = f"datasets/{dataset}/ingests"
    for options in ('{"broken', '{"image_size": 33}', '{"tile": {"size": 2}}', '{"groups": 4}'):
        body = {"files": [_named(plant, "png", b"x")], "options": options}
        assert rest.call("post", url, body, form="multipart").status_code in (400, 422)
    other = rest.post("datasets", {"name": "Nothing", "modality": "IHC", "symmetries": "none"})
    files = [_named(plant, "doc", plant("text of a letter alone").encode())]
    told = {"groups": {"0": plant("patient of an upload that fails")}, **_names(files)}
    body = {"files": files, "options": json.dumps(told)}
    ingest = rest.post(f"datasets/{other['id']}/ingests", body, form="multipart")
    execute(ingest["job"])
    assert rest.get(f"jobs/{ingest['job']}")["state"] == "failed"


def _generate(rest: Rest, dataset: str) -> str:
    training = rest.post("trainings", {"dataset": dataset, "config": TINY, "seed": 5})
    rest.work(training)
    [generator] = rest.get(f"trainings/{training['id']}")["generators"]
    rest.get(f"generators/{generator}")
    batch = rest.post("batches", {"generator": generator, "count": 6, "seed": 7, "truncation": 1.0})
    rest.work(batch)
    rest.call("get", f"batches/{batch['id']}/archive")
    evaluation = rest.post("evaluations", {"batch": batch["id"], "extractor": "random-conv"})
    rest.work(evaluation)
    rest.get(f"evaluations/{evaluation['id']}/report")
    _clear_copies(rest, evaluation["id"])
    rest.post(f"generators/{generator}/approve", {"reason": "a test"})
    rest.post(f"batches/{batch['id']}/decision", {"decision": "released", "reason": "a test"})
    return str(batch["id"])


def _clear_copies(rest: Rest, evaluation: str) -> None:
    """Look at whatever was flagged beside a real image: what nobody has cleared stays out of the snapshot."""
    for pair in rest.get(f"evaluations/{evaluation}/copies")["results"]:
        body = {
            "nearest": pair["nearest"],
            "verdict": "cleared",
            "reason": "Noise of an untrained generator.",
        }
        rest.post(f"images/{pair['image']}/copy-review", body)


def _read(rest: Rest, reading: Rest, dataset: str, batch: str, reader: Any) -> str:
    schema = make_schema()
    study = rest.post(
        "studies",
        {"title": "Cells", "schema": str(schema.pk), "dataset": dataset, "approval_policy": "as_read"},
    )
    rest.post(f"studies/{study['id']}/members", {"user": str(reader.pk), "role": "reader"})
    rest.post(f"studies/{study['id']}/fill", {"batches": [batch]})
    rest.post(f"studies/{study['id']}/open")
    for _ in range(4):
        [read] = reading.post(f"studies/{study['id']}/claim", {"count": 1})["reads"]
        reading.call("get", f"reads/{read['id']}/pixels")
        match = {"if-match": f'"{read["rev"]}"', "idempotency-key": read["id"]}
        reading.post(f"reads/{read['id']}/submit", ANSWER, **match)
    return str(study["id"])


def _export(rest: Rest, study: str) -> bytes:
    snapshot = rest.post("snapshots", {"study": study, "name": "First"})
    [evaluation] = rest.get(f"evaluations?image_set={snapshot['image_set']}")["results"]
    rest.work(evaluation)
    rest.post(f"snapshots/{snapshot['id']}/sign", {"password": PASSWORD, "meaning": "approved for a test"})
    export = rest.post("exports", {"snapshot": snapshot["id"], "format": "coco"})
    rest.work(export)
    content: bytes = rest.call("get", f"exports/{export['id']}/file").content_read
    assert len(content) > 1000
    return content


def _look_at_pages(rest: Rest, dataset: str) -> None:
    """What a person is shown of the data set."""
    for url in (f"/datasets/{dataset}/", f"/datasets/{dataset}/gallery/"):
        response = rest.client.get(url)
        assert response.status_code == 200, url
        rest.said.append(response.content)


def _check_record(dataset: str) -> None:
    """What was done is written down: by which methods, and how many pieces of each kind stayed behind."""
    [ingest] = Dataset.objects.get(pk=dataset).ingests.all()
    record = ingest.deidentification
    assert {method["code"] for method in record["methods"]} == {"113100", "113103"}
    assert {method["scheme"] for method in record["methods"]} == {"DCM"}
    for kind in ("private", "nested", "overlay", "standard", "preamble", "text", "exif", "tags", "iptc"):
        assert record["removed"][kind] >= 1, kind


def _check_that_no_real_picture_left(dataset: str, export: bytes) -> None:
    """Whatever was uploaded, nothing in the archive shows it: in no encoding, at no size, as no thumbnail."""
    digests = Dataset.objects.get(pk=dataset).images.values_list("digest", flat=True)
    real = [picture for digest in digests for picture in pictures_in(path_of(digest).read_bytes())]
    left = list(pictures_in(export))
    assert len(real) == 8 + 24
    assert len(left) == 4
    assert not any(resembles(picture, canary) for picture in left for canary in real)


def _check_that_the_search_finds(plant: Planter, dataset: str, homes: list[Path], listener: Listener) -> None:
    """The same search, after an identifier was let in at one place at a time."""
    text = plant("patient id")

    def found() -> set[str]:
        search = Search(plant.planted.values())
        for home in homes:
            search.look_at_files(home)
        search.look_at_database()
        search.look_at("log", "\n".join(listener.lines).encode())
        return {name for _, name in search.findings}

    row = Dataset.objects.get(pk=dataset)
    for planted, encoding in (
        (text, "text"),
        (base64.b64encode(b"." + text.encode()).decode(), "base64 of utf-8, 1"),
        (text.encode().hex().upper(), "hex"),
    ):
        Dataset.objects.filter(pk=dataset).update(data_sheet={**row.data_sheet, "note": planted})
        assert encoding in found()
    Dataset.objects.filter(pk=dataset).update(data_sheet=row.data_sheet)
    for home, alphabet, encoding in (
        (homes[0], "utf-16-le", "UTF-16 LE"),
        (homes[2], "utf-16-be", "UTF-16 BE"),
    ):
        path = home / "planted"
        path.write_bytes(b"x" + text.encode(alphabet))
        assert encoding in found()
        path.unlink()
    (homes[0] / f"{text}.png").touch()
    assert "text" in found()
    (homes[0] / f"{text}.png").unlink()
    logging.getLogger("generation").warning("could not read %s", f"{MARK}.png")
    assert "text" in found()
    assert path_of(row.images.all()[0].digest).is_relative_to(product.MEDIA_ROOT)
