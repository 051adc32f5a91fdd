"""Many processes that claim reads of one study at once; started by the tests, never imported by them.

`python -m tests.concurrency.claimants SPEC` with SPEC as JSON: `study`, `readers` (one process each, in this order),
`wanted` reads for each process, `count` a claim, `answer` ("mark" only ends the read, "submit" gives a real answer).
Prints one JSON list a process: the ids of the reads it got, in order.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import django


def main() -> None:
    django.setup()
    spec = json.loads(sys.argv[1])
    pipes = [_start(spec, reader) for reader in spec["readers"]]
    time.sleep(0.2)
    for _, go, _ in pipes:
        os.close(go)
    for child, _, out in pipes:
        with os.fdopen(out) as stream:
            print(stream.read(), flush=True)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(1)


def _start(spec: dict[str, Any], reader: str) -> tuple[int, int, int]:
    """Fork before any connection is open; the child waits until the parent closes the pipe."""
    wait, go = os.pipe()
    into, out = os.pipe()
    os.set_inheritable(out, False)
    child = os.fork()
    if child:
        os.close(wait)
        os.close(out)
        return child, go, into
    os.close(go)
    status = 1
    try:
        os.read(wait, 1)
        os.write(out, json.dumps(_claim(spec, reader)).encode())
        status = 0
    finally:
        os.close(out)
        os._exit(status)


def _claim(spec: dict[str, Any], reader_id: str) -> list[str]:
    from annotation.models import Study
    from annotation.services.queue import claim_reads
    from synthlab.accounts.models import User

    reader, study = User.objects.get(pk=reader_id), Study.objects.get(pk=spec["study"])
    got: list[str] = []
    while len(got) < spec["wanted"]:
        claim = claim_reads(reader=reader, study=study, count=min(spec["count"], spec["wanted"] - len(got)))
        if not claim.reads:
            if claim.reason != "leased":
                break
            time.sleep(0.25)
            continue
        got += _end(spec, list(claim.reads), reader)
    return got


def _end(spec: dict[str, Any], reads: list[Any], reader: Any) -> list[str]:
    """Answer the reads, or only mark them as answered; the ids of those that were this process's to end."""
    from django.db import transaction
    from django.db.models.functions import Now

    from annotation.models import Read

    if spec["answer"] == "submit":
        return [str(read.pk) for read in reads if _submit(read, reader)]
    with transaction.atomic():
        held = Read.objects.select_for_update(no_key=True).filter(
            pk__in=[read.pk for read in reads], state="leased", reader=reader
        )
        keys = [read.pk for read in held]
        Read.objects.filter(pk__in=keys).update(state="submitted", submitted_at=Now(), lease_until=None)
    return [str(key) for key in keys]


def _submit(read: Any, reader: Any) -> bool:
    from annotation.services.reading import submit_answer
    from synthlab.core.exceptions import DomainError

    try:
        submit_answer(
            actor=reader, read=read, rev=read.rev, answer={"decision": "labelled", "classes": ["normal"]}
        )
    except DomainError:
        return False  # another tab of the same person was faster
    return True


if __name__ == "__main__":
    main()
