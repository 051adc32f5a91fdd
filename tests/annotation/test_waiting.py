"""What waits for a reviewer, by filters, and all of it accepted at once: just what was shown, or nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from annotation.models import Item, ItemState, Review
from annotation.services import accepting, studies
from annotation.services.releases import pseudonym
from annotation.services.waiting import select_waiting, waiting_answers
from synthlab.core.audit import study_chain, verify_chain
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from synthlab.core.invariants import find_violations
from synthlab.core.models import AuditEvent
from tests.annotation.calls import API, post
from tests.annotation.factories import DISCARDED, GLAND, LABELLED, Scene
from tests.annotation.test_copies import flagged as flag_as_copy
from tests.annotation.test_pages import page, text
from tests.factories import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

WHOLE = (
    "nobody reviews their own reading",
    "the answer that decided an image is a final one about that image",
)
FLAGGED = {**LABELLED, "flag_second_opinion": True}


def accept(scene: Scene, filters: dict[str, str] | None = None) -> int:
    shown = select_waiting(scene.reviewer, scene.study, filters)
    return accepting.accept_waiting(
        actor=scene.reviewer,
        study=scene.study,
        filters=filters or {},
        count=shown.count,
        selection=shown.selection,
    )


def test_filters_choose_by_answer_reader_agreement_and_reason():
    scene = Scene(4, reads_per_item=1)
    for answer in (GLAND, DISCARDED, FLAGGED):
        scene.submit(scene.claim()[0], answer)
    scene.submit(scene.claim(scene.second)[0], LABELLED, scene.second)
    first, second = (pseudonym(scene.study, user.pk) for user in (scene.reader, scene.second))
    for filters, count in (
        ({}, 4), ({"decision": "labelled"}, 3), ({"decision": "discarded"}, 1), ({"class": "gland"}, 1),
        ({"class": "normal"}, 2), ({"reason": "artefact"}, 1), ({"reason": "blurred"}, 0), ({"reader": first}, 3),
        ({"reader": second, "class": "normal"}, 1), ({"reader": second, "class": "gland"}, 0),
        ({"agreement": "single"}, 4), ({"agreement": "agreed"}, 0), ({"because": "flagged"}, 1),
        ({"because": "sampled"}, 1), ({"because": "every"}, 2),
    ):  # fmt: skip
        assert waiting_answers(scene.reviewer, scene.study, filters).count() == count, filters
    for wrong in (
        {"colour": "red"}, {"class": "wolf"}, {"class": "g"}, {"reader": str(scene.reader.pk)}, {"agreement": "x"},
        {"decision": ""}, {"because": "x"}, {"reason": "x"},
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            waiting_answers(scene.reviewer, scene.study, wrong)


def test_one_answer_stands_for_an_image_of_several_readers_and_for_a_settled_dispute():
    scene = Scene(2, reads_per_item=2)
    scene.answer_all(GLAND)
    agreed, disputed = scene.claim(scene.second, 2)
    scene.submit(agreed, GLAND, scene.second)
    # Settled, but it may be a copy: so its settling answer waits, and not the readers' answers.
    image = scene.batch.images.get(items=disputed.item_id)
    flag_as_copy(scene, image.index)
    scene.submit(disputed, LABELLED, scene.second)
    settling = scene.submit(scene.claim(scene.reviewer)[0], GLAND, scene.reviewer)
    third = studies.add_member(
        actor=scene.manager, study=scene.study, user=scene.manager, role="reviewer"
    ).user
    rows = {row.read.item_id: row for row in waiting_answers(third, scene.study)}
    assert set(rows) == {agreed.item_id, disputed.item_id}
    assert rows[disputed.item_id] == settling
    assert rows[agreed.item_id].read.ordinal == 0
    for way, count in (("agreed", 1), ("adjudicated", 1), ("single", 0)):
        assert waiting_answers(third, scene.study, {"agreement": way}).count() == count
    # The reviewer who settled it has an answer of their own there.
    assert waiting_answers(scene.reviewer, scene.study).count() == 1


def test_what_filters_choose_is_accepted_together_and_the_rest_waits():
    scene = Scene(4)
    for answer in (GLAND, GLAND, DISCARDED, LABELLED):
        scene.submit(scene.claim()[0], answer)
    assert accept(scene, {"class": "gland"}) == 2
    assert accept(scene, {"decision": "discarded"}) == 1
    states = sorted(Item.objects.values_list("state", flat=True))
    assert states == [ItemState.ACCEPTED, ItemState.ACCEPTED, ItemState.DISCARDED, ItemState.REVIEW]
    assert set(Review.objects.values_list("reviewer", "reader", "verdict")) == {
        (scene.reviewer.pk, scene.reader.pk, "accept")
    }
    event = AuditEvent.objects.filter(action="review.accepted_together").latest("id")
    assert (event.facts["filters"], len(event.facts["annotations"])) == ({"decision": "discarded"}, 1)
    assert verify_chain(study_chain(scene.study)).intact
    assert list(find_violations(WHOLE)) == []


def test_nothing_is_accepted_when_the_set_changed_even_to_one_of_the_same_size():
    scene = Scene(4)
    first, second = (scene.submit(scene.claim()[0], LABELLED) for _ in range(2))
    shown = select_waiting(scene.reviewer, scene.study)
    about: dict[str, Any] = {
        "actor": scene.reviewer,
        "study": scene.study,
        "filters": {},
        "count": 2,
        "selection": shown.selection,
    }
    scene.submit(scene.claim()[0], LABELLED)
    with pytest.raises(Conflict) as refusal:
        accepting.accept_waiting(**about)
    assert (refusal.value.code, refusal.value.extra["count"]) == ("selection_changed", 3)
    scene.accept(first)
    with pytest.raises(Conflict) as refusal:
        accepting.accept_waiting(**about)
    assert refusal.value.extra["count"] == 2
    with pytest.raises(Conflict):
        accepting.accept_waiting(**{**about, "count": 1})
    assert list(Review.objects.values_list("annotation", flat=True)) == [first.pk]
    assert accept(scene) == 2
    assert Review.objects.filter(annotation=second).exists()
    with pytest.raises(Conflict):
        accept(scene)


def test_second_opinions_and_possible_copies_are_looked_at_one_by_one():
    scene = Scene(4)
    flag_as_copy(scene, 0)
    flag_as_copy(scene, 1)
    for _ in range(4):
        (read,) = scene.claim()
        index = scene.batch.images.get(items=read.item_id).index
        scene.submit(read, {0: LABELLED, 1: DISCARDED, 2: FLAGGED, 3: LABELLED}[index])
    together = select_waiting(scene.reviewer, scene.study)
    # A discarded copy is discarded like any other image.
    assert (together.waiting, together.count, together.flagged, together.copies) == (4, 2, 1, 1)
    assert accept(scene) == 2
    assert waiting_answers(scene.reviewer, scene.study).count() == 2


def test_own_readings_are_never_among_them_and_only_reviewers_accept():
    scene = Scene(2, reads_per_item=2)
    studies.add_member(actor=scene.manager, study=scene.study, user=scene.second, role="reviewer")
    scene.answer_all(LABELLED)
    scene.answer_all(LABELLED, scene.second)
    assert select_waiting(scene.second, scene.study).waiting == 0
    shown = select_waiting(scene.reviewer, scene.study)
    about: dict[str, Any] = {"study": scene.study, "filters": {}, "count": 2, "selection": shown.selection}
    with pytest.raises(Conflict):
        accepting.accept_waiting(actor=scene.second, **about)
    for user in (scene.reader, scene.manager):
        with pytest.raises(NotAllowed):
            accepting.accept_waiting(actor=user, **about)
    assert not Review.objects.exists()


def test_over_rest_the_count_is_told_confirmed_and_refused_when_it_changed():
    scene = Scene(3)
    for _ in range(2):
        scene.submit(scene.claim()[0], LABELLED)
    url, client = f"{API}/studies/{scene.study.pk}", client_of(scene.reviewer)
    told = client.get(f"{url}/waiting?class=normal").json()
    assert told == {
        "waiting": 2, "count": 2, "selection": told["selection"], "flagged": 0, "copies": 0, "rest": 0,
    }  # fmt: skip
    assert client.get(f"{url}/waiting?class=wolf").json()["code"] == "filter_unknown"
    assert client_of(scene.reader).get(f"{url}/waiting").status_code == 403
    body = {"filters": {"class": "normal"}, "count": 2, "selection": told["selection"]}
    assert post(client_of(scene.manager), f"{url}/accept-waiting", body).status_code == 403
    scene.submit(scene.claim()[0], LABELLED)
    changed = post(client, f"{url}/accept-waiting", body)
    assert (changed.status_code, changed.json()["code"], changed.json()["count"]) == (
        409,
        "selection_changed",
        3,
    )
    told = client.get(f"{url}/waiting?class=normal").json()
    body |= {"count": 3, "selection": told["selection"]}
    key = {"Idempotency_Key": "one-and-the-same"}
    assert [post(client, f"{url}/accept-waiting", body, **key).json() for _ in range(2)] == [
        {"accepted": 3}
    ] * 2
    assert post(client, f"{url}/accept-waiting", {**body, "extra": 1}).status_code == 422


def test_the_page_offers_filters_and_asks_with_the_number():
    scene = Scene(3)
    gland = scene.submit(scene.claim()[0], GLAND)
    for _ in range(2):
        scene.submit(scene.claim()[0], LABELLED)
    body = text(page(scene.reviewer, "review-page", scene.study.pk, **{"class": "normal"}))
    assert 'data-confirm="Accept 2 answers without looking at each?' in body
    assert re.search(r'id="review-left">2</span> of 3', body)
    assert str(gland.pk) not in body
    assert reverse("study-accept-waiting", args=[scene.study.pk]) in body
    assert "Nothing fits these filters" in text(
        page(scene.reviewer, "review-page", scene.study.pk, decision="discarded")
    )
    # What is not offered is not taken for a filter.
    assert 'id="review-left">3<' in text(page(scene.reviewer, "review-page", scene.study.pk, reader="x"))
