"""A real picture through the form, a training that is paused and goes on, a batch, its evaluation, a decision.

By REST alone, with real child processes; only the queue's worker is played by the test.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient
from skimage import data

from evaluation.models import ImageScore, MetricResult
from generation.models import SyntheticImage, Training, TrainingMetric
from generation.services import training as trainings
from synthlab.core import invariants
from synthlab.core.files import path_of
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job
from tests.factories import client_of, make_scientist
from tests.generation.cast import drained

NAME = "Doe_Jane_1961-02-03"
TINY = {
    "preset": "quick",
    "steps": 12,
    "g_filters": 4,
    "d_filters": 4,
    "batch_size": 8,
    "latent_size": 16,
    "metric_every": 2,
    "sample_every": 4,
    "checkpoint_every": 4,
    "sample_count": 4,
    "standing_batches": 2,
}


class Rest:
    """The API as one person, who waits for each job by doing it."""

    def __init__(self, client: APIClient) -> None:
        self.client = client
        self.said: list[str] = []

    def get(self, url: str) -> Any:
        return self._answer(self.client.get(f"/api/v1/{url}"))

    def post(self, url: str, body: Any = None, *, form: str = "json") -> Any:
        return self._answer(self.client.post(f"/api/v1/{url}", body or {}, format=form))

    def _answer(self, response: Any) -> Any:
        assert response.status_code < 300, response.content
        self.said.append(response.content.decode())
        return response.json()

    def work(self, row: dict[str, Any]) -> dict[str, Any]:
        execute(row["job"])
        job: dict[str, Any] = self.get(f"jobs/{row['job']}")
        return job


def photograph() -> SimpleUploadedFile:
    stream = io.BytesIO()
    picture = Image.fromarray(data.immunohistochemistry())
    picture.save(stream, "PNG", pnginfo=None)
    return SimpleUploadedFile(f"{NAME}.png", stream.getvalue())


@pytest.mark.django_db(transaction=True)
def test_from_one_photograph_to_a_decision(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.TORCH_THREADS = 1
    scientist = make_scientist()
    rest = Rest(client_of(scientist))

    dataset = _ingest(rest)
    training = _train(rest, dataset, monkeypatch)
    generator = _generator(rest, training)
    batch, digests = _batches(rest, generator)
    _evaluate(rest, batch, digests)
    _decide(rest, batch)

    assert list(invariants.find_violations()) == []
    assert not list(settings.STAGING_ROOT.rglob("*.png"))
    everything = "".join(rest.said) + json.dumps(
        [*AuditEvent.objects.values(), *Job.objects.values()], default=str
    )
    assert NAME not in everything
    assert "Doe_Jane" not in everything


def _ingest(rest: Rest) -> dict[str, Any]:
    dataset = rest.post("datasets", {"name": "Colon", "modality": "IHC", "symmetries": "dihedral"})
    options = {"tile": {"size": 32, "stride": 32}, "channels": "rgb"}
    body = {"files": [photograph()], "options": json.dumps(options)}
    ingest = rest.post(f"datasets/{dataset['id']}/ingests", body, form="multipart")
    assert rest.work(ingest)["state"] == "succeeded"
    ingest = rest.get(f"datasets/{dataset['id']}/ingests/{ingest['id']}")
    assert ingest["accepted_count"] > 50
    assert ingest["completed_at"]
    assert ingest["deidentification"]["names"] == "never kept"
    dataset = rest.get(f"datasets/{dataset['id']}")
    assert (dataset["image_size"], dataset["channels"]) == (32, 3)
    sheet = json.dumps(dataset["data_sheet"])
    assert "one" in sheet
    images = rest.get(f"datasets/{dataset['id']}/images?page_size=200")["results"]
    assert {image["split"] for image in images} == {"train", "val"}
    for image in images:
        assert hashlib.sha256(path_of(image["digest"]).read_bytes()).hexdigest() == image["digest"]
    result: dict[str, Any] = dataset
    return result


def _resume(children: list[psutil.Process]) -> None:
    for child in children:
        if child.is_running():
            child.resume()


def _train(rest: Rest, dataset: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Paused at its first checkpoint, resumed, finished."""
    training = rest.post("trainings", {"dataset": dataset["id"], "config": TINY, "seed": 5})
    seen = trainings.record_checkpoint

    def pause_at_first(**about: Any) -> None:
        seen(**about)
        monkeypatch.setattr(trainings, "record_checkpoint", seen)
        # The child holds its breath until it was told to stop: on a fast machine it would be done before.
        children = psutil.Process().children()
        for child in children:
            child.suspend()
        rest.post(f"trainings/{training['id']}/pause")
        threading.Timer(3, _resume, [children]).start()

    monkeypatch.setattr(trainings, "record_checkpoint", pause_at_first)
    assert rest.work(training)["state"] == "cancelled"
    paused = rest.get(f"trainings/{training['id']}")
    assert paused["state"] == "paused"
    assert 4 <= paused["step"] < 12
    row = Training.objects.get()
    assert (settings.WORK_ROOT / row.checkpoint).is_dir()

    resumed = rest.post(f"trainings/{training['id']}/resume")
    assert resumed["job"] != training["job"]
    job = rest.work(resumed)
    assert (job["state"], job["result"]["step"]) == ("succeeded", 12)
    curves = rest.get(f"trainings/{training['id']}/metrics")["metrics"]
    assert {"g_loss", "d_loss", "images_per_s"} <= set(curves)
    steps = [step for step, _ in curves["g_loss"]]
    assert steps == sorted(set(steps))
    assert steps[-1] == 12
    assert TrainingMetric.objects.filter(name="g_loss").count() == len(steps)
    grids = rest.get(f"trainings/{training['id']}/samples")["steps"]
    assert grids[-1] == 12
    grid = drained(rest.client.get(f"/api/v1/trainings/{training['id']}/samples/{grids[-1]}"))
    assert Image.open(io.BytesIO(grid.content_read)).format == "PNG"
    result: dict[str, Any] = rest.get(f"trainings/{training['id']}")
    assert result["state"] == "succeeded"
    return result


def _generator(rest: Rest, training: dict[str, Any]) -> dict[str, Any]:
    """The training's own, and the same weights digest as an uninterrupted run of the same request."""
    [generator_id] = training["generators"]
    generator: dict[str, Any] = rest.get(f"generators/{generator_id}")
    assert generator["state"] == "candidate"
    assert hashlib.sha256(path_of(generator["digest"]).read_bytes()).hexdigest() == generator["digest"]
    again = rest.post("trainings", {"dataset": training["dataset"], "config": TINY, "seed": 5})
    assert rest.work(again)["state"] == "succeeded"
    [only] = rest.get("generators")["results"]
    assert only["digest"] == generator["digest"]
    return generator


def _batches(rest: Rest, generator: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Asked for twice, the same digests."""
    digests, batch = [], {}
    for _ in range(2):
        batch = rest.post(
            "batches", {"generator": generator["id"], "count": 24, "seed": 7, "truncation": 0.9}
        )
        assert rest.work(batch)["state"] == "succeeded"
        batch = rest.get(f"batches/{batch['id']}")
        assert (batch["state"], batch["image_count"]) == ("succeeded", 24)
        images = rest.get(f"batches/{batch['id']}/images")["results"]
        assert [image["index"] for image in images] == list(range(24))
        digests.append([image["digest"] for image in images])
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 24
    assert SyntheticImage.objects.count() == 48
    archive = drained(rest.client.get(f"/api/v1/batches/{batch['id']}/archive"))
    with zipfile.ZipFile(io.BytesIO(archive.content_read)) as opened:
        assert [hashlib.sha256(opened.read(name)).hexdigest() for name in opened.namelist()] == digests[0]
        picture = Image.open(io.BytesIO(opened.read("000000.png")))
        assert generator["digest"] in str(picture.info)
    return batch, digests[0]


def _evaluate(rest: Rest, batch: dict[str, Any], digests: list[str]) -> None:
    evaluation = rest.post("evaluations", {"batch": batch["id"], "extractor": "random-conv"})
    assert rest.work(evaluation)["state"] == "succeeded"
    report = rest.get(f"evaluations/{evaluation['id']}/report")
    assert report["verdict"] == "insufficient"
    assert report["reasons"]
    names = {metric["name"] for metric in report["metrics"]}
    assert MetricResult.objects.count() == len(report["metrics"])
    assert any("fd" in name for name in names)
    assert any("kid" in name for name in names)
    assert all(metric["n_synth"] == 24 for metric in report["metrics"])
    assert report["report"]["fid"]["status"] == "unavailable"
    assert report["report"]["symmetries"][0] == "identity"
    assert len(report["report"]["symmetries"]) == 8
    assert ImageScore.objects.count() == 24
    assert len(rest.get(f"evaluations/{evaluation['id']}/scores")["results"]) == 24
    assert rest.get(f"batches/{batch['id']}/decision")["decision"] == "withheld"


def _decide(rest: Rest, batch: dict[str, Any]) -> None:
    wish = {"decision": "released", "reason": "demonstration: one slide"}
    made = rest.post(f"batches/{batch['id']}/decision", wish)
    assert made["decided_by"]
    assert rest.get(f"batches/{batch['id']}/decision")["decision"] == "released"
    approved = rest.post(f"generators/{batch['generator']}/approve")
    assert approved["state"] == "approved"
    assert "insufficient" in approved["approval_reason"]
