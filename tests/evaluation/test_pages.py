"""Pages of batches and evaluations: open for whom they are meant, and no more queries when full."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import Evaluation, EvaluationState, ImageScore, MetricResult
from evaluation.services import copies, gating
from generation.models import Batch, BatchState
from synthlab.core.models import AuditEvent
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.factories import make_scientist
from tests.generation.cast import ROLES, Cast
from tests.generation.factories import make_batch, make_generator
from tests.present import present

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return Cast()


@pytest.fixture
def asked(cast: Cast, django_assert_max_num_queries: Any) -> Any:
    client = Client()
    client.force_login(cast.dataset.owner)
    client.get(reverse("home"))

    def ask(url: str) -> int:
        with django_assert_max_num_queries(40) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    return ask


def evaluated(cast: Cast, count: int = 2) -> tuple[Batch, Evaluation]:
    """A batch with a finished evaluation: numbers, scores with a flag each, a decision."""
    batch = make_batch(generator=make_generator(dataset=cast.dataset), count=count)
    evaluation = make_evaluation(image_set=make_image_set(batch=batch))
    nearest = cast.dataset.images.first()
    for image in batch.images.all():
        ImageScore.objects.create(
            evaluation=evaluation,
            image=image,
            nearest=nearest,
            distance=0.1,
            ratio=0.5,
            p_value=0.2,
            flags=["copy"],
        )
    for name in ("fd", "kid"):
        MetricResult.objects.create(
            evaluation=evaluation, name=name, extractor="random-conv", value=1.5, floor=1.25, ci_low=1, ci_high=2,
            p_value=0.01, n_real=10, n_synth=count, n_groups=4, status="insufficient",
            details={"label": name.upper(), "p_text": "1 of 101"},
        )  # fmt: skip
    gating.decide_by_rule(evaluation=evaluation)
    return batch, evaluation


def test_the_list_asks_no_more_for_twenty_rows_than_for_one(cast: Cast, asked: Any) -> None:
    evaluated(cast)
    before = asked(reverse("batch-pages"))
    for _ in range(19):
        evaluated(cast, 1)
    assert asked(reverse("batch-pages")) == before


@pytest.mark.parametrize("name", ["image-sets", "evaluations", "gate-policies"])
def test_lists_of_the_api_ask_no_more_for_twenty_rows_than_for_one(cast: Cast, asked: Any, name: str) -> None:
    evaluated(cast)
    before = asked(f"/api/v1/{name}")
    for _ in range(19):
        evaluated(cast, 1)
    assert asked(f"/api/v1/{name}") == before


def test_details_ask_no_more_for_twenty_images_than_for_one(cast: Cast, asked: Any) -> None:
    small_batch, small = evaluated(cast, 1)
    large_batch, large = evaluated(cast, 20)
    for _ in range(3):
        make_evaluation(image_set=large.image_set)
    pages = (
        ("batch-page", small_batch, large_batch),
        ("evaluation-page", small, large),
        ("evaluation-pairs", small, large),
    )
    for name, one, twenty in pages:
        assert asked(reverse(name, args=[one.pk])) == asked(reverse(name, args=[twenty.pk])), name


def test_pages_open_for_those_who_have_a_part_in_the_data_set(cast: Cast) -> None:
    batch, evaluation = evaluated(cast)
    for url in (
        reverse("batch-page", args=[batch.pk]),
        reverse("evaluation-page", args=[evaluation.pk]),
        reverse("evaluation-compare", args=[evaluation.pk]) + f"?with={evaluation.pk}",
    ):
        for role in ROLES:
            expected = {"anonymous": 302, "owner": 200, "member": 200, "viewer": 200}.get(role, 404)
            assert cast.client(role).get(url).status_code == expected, (role, url)


def test_real_neighbours_are_shown_only_with_the_grant_and_one_page_is_one_look(cast: Cast) -> None:
    _, evaluation = evaluated(cast, 3)
    report, pairs = (reverse(name, args=[evaluation.pk]) for name in ("evaluation-page", "evaluation-pairs"))
    before = AuditEvent.objects.count()
    for show in ("", "?show=all"):
        page = cast.client("owner").get(pairs + show).content.decode()
        assert page.count("/gallery/") == 3
        assert ("Is it a copy?" in page) == (not show)
    looks = AuditEvent.objects.filter(action="real_images.viewed")
    assert AuditEvent.objects.count() - before == looks.count() == 2
    for role in ("member", "viewer"):
        assert cast.client(role).get(pairs).status_code == 404
    for role in ("owner", "member", "viewer"):
        page = cast.client(role).get(report).content.decode()
        assert "/gallery/" not in page, "a report may be printed and handed on: no real image is in it"
        assert (pairs in page) == (role == "owner")
    assert looks.count() == 2


def test_a_cleared_pair_says_so(cast: Cast) -> None:
    batch, evaluation = evaluated(cast, 1)
    report = reverse("evaluation-page", args=[evaluation.pk])
    assert "1 image looks like a copy" in cast.client("owner").get(report).content.decode()
    copies.review_copy(
        actor=cast.user("owner"),
        image=present(batch.images.first()),
        nearest=present(cast.dataset.images.first()).pk,
        verdict="cleared",
        reason="Another gland.",
    )
    assert "like a copy" not in cast.client("owner").get(report).content.decode()
    assert (
        "cleared"
        in cast.client("owner").get(reverse("evaluation-pairs", args=[evaluation.pk])).content.decode()
    )


def test_every_number_stands_beside_its_twin(cast: Cast) -> None:
    batch, evaluation = evaluated(cast)
    page = cast.client("owner").get(reverse("evaluation-page", args=[evaluation.pk])).content.decode()
    for text in ("1.25", "1 to 2", "1 of 101", "2 synthetic, 10 real in 4 groups", "insufficient"):
        assert text in page
    ordered = cast.client("owner").get(reverse("batch-page", args=[batch.pk]) + "?order=nearest&page=9")
    assert ordered.status_code == 200


def test_numbers_of_the_batch_page_lead_to_their_explanation_and_the_report_to_the_decision(
    cast: Cast,
) -> None:
    batch, evaluation = evaluated(cast)
    owner = cast.client("owner")
    page, report = (
        owner.get(reverse(name, args=[key])).content.decode()
        for name, key in (("batch-page", batch.pk), ("evaluation-page", evaluation.pk))
    )
    assert "/docs/reference/metrics#fd" in page
    assert f"{reverse('batch-page', args=[batch.pk])}#release" in report
    assert 'id="release"' in page
    assert "Evaluate again" in page
    Evaluation.objects.update(state=EvaluationState.RUNNING, verdict="")
    assert "Evaluate again" not in owner.get(reverse("batch-page", args=[batch.pk])).content.decode()


def test_a_pair_says_no_more_than_its_groups_can(cast: Cast) -> None:
    measured = Evaluation(report={"counts": {"n_groups": 4}})
    assert ImageScore(evaluation=measured, p_value=0.22).p_text == "1.1 of 5"
    assert (
        ImageScore(evaluation=measured).p_text
        == ImageScore(evaluation=Evaluation(), p_value=0.2).p_text
        == ""
    )
    _, evaluation = evaluated(cast, 1)
    pairs = reverse("evaluation-pairs", args=[evaluation.pk])
    assert "No copy: clear it" in cast.client("owner").get(pairs).content.decode()
    evaluation.scores.update(flags=["identical"])
    assert "No copy: clear it" not in cast.client("owner").get(pairs).content.decode()


def test_empty_and_unfinished(cast: Cast) -> None:
    client = Client()
    client.force_login(make_scientist())
    assert "No batch yet" in client.get(reverse("batch-pages")).content.decode()
    for state in BatchState.values:
        batch = make_batch(generator=make_generator(dataset=cast.dataset), state=state)
        assert cast.client("owner").get(reverse("batch-page", args=[batch.pk])).status_code == 200
