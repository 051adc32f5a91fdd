"""Answers: taken once, never lost, refused with the field that is wrong."""

from __future__ import annotations

import uuid

import pytest

from annotation.models import Annotation, Item, ItemState, Read, ReadState, Region, Study
from annotation.services import late, leases, reading, reviewing
from annotation.services.deciding import is_sampled
from synthlab.core.exceptions import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    PreconditionFailed,
    TooLarge,
)
from synthlab.core.models import AuditEvent
from tests.annotation.factories import DISCARDED, GLAND, LABELLED, Scene, add_control
from tests.annotation.test_queue import expire

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_a_submitted_answer_is_final_with_its_regions_and_audited():
    scene = Scene(1)
    (read,) = scene.claim()
    annotation = scene.submit(read, GLAND)
    read.refresh_from_db()
    assert (read.state, read.rev, read.lease_until) == (ReadState.SUBMITTED, 1, None)
    assert (read.active_seconds, read.idle_seconds) == (4.5, 0.5)
    assert (annotation.classes, annotation.confidence, annotation.comment) == (["gland"], 4, "clear lumen")
    region = Region.objects.get(annotation=annotation)
    assert region.geometry == {"x": 2.0, "y": 3.0, "width": 6.0, "height": 5.0}
    event = AuditEvent.objects.get(action="read.submitted")
    assert event.facts["annotation"] == str(annotation.pk)


def test_drafts_follow_one_another_and_end_in_the_answer():
    scene = Scene(1)
    (read,) = scene.claim()
    assert reading.save_draft(actor=scene.reader, read=read, rev=0, answer={"comment": "h"}).rev == 1
    assert reading.save_draft(actor=scene.reader, read=read, rev=1, answer={"comment": "hm"}).rev == 2
    assert Annotation.objects.get().draft == {"comment": "hm"}
    reading.submit_answer(actor=scene.reader, read=read, rev=2, answer=LABELLED)
    assert Annotation.objects.get().is_final


def test_the_same_draft_again_is_no_conflict():
    scene = Scene(1)
    (read,) = scene.claim()
    for _ in range(2):
        assert reading.save_draft(actor=scene.reader, read=read, rev=0, answer={"comment": "h"}).rev == 1


def test_a_stale_answer_is_refused_with_both_versions_and_changes_nothing():
    scene = Scene(1)
    (read,) = scene.claim()
    reading.save_draft(actor=scene.reader, read=read, rev=0, answer={"comment": "first tab"})
    for act in (reading.save_draft, reading.submit_answer):
        with pytest.raises(PreconditionFailed) as refusal:
            act(actor=scene.reader, read=read, rev=0, answer=LABELLED)
        assert refusal.value.extra["current"] == {
            "rev": 1,
            "state": "leased",
            "answer": {"comment": "first tab"},
        }
        assert refusal.value.extra["yours"] == {"rev": 0, "answer": LABELLED}
    assert Annotation.objects.get().draft == {"comment": "first tab"}
    with pytest.raises(PreconditionFailed):
        reading.save_draft(actor=scene.reader, read=read, rev=7, answer={})


def test_an_answer_is_taken_once():
    scene = Scene(1)
    (read,) = scene.claim()
    scene.submit(read)
    with pytest.raises(PreconditionFailed):
        reading.submit_answer(actor=scene.reader, read=read, rev=0, answer=DISCARDED)
    with pytest.raises(Conflict) as refusal:
        reading.submit_answer(actor=scene.reader, read=read, rev=1, answer=DISCARDED)
    assert refusal.value.code == "already_submitted"
    assert Annotation.objects.get().decision == "labelled"


def test_a_late_answer_is_accepted_while_nobody_else_has_the_read():
    scene = Scene(1)
    (read,) = scene.claim()
    expire(read)
    assert scene.submit(read).is_final


@pytest.mark.parametrize("act", [reading.submit_answer, reading.save_draft])
def test_an_answer_to_a_lost_read_is_kept_and_shown_to_the_manager(act):
    scene = Scene(1)
    (read,) = scene.claim()
    expire(read)
    scene.claim(scene.second)
    with pytest.raises(Conflict) as refusal:
        act(actor=scene.reader, read=read, rev=0, answer=GLAND)
    assert (refusal.value.code, refusal.value.extra) == ("lease_lost", {"kept": True})
    kept = Annotation.objects.kept_late().get()
    assert (kept.author, kept.draft, kept.is_final) == (scene.reader, GLAND, False)
    assert AuditEvent.objects.filter(action="read.answered_late").exists()
    read.refresh_from_db()
    assert read.reader == scene.second


def test_a_late_answer_does_not_make_the_holders_own_answer_stale():
    scene = Scene(1)
    (read,) = scene.claim()
    expire(read)
    (theirs,) = scene.claim(scene.second)
    with pytest.raises(Conflict):
        reading.submit_answer(actor=scene.reader, read=read, rev=0, answer=GLAND)
    assert scene.submit(theirs, reader=scene.second).author == scene.second
    assert Annotation.objects.kept_late().get().author == scene.reader


def test_the_manager_can_use_a_late_answer_and_the_holders_is_kept_in_its_turn():
    scene = Scene(1)
    (read,) = scene.claim()
    expire(read)
    (theirs,) = scene.claim(scene.second)
    with pytest.raises(Conflict):
        reading.submit_answer(actor=scene.reader, read=read, rev=0, answer=GLAND)
    with pytest.raises(NotAllowed):
        late.use_late_answer(actor=scene.second, annotation=Annotation.objects.get())
    late.use_late_answer(actor=scene.manager, annotation=Annotation.objects.get())
    assert Annotation.objects.get(is_final=True).author == scene.reader
    with pytest.raises(Conflict):
        reading.submit_answer(actor=scene.second, read=theirs, rev=theirs.rev, answer=LABELLED)
    late_again = Annotation.objects.kept_late().get()
    assert late_again.author == scene.second
    with pytest.raises(Conflict):
        late.use_late_answer(actor=scene.manager, annotation=late_again)


def test_a_read_that_was_never_mine_does_not_exist_for_me():
    scene = Scene(1)
    (read,) = scene.claim()
    for act in (reading.save_draft, reading.submit_answer):
        with pytest.raises(NotFound):
            act(actor=scene.second, read=read, rev=0, answer=LABELLED)
    with pytest.raises(NotFound):
        leases.renew_lease(actor=scene.reviewer, read=read)


def test_an_endless_answer_is_refused():
    scene = Scene(1)
    (read,) = scene.claim()
    with pytest.raises(TooLarge):
        reading.save_draft(actor=scene.reader, read=read, rev=0, answer={"comment": "x" * 300_000})


BOX = {"x": 1, "y": 1, "width": 2, "height": 2}
BAD_ANSWERS = [
    ({}, "decision"),
    ({"decision": "maybe"}, "decision"),
    ({"decision": "labelled"}, "classes"),
    ({"decision": "labelled", "classes": "normal"}, "classes"),
    ({"decision": "labelled", "classes": ["wolf"]}, "classes[0]"),
    ({"decision": "labelled", "classes": [["normal"]]}, "classes[0]"),
    ({"decision": "labelled", "classes": ["normal", "normal"]}, "classes"),
    ({"decision": "labelled", "classes": ["normal", "stroma"]}, "classes"),
    ({"decision": "labelled", "classes": ["gland"]}, "regions"),
    ({"decision": "labelled", "classes": ["normal"], "discard_reason": "artefact"}, "discard_reason"),
    ({"decision": "discarded"}, "discard_reason"),
    ({"decision": "discarded", "discard_reason": "bored"}, "discard_reason"),
    ({"decision": "discarded", "discard_reason": ["artefact"]}, "discard_reason"),
    ({**DISCARDED, "classes": ["normal"]}, "classes"),
    ({**DISCARDED, "regions": [{}]}, "regions"),
    ({**LABELLED, "confidence": 6}, "confidence"),
    ({**LABELLED, "confidence": True}, "confidence"),
    ({**LABELLED, "site": "moon"}, "site"),
    ({**LABELLED, "site": {"a": 1}}, "site"),
    ({**LABELLED, "comment": "x" * 2001}, "comment"),
    ({**LABELLED, "comment": 5}, "comment"),
    ({**LABELLED, "active_seconds": -1}, "active_seconds"),
    ({**LABELLED, "active_seconds": float("nan")}, "active_seconds"),
    ({**LABELLED, "flag_second_opinion": "yes"}, "flag_second_opinion"),
    ({**LABELLED, "reader": "me"}, "reader"),
    ({**LABELLED, "regions": {}}, None),
    ({**LABELLED, "regions": [1]}, "regions[0]"),
    ({**LABELLED, "regions": [{"kind": "box", "class": "normal", "geometry": BOX}]}, "regions[0].kind"),
    ({**GLAND, "regions": [{"kind": "mask", "class": "gland", "geometry": {}}]}, "regions[0].kind"),
    ({**GLAND, "regions": [{"kind": "box", "class": "stroma", "geometry": BOX}]}, "regions[0].class"),
    ({**GLAND, "regions": [{"kind": "box", "class": "gland", "geometry": None}]}, "regions[0].geometry"),
    ({**GLAND, "regions": [{"kind": "box", "class": "gland", "geometry": {**BOX, "x": 15}}]},
     "regions[0].geometry.width"),
    ({**GLAND, "regions": [{"kind": "box", "class": "gland", "geometry": {**BOX, "width": 0}}]},
     "regions[0].geometry.width"),
    ({**GLAND, "regions": [{"kind": "box", "class": "gland", "geometry": BOX, "z": 1}]}, "regions[0].z"),
    ({**GLAND, "regions": [{"kind": "box", "class": "gland", "geometry": BOX}] * 1001}, "regions"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "field"), BAD_ANSWERS)
def test_a_wrong_answer_is_refused_by_the_name_of_its_field_and_changes_nothing(answer, field):
    scene = Scene(1)
    (read,) = scene.claim()
    if field is None:
        scene.submit(read, answer)  # nothing drawn, in another spelling
        return
    with pytest.raises(InvalidInput) as refusal:
        reading.submit_answer(actor=scene.reader, read=read, rev=0, answer=answer)
    assert refusal.value.extra["errors"][0]["field"] == field
    assert refusal.value.detail.startswith(f"{field}: ")
    read.refresh_from_db()
    assert (read.state, read.rev) == (ReadState.LEASED, 0)
    assert not Annotation.objects.exists()


def test_five_hundred_marks_on_one_image_are_taken():
    scene = Scene(1)
    (read,) = scene.claim()
    answer = scene.submit(read, {**GLAND, "regions": GLAND["regions"] * 500})
    assert answer.regions.count() == 500


def test_many_findings_where_the_schema_takes_many():
    scene = Scene(1, schema={"mode": "many"})
    (read,) = scene.claim()
    with pytest.raises(InvalidInput, match="stand alone"):
        reading.submit_answer(
            actor=scene.reader,
            read=read,
            rev=0,
            answer={"decision": "labelled", "classes": ["normal", "stroma"]},
        )
    answer = {**GLAND, "classes": ["stroma", "gland"]}
    assert scene.submit(read, answer).classes == ["gland", "stroma"]


@pytest.mark.parametrize(("policy", "expected"), [("every", "review"), ("as_read", "accepted")])
def test_the_policy_says_whether_a_label_is_reviewed(policy, expected):
    scene = Scene(1, approval_policy=policy)
    scene.answer_all()
    assert Item.objects.get().state == expected


@pytest.mark.parametrize(("share", "expected"), [(0.0, ItemState.DISCARDED), (1.0, ItemState.REVIEW)])
def test_a_discard_is_final_after_one_read_unless_sampled(share, expected):
    scene = Scene(1, sample_share=share)
    scene.answer_all(DISCARDED)
    assert Item.objects.get().state == expected


def test_a_sample_takes_its_share_whatever_the_number_of_readers_and_always_the_same_images():
    study = Study(sample_share=0.3)
    keys = [uuid.UUID(int=number) for number in range(4000)]
    drawn = {key for key in keys if is_sampled(study, key)}
    assert 0.26 < len(drawn) / len(keys) < 0.34  # five standard deviations
    assert drawn == {key for key in keys if is_sampled(study, key)}
    # Another study's key draws others: nobody who does not know it can foresee the sample.
    assert drawn != {key for key in keys if is_sampled(Study(sample_share=0.3), key)}


def test_what_the_sample_draws_is_reviewed_and_it_is_recorded_why():
    scene = Scene(12, approval_policy="sample", sample_share=0.5, files=False)
    scene.answer_all()
    for item in Item.objects.all():
        drawn = is_sampled(scene.study, item.pk)
        found = (item.state, item.review_reason)
        assert found == ((ItemState.REVIEW, "sampled") if drawn else (ItemState.ACCEPTED, ""))
        event = AuditEvent.objects.get(action="read.submitted", facts__item=str(item.pk))
        assert event.facts["review_reason"] == item.review_reason


def test_a_hidden_control_is_reviewed_and_returned_like_any_other_image():
    scene = Scene(1)
    control = add_control(scene)
    scene.answer_all()
    assert set(Item.objects.values_list("state", flat=True)) == {ItemState.REVIEW}
    answer = Annotation.objects.get(read__item=control)
    reviewing.return_(actor=scene.reviewer, annotation=answer, comment="Look again.")
    assert scene.claim(scene.second) == []
    (again,) = scene.answer_all()
    assert set(control.reads.values_list("kind", "state")) == {
        ("control", "returned"),
        ("control", "submitted"),
    }
    scene.accept(again)
    control.refresh_from_db()
    assert control.state == ItemState.ACCEPTED
    assert control not in Item.objects.for_snapshot()


def test_a_flagged_answer_is_reviewed_under_every_policy():
    scene = Scene(1, approval_policy="as_read")
    scene.answer_all({**LABELLED, "flag_second_opinion": True})
    assert Item.objects.get().state == ItemState.REVIEW


def test_equal_answers_of_two_readers_count_and_unequal_ones_are_disputed():
    scene = Scene(2, reads_per_item=2, approval_policy="as_read")
    first = scene.answer_all(GLAND)
    assert set(Item.objects.values_list("state", flat=True)) == {ItemState.READING}
    (same,) = scene.claim(scene.second)
    scene.submit(same, GLAND, scene.second)
    scene.answer_all(LABELLED, scene.second)
    assert Item.objects.get(pk=same.item_id).state == ItemState.ACCEPTED
    disputed = Item.objects.exclude(pk=same.item_id).get()
    assert disputed.state == ItemState.DISPUTED
    assert {annotation.read.item_id for annotation in first} == {same.item_id, disputed.pk}


def test_boxes_in_different_places_are_disputed():
    scene = Scene(1, reads_per_item=2, approval_policy="as_read")
    scene.answer_all(GLAND)
    moved = {**GLAND, "regions": [{"kind": "box", "class": "gland", "geometry": {**BOX, "x": 12}}]}
    scene.answer_all(moved, scene.second)
    assert Item.objects.get().state == ItemState.DISPUTED


def test_an_adjudication_goes_to_a_reviewer_who_has_not_read_the_image_and_decides():
    scene = Scene(1, reads_per_item=2)
    scene.answer_all(GLAND)
    scene.answer_all(LABELLED, scene.second)
    assert scene.claim() == []
    assert scene.claim(scene.second) == []
    (read,) = scene.claim(scene.reviewer)
    assert read.kind == "adjudication"
    final = scene.submit(read, GLAND, scene.reviewer)
    item = Item.objects.get()
    assert (item.state, item.outcome) == (ItemState.ACCEPTED, final)


def test_a_discard_ends_an_image_of_two_readers_when_nobody_has_begun_the_other_read():
    scene = Scene(1, reads_per_item=2, sample_share=0.0)
    scene.answer_all(DISCARDED)
    assert Item.objects.get().state == ItemState.DISCARDED
    assert sorted(Read.objects.values_list("state", flat=True)) == [ReadState.SUBMITTED, ReadState.VOID]


def test_a_discard_waits_for_a_reader_who_has_begun():
    scene = Scene(1, reads_per_item=2, sample_share=0.0)
    (theirs,) = scene.claim(scene.second)
    scene.answer_all(DISCARDED)
    assert Item.objects.get().state == ItemState.READING
    scene.submit(theirs, LABELLED, scene.second)
    assert Item.objects.get().state == ItemState.DISPUTED
