"""Discarding images of a batch and taking them back: what is measured, released and given to studies follows."""

from __future__ import annotations

import re
from typing import Any

import pytest

from annotation.services import filling
from evaluation.invariants import sets_are_frozen
from evaluation.models import Decision, GateDecision, ImageScore, Verdict
from evaluation.services import gating, image_sets
from evaluation.services.curating import discard_images, restore_images
from evaluation.services.image_sets import Drift, drift_of
from generation.models import Batch, BatchState, ImageDecision
from generation.models.curation import indexes_in, ranges_of
from synthlab.core.audit import dataset_chain, verify_chain
from synthlab.core.exceptions import Conflict, DomainError, InvalidInput, NotAllowed
from synthlab.core.models import AuditEvent
from tests.annotation.factories import Scene
from tests.evaluation.factories import make_evaluation, make_image_set, make_released_batch
from tests.factories import make_scientist
from tests.generation.factories import make_batch
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def discard(batch: Batch, *indexes: int, **fields: Any) -> Any:
    told = {"actor": batch.requested_by, "reason": "artefact", **fields}
    return discard_images(batch=batch, indexes=indexes, **told)


def restore(batch: Batch, *indexes: int) -> Any:
    return restore_images(actor=batch.requested_by, batch=batch, indexes=indexes)


def kept(batch: Batch) -> list[int]:
    return list(batch.images.kept().order_by("index").values_list("index", flat=True))


def state(batch: Batch) -> str | None:
    live = GateDecision.objects.live().filter(batch=batch).first()
    return live.decision if live else None


@pytest.mark.parametrize(
    ("indexes", "ranges"),
    [([], []), ([4], [[4, 4]]), ([3, 1, 2, 7, 2], [[1, 3], [7, 7]]), ([0, 2, 4], [[0, 0], [2, 2], [4, 4]])],
)
def test_ranges_hold_what_they_are_made_of(indexes: list[int], ranges: list[list[int]]) -> None:
    assert ranges_of(indexes) == ranges
    assert indexes_in(ranges) == set(indexes)


def test_overlapping_ranges_are_counted_out_once() -> None:
    assert indexes_in([[5, 9], [0, 6], [2, 3], [9, 9]]) == set(range(10))
    assert len(indexes_in([[0, 99_999]] * 100_000)) == 100_000  # 10^10 steps otherwise


def test_a_discard_says_who_when_and_why_and_is_audited() -> None:
    batch = make_batch(count=6)
    made = discard(batch, 1, 2, 4, reason="other", comment=" A label of the scanner shows. ")
    assert (made.changed, made.unchanged, made.in_studies) == (3, 0, 0)
    assert kept(batch) == [0, 3, 5]
    decision = ImageDecision.objects.get()
    assert (decision.made_by, decision.reason, decision.image_count) == (batch.requested_by, "other", 3)
    assert decision.indexes == [[1, 2], [4, 4]]
    assert decision.comment == "A label of the scanner shows."
    assert [decision.concerns(index) for index in range(6)] == [False, True, True, False, True, False]
    assert set(batch.images.discarded().values_list("discard", flat=True)) == {decision.pk}
    event = AuditEvent.objects.get(action="batch_images.discarded")
    assert event.facts["indexes"] == [[1, 2], [4, 4]]
    assert event.personal["comment"] == "A label of the scanner shows."
    assert verify_chain(dataset_chain(batch.generator.dataset)).intact


def test_doing_it_twice_changes_nothing() -> None:
    batch = make_batch(count=3)
    discard(batch, 1)
    again = discard(batch, 1, reason="copy")
    assert (again.decision, again.changed, again.unchanged) == (None, 0, 1)
    assert present(batch.images.get(index=1).discard).reason == "artefact"
    restore(batch, 1)
    assert (restore(batch, 1).decision, kept(batch)) == (None, [0, 1, 2])
    assert [row.action for row in ImageDecision.objects.order_by("created_at")] == ["discarded", "restored"]
    assert AuditEvent.objects.filter(action__startswith="batch_images.").count() == 2


@pytest.mark.parametrize(
    ("wish", "error", "code"),
    [
        ({"reason": "ugly"}, InvalidInput, "unknown_reason"),
        ({"reason": "other"}, InvalidInput, "reason_needed"),
        ({"comment": "x" * 2001}, InvalidInput, "comment_too_long"),
    ],
)
def test_reasons_are_coded(wish: dict[str, Any], error: type[DomainError], code: str) -> None:
    batch = make_batch(count=2)
    with pytest.raises(error) as caught:
        discard(batch, 0, **wish)
    assert (caught.value.code, kept(batch)) == (code, [0, 1])


def test_bad_wishes_change_nothing() -> None:
    batch = make_batch(count=2)
    for indexes, code in (((), "no_images_named"), ((0, 9), "image_not_in_batch")):
        for work in (discard, restore):
            with pytest.raises(InvalidInput) as caught:
                work(batch, *indexes)
            assert caught.value.code == code
    with pytest.raises(NotAllowed):
        discard(batch, 0, actor=make_scientist())
    with pytest.raises(NotAllowed):
        restore_images(actor=make_scientist(), batch=batch, indexes=[0])
    assert kept(batch) == [0, 1]


@pytest.mark.parametrize("at_work", [BatchState.QUEUED, BatchState.RUNNING])
def test_a_batch_is_looked_through_when_its_sampling_has_ended(at_work: str) -> None:
    batch = make_batch(count=2)
    Batch.objects.filter(pk=batch.pk).update(state=at_work)
    with pytest.raises(Conflict) as caught:
        discard(batch, 0)
    assert caught.value.code == "batch_not_finished"


def test_the_next_list_is_without_them_and_the_former_one_stays_what_it_was() -> None:
    batch = make_batch(count=5)
    before = make_image_set(batch=batch)
    discard(batch, 0, 3)
    after = make_image_set(batch=batch)
    assert (before.digest == after.digest, after.image_count) == (False, 3)
    assert [image.index for image in after.members()] == [1, 2, 4]
    assert [image.index for image in before.members()] == [0, 1, 2, 3, 4]
    assert (drift_of(before), bool(drift_of(after))) == (Drift(discarded=2, restored=0), False)
    restore(batch, 3)
    assert drift_of(after) == Drift(discarded=0, restored=1)
    assert drift_of(before) == Drift(discarded=1, restored=0)
    restore(batch, 0)
    assert make_image_set(batch=batch) == before
    assert not list(sets_are_frozen())


def test_a_batch_without_a_kept_image_cannot_be_measured() -> None:
    batch = make_batch(count=2)
    discard(batch, 0, 1)
    with pytest.raises(Conflict) as caught:
        image_sets.make_batch_set(actor=batch.requested_by, batch=batch)
    assert caught.value.code == "no_images_kept"


def released_by_rule(batch: Batch) -> None:
    evaluation = make_evaluation(image_set=make_image_set(batch=batch), verdict=Verdict.RELEASE)
    ImageScore.objects.bulk_create(
        ImageScore(evaluation=evaluation, image=image) for image in evaluation.image_set.members()
    )
    gating.decide_by_rule(evaluation=evaluation)


def test_a_rule_releases_what_it_measured_and_nothing_that_comes_back_later() -> None:
    batch = make_batch(count=4)
    discard(batch, 2, reason="copy")
    released_by_rule(batch)
    assert state(batch) == Decision.RELEASED
    discard(batch, 1)
    assert state(batch) == Decision.RELEASED  # what is left was measured
    assert not restore(batch, 1).release_ended
    assert state(batch) == Decision.RELEASED
    assert restore(batch, 2).release_ended
    assert state(batch) is None
    assert AuditEvent.objects.filter(action="batch.release_ended").count() == 1
    released_by_rule(batch)
    assert state(batch) == Decision.RELEASED


def test_a_measurement_that_ends_after_an_image_came_back_does_not_release_it() -> None:
    batch = make_batch(count=4)
    discard(batch, 2)
    image_set = make_image_set(batch=batch)
    restore(batch, 2)
    gating.decide_by_rule(evaluation=make_evaluation(image_set=image_set, verdict=Verdict.RELEASE))
    decision = GateDecision.objects.live().get(batch=batch)
    assert decision.decision == Decision.WITHHELD
    assert re.search(r"taken back that were not measured: 1", decision.reason)


def test_a_person_releases_what_the_batch_holds_at_that_moment() -> None:
    batch = make_batch(count=4)
    discard(batch, 0)
    gating.overrule(actor=batch.requested_by, batch=batch, decision="released", reason="looked at all")
    discard(batch, 1)
    assert not restore(batch, 1).release_ended
    assert state(batch) == Decision.RELEASED
    assert restore(batch, 0).release_ended
    assert state(batch) is None


def test_a_batch_that_is_held_back_stays_so() -> None:
    batch = make_batch(count=2)
    gating.overrule(actor=batch.requested_by, batch=batch, decision="withheld", reason="too near")
    discard(batch, 0)
    assert not restore(batch, 0).release_ended
    assert state(batch) == Decision.WITHHELD


def test_a_study_takes_none_of_them_and_keeps_what_it_has() -> None:
    scene = Scene(images=3)
    held = discard_images(actor=scene.batch.requested_by, batch=scene.batch, indexes=[0], reason="duplicate")
    assert held.in_studies == 1
    assert scene.study.items.count() == 3
    batch = make_released_batch(generator=scene.batch.generator, count=5)
    discard(batch, 1, 2)
    filled = filling.fill_study(actor=scene.manager, study=scene.study, batches=[batch])
    assert (filled.added, filled.known, filled.refused) == (3, 0, 0)
    restore(batch, 1)
    assert filling.fill_study(actor=scene.manager, study=scene.study, batches=[batch]).added == 1
