"""A worker is killed while it erases what was withdrawn: it is erased all the same, and told once."""

from __future__ import annotations

import signal

import pytest

from generation.models import SourceImage
from generation.services.withdrawing import withdraw_images
from synthlab.core.files import path_of
from synthlab.core.invariants import find_violations
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job, JobState
from tests.faults.live import fresh, one_job, wait_for
from tests.generation.factories import make_dataset
from tests.present import present

pytestmark = [pytest.mark.faults, pytest.mark.both_databases]


@pytest.mark.parametrize("place", ["withdrawal.files_removed", "job.committed"])
def test_killed_while_files_go(transactional_db: None, env: dict[str, str], place: str) -> None:
    dataset = make_dataset(per_split=10)
    image = present(dataset.images.first())
    withdrawal = withdraw_images(actor=dataset.owner, dataset=dataset, images=[image.pk], reason="why")
    job = Job.objects.get(pk=present(withdrawal.job_id))
    killed = one_job({**env, "SYNTHLAB_KILL_POINT": place}, "--do", str(job.pk))
    assert killed.wait(60) == -signal.SIGKILL, "the kill point was not reached"
    wait_for(lambda: fresh(job).state != JobState.RUNNING, sweeping=True)
    execute(str(job.pk))
    assert fresh(job).state == JobState.SUCCEEDED
    assert SourceImage.objects.get(pk=image.pk).erased_at is not None
    assert not path_of(image.digest).exists()
    assert AuditEvent.objects.filter(action="images.erased").count() == 1
    assert list(find_violations()) == []
