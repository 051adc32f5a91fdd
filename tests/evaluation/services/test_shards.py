"""A large set is measured by several jobs to the same numbers as by one. The children's work is done in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluation.ml import evaluate as verbs
from evaluation.models import Evaluation, EvaluationState
from evaluation.services import evaluating
from generation.child import BadInput
from generation.models import Batch
from synthlab.core.exceptions import InvalidInput
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.evaluation.ml.pictures import quiet
from tests.generation.factories import make_batch, make_dataset, make_generator
from tests.present import present

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

NUMBERS = ("name", "class_key", "value", "floor", "ratio", "ci_low", "ci_high", "p_value", "status")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """What was asked of child processes: verb, extractor, synthetic images."""
    asked: list[tuple[str, str, int]] = []

    def run_child(
        context: JobContext, module: str, verb: str, spec: dict[str, Any], on_event: Any = None
    ) -> Any:
        asked.append((verb, spec["extractor"], len(spec.get("images") or spec["synthetic"])))
        try:
            return getattr(verbs, verb)({**spec, "work": str(context.work_dir)}, quiet())
        except BadInput as error:
            raise InvalidInput(error.code, error.detail) from error

    monkeypatch.setattr(JobContext, "run_child", run_child)
    return asked


@pytest.fixture
def batch() -> Batch:
    return make_batch(generator=make_generator(dataset=make_dataset(per_split=6, groups=6)), count=10)


def evaluate(batch: Batch, settings: Any, folder: Path, size: int) -> tuple[Evaluation, list[Job]]:
    settings.FEATURE_ROOT, settings.EVALUATION_SHARD_IMAGES, settings.TORCH_THREADS = folder, size, 1
    evaluation = evaluating.request_evaluation(actor=batch.requested_by, batch=batch, extractor="random-conv")
    job = present(evaluation.job)
    shards = list(job.children.order_by("-payload__first"))  # other workers keep no order
    for shard in shards:
        execute(str(shard.pk))
    execute(str(job.pk))
    evaluation.refresh_from_db()
    assert evaluation.state == EvaluationState.SUCCEEDED, Job.objects.get(pk=job.pk).error
    return evaluation, shards


def test_shards_merge_to_the_numbers_of_one_job(
    batch: Batch, settings: Any, tmp_path: Path, told: list[tuple[str, str, int]]
) -> None:
    whole, none = evaluate(batch, settings, tmp_path / "one", 10)
    assert (none, told) == ([], [("evaluate", "random-conv", 10)])
    told.clear()
    merged, shards = evaluate(batch, settings, tmp_path / "several", 4)
    assert [shard.payload for shard in shards] == [
        {"first": 8, "stop": 10}, {"first": 4, "stop": 8}, {"first": 0, "stop": 4},
    ]  # fmt: skip
    assert told == [("extract", "random-conv", n) for n in (2, 4, 4)] + [("evaluate", "random-conv", 10)]
    assert list(merged.metrics.values(*NUMBERS)) == list(whole.metrics.values(*NUMBERS))
    assert merged.verdict == whole.verdict
    scores = ("image", "nearest", "ratio", "distance", "flags")
    assert list(merged.scores.order_by("image").values(*scores)) == list(
        whole.scores.order_by("image").values(*scores)
    )


def test_a_shard_that_fails_leaves_no_number(
    batch: Batch, settings: Any, tmp_path: Path, told: list[tuple[str, str, int]]
) -> None:
    settings.FEATURE_ROOT, settings.EVALUATION_SHARD_IMAGES = tmp_path, 4
    evaluation = evaluating.request_evaluation(actor=batch.requested_by, batch=batch, extractor="random-conv")
    job = present(evaluation.job)
    shard = present(job.children.order_by("payload__first").first())
    batch.images.filter(index=0).update(digest="0" * 64)
    execute(str(shard.pk))
    execute(str(job.pk))
    job.refresh_from_db()
    evaluation.refresh_from_db()
    assert (job.state, evaluation.state, evaluation.verdict) == (JobState.FAILED, EvaluationState.FAILED, "")
    assert not evaluation.metrics.exists()
