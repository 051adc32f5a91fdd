"""A second person's word, and never on one's own reading."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from annotation.models import Item, ItemState, Read, ReadState, Review
from annotation.services import reviewing, studies
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
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
    assert reviewing.return_note(again) == "The box misses the lumen."
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
