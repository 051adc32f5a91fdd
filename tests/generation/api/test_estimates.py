"""Estimates, clones and curves over REST."""

from __future__ import annotations

from typing import Any

import pytest

from generation.ml.config import PRESETS
from generation.models import Training, TrainingMetric
from generation.services import training
from synthlab.core.models import Job
from tests.generation.cast import ROLES, Cast
from tests.present import present

URL = "/api/v1/trainings/estimate"


def ask(cast: Cast, role: str = "owner", **body: Any) -> Any:
    return cast.client(role).post(URL, {"dataset": str(cast.dataset.pk), **body}, format="json")


def test_what_is_not_known_is_measured_by_a_job(cast: Cast) -> None:
    answer = ask(cast)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['job']}"
    assert [preset["is_known"] for preset in answer.json()["presets"]] == [False] * 3
    assert {caution["code"] for caution in answer.json()["cautions"]} == {"monitor_small"}
    job = Job.objects.get(kind="measurement")
    assert (job.lane, job.requested_by) == ("short", cast.dataset.owner)
    assert ask(cast).json()["job"] == str(job.pk)  # not once more


def test_looking_measures_nothing(cast: Cast) -> None:
    assert ask(cast, measure="never").status_code == 200
    known = cast.client("owner").get(URL, {"dataset": str(cast.dataset.pk), "architecture": "dcgan"})
    assert known.status_code == 200
    assert known.json()["presets"][1]["steps"] == PRESETS["standard"]["steps"]
    assert not Job.objects.filter(kind="measurement").exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"config": {"g_lr": 7}}, "bad_config"),
        ({"config": {"conditional": True}}, "missing_class"),
        ({"measure": "twice"}, "invalid_input"),
        ({"dataset": "none"}, "invalid_input"),
    ],
)
def test_what_could_not_be_started_is_not_measured(cast: Cast, body: dict[str, Any], code: str) -> None:
    answer = ask(cast, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not Job.objects.filter(kind="measurement").exists()


def test_estimates_are_for_those_who_may_train(cast: Cast) -> None:
    expected = {"owner": 200, "member": 200, "viewer": 403, "anonymous": 401}
    for role in ROLES:
        assert ask(cast, role, measure="never").status_code == expected.get(role, 404), role


def test_a_clone_over_rest(cast: Cast) -> None:
    parent = training.start_training(
        actor=cast.dataset.owner, dataset=cast.dataset, config={"batch_size": 12}
    )
    url = f"/api/v1/trainings/{parent.pk}/clone"
    expected = {"owner": 202, "member": 202, "viewer": 403, "anonymous": 401}
    for role in ROLES:
        answer = cast.client(role).post(url, {"config": {"g_lr": 3e-4}}, format="json")
        assert answer.status_code == expected.get(role, 404), role
    clone = Training.objects.filter(cloned_from=parent).first()
    assert clone is not None
    assert (clone.config["g_lr"], clone.config["batch_size"], clone.seed) == (3e-4, 12, parent.seed)
    key: dict[str, Any] = {"HTTP_IDEMPOTENCY_KEY": "the-same-clone-again"}
    ids = {cast.client("owner").post(url, {}, format="json", **key).json()["id"] for _ in range(2)}
    assert len(ids) == 1


def test_an_estimate_for_a_clone_takes_its_settings(cast: Cast) -> None:
    parent = training.start_training(
        actor=cast.dataset.owner, dataset=cast.dataset, config={"batch_size": 12, "steps": 77}
    )
    told = ask(cast, cloned_from=str(parent.pk), measure="never").json()
    assert [preset["steps"] for preset in told["presets"]] == [preset["steps"] for preset in PRESETS.values()]
    assert told["presets"][0]["images_seen"] == PRESETS["quick"]["steps"] * 12


def test_long_curves_come_thinned_and_once(cast: Cast) -> None:
    run = training.start_training(actor=cast.dataset.owner, dataset=cast.dataset, config={})
    TrainingMetric.objects.bulk_create(
        TrainingMetric(training=run, step=step, name=name, value=step % 7)
        for step in range(0, 25_000, 20)
        for name in ("g_loss", "d_loss")
    )
    url, client = f"/api/v1/trainings/{run.pk}/metrics", cast.client("owner")
    answer = client.get(url)
    curves = answer.json()["metrics"]
    assert {len(points) <= 500 for points in curves.values()} == {True}
    assert (curves["g_loss"][0][0], curves["g_loss"][-1][0]) == (0, 24_980)
    assert len(client.get(url, {"points": 20}).json()["metrics"]["g_loss"]) <= 20
    tag: dict[str, Any] = {"HTTP_IF_NONE_MATCH": answer.headers["ETag"]}
    assert client.get(url, **tag).status_code == 304
    TrainingMetric.objects.create(training=run, step=25_000, name="g_loss", value=1)
    assert client.get(url, **tag).status_code == 200
    for wrong in ({"points": "many"}, {"points": 3}, {"points": 10**9}, {"point": 30}):
        assert client.get(url, wrong).status_code == 400


def test_time_left_counts_the_steps_of_earlier_attempts(cast: Cast) -> None:
    run = training.start_training(actor=cast.dataset.owner, dataset=cast.dataset, config={"steps": 1000})
    facts = {"step": 600, "seconds": 300.0}  # five hundred of them made by an earlier attempt
    Job.objects.filter(pk=present(run.job_id)).update(facts=facts, progress_done=600, progress_total=1000)
    told = cast.client("owner").get(f"/api/v1/trainings/{run.pk}/progress").json()
    assert told["eta_seconds"] == 200
