"""The rows of evaluation: image sets, measurements, decisions."""

from evaluation.models.copies import CopyReview, CopyVerdict
from evaluation.models.evaluation import (
    COPY_FLAGS,
    IDENTICAL_FLAGS,
    Evaluation,
    EvaluationState,
    ImageScore,
    ImageSet,
    ImageSetKind,
    MetricResult,
    Verdict,
)
from evaluation.models.gate import Decision, GateDecision, GatePolicy

__all__ = [
    "COPY_FLAGS",
    "IDENTICAL_FLAGS",
    "CopyReview",
    "CopyVerdict",
    "Decision",
    "Evaluation",
    "EvaluationState",
    "GateDecision",
    "GatePolicy",
    "ImageScore",
    "ImageSet",
    "ImageSetKind",
    "MetricResult",
    "Verdict",
]
