"""Released batches and finished evaluations for tests."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from evaluation.models import (
    Decision,
    Evaluation,
    EvaluationState,
    GateDecision,
    ImageScore,
    ImageSet,
    MetricResult,
    Verdict,
)
from evaluation.services import gating, image_sets
from generation.models import Batch, SourceImage, Split, SyntheticImage
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


def flag_as_copy(image: SyntheticImage, nearest: SourceImage, *flags: str) -> ImageScore:
    """A score by a new evaluation of the image's batch that flags it beside a real image."""
    evaluation = make_evaluation(image_set=make_image_set(batch=image.batch))
    return ImageScore.objects.create(
        evaluation=evaluation, image=image, nearest=nearest, distance=0.1, ratio=0.2, flags=list(flags)
    )


NUMBERS = {
    "fd": (15.0, 10.0), "kid": (0.02, 0.01), "coverage": (0.7, 0.8), "rke": (18.0, 20.0), "copies": (0.02, 0.01),
    "identical": (0.0, 0.0), "nearest_real": (0.9, 1.0), "membership_auc": (0.55, 0.5), "tstr": (0.8, 0.9),
}  # fmt: skip


def add_numbers(evaluation: Evaluation, *, scale: float = 1.0, classes: tuple[str, ...] = ()) -> None:
    """Numbers of every part of a report, overall and for classes, and the distribution of nearest-real ratios."""
    for name, (value, floor) in NUMBERS.items():
        for class_key in ("", *classes):
            ratio = scale * value / floor if floor else None
            details: dict[str, Any] = {
                "label": name.upper(),
                "ci_of": "ratio",
                "better": "lower",
                "method": "as it is",
            }
            if name == "nearest_real":
                histogram = {"edges": [0.5, 0.7, 1.0, 1.4], "synthetic": [1, 3, 2], "unseen": [0, 4, 4]}
                details["details"] = {"histogram": histogram}
            MetricResult.objects.create(
                evaluation=evaluation, name=name, extractor=evaluation.extractor, class_key=class_key,
                value=scale * value, floor=floor, ratio=ratio, ci_low=ratio and ratio - 0.1,
                ci_high=ratio and ratio + 0.1, n_real=120, n_synth=60, n_groups=4, status="insufficient", details=details,
            )  # fmt: skip
