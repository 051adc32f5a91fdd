"""The history of a data set's generators: points with their intervals, and where real images stand."""

from __future__ import annotations

import pytest

from evaluation.models import Evaluation, MetricResult
from evaluation.services.history import HIGH, history_of
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.generation.factories import make_batch, make_dataset, make_generator

pytestmark = pytest.mark.django_db


def test_points_stand_by_ratio_with_their_interval_and_real_images_at_one() -> None:
    dataset = make_dataset()
    for ratio, ci_of in ((2.0, "ratio"), (0.5, "value")):
        batch = make_batch(generator=make_generator(dataset=dataset), count=1)
        evaluation = make_evaluation(image_set=make_image_set(batch=batch))
        MetricResult.objects.create(
            evaluation=evaluation, name="fd", extractor=evaluation.extractor, value=10, floor=5, ratio=ratio,
            ci_low=ratio - 0.2, ci_high=ratio + 0.2, n_real=10, n_synth=2, n_groups=4, status="ok", details={"ci_of": ci_of},
        )  # fmt: skip
    rows = Evaluation.objects.all()
    found = history_of(rows[0], rows)
    assert [past.interval for past in found.points] == [(1.8, 2.2), None]
    worse, better = found.points
    assert worse.reach is not None
    assert 0 < worse.reach[1] < worse.y < worse.reach[0] < found.real < better.y < HIGH
    assert [text for _, text in found.marks] == ["0", "1", "2.2"]
    assert found.marks[1][0] == found.real
