"""Withdrawals by REST: who may, what is asked before, what is told after."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from generation.models import SourceImage, Split, TrainingState, Withdrawal
from generation.services import training
from tests.factories import PASSWORD
from tests.generation.cast import ROLES, Cast
from tests.generation.factories import make_batch, make_dataset, make_generator
from tests.present import present

REASON = "consent taken back by M. Muster"


def first(cast: Cast, split: str = Split.TRAIN) -> SourceImage:
    return present(cast.dataset.images.present().in_split(split).order_by("pk").first())


def url(cast: Cast, tail: str = "") -> str:
    return f"/api/v1/datasets/{cast.dataset.pk}/withdrawals{tail}"


def body(image: SourceImage, **more: Any) -> dict[str, Any]:
    return {"images": [str(image.pk)], **more}


def page_of(cast: Cast, role: str, name: str, *args: Any) -> Any:
    client = Client()
    client.login(username=cast.user(role).username, password=PASSWORD)
    return client.get(reverse(name, args=[cast.dataset.pk, *args]))


def test_only_the_owner_may_and_others_hear_what_they_may_hear(cast: Cast) -> None:
    image = first(cast)
    expected = {"owner": 202, "member": 403, "viewer": 403, "anonymous": 401}
    for role in reversed(ROLES):
        client = cast.client(role)
        asked = client.post(url(cast, "/preview"), body(image), format="json")
        assert asked.status_code == {**expected, "owner": 200}.get(role, 404), role
        made = client.post(url(cast), body(image, reason=REASON), format="json")
        assert made.status_code == expected.get(role, 404), role
    assert Withdrawal.objects.count() == 1


def test_the_answer_names_the_job_and_a_second_time_is_the_same(cast: Cast) -> None:
    client, image = cast.client("owner"), first(cast)
    told = body(image, reason=REASON)
    made = client.post(url(cast), told, format="json", HTTP_IDEMPOTENCY_KEY="withdraw-once")
    again = client.post(url(cast), told, format="json", HTTP_IDEMPOTENCY_KEY="withdraw-once")
    assert made.json() == again.json()
    assert made.headers["Location"].endswith(made.json()["job"])
    assert made.json()["image_count"] == 1
    refused = client.post(url(cast), told, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "already_withdrawn")


def test_bad_wishes_are_refused_with_reasons(cast: Cast) -> None:
    client, image = cast.client("owner"), first(cast)
    foreign = present(make_dataset(per_split=1, groups=1).images.first())
    for told, status, code in (
        (body(image, reason="  "), 422, "reason_needed"),
        ({"reason": REASON}, 422, "nothing_named"),
        (body(foreign, reason=REASON), 404, "unknown_image"),
        ({"groups": [str(image.pk)], "reason": REASON}, 404, "unknown_image"),
        (body(image, reason=REASON, force=True), 400, None),
        ({"images": ["no id"], "reason": REASON}, 400, None),
    ):
        answer = client.post(url(cast), told, format="json")
        assert answer.status_code in ({status, 422} if code is None else {status}), (told, answer.content)
        assert code is None or answer.json()["code"] == code
    assert not Withdrawal.objects.exists()


def test_consequences_are_told_before_and_ever_after(cast: Cast) -> None:
    run = training.start_training(actor=cast.dataset.owner, dataset=cast.dataset, config={"preset": "quick"})
    generator = make_generator(dataset=cast.dataset)
    generator.training = run
    generator.save()
    batch = make_batch(generator=generator)
    client, image = cast.client("owner"), first(cast)
    told = client.post(url(cast, "/preview"), body(image), format="json").json()
    assert [row["id"] for row in told["generators"]] == [str(generator.pk)]
    assert [row["id"] for row in told["batches"]] == [str(batch.pk)]
    assert told["trainings"] == [{"id": str(run.pk), "state": "queued", "images": 1}]
    detail = f"/api/v1/generators/{generator.pk}"
    assert client.get(detail).json()["images_withdrawn_since"] == 0
    assert page_of(cast, "owner", "withdrawal-new").status_code == 200  # names nothing: says so
    asked = Client()
    asked.login(username=cast.user("owner").username, password=PASSWORD)
    before = asked.get(reverse("withdrawal-new", args=[cast.dataset.pk]), {"image": str(image.pk)})
    assert generator.name in before.content.decode()
    client.post(url(cast), body(image, reason=REASON), format="json")
    assert client.get(detail).json()["images_withdrawn_since"] == 1
    run.refresh_from_db()
    assert run.state == TrainingState.CANCELLED
    page = asked.get(reverse("generator-page", args=[generator.pk])).content.decode()
    assert "trained with 1 image that was withdrawn since" in page
    listed = page_of(cast, "owner", "withdrawal-pages").content.decode()
    for text in (REASON, generator.name, str(batch.pk), "being erased"):
        assert text in listed
    home = page_of(cast, "owner", "dataset-page").content.decode()
    assert "Decide for each" in home


def test_the_reason_is_for_the_owner_only(cast: Cast) -> None:
    image = first(cast)
    cast.client("owner").post(url(cast), body(image, reason=REASON), format="json")
    for role, is_told in (("owner", True), ("member", False), ("viewer", False)):
        (row,) = cast.client(role).get(url(cast)).json()["results"]
        assert (row["reason"] == REASON) == is_told
        assert (REASON in page_of(cast, role, "withdrawal-pages").content.decode()) == is_told
        assert row["image_count"] == 1


def test_a_tombstone_has_a_page_without_a_picture(cast: Cast) -> None:
    image = first(cast)
    before = page_of(cast, "owner", "real-image", image.pk).content.decode()
    assert f"/api/v1/images/{image.pk}/file" in before
    assert "Withdraw its whole group" in before
    cast.client("owner").post(url(cast), body(image, reason=REASON), format="json")
    after = page_of(cast, "owner", "real-image", image.pk).content.decode()
    assert f"/api/v1/images/{image.pk}/file" not in after
    assert REASON in after
    assert page_of(cast, "member", "real-image", image.pk).status_code == 404
    assert page_of(cast, "member", "withdrawal-new").status_code == 404


def test_the_pages_of_withdrawals_ask_no_more_for_more(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    client = Client()
    client.login(username=cast.user("owner").username, password=PASSWORD)
    gone = [
        cast.client("owner").post(url(cast), {"groups": [str(group.pk)], "reason": REASON}, format="json")
        for group in cast.dataset.groups.all()
    ]
    assert {answer.status_code for answer in gone} == {202}
    for _ in range(5):
        make_batch(generator=make_generator(dataset=cast.dataset), count=1)
    with django_assert_max_num_queries(20 + 14 * len(gone)):
        assert client.get(reverse("withdrawal-pages", args=[cast.dataset.pk])).status_code == 200
