"""Starts the model service: images on request, over HTTP on loopback.

LitServe runs four processes besides this one: a queue manager and the HTTP server (both forked), one inference worker
(spawned) that makes the images, and Python's resource tracker. None of them may outlive us, also when we are killed: the
forked ones get the death signal through `os.register_at_fork`, the worker sets its own (`GeneratorAPI.setup`), the tracker
ends with its pipe. LitServe starts another worker when one dies; when the HTTP server or the manager does, we end, and
who started us starts us again.

The service sees a folder of ``DIGEST.safetensors`` files and nothing else; taking a file away takes it out of service.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import litserve
from starlette.middleware.gzip import GZipMiddleware

from generation.child import BadInput, Reporter, die_with_parent, required
from generation.ml.service.door import Door
from generation.ml.service.facts import Facts, shared_facts
from generation.ml.service.worker import ANSWER_SECONDS, GeneratorAPI

SECRET_VARIABLE = "SYNTHLAB_MODEL_SERVICE_SECRET"  # noqa: S105 (the name of a variable, not a secret)
LEAST_SECRET = 16  # characters
MEMORY_MIB = 512
# A pass of 16 images is small: two threads wait for each other longer than they share, most of all on a busy machine.
THREADS = 1
MOST_BODY = 16 * 2**20  # bytes: 256 long latent vectors as decimals
WORKER_NAME = "inference-worker"  # so LitServe calls it
_LOOK_SECONDS = 0.1  # who starts and dies between two looks is never missed


def serve_verb(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Serve until told to stop.

    Args:
        spec: ``folder`` of generators, ``port``, and optionally ``host`` (loopback), ``threads``, ``dtype``,
            ``memory_mib`` (of generators kept in memory). The shared secret comes from the environment, never from a
            file that others may read.
        report: tells when to stop; the log goes to stderr.

    Raises:
        BadInput: ``no_secret`` or ``bad_spec``.
    """
    secret = os.environ.get(SECRET_VARIABLE, "")
    if len(secret) < LEAST_SECRET:
        raise BadInput(
            "no_secret", f"{SECRET_VARIABLE} must hold a secret of at least {LEAST_SECRET} characters"
        )
    os.register_at_fork(after_in_child=_tame_fork)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: _interrupt(ending))
    threading.Thread(target=_interrupt_when_told, args=(report,), daemon=True).start()
    facts = shared_facts()
    server = _server(spec, secret, facts)
    threading.Thread(target=_end_with_the_others, args=(ending, facts), daemon=True).start()
    server.run(
        host=spec.get("host", "127.0.0.1"),
        port=int(required(spec, "port")),
        num_api_servers=1,
        api_server_worker_type="process",  # LitServe cannot end its threads
        log_level="warning",
        generate_client_file=False,
    )
    return {"stopped": True}


def _server(spec: dict[str, Any], secret: str, facts: Facts) -> litserve.LitServer:
    api = GeneratorAPI(
        Path(required(spec, "folder")),
        secret=secret,
        threads=int(spec.get("threads") or THREADS),
        dtype=spec.get("dtype") or "float32",
        most_bytes=int(spec.get("memory_mib") or MEMORY_MIB) * 2**20,
        facts=facts,
        door=Door(facts),
    )
    server = litserve.LitServer(
        api,
        accelerator="cpu",  # only how LitServe names its one worker; `choose_device` picks where that computes
        devices=1,
        workers_per_device=1,
        timeout=ANSWER_SECONDS,
        restart_workers=True,
        disable_openapi_url=True,
        max_payload_size=MOST_BODY,
    )
    # Pictures do not get smaller, and trying costs more than making them.
    server.app.user_middleware = [one for one in server.app.user_middleware if one.cls is not GZipMiddleware]
    return server


def _end_with_the_others(ending: threading.Event, facts: Facts) -> None:
    """LitServe watches only a worker that was once ready.

    Without the HTTP server or the manager we would stand here serving nobody, and wait for ever for a first worker that
    died while it started.
    """
    seen: set[str] = set()
    while not ending.wait(_LOOK_SECONDS):
        running = {one.name for one in multiprocessing.active_children()}
        if facts.starts:
            seen.discard(WORKER_NAME)
            running.discard(WORKER_NAME)
        if seen - running and not ending.is_set():
            os._exit(1)
        seen |= running


def _tame_fork() -> None:
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(ending: threading.Event) -> None:
    ending.set()
    raise KeyboardInterrupt  # LitServe's own way to end


def _interrupt_when_told(report: Reporter) -> None:
    report.wait_for_stop()
    os.kill(os.getpid(), signal.SIGTERM)
