"""The accepted images of a study measured as one set; what its managers read of the batches behind it."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Item, ItemState
from annotation.services import measuring, snapshots, studies
from evaluation.models import Evaluation, EvaluationState, GateDecision, ImageSet
from evaluation.services.image_sets import make_batch_set
from generation.models import DatasetMember
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from synthlab.core.models import AuditEvent
from tests.annotation.factories import GLAND, Scene, make_batch, make_evaluation
from tests.annotation.test_pages import page, text
from tests.evaluation.factories import add_numbers, flag_as_copy
from tests.factories import client_of, make_scientist
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def accepted(count: int = 3) -> Scene:
    scene = Scene(count, files=False, approval_policy="as_read", sample_share=0.0)
    scene.answer_all(GLAND)
    return scene


def finish(evaluation: Evaluation, verdict: str = "insufficient") -> Evaluation:
    Evaluation.objects.filter(pk=evaluation.pk).update(
        state=EvaluationState.SUCCEEDED, verdict=verdict, completed_at=evaluation.created_at
    )
    evaluation.refresh_from_db()
    return evaluation


def outside_manager(scene: Scene) -> Any:
    """Manages the study, and has no part in its data set."""
    person = make_scientist()
    studies.add_member(actor=scene.manager, study=scene.study, user=person, role="manager")
    assert not DatasetMember.objects.filter(user=person).exists()
    return person


def test_the_accepted_images_are_a_set_of_their_own():
    scene = accepted()
    Item.objects.filter(pk=present(scene.study.items.first()).pk).update(
        state=ItemState.WAITING, outcome=None, decided_at=None
    )
    evaluation = measuring.evaluate_accepted(actor=scene.manager, study=scene.study)
    taken = scene.study.items.for_snapshot().values_list("synthetic_image", flat=True)
    assert set(evaluation.image_set.members().values_list("pk", flat=True)) == set(taken)
    assert (evaluation.image_set.kind, evaluation.image_set.image_count) == ("approved", 2)
    assert present(evaluation.job).kind == "evaluation"
    assert AuditEvent.objects.filter(action="study.evaluated", target_id=str(scene.study.pk)).count() == 1
    again = measuring.evaluate_accepted(actor=scene.manager, study=scene.study)
    assert again.image_set == evaluation.image_set
    assert again.look_number == evaluation.look_number + 1
    assert list(measuring.evaluations_of(scene.study)) == [again, evaluation]


def test_a_snapshot_of_the_same_images_is_measured_already():
    scene = accepted()
    evaluation = finish(measuring.evaluate_accepted(actor=scene.manager, study=scene.study))
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x")
    assert snapshots.latest_evaluation(snapshot) == evaluation
    assert Evaluation.objects.count() == 1


def test_an_uncalibrated_measurement_is_none_to_sign_for():
    scene = accepted()
    evaluation = finish(measuring.evaluate_accepted(actor=scene.manager, study=scene.study))
    Evaluation.objects.update(extractor="random-conv")
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x")
    assert snapshots.latest_evaluation(snapshot) not in {None, evaluation}


def test_what_looks_like_a_copy_is_in_neither():
    scene = accepted()
    image = present(present(scene.study.items.first()).synthetic_image)
    flag_as_copy(image, present(scene.dataset.images.first()), "copy")
    evaluation = measuring.evaluate_accepted(actor=scene.manager, study=scene.study)
    assert image not in evaluation.image_set.members()


def test_who_may_not_and_what_cannot_be_measured():
    scene = Scene(1, files=False)
    with pytest.raises(NotAllowed):
        measuring.evaluate_accepted(actor=scene.reader, study=scene.study)
    with pytest.raises(InvalidInput) as refusal:
        measuring.evaluate_accepted(actor=scene.manager, study=scene.study)
    assert refusal.value.code == "no_accepted_images"
    scene = accepted(1)
    scene.dataset.groups.update(split="train")
    with pytest.raises(Conflict) as conflict:
        measuring.evaluate_accepted(actor=scene.manager, study=scene.study)
    assert conflict.value.code == "no_validation_split"
    assert not ImageSet.objects.filter(kind="approved").exists()


def test_by_rest_for_managers_alone():
    scene = accepted(2)
    url, manager = f"/api/v1/studies/{scene.study.pk}/evaluations", client_of(outside_manager(scene))
    key = {"Idempotency-Key": "evaluate-once"}
    started = manager.post(url, headers=key)
    assert started.status_code == 202
    assert started["Location"] == f"/api/v1/jobs/{started.json()['job']}"
    assert manager.post(url, headers=key).json()["id"] == started.json()["id"]
    (row,) = manager.get(url).json()["results"]
    assert row["id"] == started.json()["id"]
    assert manager.get(f"/api/v1/image-sets/{row['image_set']}").json()["image_count"] == 2
    for outsider, status in ((scene.reader, 403), (scene.reviewer, 403), (make_scientist(), 404)):
        assert client_of(outsider).get(url).status_code == status
        assert client_of(outsider).post(url).status_code == status
        assert client_of(outsider).get(f"/api/v1/evaluations/{row['id']}").status_code == 404


def test_a_manager_outside_the_data_set_reads_the_reports_behind_the_study():
    scene = accepted(2)
    manager = outside_manager(scene)
    shown = make_evaluation(make_batch_set(actor=scene.manager, batch=scene.batch), scene.manager)
    candidate = make_batch(scene.dataset, 1, released=False, files=False)
    hidden = make_evaluation(make_batch_set(actor=scene.manager, batch=candidate), scene.manager)
    other = Scene(1, files=False)
    foreign = make_evaluation(make_batch_set(actor=other.manager, batch=other.batch), other.manager)
    for evaluation in (shown, hidden, foreign):
        add_numbers(evaluation)
    study = text(page(manager, "study-page", scene.study.pk))
    assert f"/evaluations/{shown.pk}/" in study
    report = text(page(manager, "evaluation-page", shown.pk))
    assert "shown to those who may see real images" in report
    assert f"/batches/{scene.batch.pk}/" not in report
    assert str(hidden.pk) not in report
    assert page(manager, "evaluation-pairs", shown.pk).status_code == 404
    client = client_of(manager)
    flag_as_copy(present(scene.batch.images.first()), present(scene.dataset.images.first()), "copy")
    flagged = present(Evaluation.objects.filter(scores__isnull=False).first())
    assert [
        row["nearest"] for row in client.get(f"/api/v1/evaluations/{flagged.pk}/copies").json()["results"]
    ] == [None]
    told = [
        client.get(f"/api/v1/evaluations/{row.pk}/{part}")
        for row in (shown, flagged)
        for part in ("report", "scores")
    ]
    assert [answer.status_code for answer in told] == [200] * 4
    everything = report + "".join(answer.content.decode() for answer in told)
    for real in scene.dataset.images.all():
        assert not [name for name in (str(real.pk), real.digest, real.pixel_digest) if name in everything]
    for unseen in (hidden, foreign):
        assert page(manager, "evaluation-page", unseen.pk).status_code == 404
        assert client.get(f"/api/v1/evaluations/{unseen.pk}").status_code == 404
    for person in (scene.reader, scene.reviewer):
        assert page(person, "evaluation-page", shown.pk).status_code == 404


def test_a_report_stays_readable_when_its_batch_is_withheld_later():
    scene = accepted(1)
    manager = outside_manager(scene)
    evaluation = make_evaluation(make_batch_set(actor=scene.manager, batch=scene.batch), scene.manager)
    GateDecision.objects.filter(batch=scene.batch).update(superseded_at=evaluation.completed_at)
    assert page(manager, "evaluation-page", evaluation.pk).status_code == 200


def test_the_page_of_a_study_measures_and_tells():
    scene = accepted(2)
    manager = outside_manager(scene)
    empty = text(page(manager, "study-page", scene.study.pk))
    assert "Evaluate the accepted images" in empty
    assert "Not measured yet" in empty
    evaluation = finish(measuring.evaluate_accepted(actor=manager, study=scene.study))
    told = text(page(manager, "study-page", scene.study.pk))
    assert f"/evaluations/{evaluation.pk}/" in told
    assert "2 images are accepted now" in told
    report = text(page(manager, "evaluation-page", evaluation.pk))
    assert f"/studies/{scene.study.pk}/" in report
    assert "From the study “A study”" in report
