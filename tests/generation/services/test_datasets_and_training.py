"""Rules of data sets, trainings and generators."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from generation.models import (
    DatasetRole,
    Generator,
    GeneratorState,
    Split,
    Training,
    TrainingState,
)
from generation.services import datasets, generators, training
from generation.services.manifests import training_manifest
from generation.tasks import TrainingRelay
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed, PreconditionFailed
from synthlab.core.files import store_bytes
from synthlab.core.job_context import JobContext
from synthlab.core.job_lease import Lease
from synthlab.core.job_states import claim, crash
from synthlab.core.job_work import make_work_folder
from synthlab.core.jobs import execute, requeue_job, sweep_jobs
from synthlab.core.models import AuditEvent, Job, JobState
from tests.factories import make_clinician, make_scientist
from tests.generation.factories import make_dataset, make_generator, weights_file
from tests.present import present

pytestmark = pytest.mark.django_db


def test_only_scientists_make_data_sets():
    with pytest.raises(NotAllowed):
        datasets.create_dataset(actor=make_clinician(), name="glands")


def test_a_data_set_names_its_owner_and_starts_a_chain():
    owner = make_scientist()
    dataset = datasets.create_dataset(actor=owner, name="glands", modality="histology")
    assert dataset.members.get().view_real
    assert AuditEvent.objects.get(action="dataset.created").target_id == dataset.pk


def test_a_name_is_given_once():
    make_dataset(name="glands")
    with pytest.raises(Conflict):
        datasets.create_dataset(actor=make_scientist(), name="glands")


def test_an_edit_of_an_older_version_overwrites_nothing():
    dataset = make_dataset(name="glands")
    datasets.update_dataset(actor=dataset.owner, dataset=dataset, rev=1, modality="histology")
    with pytest.raises(PreconditionFailed):
        datasets.update_dataset(actor=dataset.owner, dataset=dataset, rev=1, modality="cytology")
    dataset.refresh_from_db()
    assert dataset.modality == "histology"


def test_a_clinician_can_only_be_a_viewer():
    dataset, clinician = make_dataset(), make_clinician()
    with pytest.raises(InvalidInput):
        datasets.set_member(actor=dataset.owner, dataset=dataset, user=clinician)
    member = datasets.set_member(
        actor=dataset.owner, dataset=dataset, user=clinician, role=DatasetRole.VIEWER, view_real=True
    )
    assert member.view_real


def test_the_monitor_slice_is_whole_groups_of_the_training_split():
    dataset = make_dataset(per_split=80, groups=4)
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={"preset": "quick"}, seed=3)
    manifest = training_manifest(run)
    group_of = dict(dataset.images.values_list("digest", "group__key"))
    val = set(dataset.images.in_split(Split.VAL).values_list("digest", flat=True))
    training_groups = {group_of[image["digest"]] for image in manifest["images"]}
    monitor_groups = {group_of[image["digest"]] for image in manifest["monitor"]}
    assert training_groups
    assert monitor_groups
    assert not training_groups & monitor_groups
    assert not val & {image["digest"] for image in manifest["images"] + manifest["monitor"]}
    assert len(manifest["images"]) + len(manifest["monitor"]) == 80


def test_a_training_is_checked_before_time_is_spent():
    empty, small = make_dataset(), make_dataset(per_split=4, groups=2)
    with pytest.raises(Conflict):
        training.start_training(actor=empty.owner, dataset=empty, config={})
    with pytest.raises(InvalidInput, match="at least 8"):
        training.start_training(actor=small.owner, dataset=small, config={})
    good = make_dataset(per_split=10)
    for config in (
        {"preset": "eternal"},
        {"steps": -1},
        {"image_size": 128},
        {"architecture": "gan"},
        {"x": 1},
    ):
        with pytest.raises(InvalidInput):
            training.start_training(actor=good.owner, dataset=good, config=config)
    assert not Training.objects.exists()


def test_mirroring_is_left_out_where_it_changes_the_meaning():
    chest = make_dataset(per_split=10, symmetries="none")
    run = training.start_training(actor=chest.owner, dataset=chest, config={"preset": "quick"})
    assert "symmetry" not in run.config["augment"]


def test_pausing_a_waiting_training_and_going_on():
    dataset = make_dataset(per_split=10)
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={}, seed=5)
    run = training.stop_training(actor=dataset.owner, training=run, reason="pause")
    assert run.state == TrainingState.PAUSED
    first_job = run.job
    run = training.resume_training(actor=dataset.owner, training=run)
    assert run.state == TrainingState.QUEUED
    assert run.job != first_job
    assert run.job is not None
    assert run.job.state == JobState.QUEUED
    with pytest.raises(Conflict):
        training.resume_training(actor=dataset.owner, training=run)


def test_the_same_weights_again_are_the_same_generator():
    dataset = make_dataset()
    stored = store_bytes(weights_file(step=1))
    once = generators.register_generator(actor=dataset.owner, dataset=dataset, stored=stored, card={})
    again = generators.register_generator(actor=dataset.owner, dataset=dataset, stored=stored, card={})
    assert once == again
    assert Generator.objects.count() == 1
    with pytest.raises(Conflict):
        generators.register_generator(actor=dataset.owner, dataset=make_dataset(), stored=stored, card={})


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04\x95pickle", b"PK\x03\x04zip", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"]
)
def test_only_generator_files_are_read(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="not a generator"):
        generators.read_header(path)


def test_approval_needs_a_reason_and_puts_the_weights_where_the_service_looks(transactional_db, settings):
    generator = make_generator()
    owner = generator.dataset.owner
    with pytest.raises(InvalidInput):
        generators.approve_generator(actor=owner, generator=generator, reason=" ")
    generators.approve_generator(actor=owner, generator=generator, reason="looked at 200 images")
    served = settings.GENERATOR_ROOT / f"{generator.digest}.safetensors"
    assert served.is_file()
    generators.retire_generator(actor=owner, generator=generator)
    generator.refresh_from_db()
    assert generator.state == GeneratorState.RETIRED
    assert not served.exists()


def test_an_older_job_does_not_disturb_the_one_that_went_on(transactional_db):
    dataset = make_dataset(per_split=10)
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={"preset": "quick"})
    older = run.job
    assert older is not None
    Job.objects.filter(pk=older.pk).update(state=JobState.FAILED, finished_at=run.created_at)
    Training.objects.filter(pk=run.pk).update(state=TrainingState.FAILED)
    run = training.resume_training(actor=dataset.owner, training=run)
    older = requeue_job(actor=dataset.owner, job=Job.objects.get(pk=older.pk))
    execute(str(older.pk))
    older.refresh_from_db()
    run.refresh_from_db()
    assert (older.state, older.error_code) == (JobState.FAILED, "training_resumed_elsewhere")
    assert run.job is not None
    assert (run.state, run.job.state) == (TrainingState.QUEUED, JobState.QUEUED)


def test_a_worker_that_dies_right_after_a_checkpoint_leaves_it_to_the_next(transactional_db):
    dataset = make_dataset(per_split=10)
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={"preset": "quick"})
    first = claim(str(run.job_id))
    assert first is not None
    context = JobContext(first, Lease(first), make_work_folder(first), shards=0)
    checkpoint = context.work_dir / "checkpoints" / "000010"
    checkpoint.mkdir(parents=True)
    # The worker dies when the handler has heard of the checkpoint and the job itself has not yet.
    TrainingRelay(context, run)({"type": "cursor", "cursor": {"step": 10, "checkpoint": str(checkpoint)}})
    crash(first, code="worker_lost", error="for a test")
    again = claim(str(run.job_id))
    assert again is not None
    make_work_folder(again)
    run.refresh_from_db()
    assert (run.step, again.attempt) == (10, 1)
    assert (settings.WORK_ROOT / run.checkpoint).is_dir()


def test_a_checkpoint_is_kept_as_long_as_a_training_would_resume_from_it(settings):
    dataset = make_dataset(per_split=10)
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={}, seed=5)
    run = training.stop_training(actor=dataset.owner, training=run, reason="pause")
    checkpoint = settings.WORK_ROOT / str(run.job_id) / "1" / "checkpoints" / "step-00000020"
    checkpoint.mkdir(parents=True)
    Training.objects.filter(pk=run.pk).update(checkpoint=str(checkpoint.relative_to(settings.WORK_ROOT)))
    long_ago = timezone.now() - timedelta(days=settings.JOB_CHECKPOINT_DAYS + 1)
    cursor = {"checkpoint": str(checkpoint)}
    Job.objects.filter(pk=present(run.job_id)).update(finished_at=long_ago, cursor=cursor, fence=1)
    sweep_jobs()
    assert checkpoint.is_dir()
    Training.objects.filter(pk=run.pk).update(state=TrainingState.SUCCEEDED)
    sweep_jobs()
    assert not checkpoint.exists()
