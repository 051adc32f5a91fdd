"""A second person's word, and never on one's own reading."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from annotation.models import Item, ItemState, Read, ReadState, Review
from annotation.services import assigning, reviewing, studies
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from synthlab.core.invariants import find_violations
from tests.annotation.factories import DISCARDED, GLAND, LABELLED, Scene
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_accepting_decides_the_item():
    scene = Scene(2)
    labelled = scene.submit(scene.claim()[0], GLAND)
    discarded = scene.submit(scene.claim()[0], DISCARDED)
    scene.accept(labelled)
    scene.accept(discarded)
    assert labelled.read.item.__class__.objects.get(pk=labelled.read.item_id).state == ItemState.ACCEPTED
    assert Item.objects.get(pk=discarded.read.item_id).outcome == discarded


def test_accepting_twice_is_refused():
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0])
    scene.accept(annotation)
    with pytest.raises(Conflict):
        scene.accept(annotation)
    assert Review.objects.count() == 1


def test_nobody_reviews_their_own_reading():
    scene = Scene(1)
    studies.add_member(actor=scene.manager, study=scene.study, user=scene.reader, role="reviewer")
    annotation = scene.submit(scene.claim()[0])
    for act in (reviewing.accept, reviewing.return_, reviewing.overrule):
        extra = {"answer": LABELLED} if act is reviewing.overrule else {"comment": "mine"}
        with pytest.raises(NotAllowed) as refusal:
            act(actor=scene.reader, annotation=annotation, **extra)
        assert refusal.value.code == "own_reading"


def test_nobody_reviews_an_image_they_have_read_beside_someone_else():
    scene = Scene(1, reads_per_item=2)
    studies.add_member(actor=scene.manager, study=scene.study, user=scene.second, role="reviewer")
    (first,) = scene.answer_all(GLAND)
    scene.answer_all(GLAND, scene.second)
    with pytest.raises(NotAllowed):
        reviewing.accept(actor=scene.second, annotation=first)


def test_the_database_refuses_a_review_of_ones_own_reading():
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0])
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(
            annotation=annotation, reader=scene.reader, reviewer=scene.reader, verdict="accept"
        )


def test_only_reviewers_review():
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0])
    for user in (scene.manager, scene.second):
        with pytest.raises(NotAllowed):
            reviewing.accept(actor=user, annotation=annotation)


def test_a_return_needs_a_comment_and_brings_the_image_back_to_the_same_reader():
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0], GLAND)
    with pytest.raises(InvalidInput):
        reviewing.return_(actor=scene.reviewer, annotation=annotation, comment=" ")
    reviewing.return_(actor=scene.reviewer, annotation=annotation, comment="The box misses the lumen.")
    assert Read.objects.get(pk=annotation.read_id).state == ReadState.RETURNED
    assert scene.claim(scene.second) == []
    (again,) = scene.claim()
    assert (again.item_id, again.ordinal) == (annotation.read.item_id, 1)
    assert present(reviewing.last_return(again)).comment == "The box misses the lumen."
    final = scene.submit(again, GLAND)
    scene.accept(final)
    assert Item.objects.get().outcome == final
    with pytest.raises(Conflict):
        scene.accept(annotation)


def test_the_returned_reader_starts_from_the_earlier_answer():
    from annotation.services.reading import newest_draft

    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0], GLAND)
    reviewing.return_(actor=scene.reviewer, annotation=annotation, comment="Look again.")
    (again,) = scene.claim()
    draft = present(newest_draft(again, scene.reader))
    assert draft["classes"] == ["gland"]
    assert draft["regions"][0]["geometry"] == {"x": 2.0, "y": 3.0, "width": 6.0, "height": 5.0}


def test_a_returned_discard_plans_the_void_read_again():
    scene = Scene(1, reads_per_item=2)
    (annotation,) = scene.answer_all(DISCARDED)
    assert Item.objects.get().state == ItemState.REVIEW
    reviewing.return_(actor=scene.reviewer, annotation=annotation, comment="It is fine.")
    live = Read.objects.filter(kind="primary", state__in=["open", "leased", "submitted"])
    assert live.count() == 2
    assert len(scene.claim(scene.second)) == 1


def test_an_overrule_counts_in_place_of_the_answer():
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0], GLAND)
    with pytest.raises(InvalidInput):
        reviewing.overrule(actor=scene.reviewer, annotation=annotation, answer={"decision": "labelled"})
    reviewing.overrule(actor=scene.reviewer, annotation=annotation, answer=DISCARDED, comment="Artefact.")
    item = Item.objects.get()
    assert item.state == ItemState.DISCARDED
    assert present(item.outcome).author == scene.reviewer
    annotation.refresh_from_db()
    assert annotation.is_final


def test_an_item_in_reading_is_not_reviewable():
    scene = Scene(1, reads_per_item=2)
    (annotation,) = scene.answer_all(GLAND)
    with pytest.raises(Conflict):
        scene.accept(annotation)


def test_a_pin_lies_on_the_image_and_has_words():
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0], GLAND)
    for point, comment, code in (
        ({"x": 17, "y": 1}, "Here.", "point_outside"),
        ({"x": 1, "y": float("nan")}, "Here.", "point_outside"),
        ({"x": 1, "y": 1}, " ", "comment_needed"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            reviewing.accept(actor=scene.reviewer, annotation=annotation, comment=comment, point=point)
        assert refusal.value.code == code
    assert not Review.objects.exists()
    review = reviewing.return_(
        actor=scene.reviewer, annotation=annotation, comment="Here.", point={"x": 16, "y": 0.5}
    )
    assert review.point == {"x": 16.0, "y": 0.5}
    (again,) = scene.claim()
    assert present(reviewing.last_return(again)).point == {"x": 16.0, "y": 0.5}


@pytest.mark.parametrize("wrong", [{"point_x": 1.0, "comment": "x"}, {"point_x": 1.0, "point_y": 1.0}])
def test_the_database_refuses_half_a_pin_and_one_without_words(wrong):
    scene = Scene(1)
    annotation = scene.submit(scene.claim()[0])
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(
            annotation=annotation, reader=scene.reader, reviewer=scene.reviewer, verdict="accept", **wrong
        )


def test_whoever_judged_anothers_answer_gets_no_read_of_that_image():
    scene = Scene(1, reads_per_item=2)
    studies.add_member(actor=scene.manager, study=scene.study, user=scene.reviewer, role="reader")
    (discard,) = scene.answer_all(DISCARDED)
    reviewing.return_(actor=scene.reviewer, annotation=discard, comment="It is fine.")
    free = Read.objects.get(state=ReadState.OPEN, reader__isnull=True)
    assert scene.claim(scene.reviewer) == []
    with pytest.raises(Conflict):
        assigning.assign_reads(actor=scene.manager, study=scene.study, reads=[free], reader=scene.reviewer)
    assert assigning.assign_next(actor=scene.manager, study=scene.study, reader=scene.reviewer, count=5) == 0
    assert scene.claim(scene.second) == [free]
    assert list(find_violations(["nobody reads an image afresh after judging another's answer to it"])) == []
    Read.objects.filter(pk=free.pk).update(
        state=ReadState.SUBMITTED,
        reader=scene.reviewer,
        submitted_at=Now(),
        leased_at=Now(),
        lease_until=None,
    )
    assert (
        len(list(find_violations(["nobody reads an image afresh after judging another's answer to it"]))) == 1
    )


def test_whoever_judged_an_answer_may_still_settle_the_dispute_that_came_of_it():
    scene = Scene(1, reads_per_item=2)
    (discard,) = scene.answer_all(DISCARDED)
    reviewing.return_(actor=scene.reviewer, annotation=discard, comment="It is fine.")
    scene.answer_all(LABELLED)
    scene.answer_all(GLAND, scene.second)
    assert [read.kind for read in scene.claim(scene.reviewer)] == ["adjudication"]


def test_what_was_returned_comes_back_to_review_whatever_the_policy():
    scene = Scene(1, approval_policy="as_read")
    flagged = scene.submit(scene.claim()[0], {**LABELLED, "flag_second_opinion": True})
    assert Item.objects.get().review_reason == "flagged"
    reviewing.return_(actor=scene.reviewer, annotation=flagged, comment="Mark the gland.")
    scene.submit(scene.claim()[0], GLAND)
    item = Item.objects.get()
    assert (item.state, item.review_reason) == (ItemState.REVIEW, "returned")
