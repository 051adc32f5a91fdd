"""Own answers: listed, and taken up again until somebody else has built on them."""

from __future__ import annotations

import pytest

from annotation.models import Annotation, Item, ItemState, Read, ReadKind, ReadState
from annotation.services import reopening, reviewing, snapshots, studies
from generation.models import SourceImage
from synthlab.core.exceptions import Conflict, NotAllowed
from synthlab.core.invariants import find_violations
from synthlab.core.models import AuditEvent
from tests.annotation.calls import API, post, submit
from tests.annotation.factories import DISCARDED, GLAND, LABELLED, Scene
from tests.factories import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def reopen(scene: Scene, annotation: Annotation) -> Read:
    return reopening.reopen_read(actor=scene.reader, read=Read.objects.get(pk=annotation.read_id))


def refusal(scene: Scene, annotation: Annotation) -> str:
    with pytest.raises(Conflict) as refused:
        reopen(scene, annotation)
    assert refused.value.code == "reopen_closed"
    return refused.value.detail


def broken() -> list[str]:
    """Rules of the rows; the generator's file is none that this scene has."""
    return [str(one) for one in find_violations() if one.invariant != "every file that a row names is stored"]


@pytest.mark.parametrize("policy", ["every", "as_read"])
@pytest.mark.parametrize("answer", [GLAND, DISCARDED])
def test_an_answer_is_taken_up_again_and_the_new_one_counts(policy: str, answer: dict[str, object]):
    scene = Scene(1, approval_policy=policy)
    first = scene.submit(scene.claim()[0], answer)
    again = reopen(scene, first)
    assert (again.state, again.reader, again.ordinal) == (ReadState.LEASED, scene.reader, 1)
    draft = again.annotations.get().draft
    assert draft["decision"] == answer["decision"]
    assert draft["classes"] == answer.get("classes", [])
    item = Item.objects.get(pk=again.item_id)
    assert (item.state, item.outcome) == (ItemState.READING, None)
    second = scene.submit(again, LABELLED)
    item.refresh_from_db()
    assert item.state == (ItemState.ACCEPTED if policy == "as_read" else ItemState.REVIEW)
    assert item.outcome == (second if policy == "as_read" else None)
    assert Annotation.objects.filter(is_final=True).count() == 2, "the earlier one stays in the history"
    assert AuditEvent.objects.filter(action="read.reopened").count() == 1
    assert broken() == []


def test_reads_that_a_discard_made_void_are_planned_again():
    scene = Scene(1, reads_per_item=2, sample_share=0)
    discard = scene.submit(scene.claim()[0], DISCARDED)
    assert Item.objects.get().state == ItemState.DISCARDED
    scene.submit(reopen(scene, discard), GLAND)
    assert Item.objects.get().state == ItemState.READING
    scene.submit(scene.claim(scene.second)[0], GLAND, scene.second)
    assert Item.objects.get().state == ItemState.REVIEW
    assert broken() == []


def test_a_review_closes_that_answer_and_those_before_it():
    scene = Scene(3)
    first, second, third = scene.answer_all(GLAND)
    scene.accept(second)
    assert "reviewed or used" in refusal(scene, second)
    refusal(scene, first)
    reopen(scene, third)


def test_a_returned_answer_that_was_given_anew_can_be_reopened():
    scene = Scene(1)
    answer = scene.submit(scene.claim()[0], GLAND)
    reviewing.return_(actor=scene.reviewer, annotation=answer, comment="The box misses the lumen.")
    again = scene.submit(scene.claim()[0], GLAND)
    refusal(scene, answer)
    assert reopen(scene, again).ordinal == 2


def test_a_dispute_and_a_snapshot_close():
    scene = Scene(1, reads_per_item=2)
    answer = scene.submit(scene.claim()[0], GLAND)
    scene.submit(scene.claim(scene.second)[0], LABELLED, scene.second)
    refusal(scene, answer)
    frozen = Scene(1, approval_policy="as_read")
    answer = frozen.submit(frozen.claim()[0], GLAND)
    snapshots.create_snapshot(actor=frozen.manager, study=frozen.study, name="First")
    refusal(frozen, answer)


def test_a_closed_study_and_a_person_who_left_reopen_nothing():
    scene = Scene(1)
    answer = scene.submit(scene.claim()[0], GLAND)
    studies.pause_study(actor=scene.manager, study=scene.study)
    assert "not open" in refusal(scene, answer)
    studies.open_study(actor=scene.manager, study=scene.study)
    scene.study.memberships.filter(user=scene.reader).delete()
    with pytest.raises(NotAllowed):
        reopen(scene, answer)


def test_an_answer_is_reopened_once():
    scene = Scene(1)
    answer = scene.submit(scene.claim()[0], GLAND)
    reopen(scene, answer)
    with pytest.raises(Conflict):
        reopen(scene, answer)
    assert Read.objects.count() == 2


def test_an_adjudication_is_settled_anew_by_the_same_person():
    scene = Scene(1, reads_per_item=2, approval_policy="as_read")
    scene.submit(scene.claim()[0], GLAND)
    scene.submit(scene.claim(scene.second)[0], LABELLED, scene.second)
    settled = scene.submit(scene.claim(scene.reviewer)[0], GLAND, scene.reviewer)
    again = reopening.reopen_read(actor=scene.reviewer, read=settled.read)
    assert Item.objects.get().state == ItemState.DISPUTED
    last = scene.submit(again, LABELLED, scene.reviewer)
    assert Item.objects.get().outcome == last
    assert again.kind == ReadKind.ADJUDICATION


def add_control(scene: Scene) -> Read:
    image = SourceImage.objects.filter(dataset=scene.dataset).first()
    item = Item.objects.create(study=scene.study, source_image=image)
    return Read.objects.create(
        study=scene.study, item=item, kind=ReadKind.CONTROL, shuffle=1, reader=scene.reader, is_assigned=True
    )


def test_a_hidden_control_is_open_exactly_as_long_as_its_neighbours():
    scene = Scene(2)
    add_control(scene)
    control = scene.submit(scene.claim()[0], GLAND)
    assert control.read.kind == ReadKind.CONTROL
    [synthetic, last] = scene.answer_all(GLAND)

    def listed() -> list[tuple[str, bool]]:
        rows = client_of(scene.reader).get(f"{API}/reads?study={scene.study.pk}").json()["results"]
        return [(row["id"], row["can_reopen"]) for row in rows]

    reads = [str(row.read_id) for row in (last, synthetic, control)]
    assert listed() == [(pk, True) for pk in reads]
    scene.accept(synthetic)
    assert listed() == list(zip(reads, (True, False, False), strict=True))
    refusal(scene, control)


def test_a_reader_lists_and_reopens_over_rest():
    scene = Scene(2)
    scene.submit(scene.claim()[0], {**GLAND, "flag_second_opinion": True})
    scene.submit(scene.claim(scene.second)[0], DISCARDED, scene.second)
    client = client_of(scene.reader)
    [row] = client.get(f"{API}/reads").json()["results"]
    assert set(row) == {"id", "submitted_at", "active_seconds", "pixels_url", "answer", "can_reopen"}
    assert row["answer"]["comment"] == "clear lumen"
    assert row["answer"]["flag_second_opinion"] is True
    assert client.get(row["pixels_url"]).status_code == 200
    url = f"{API}/reads/{row['id']}/reopen"
    reply = post(client, url, Idempotency_Key="reopen-1")
    assert (reply.status_code, reply["ETag"]) == (201, '"1"')
    assert reply.json()["draft"] == row["answer"]
    assert post(client, url, Idempotency_Key="reopen-1").json() == reply.json()
    assert client.get(f"{API}/reads").json()["results"] == []
    assert submit(client, reply.json(), LABELLED).status_code == 200
    assert post(client_of(scene.second), url).status_code == 404
    assert client.get(f"{API}/reads?colour=red").status_code == 400
