"""A patient takes back consent: nothing of the images stays, and everything that they went into is known."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from generation.models import (
    BatchState,
    Dataset,
    GeneratorState,
    Group,
    Rejection,
    SourceImage,
    Split,
    Training,
    TrainingState,
    Withdrawal,
)
from generation.services import datasets, erasing, training
from generation.services.consequences import consequences_of, generators_to_decide, withdrawn_since
from generation.services.ingesting import _known
from generation.services.manifests import dataset_digest, images_seen, training_manifest
from generation.services.withdrawing import preview_withdrawal, withdraw_images
from synthlab.core.exceptions import Conflict, DomainError, InvalidInput, NotAllowed, NotFound
from synthlab.core.files import path_of, store_bytes
from synthlab.core.invariants import find_violations
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job, JobState
from tests.factories import make_scientist
from tests.generation.factories import make_batch, make_dataset, make_generator
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ERASED = ["no file of a withdrawn image remains", "every file that a row names is stored"]


def first_of(dataset: Dataset, split: str = Split.TRAIN) -> SourceImage:
    return present(dataset.images.present().in_split(split).order_by("pk").first())


def withdraw(dataset: Dataset, *images: SourceImage, groups: tuple[Group, ...] = ()) -> Withdrawal:
    return withdraw_images(
        actor=dataset.owner,
        dataset=dataset,
        images=[image.pk for image in images],
        groups=[group.pk for group in groups],
        reason="consent was taken back",
    )


def erase(withdrawal: Withdrawal) -> Job:
    execute(str(withdrawal.job_id))
    return Job.objects.get(pk=present(withdrawal.job_id))


def broken() -> list[str]:
    return [str(violation) for violation in find_violations(ERASED)]


def started(dataset: Dataset, **fields: Any) -> Training:
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={"preset": "quick"})
    Training.objects.filter(pk=run.pk).update(**fields)
    run.refresh_from_db()
    return run


def test_a_withdrawn_image_leaves_a_tombstone_and_no_file(transactional_db: None) -> None:
    dataset = make_dataset(per_split=10)
    image = first_of(dataset)
    before = dataset.manifest_digest
    withdrawal = withdraw(dataset, image)
    image.refresh_from_db()
    dataset.refresh_from_db()
    assert image.withdrawn_at is not None
    assert (image.withdrawn_by, image.withdrawal_reason) == (dataset.owner, "consent was taken back")
    assert dataset.manifest_digest == dataset_digest(dataset) != before
    assert image not in dataset.images.present()
    assert broken() == []  # its job is queued: this is not forgotten, it is on its way
    job = erase(withdrawal)
    image.refresh_from_db()
    assert (job.state, job.result) == (JobState.SUCCEEDED, {"images": 1})
    assert image.erased_at is not None
    assert not path_of(image.digest).exists()
    assert all(path_of(other.digest).is_file() for other in dataset.images.present())
    assert broken() == []


def test_a_whole_group_goes_with_all_its_images() -> None:
    dataset = make_dataset(per_split=10)
    group = first_of(dataset).group
    count = group.images.count()
    assert count > 1
    withdrawal = withdraw(dataset, groups=(group,))
    assert withdrawal.images.count() == count
    assert not group.images.present().exists()


def test_what_is_needed_elsewhere_stays(transactional_db: None) -> None:
    dataset, other = make_dataset(per_split=10), make_dataset(per_split=1, groups=1)
    image = first_of(dataset)
    twin = first_of(other)
    SourceImage.objects.filter(pk=twin.pk).update(
        digest=image.digest, pixel_digest=image.pixel_digest, thumbnail_digest=image.thumbnail_digest
    )
    erase(withdraw(dataset, image))
    assert path_of(image.digest).is_file()
    assert broken() == []
    twin.refresh_from_db()
    erase(withdraw(other, twin))
    assert not path_of(image.digest).exists()
    assert broken() == []


def test_refused_pictures_of_the_same_patient_go_too(transactional_db: None) -> None:
    dataset = make_dataset(per_split=10)
    group, image = first_of(dataset).group, first_of(dataset, Split.VAL)
    other = present(dataset.groups.filter(split=Split.TRAIN).exclude(pk=group.pk).first())
    ingest = dataset.ingests.get()
    of_patient, of_other = store_bytes(b"kept, same patient").digest, store_bytes(b"kept, other").digest
    rows = [
        Rejection.objects.create(
            ingest=ingest, ordinal="7", code="blank", detail="x", image_digest=of_patient,
            candidate={"group_key": group.key},
        ),
        Rejection.objects.create(
            ingest=ingest, ordinal="8", code="exact_duplicate", detail="x", thumbnail_digest=image.thumbnail_digest
        ),
        Rejection.objects.create(
            ingest=ingest, ordinal="9", code="blank", detail="x", image_digest=of_other,
            candidate={"group_key": other.key},
        ),
    ]  # fmt: skip
    erase(withdraw(dataset, image, groups=(group,)))
    for row in rows:
        row.refresh_from_db()
    assert [(row.image_digest, row.thumbnail_digest) for row in rows] == [("", ""), ("", ""), (of_other, "")]
    assert [path_of(digest).exists() for digest in (of_patient, image.thumbnail_digest, of_other)] == [
        False, False, True,
    ]  # fmt: skip


def test_only_the_owner_withdraws_and_says_why() -> None:
    dataset, other = make_dataset(per_split=10), make_dataset(per_split=1, groups=1)
    image, member = first_of(dataset), make_scientist()
    datasets.set_member(actor=dataset.owner, dataset=dataset, user=member, view_real=True)

    def refusal(**wishes: Any) -> DomainError:
        asked = {"actor": dataset.owner, "dataset": dataset, "images": [image.pk], "reason": "why", **wishes}
        with pytest.raises(DomainError) as caught:
            withdraw_images(**asked)
        return caught.value

    assert isinstance(refusal(actor=member), NotAllowed)
    assert (refusal(reason=" ").code, refusal(images=[]).code) == ("reason_needed", "nothing_named")
    assert isinstance(refusal(images=[first_of(other).pk]), NotFound)
    assert isinstance(refusal(images=[image.pk] * 1001), InvalidInput)
    with pytest.raises(NotAllowed):
        preview_withdrawal(actor=member, dataset=dataset, images=[image.pk])
    assert not Withdrawal.objects.exists()
    withdraw(dataset, image)
    assert refusal().code == "already_withdrawn"


def test_a_training_on_the_image_stops_and_is_never_resumed(transactional_db: None) -> None:
    dataset = make_dataset(per_split=10)
    queued, paused = started(dataset), started(dataset, state=TrainingState.PAUSED)
    running = started(dataset, state=TrainingState.RUNNING)
    Job.objects.filter(pk=present(running.job_id)).update(
        state=JobState.RUNNING, lease_until=timezone.now(), fence=1
    )
    Job.objects.filter(pk=present(paused.job_id)).update(state=JobState.CANCELLED, finished_at=timezone.now())
    withdraw(dataset, first_of(dataset))
    for run in (queued, paused, running):
        run.refresh_from_db()
        assert run.warnings[-1]["code"] == "images_withdrawn"
        assert "start a new one" in run.warnings[-1]["detail"]
    assert (queued.state, paused.state) == (TrainingState.CANCELLED, TrainingState.CANCELLED)
    assert Job.objects.get(pk=present(running.job_id)).cancel_requested_at is not None
    with pytest.raises(Conflict) as caught:
        training.resume_training(actor=dataset.owner, training=Training.objects.get(pk=paused.pk))
    assert caught.value.code == "dataset_changed"
    with pytest.raises(Conflict):
        training_manifest(Training.objects.get(pk=running.pk))
    assert started(dataset).state == TrainingState.QUEUED  # a new one learns from what is left


def test_a_training_does_not_mind_a_validation_image_going() -> None:
    dataset = make_dataset(per_split=10)
    run = started(dataset, state=TrainingState.PAUSED)
    withdraw(dataset, first_of(dataset, Split.VAL))
    run = training.resume_training(actor=dataset.owner, training=Training.objects.get(pk=run.pk))
    assert run.state == TrainingState.QUEUED
    assert "images_withdrawn" not in {warning["code"] for warning in run.warnings}
    assert training_manifest(run)["digest"] == run.manifest_digest


def test_what_a_training_saw_stays_known_exactly() -> None:
    dataset = make_dataset(per_split=10)
    gone_before, gone_later = list(dataset.images.in_split(Split.TRAIN)[:2])
    withdraw(dataset, gone_before)
    run = started(dataset, state=TrainingState.SUCCEEDED)
    withdraw(dataset, gone_later)
    seen = images_seen(run)
    assert seen.count() == 9
    assert gone_later in seen
    assert gone_before not in seen


def test_consequences_before_and_after_are_the_same_but_for_what_was_stopped() -> None:
    dataset = make_dataset(per_split=10)
    image = first_of(dataset)
    run, later = started(dataset), None
    generator = make_generator(dataset=dataset)
    generator.training = run
    generator.save()
    batch = make_batch(generator=generator, state=BatchState.SUCCEEDED)
    before = preview_withdrawal(actor=dataset.owner, dataset=dataset, images=[image.pk])
    assert [(item.row.pk, item.images) for item in before.generators] == [(generator.pk, 1)]
    assert [item.row.pk for item in before.batches] == [batch.pk]
    assert [item.row.pk for item in before.stopping] == [run.pk]
    assert not Withdrawal.objects.exists()
    withdrawal = withdraw(dataset, image)
    later = started(dataset)
    fresh = make_generator(dataset=dataset)
    fresh.training = later
    fresh.save()
    after = consequences_of(dataset, withdrawal.images.all(), seen_by=dataset.owner)
    told = after.to_mapping()
    assert {name: told[name] for name in ("generators", "batches", "image_count", "by_split")} == {
        name: before.to_mapping()[name] for name in ("generators", "batches", "image_count", "by_split")
    }
    assert after.stopping == []
    assert (withdrawn_since(generator), withdrawn_since(fresh)) == (1, 0)


def test_the_owner_decides_about_generators_that_learnt_from_it() -> None:
    dataset = make_dataset(per_split=10)
    trained, imported = make_generator(dataset=dataset), make_generator(dataset=dataset)
    retired = make_generator(dataset=dataset, state=GeneratorState.RETIRED)
    trained.training = started(dataset, state=TrainingState.SUCCEEDED)
    trained.save()
    assert generators_to_decide(dataset) == []
    withdraw(dataset, first_of(dataset, Split.VAL))
    assert generators_to_decide(dataset) == []  # no generator ever sees validation images
    withdraw(dataset, first_of(dataset))
    found = {item.row.pk: item.images for item in generators_to_decide(dataset)}
    assert found == {trained.pk: 1, imported.pk: None}
    assert retired.pk not in found
    trained.refresh_from_db()
    assert trained.state == GeneratorState.CANDIDATE  # nothing was decided for them


def test_the_same_pixels_in_another_data_set_are_named_to_who_may_see_it() -> None:
    dataset = make_dataset(per_split=10)
    own, foreign = (
        make_dataset(owner=dataset.owner, per_split=1, groups=1),
        make_dataset(per_split=1, groups=1),
    )
    image = first_of(dataset)
    for other in (own, foreign):
        other.images.filter(pk=first_of(other).pk).update(pixel_digest=image.pixel_digest)
    told = preview_withdrawal(actor=dataset.owner, dataset=dataset, images=[image.pk])
    assert told.elsewhere == [own]


def test_the_audit_holds_ids_and_the_reason_can_be_erased() -> None:
    dataset = make_dataset(per_split=10)
    image = first_of(dataset)
    withdrawal = withdraw(dataset, image)
    event = AuditEvent.objects.get(action="images.withdrawn")
    assert (event.actor, event.target_id, event.chain_id) == (
        dataset.owner, withdrawal.pk, f"dataset:{dataset.pk}",
    )  # fmt: skip
    assert event.facts["images"] == [str(image.pk)]
    assert "consent" not in str(event.facts)
    assert event.personal["reason"] == "consent was taken back"


def test_a_disk_that_refuses_only_delays_the_erasing(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(per_split=10)
    image = first_of(dataset)
    withdrawal = withdraw(dataset, image)

    def refuse(digest: str) -> None:
        raise PermissionError(digest)

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "delete_digest", refuse)
        assert erase(withdrawal).state == JobState.QUEUED
    image.refresh_from_db()
    assert image.erased_at is None
    assert path_of(image.digest).is_file()
    assert erase(withdrawal).state == JobState.SUCCEEDED
    assert not path_of(image.digest).exists()
    assert broken() == []


def test_a_check_finds_what_was_not_erased(transactional_db: None) -> None:
    dataset = make_dataset(per_split=10)
    image = first_of(dataset)
    withdrawal = withdraw(dataset, image)
    Job.objects.filter(pk=present(withdrawal.job_id)).update(state=JobState.DEAD, finished_at=timezone.now())
    assert [f"image {image.pk}" in line for line in broken()] == [True]
    Job.objects.filter(pk=present(withdrawal.job_id)).update(state=JobState.QUEUED, finished_at=None)
    content = path_of(image.digest).read_bytes()
    erase(withdrawal)
    assert broken() == []
    store_bytes(content)  # as from a backup of the files alone
    assert [f"image {image.pk}: file" in line for line in broken()] == [True]


def test_the_same_pixels_stay_out_of_every_data_set_of_their_owner() -> None:
    dataset = make_dataset(per_split=10)
    image = first_of(dataset)
    withdraw(dataset, image)
    again, foreign = make_dataset(owner=dataset.owner), make_dataset()
    assert list(SourceImage.objects.barred_from(dataset)) == [image]
    assert list(SourceImage.objects.barred_from(again)) == [image]
    assert list(SourceImage.objects.barred_from(foreign)) == []
    assert _known(again)["withdrawn"] == [image.digest]
