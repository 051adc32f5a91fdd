"""A job's lease, renewed by a thread while the handler works, and what the thread learns on the way."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models.functions import Now

from synthlab.core.models import Job, JobState
from synthlab.logs import get_logger

log = get_logger(__name__)


class Lease:
    """Renews a running job's lease by the database's clock until stopped or lost.

    Attributes:
        lost: Set once the job is no longer ours, or the database could not be reached for a whole lease.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._stop = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease-{job.pk}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def renew(self) -> bool:
        """Prolong the lease once. False where the job is no longer ours."""
        kept = Job.objects.filter(pk=self._job.pk, state=JobState.RUNNING, fence=self._job.fence).update(
            lease_until=Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS), heartbeat_at=Now()
        )
        if not kept:
            self.lost.set()
        return bool(kept)

    def _run(self) -> None:
        renewed = time.monotonic()
        try:
            while not self._stop.wait(settings.JOB_HEARTBEAT_SECONDS) and not self.lost.is_set():
                try:
                    if not self.renew():
                        return
                    renewed = time.monotonic()
                except DatabaseError as error:
                    log.warning("lease_not_renewed", job_id=str(self._job.pk), error=str(error)[:200])
                    connection.close()
                # Nobody can tell us that another worker has the job now, so assume it.
                if time.monotonic() - renewed > settings.JOB_LEASE_SECONDS:
                    self.lost.set()
        finally:
            connection.close()
