"""One installation under load, in a process of its own: `python -m bench.claims_runs SPEC.json`; prints one JSON object.

The installation is whole: migrated, its web server the one of `synthlab up`, durable commits. Its studies hold different
numbers of open reads, and readers claim from them in turns, so that whatever else the machine does meets all alike.
"""

import hashlib
import json
import math
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

READERS = 8
CHUNK = 2000
ANSWER = {"decision": "labelled", "classes": ["normal"]}
PATIENCE_SECONDS = 60
PROBES = 50


@dataclass(frozen=True)
class Reader:
    """A signed-in person, as a browser is one."""

    client: httpx.Client

    def claim(self, study: str) -> dict[str, Any]:
        [read] = self._post(f"/api/v1/studies/{study}/claim", {"count": 1}).json()["reads"]
        found: dict[str, Any] = read
        return found

    def submit(self, read: dict[str, Any]) -> None:
        headers = {"If-Match": f'"{read["rev"]}"', "Idempotency-Key": str(uuid.uuid4())}
        self._post(f"/api/v1/reads/{read['id']}/submit", ANSWER, headers)

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        answer = self.client.post(path, json=body, headers=headers or {})
        answer.raise_for_status()
        return answer


def main(spec: dict[str, Any]) -> dict[str, Any]:
    """Fill, serve, claim.

    Returns:
        ``{"claims": {size: [ms, …]}, "submits": [ms, …], "ahead_ms": [ms, …]}``; milliseconds of a claim over HTTP count
        from the moment it was due.
    """
    _prepare(Path(spec["home"]))
    from annotation.models import Study

    people, studies = _fill(spec["sizes"])
    ahead = _run_ahead(Study.objects.get(pk=studies[max(spec["sizes"])]), spec["ahead"])
    with _server(Path(spec["home"])) as url:
        readers = [Reader(_client(url, person)) for person in people]
        claims, submits = _drive(readers, studies, count=spec["claims"], rate=spec["rate"])
    return {"claims": claims, "submits": submits, "ahead_ms": ahead}


def _prepare(home: Path) -> None:
    os.environ.update({"SYNTHLAB_HOME": str(home), "DJANGO_SETTINGS_MODULE": "synthlab.settings"})
    import django

    django.setup()
    from synthlab.core.starting import prepare

    prepare(lambda message: None)


def _fill(sizes: Sequence[int]) -> tuple[list[Any], dict[int, str]]:
    """Readers, and for each size an open study with so many open reads."""
    from annotation.services import filling, studies
    from annotation.services.schemas import create_label_schema
    from synthlab.accounts.models import Role, User

    def person(name: str, role: str) -> Any:
        return User.objects.create_user(username=name, password=None, role=role)

    manager = person("manager", Role.SCIENTIST)
    readers = [person(f"reader{number}", Role.CLINICIAN) for number in range(READERS)]
    batch = _released_batch(manager, max(sizes))
    schema = create_label_schema(
        actor=manager, name="claims", classes=[{"key": "gland", "title": "Gland"}], sites=[],
        discard_reasons=[{"key": "artefact", "title": "Artefact"}],
    )  # fmt: skip
    opened: dict[int, str] = {}
    for size in sizes:
        study = studies.create_study(actor=manager, title=f"{size} reads", schema=schema)
        for reader in readers:
            studies.add_member(actor=manager, study=study, user=reader, role="reader")
        filling.fill_study(actor=manager, study=study, batches=[batch], limit=size)
        studies.open_study(actor=manager, study=study)
        opened[size] = str(study.pk)
    return readers, opened


def _released_batch(owner: Any, count: int) -> Any:
    """A batch of `count` images that a person released; nobody will look at the pixels, so there are none."""
    from django.utils import timezone

    from evaluation.models import Decision, GateDecision
    from generation.models import Batch, BatchState, SyntheticImage

    batch = Batch.objects.create(
        generator=_approved_generator(owner), requested_by=owner, state=BatchState.SUCCEEDED, count=count, seed=0,
        completed_at=timezone.now(),
    )  # fmt: skip
    images = (
        SyntheticImage(batch=batch, index=index, size=1, width=64, height=64, **_digests(index))
        for index in range(count)
    )
    SyntheticImage.objects.bulk_create(images, batch_size=CHUNK)
    GateDecision.objects.create(
        batch=batch, decision=Decision.RELEASED, decided_by=owner, reason="for a benchmark"
    )
    return batch


def _approved_generator(owner: Any) -> Any:
    from django.utils import timezone

    from generation.models import Dataset, Generator, GeneratorState

    return Generator.objects.create(
        dataset=Dataset.objects.create(owner=owner, name="claims", manifest_digest="0" * 64),
        name="claims", digest="0" * 64, size=1, architecture="dcgan", image_size=64, channels=3, latent_size=8,
        state=GeneratorState.APPROVED, approved_by=owner, approved_at=timezone.now(), approval_reason="for a benchmark",
    )  # fmt: skip


def _digests(index: int) -> dict[str, str]:
    digest = hashlib.sha256(str(index).encode()).hexdigest()
    return {"seed": digest[:16], "digest": digest, "pixel_digest": digest}


def _run_ahead(study: Any, done: int) -> list[float]:
    """Milliseconds in the database of claims by one who has answered `done` images that others have yet to read.

    Each image gets a second read, so that at the head of the queue there is much that is not for this person: the case in
    which a search from the start would walk through all of their own work.
    """
    from django.db import transaction
    from django.db.models.functions import Now

    from annotation.models import Membership, Read
    from annotation.services import studies
    from annotation.services.filling import random_place
    from annotation.services.queue import claim_reads
    from synthlab.accounts.models import Role, User

    reader = User.objects.create_user(username="ahead", password=None, role=Role.CLINICIAN)
    studies.add_member(actor=study.created_by, study=study, user=reader, role="reader")
    with transaction.atomic():
        items = list(study.items.values_list("pk", flat=True))
        seconds = (Read(study=study, item_id=item, ordinal=1, shuffle=random_place()) for item in items)
        Read.objects.bulk_create(seconds, batch_size=CHUNK)
        keys, place = _taken_by_now(study, done)
        for start in range(0, len(keys), CHUNK):
            Read.objects.filter(pk__in=keys[start : start + CHUNK]).update(
                state="submitted", reader=reader, submitted_at=Now()
            )
        Membership.objects.filter(study=study, user=reader).update(queue_shuffle=place)
        times = [_timed_claim(claim_reads, reader, study) for _ in range(PROBES)]
        # The load that follows meets the queue as it was filled.
        transaction.set_rollback(True)
    return times


def _taken_by_now(study: Any, done: int) -> tuple[list[Any], int]:
    """The reads that a lone reader's first `done` claims give, one of each image, and how far along they come."""
    seen: set[Any] = set()
    keys: list[Any] = []
    rows = study.reads.order_by("shuffle", "id").values_list("pk", "item_id", "shuffle")
    for key, item, shuffle in rows.iterator(CHUNK):
        if item not in seen:
            seen.add(item)
            keys.append(key)
        if len(keys) == done:
            return keys, shuffle
    raise ValueError("the study has fewer images than the reader shall have answered")


def _timed_claim(claim_reads: Any, reader: Any, study: Any) -> float:
    from django.db import connection

    from annotation.models import Read

    spent = 0.0

    def watch(execute: Any, *statement: Any) -> Any:
        nonlocal spent
        started = time.perf_counter()
        try:
            return execute(*statement)
        finally:
            spent += time.perf_counter() - started

    with connection.execute_wrapper(watch):
        [read] = claim_reads(reader=reader, study=study, count=1).reads
    # Put away, or the next claim would give it again.
    Read.objects.filter(pk=read.pk).update(state="void", lease_until=None)
    return spent * 1000


@contextmanager
def _server(home: Path) -> Iterator[str]:
    from synthlab.core.parts import web_plan
    from synthlab.core.starting import address_of, listen

    listener = listen("127.0.0.1:0")
    url = f"http://{address_of(listener)}"
    plan = web_plan(listener, {})
    with (home / "web.log").open("ab") as log:
        process = subprocess.Popen(
            list(plan.argv), env={**os.environ, "SYNTHLAB_BIND": address_of(listener)}, stdout=log, stderr=log,
            pass_fds=[listener.fileno()],
        )  # fmt: skip
    try:
        _wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait()
        listener.close()


def _wait_for(url: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/livez", timeout=1).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the web server did not start")


def _client(url: str, person: Any) -> httpx.Client:
    from django.conf import settings
    from django.middleware.csrf import _get_new_csrf_string
    from django.test import Client

    browser = Client()
    browser.force_login(person)
    token = _get_new_csrf_string()
    cookies = {
        settings.SESSION_COOKIE_NAME: browser.cookies[settings.SESSION_COOKIE_NAME].value,
        settings.CSRF_COOKIE_NAME: token,
    }
    return httpx.Client(
        base_url=url, cookies=cookies, headers={"X-CSRFToken": token, "Origin": url}, timeout=30
    )


def _drive(
    readers: Sequence[Reader], studies: dict[int, str], *, count: int, rate: float
) -> tuple[dict[int, list[float]], list[float]]:
    """`count` claims a size at `rate` claims a second over all; each is answered before its reader's next one is due."""
    for (
        reader
    ) in readers:  # the first request of a process and of a connection is not what a reader meets all day
        for study in studies.values():
            reader.submit(reader.claim(study))
    sizes = list(studies)
    claims: dict[int, list[float]] = {size: [] for size in sizes}
    submits: list[float] = []
    started = time.perf_counter()

    def work(own: int) -> None:
        # Each reader goes through the sizes in turns of its own, or one size would always meet the same neighbours.
        for turn in range(math.ceil(count * len(sizes) / len(readers))):
            due = started + (turn * len(readers) + own) / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            size = sizes[(turn + own) % len(sizes)]
            read = readers[own].claim(studies[size])
            claimed = time.perf_counter()
            claims[size].append((claimed - due) * 1000)
            readers[own].submit(read)
            submits.append((time.perf_counter() - claimed) * 1000)

    with ThreadPoolExecutor(len(readers)) as pool:
        list(pool.map(work, range(len(readers))))
    return claims, submits


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
