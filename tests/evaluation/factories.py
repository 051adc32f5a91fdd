"""Released batches and finished evaluations for tests."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from evaluation.models import Decision, Evaluation, EvaluationState, GateDecision, ImageSet, Verdict
from evaluation.services import gating, image_sets
from generation.models import Batch, Split
from tests.generation.factories import make_batch


def make_image_set(*, batch: Batch | None = None) -> ImageSet:
    batch = batch or make_batch()
    return image_sets.make_batch_set(actor=batch.requested_by, batch=batch)


def make_evaluation(
    *, image_set: ImageSet | None = None, verdict: str = Verdict.INSUFFICIENT, **fields: Any
) -> Evaluation:
    """A finished evaluation without numbers: for rules about verdicts, not about measuring."""
    image_set = image_set or make_image_set()
    look = Evaluation.objects.filter(dataset=image_set.dataset).count() + 1
    told: dict[str, Any] = {
        "requested_by": image_set.dataset.owner,
        "extractor": "random-conv",
        "policy": gating.default_policy(),
        **fields,
    }
    return Evaluation.objects.create(
        image_set=image_set,
        dataset=image_set.dataset,
        split=Split.VAL,
        look_number=look,
        state=EvaluationState.SUCCEEDED,
        verdict=verdict,
        reasons=["made for a test"],
        completed_at=timezone.now(),
        **told,
    )


def make_released_batch(**fields: Any) -> Batch:
    """A batch that studies may fill from: released by its owner with a reason."""
    batch = make_batch(**fields)
    decision = gating.overrule(
        actor=batch.generator.dataset.owner,
        batch=batch,
        decision=Decision.RELEASED,
        reason="released for a test",
    )
    assert isinstance(decision, GateDecision)
    return batch
