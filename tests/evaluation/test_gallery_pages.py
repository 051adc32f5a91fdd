"""The gallery and the page of one image: who may open them, and what they tell whom."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from evaluation.models import Evaluation, ImageScore
from evaluation.services.curating import discard_images, restore_images
from generation.models import Batch, BatchState
from synthlab.core.models import AuditEvent
from tests.annotation.factories import Scene
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.factories import client_of
from tests.generation.cast import ROLES, Cast
from tests.generation.factories import make_batch, make_generator
from tests.present import present

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return Cast()


def measured(cast: Cast, count: int = 4) -> tuple[Batch, Evaluation]:
    """A batch whose images come nearer to a real one the higher their index is."""
    batch = make_batch(generator=make_generator(dataset=cast.dataset), count=count)
    evaluation = make_evaluation(image_set=make_image_set(batch=batch))
    nearest = cast.dataset.images.first()
    for image in batch.images.all():
        ImageScore.objects.create(
            evaluation=evaluation, image=image, nearest=nearest, distance=0.1, ratio=1 - image.index / 10,
            flags=["copy"] if image.index == 3 else [],
        )  # fmt: skip
    return batch, evaluation


def page(client: Any, name: str, *args: Any, query: str = "") -> str:
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return str(response.content.decode())


def test_pages_open_for_those_who_have_a_part_in_the_data_set(cast: Cast) -> None:
    batch, _ = measured(cast)
    for url in (reverse("batch-gallery", args=[batch.pk]), reverse("batch-image", args=[batch.pk, 0])):
        for role in ROLES:
            expected = {"anonymous": 302, "owner": 200, "member": 200, "viewer": 200}.get(role, 404)
            assert cast.client(role).get(url).status_code == expected, (role, url)
    assert cast.client("owner").get(reverse("batch-image", args=[batch.pk, 4])).status_code == 404


def test_only_those_who_may_use_the_data_set_are_offered_to_discard(cast: Cast) -> None:
    batch, _ = measured(cast)
    for role, offered in {"owner": True, "member": True, "viewer": False}.items():
        for name, args in (("batch-gallery", [batch.pk]), ("batch-image", [batch.pk, 0])):
            assert ('id="discard"' in page(cast.client(role), name, *args)) == offered, (role, name)


def test_the_nearest_real_image_is_offered_with_the_grant_and_asked_for_on_request_only(cast: Cast) -> None:
    batch, _ = measured(cast)
    before = AuditEvent.objects.filter(action="real_image.viewed").count()
    shown = page(cast.client("owner"), "batch-image", batch.pk, 3)
    assert re.search(r'<img id="real" data-src="/api/v1/images/[-0-9a-f]+/file"', shown)
    assert AuditEvent.objects.filter(action="real_image.viewed").count() == before
    for role in ("member", "viewer"):
        assert "data-src" not in page(cast.client(role), "batch-image", batch.pk, 3)


def test_a_withdrawn_neighbour_is_not_offered(cast: Cast) -> None:
    batch, _ = measured(cast)
    nearest = present(cast.dataset.images.first())
    cast.client("owner").post(
        f"/api/v1/datasets/{cast.dataset.pk}/withdrawals",
        {"images": [str(nearest.pk)], "reason": "consent"},
        format="json",
    )
    shown = page(cast.client("owner"), "batch-image", batch.pk, 3)
    assert "was withdrawn" in shown
    assert "data-src" not in shown


def neighbours_in(text: str) -> tuple[int | None, int | None]:
    found = {rel: re.search(rf'rel="{rel}" href="[^"]*/images/(\d+)/', text) for rel in ("prev", "next")}
    before, after = (int(match[1]) if match else None for match in (found["prev"], found["next"]))
    return before, after


@pytest.mark.parametrize(
    ("index", "query", "expected"),
    [
        (0, "", (None, 1)), (2, "", (1, 3)), (3, "", (2, None)),
        (2, "?ordering=ratio", (3, 1)), (2, "?ordering=-ratio", (1, 3)), (3, "?ordering=ratio", (None, 2)),
        (1, "?max_ratio=0.75", (None, 3)), (0, "?flag=copy", (None, 3)), (2, "?discarded=true", (None, None)),
        (2, "?flag=nonsense&colour=red", (1, 3)), (2, "?min_ratio=x&ordering=y", (1, 3)),
    ],
)  # fmt: skip
def test_neighbours_are_those_of_the_filtered_list(
    cast: Cast, index: int, query: str, expected: tuple[int | None, int | None]
) -> None:
    batch, _ = measured(cast)
    if "0.75" in query:  # 2 is kept out of the way
        discard_images(actor=batch.requested_by, batch=batch, indexes=[2], reason="quality")
    assert neighbours_in(page(cast.client("owner"), "batch-image", batch.pk, index, query=query)) == expected


def test_the_history_tells_what_happened_in_its_order(cast: Cast) -> None:
    batch, _ = measured(cast)
    discard_images(
        actor=cast.user("member"), batch=batch, indexes=[2, 3], reason="other", comment="A ruler shows"
    )
    restore_images(actor=batch.requested_by, batch=batch, indexes=[3])
    shown = page(cast.client("viewer"), "batch-image", batch.pk, 3)
    places = [
        shown.index(text)
        for text in (
            "Made for",
            "Measured",
            "Ratio 0.70, copy.",
            "Discarded by",
            "A ruler shows",
            "Taken back by",
        )
    ]
    assert places == sorted(places)
    assert "With 1 others." in shown
    assert "Taken back by" not in page(cast.client("viewer"), "batch-image", batch.pk, 2)


def test_which_study_holds_an_image_is_told_to_its_managers_only() -> None:
    scene = Scene(images=2)
    args = scene.batch.pk, 0
    assert scene.study.title in page(client_of(scene.manager), "batch-image", *args)
    member = scene.batch.generator.dataset.members.create(user=scene.reader, role="viewer")
    shown = page(client_of(member.user), "batch-image", *args)
    assert "Filled into a study" in shown
    assert scene.study.title not in shown


def test_the_batch_page_says_when_its_numbers_are_about_another_list(cast: Cast) -> None:
    batch, _ = measured(cast)
    owner = cast.client("owner")
    assert "not about what the batch holds now" not in page(owner, "batch-page", batch.pk)
    discard_images(actor=batch.requested_by, batch=batch, indexes=[2, 3], reason="copy")
    shown = page(owner, "batch-page", batch.pk)
    assert "2 of them were discarded since" in " ".join(shown.split())
    assert "2 of 4 discarded" in shown
    assert "?images=kept" in shown
    make_evaluation(image_set=make_image_set(batch=batch))
    assert "not about what the batch holds now" not in page(owner, "batch-page", batch.pk)
    restore_images(actor=batch.requested_by, batch=batch, indexes=[3])
    assert "1 was taken back that was not measured" in " ".join(page(owner, "batch-page", batch.pk).split())


def test_every_state_of_a_batch_has_a_gallery(cast: Cast) -> None:
    for state in BatchState.values:
        batch = make_batch(generator=make_generator(dataset=cast.dataset), state=state)
        shown = page(cast.client("owner"), "batch-gallery", batch.pk)
        at_work = state in (BatchState.QUEUED, BatchState.RUNNING)
        assert ("data-growing" in shown, "data-may-discard" in shown) == (at_work, not at_work)
        assert ("Not measured yet" in shown) == (state == BatchState.SUCCEEDED)
        # Its script puts what to do next into the paragraph.
        assert "<p> </p>" in shown.split('id="gallery-empty"')[1]


def test_an_image_names_both_seeds_of_its_recipe(cast: Cast) -> None:
    batch, _ = measured(cast)
    image = batch.images.get(index=1)
    shown = page(cast.client("owner"), "batch-image", batch.pk, image.index)
    for words, value in (("Seed of the batch", batch.seed), ("Seed of the image", image.seed)):
        assert f'<dt>{words}</dt><dd class="num">{value}</dd>' in shown


def test_an_image_page_asks_no_more_in_a_large_batch(cast: Cast, django_assert_max_num_queries: Any) -> None:
    asked = []
    for count in (4, 24):
        batch, _ = measured(cast, count)
        with django_assert_max_num_queries(40) as captured:
            page(cast.client("owner"), "batch-image", batch.pk, 1)
        asked.append(len(captured))
    assert asked[0] == asked[1]
