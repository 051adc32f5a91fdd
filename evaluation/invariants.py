"""What must always hold in evaluation's rows; `synthlab check` runs these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db.models import Count, F

from evaluation.ml.forgetting import forgotten_rows
from evaluation.models import (
    Decision,
    Evaluation,
    EvaluationState,
    GateDecision,
    ImageSet,
    ImageSetKind,
    Verdict,
)
from evaluation.services.image_sets import set_digest
from synthlab.core.invariants import invariant


@invariant("every image of a measured set has a score")
def evaluations_are_complete() -> Iterator[str]:
    rows = Evaluation.objects.filter(state=EvaluationState.SUCCEEDED).annotate(scored=Count("scores"))
    for pk, scored in rows.exclude(scored=F("image_set__image_count")).values_list("pk", "scored"):
        yield f"evaluation {pk}: {scored} scores"


@invariant("a batch released by rule has a verdict that says so")
def releases_are_founded() -> Iterator[str]:
    by_rule = GateDecision.objects.live().filter(decision=Decision.RELEASED, decided_by__isnull=True)
    for decision in by_rule.exclude(evaluation__verdict=Verdict.RELEASE):
        yield f"decision {decision.pk}: released by rule without the verdict"


@invariant("a batch's image set is what was frozen")
def sets_are_frozen() -> Iterator[str]:
    for image_set in ImageSet.objects.filter(kind=ImageSetKind.BATCH):
        digests = image_set.members().values_list("digest", flat=True)
        if set_digest(ImageSetKind.BATCH, image_set.batch_id, digests) != image_set.digest:
            yield f"image set {image_set.pk}: its members changed"


@invariant("no features of a withdrawn image are stored")
def forgotten_features() -> Iterator[str]:
    for digest in sorted(forgotten_rows(Path(settings.FEATURE_ROOT))):
        yield f"pixels {digest}"
