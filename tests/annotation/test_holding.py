"""A withdrawal of real images holds what grew from them, until a manager decides: in the past and in the future."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from annotation.models import Export, ExportState, HoldDecision, Snapshot, SnapshotHold
from annotation.services import exporting, holding, planning, snapshots
from generation.models import Ingest, Manifest, Split, Withdrawal
from generation.services.withdrawing import preview_withdrawal, withdraw_images
from synthlab.accounts.models import User
from synthlab.core.exceptions import Conflict, DomainError, InvalidInput, NotAllowed
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job
from tests.annotation.calls import streamed
from tests.annotation.factories import Scene, make_signed_snapshot, make_source_image
from tests.factories import PASSWORD
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def as_user(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def status_of(client: APIClient, url: str) -> int:
    """Of a download, read to its end so that its file is closed."""
    response = client.get(url)
    streamed(response)
    return int(response.status_code)


def signed_scene() -> tuple[Scene, Snapshot]:
    scene = Scene(3)
    return scene, make_signed_snapshot(scene, PASSWORD)


def withdraw(scene: Scene) -> Withdrawal:
    image = present(scene.dataset.images.present().in_split(Split.TRAIN).first())
    return withdraw_images(actor=scene.manager, dataset=scene.dataset, images=[image.pk], reason="consent")


def only_hold() -> SnapshotHold:
    return SnapshotHold.objects.select_related("snapshot__study").get()


def decide(
    scene: Scene,
    decision: str,
    *,
    actor: User | None = None,
    hold: SnapshotHold | None = None,
    reason: str = "the patient agreed",
) -> SnapshotHold:
    return holding.decide_hold(
        actor=actor or scene.manager, hold=hold or only_hold(), decision=decision, reason=reason
    )


def export_code(scene: Scene, snapshot: Snapshot) -> str:
    try:
        with transaction.atomic():
            exporting.request_export(actor=scene.manager, snapshot=snapshot)
            transaction.set_rollback(True)
    except DomainError as refusal:
        return refusal.code
    return ""


def test_the_consequences_name_the_snapshot_before_and_after():
    scene, snapshot = signed_scene()
    image = present(scene.dataset.images.in_split(Split.TRAIN).first())
    before = preview_withdrawal(actor=scene.manager, dataset=scene.dataset, images=[image.pk])
    (trace,) = [trace for trace in before.traces if trace.kind == "snapshot"]
    assert trace.id == snapshot.pk
    assert not SnapshotHold.objects.exists()
    (study,) = [trace for trace in before.traces if trace.kind == "study"]
    assert study.id == scene.study.pk
    assert "It reads 3 images" in study.detail
    for told in (trace, study):  # whose study it is, is not the data set's to know
        assert scene.study.title not in str(told.to_mapping())
    withdrawal = withdraw(scene)
    hold = only_hold()
    assert (hold.snapshot_id, hold.withdrawal_id, hold.member_count) == (snapshot.pk, withdrawal.pk, 2)
    assert AuditEvent.objects.filter(action="snapshot.held", chain=f"study:{scene.study.pk}").count() == 1


def test_nothing_leaves_until_a_manager_allows_it():
    scene, snapshot = signed_scene()
    assert export_code(scene, snapshot) == ""
    withdraw(scene)
    assert export_code(scene, snapshot) == "snapshot_held"
    hold = decide(scene, "allow")
    assert (hold.decided_by, hold.reason) == (scene.manager, "the patient agreed")
    assert export_code(scene, snapshot) == ""
    event = AuditEvent.objects.get(action="snapshot.export_allowed")
    assert event.chain_id == f"study:{scene.study.pk}"


def test_what_is_forbidden_stays_forbidden():
    scene, snapshot = signed_scene()
    withdraw(scene)
    decide(scene, "forbid")
    assert export_code(scene, snapshot) == "snapshot_held"
    with pytest.raises(Conflict) as refusal:
        decide(scene, "allow")
    assert refusal.value.code == "hold_decided"
    assert export_code(scene, snapshot) == "snapshot_held"


def test_each_withdrawal_asks_anew():
    scene, snapshot = signed_scene()
    group = scene.dataset.groups.get(split=Split.TRAIN)
    make_source_image(scene.dataset, group, present(Ingest.objects.first()))
    for _ in range(2):
        withdraw(scene)
        assert export_code(scene, snapshot) == "snapshot_held"
        hold = SnapshotHold.objects.select_related("snapshot__study").undecided().get()
        decide(scene, "allow", hold=hold)
        assert export_code(scene, snapshot) == ""
    assert SnapshotHold.objects.count() == 2


def test_freezing_again_is_no_way_round():
    scene, _ = signed_scene()
    assert planning.preview_snapshot(scene.study).touched_by_withdrawals == 0
    withdraw(scene)
    assert planning.preview_snapshot(scene.study).touched_by_withdrawals == 2
    again = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="again")
    assert again.is_held
    assert export_code(scene, again) == "snapshot_unsigned"
    assert again.holds.get().member_count == 2


def test_a_generator_that_never_saw_the_image_is_not_held():
    scene, snapshot = signed_scene()
    generator = scene.batch.generator
    others = scene.dataset.images.in_split(Split.VAL)
    known = Manifest.objects.create(dataset=scene.dataset, digest="b" * 64)
    known.images.set(others)
    generator.card = {**generator.card, "dataset_manifest_digest": known.digest}
    generator.save(update_fields=["card"])
    withdraw(scene)
    assert not SnapshotHold.objects.exists()
    assert export_code(scene, snapshot) == ""


def test_only_managers_decide_and_they_say_why():
    scene, _ = signed_scene()
    withdraw(scene)
    with pytest.raises(NotAllowed):
        decide(scene, "allow", actor=scene.reviewer)
    for words in (" ", "x" * 2001):
        with pytest.raises(InvalidInput) as refusal:
            decide(scene, "allow", reason=words)
        assert refusal.value.code == "reason_needed"
    with pytest.raises(InvalidInput) as refusal:
        decide(scene, "perhaps")
    assert refusal.value.code == "decision_unknown"
    assert only_hold().decision == ""


def test_the_database_refuses_half_a_decision_and_the_same_hold_twice():
    scene, snapshot = signed_scene()
    withdrawal = withdraw(scene)
    rows = SnapshotHold.objects.all()
    for half in ({"decision": "allow"}, {"reason": "x"}, {"decided_at": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**half)
    with pytest.raises(IntegrityError), transaction.atomic():
        SnapshotHold.objects.create(snapshot=snapshot, withdrawal=withdrawal, member_count=1)
    holding.hold_touched(actor=scene.manager, withdrawal=withdrawal)
    assert rows.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_export_that_waits_fails_and_an_archive_that_stands_is_not_handed_out():
    scene, snapshot = signed_scene()
    done = exporting.request_export(actor=scene.manager, snapshot=snapshot)
    execute(str(done.job_id))
    waiting = exporting.request_export(actor=scene.manager, snapshot=snapshot)
    client = as_user(scene.manager)
    url = f"/api/v1/exports/{done.pk}/file"
    first = client.get(url)
    streamed(first)
    assert first.status_code == 200
    assert "no-cache" in first["Cache-Control"]  # nor does the browser hand out its copy of it unasked
    withdraw(scene)
    refused = client.get(url, headers={"if-none-match": first["ETag"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "snapshot_held")
    execute(str(waiting.job_id))
    assert Export.objects.get(pk=waiting.pk).state == ExportState.FAILED
    assert Job.objects.get(pk=present(waiting.job_id)).error_code == "snapshot_held"
    decide(scene, "allow")
    assert status_of(client, url) == 200


def test_the_decision_by_rest():
    scene, snapshot = signed_scene()
    withdraw(scene)
    client = as_user(scene.manager)
    told = client.get(f"/api/v1/snapshots/{snapshot.pk}").json()
    assert told["is_held"] is True
    (hold,) = told["holds"]
    url = f"/api/v1/snapshots/{snapshot.pk}/holds/{hold['id']}/decision"
    assert (
        as_user(scene.reviewer).post(url, {"decision": "allow", "reason": "x"}, format="json").status_code
        == 404
    )
    assert client.post(url, {"decision": "allow"}, format="json").status_code == 422
    answer = client.post(url, {"decision": "allow", "reason": "asked again"}, format="json")
    assert (answer.status_code, answer.json()["decision"]) == (200, HoldDecision.ALLOW)
    assert client.post(url, {"decision": "forbid", "reason": "x"}, format="json").status_code == 409
    assert client.get(f"/api/v1/snapshots/{snapshot.pk}").json()["is_held"] is False
