"""Two evaluations side by side: what stands there, and what may not."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from evaluation.models import Evaluation, EvaluationState, MetricResult
from evaluation.services.comparing import comparable_with, compare_evaluations
from synthlab.core.exceptions import Conflict
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.generation.cast import Cast
from tests.generation.factories import make_batch, make_generator

pytestmark = pytest.mark.django_db


def measured(cast: Cast, ratio: float, **fields: Any) -> Evaluation:
    batch = make_batch(generator=make_generator(dataset=cast.dataset), count=2)
    evaluation = make_evaluation(image_set=make_image_set(batch=batch), **fields)
    for name in ("fd", "kid"):
        MetricResult.objects.create(
            evaluation=evaluation, name=name, extractor=evaluation.extractor, value=10 * ratio, floor=10, ratio=ratio,
            ci_low=ratio - 0.1, ci_high=ratio + 0.1, n_real=10, n_synth=2, n_groups=4, status="ok",
            details={"label": name.upper(), "ci_of": "ratio", "better": "lower"},
        )  # fmt: skip
    return evaluation


def test_each_number_stands_beside_the_other_and_intervals_say_whether_it_differs() -> None:
    cast = Cast()
    first, close, far = measured(cast, 1.0), measured(cast, 1.15), measured(cast, 1.5)
    rows = {row.metric: row for row in compare_evaluations(first, far)}
    assert list(rows) == ["fd", "kid"]
    assert rows["fd"].apart is True
    numbers = rows["fd"].as_json()
    assert (numbers["first"]["value"], numbers["second"]["value"], numbers["second"]["floor"]) == (10, 15, 10)
    assert [row.apart for row in compare_evaluations(first, close)] == [False, False]
    assert set(comparable_with(first)) == {close, far}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"extractor": "another"}, "other_extractor"),
        ({"extractor_digest": "f" * 64}, "other_extractor"),
        ({"split": "held_out"}, "other_split"),
        ({"report": {"sets": {"reference": {"digest": "e" * 64}}}}, "other_split"),
        ({"state": EvaluationState.FAILED, "verdict": ""}, "evaluation_not_finished"),
    ],
)
def test_numbers_that_do_not_mean_the_same_are_refused(change: dict[str, Any], code: str) -> None:
    cast = Cast()
    first, second = measured(cast, 1.0), measured(cast, 1.5)
    Evaluation.objects.filter(pk=second.pk).update(**change)
    second.refresh_from_db()
    for pair in ((first, second), (second, first)):
        with pytest.raises(Conflict) as refusal:
            compare_evaluations(*pair)
        assert refusal.value.code == code
    owner = cast.client("owner")
    answer = owner.get(f"/api/v1/evaluations/{first.pk}/compare?with={second.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    page = owner.get(reverse("evaluation-compare", args=[first.pk]) + f"?with={second.pk}")
    assert "cannot be compared" in page.content.decode()


def test_by_page_and_by_rest_for_those_who_see_both() -> None:
    cast = Cast()
    first, second = measured(cast, 1.0), measured(cast, 1.5)
    foreign = measured(Cast(), 1.0)
    api, page = f"/api/v1/evaluations/{first.pk}/compare", reverse("evaluation-compare", args=[first.pk])
    for role, status in (("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)):
        client = cast.client(role)
        assert client.get(f"{api}?with={second.pk}").status_code == status
        assert client.get(f"{page}?with={second.pk}").status_code == status
    owner = cast.client("owner")
    assert len(owner.get(f"{api}?with={second.pk}").json()["rows"]) == 2
    assert "intervals do not meet" in owner.get(f"{page}?with={second.pk}").content.decode()
    for url in (api, page):
        assert owner.get(f"{url}?with={foreign.pk}").status_code == 404
        assert owner.get(f"{url}?with={uuid4()}").status_code == 404
    assert owner.get(f"{api}?with=x").status_code == 422
    lacking = owner.get(api)
    assert lacking.status_code == 422
    assert [error["field"] for error in lacking.json()["errors"]] == ["with"]
    assert owner.get(page).status_code == 404
