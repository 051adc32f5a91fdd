"""One signature or two: by different people, each with their password, void when anything under them changes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from annotation.models import Annotation, Region, Snapshot, StudyRole
from annotation.services import exporting, signing, snapshots, studies
from annotation.services.releases import release_of
from synthlab.accounts.models import User
from synthlab.core.exceptions import Conflict, DomainError, InvalidInput, NotAllowed
from synthlab.core.invariants import find_violations
from synthlab.core.models import AuditEvent
from tests.annotation.factories import GLAND, Scene, make_evaluation, make_schema
from tests.factories import PASSWORD, make_clinician, make_scientist
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SIGNED = ("a signed snapshot is what was signed",)


def two_signers(**options: Any) -> tuple[Scene, Snapshot, User]:
    """A measured snapshot of a study that asks for two signatures, and its second manager."""
    scene = Scene(2, approval_policy="as_read", signatures_needed=2, **options)
    scene.answer_all(GLAND)
    second = make_clinician()
    studies.add_member(actor=scene.manager, study=scene.study, user=second, role=StudyRole.MANAGER)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="First")
    make_evaluation(snapshot.image_set, scene.manager)
    return scene, snapshot, second


def sign(actor: User, snapshot: Snapshot, meaning: str = "approved") -> Snapshot:
    return signing.sign_snapshot(actor=actor, snapshot=snapshot, password=PASSWORD, meaning=meaning)


def code_of(act: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(DomainError) as refusal:
        act(*args, **kwargs)
    return refusal.value.code


def test_nothing_leaves_before_both_have_signed():
    scene, snapshot, second = two_signers()
    assert code_of(exporting.request_export, actor=scene.manager, snapshot=snapshot) == "snapshot_unsigned"
    half = sign(scene.manager, snapshot, "I made it")
    assert (half.is_signed, half.awaits_second) == (False, True)
    assert signing.signature_holds(half)
    assert code_of(exporting.request_export, actor=scene.manager, snapshot=half) == "second_signature_missing"
    whole = sign(second, half, "I looked at it")
    assert (whole.is_signed, whole.awaits_second) == (True, False)
    assert signing.signature_holds(whole)
    assert exporting.request_export(actor=second, snapshot=whole).snapshot_id == whole.pk
    actions = AuditEvent.objects.filter(action__startswith="snapshot.").order_by("sequence")
    assert list(actions.values_list("action", flat=True)) == [
        "snapshot.created", "snapshot.signed", "snapshot.countersigned"
    ]  # fmt: skip


def test_the_second_person_is_another_manager_with_their_own_password():
    scene, snapshot, second = two_signers()
    half = sign(scene.manager, snapshot)
    assert code_of(sign, scene.manager, half) == "second_person_needed"
    assert code_of(sign, scene.reviewer, half) == "study_role_needed"
    with pytest.raises(NotAllowed):
        signing.sign_snapshot(actor=second, snapshot=half, password="not mine", meaning="approved")
    with pytest.raises(InvalidInput):
        sign(second, half, "  ")
    assert not Snapshot.objects.get().countersignature
    whole = sign(second, half)
    assert code_of(sign, make_manager(scene), whole) == "already_signed"


def make_manager(scene: Scene) -> User:
    other = make_clinician()
    studies.add_member(actor=scene.manager, study=scene.study, user=other, role=StudyRole.MANAGER)
    return other


def test_of_two_who_sign_at_once_one_is_first_and_the_other_is_told():
    scene, snapshot, second = two_signers()
    stale = Snapshot.objects.get(pk=snapshot.pk)
    half = sign(scene.manager, snapshot)
    assert code_of(sign, second, stale) == "already_signed"  # they thought that they were the first
    third, held = make_manager(scene), Snapshot.objects.get(pk=half.pk)
    sign(second, half)
    assert code_of(sign, third, held) == "already_signed"
    assert Snapshot.objects.get().countersigned_by == second


def test_the_database_refuses_one_person_twice_and_a_second_signature_alone():
    scene, snapshot, second = two_signers()
    rows, at = Snapshot.objects.filter(pk=snapshot.pk), snapshot.created_at
    forged = {"countersigned_at": at, "countersignature": "f" * 64}
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(countersigned_by=second, **forged)
    sign(scene.manager, snapshot)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(countersigned_by=scene.manager, **forged)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(countersignature="f" * 64)


@pytest.mark.parametrize(
    "change",
    ["label", "region", "meaning", "second meaning", "second person", "time", "policy", "copied", "split"],
)
def test_two_signatures_are_void_when_anything_under_them_changes(change: str):
    scene, snapshot, second = two_signers()
    whole = sign(second, sign(scene.manager, snapshot))
    assert list(find_violations(SIGNED)) == []
    rows = Snapshot.objects.filter(pk=whole.pk)
    if change == "label":
        Annotation.objects.filter(is_final=True).update(confidence=1)
    elif change == "region":
        Region.objects.update(geometry={"x": 0, "y": 0, "width": 1, "height": 1})
    elif change == "meaning":
        rows.update(meaning="approved for everything")
    elif change == "second meaning":
        rows.update(countersigned_meaning="approved for everything")
    elif change == "second person":
        rows.update(countersigned_by=make_manager(scene))
    elif change == "time":
        rows.update(countersigned_at=whole.created_at)
    elif change == "policy":  # so that one signature would do
        rows.update(
            signatures_needed=1, countersigned_by=None, countersigned_at=None, countersigned_meaning="",
            countersignature="",
        )  # fmt: skip
    elif change == "copied":
        rows.update(countersignature=whole.signature)
    else:
        whole.items.update(split="train")
    assert list(find_violations(SIGNED))


def test_a_void_first_signature_gets_no_second():
    scene, snapshot, second = two_signers()
    half = sign(scene.manager, snapshot)
    Snapshot.objects.update(meaning="approved for everything")
    assert code_of(sign, second, Snapshot.objects.get(pk=half.pk)) == "signature_void"


def test_the_policy_is_that_of_the_moment_of_freezing():
    scene, snapshot, _ = two_signers()
    type(scene.study).objects.update(signatures_needed=1)
    assert Snapshot.objects.get(pk=snapshot.pk).signatures_needed == 2
    scene.study.refresh_from_db()
    later = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="Later")
    assert later.signatures_needed == 1


@pytest.mark.parametrize("number", [0, 3])
def test_a_study_asks_for_one_or_two(number: int):
    actor = make_scientist()
    with pytest.raises(InvalidInput) as refusal:
        studies.create_study(actor=actor, title="x", schema=make_schema(actor), signatures_needed=number)
    assert refusal.value.code == "signatures_out_of_range"


def test_an_export_tells_of_both_by_pseudonym(tmp_path):
    scene, snapshot, second = two_signers()
    release = release_of(sign(second, sign(scene.manager, snapshot), "seen"), tmp_path / "members")
    first, other = present(release.signature), present(release.countersignature)
    assert (first.meaning, other.meaning) == ("approved", "seen")
    assert first.signer != other.signer
    assert second.username not in str(release)
    assert str(second.pk) not in str(release)


def test_one_signature_alone_leaves_the_manifest_as_it_was(tmp_path):
    scene = Scene(1, approval_policy="as_read")
    scene.answer_all(GLAND)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="First")
    make_evaluation(snapshot.image_set, scene.manager)
    assert release_of(sign(scene.manager, snapshot), tmp_path / "members").countersignature is None
    with pytest.raises(Conflict):
        sign(make_manager(scene), Snapshot.objects.get())
