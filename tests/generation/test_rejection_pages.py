"""Pages of what was not taken: by reason, in pages, with pixels for those who may see them only."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from generation.models import Dataset, Rejection
from tests.factories import PASSWORD
from tests.generation.cast import Cast
from tests.generation.factories import make_dataset, make_generator
from tests.generation.rejecting import make_rejection


def page_of(dataset: Dataset, user: Any = None, query: str = "") -> str:
    client = Client()
    client.login(username=(user or dataset.owner).username, password=PASSWORD)
    response = client.get(reverse("rejection-pages", args=[dataset.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.django_db
def test_nothing_refused_is_said() -> None:
    assert "Nothing was refused" in page_of(make_dataset(per_split=4))


@pytest.mark.django_db
def test_pixels_and_decisions_are_for_those_who_may() -> None:
    cast = Cast()
    rejection = make_rejection(cast.dataset)
    owner, viewer = page_of(cast.dataset), page_of(cast.dataset, cast.user("viewer"))
    thumbnail = reverse("dataset-rejection-thumbnail", args=[cast.dataset.pk, rejection.pk])
    assert thumbnail in owner
    assert "Take it in" in owner
    assert "Keep all 1 out" in owner
    assert thumbnail not in viewer
    assert "Take it in" not in viewer
    assert "Keep" not in viewer
    assert rejection.detail in viewer


@pytest.mark.django_db
def test_the_quarantine_stands_on_top_and_asks_for_a_look() -> None:
    dataset = make_dataset(per_split=4)
    make_rejection(dataset, code="burned_in_unknown")
    make_rejection(dataset)
    text = page_of(dataset)
    assert text.index("May show text about a patient: 1") < text.index("Blank (1)")
    assert "Look at it in full size" in text
    dataset.members.update(view_real=False)
    blind = page_of(dataset)
    assert "This needs somebody who may see real images" in blind
    assert blind.count("Take it in<") == 1  # the blank one; nobody takes in what they cannot look at


@pytest.mark.django_db
def test_why_nothing_can_be_taken_in_any_more_is_said() -> None:
    dataset = make_generator(dataset=make_dataset(per_split=4)).dataset
    make_rejection(dataset)
    text = page_of(dataset)
    assert "A generator was begun on this data set" in text
    assert "Take it in" not in text
    assert "Keep it out" in text


@pytest.mark.django_db
def test_ten_thousand_refusals_are_pages_that_cost_the_same() -> None:
    dataset = make_dataset(per_split=4)
    ingest = dataset.ingests.get()

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            text = page_of(dataset)
        assert text.count("data-rejection ") == 50
        return len(seen)

    def add(count: int) -> None:
        Rejection.objects.bulk_create(
            Rejection(ingest=ingest, ordinal=str(n), code=("blank", "damaged")[n % 2], detail="Refused.")
            for n in range(count)
        )

    add(60)
    few = queries()
    add(9_940)
    assert queries() == few
    assert "Damaged (5000)" in page_of(dataset)
    last = page_of(dataset, query="?code=damaged&page=100")
    assert "4951–5000 of 5000" in last


@pytest.mark.django_db
def test_the_data_set_shows_reasons_and_uploads() -> None:
    dataset = make_dataset(per_split=4)
    make_rejection(dataset, code="burned_in_unknown")
    client = Client()
    client.login(username=dataset.owner.username, password=PASSWORD)
    text = client.get(reverse("dataset-page", args=[dataset.pk])).content.decode()
    assert "What was not taken" in text
    assert "1 picture may show text about a patient" in text
    assert "Upload more images" in text
    assert "data-fixed-form" in text
