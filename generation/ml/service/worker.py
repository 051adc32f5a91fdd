"""The worker process: LitServe starts it, hands it requests through a queue, and starts another if it dies."""

# No `from __future__ import annotations` here: LitServe and FastAPI read the annotations at run time.

import hmac
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Annotated, Any

import litserve
from fastapi import Header, HTTPException
from litserve.loops.base import LitLoop
from litserve.specs.base import LitSpec
from litserve.utils import LitAPIStatus, LoopResponseType

from generation.child import die_with_parent
from generation.ml.device import choose_device
from generation.ml.service.cache import GeneratorCache
from generation.ml.service.desk import Desk
from generation.ml.service.facts import Facts
from generation.ml.service.wire import Answer

SECRET_HEADER = "X-Model-Service-Secret"  # noqa: S105 (a header's name)
ANSWER_SECONDS = 30.0  # after which nobody waits any more
_IDLE_SECONDS = 1.0


class PassLoop(LitLoop):  # type: ignore[misc]
    """Passes while anybody waits, sleep while nobody does.

    LitServe's own loop asks the queue a thousand times a second, also when nothing comes, and lets a request wait for
    the whole of the batch before it.
    """

    def run(
        self,
        lit_api: "GeneratorAPI",
        device: str,
        worker_id: int,
        request_queue: Any,
        transport: Any,
        workers_setup_status: Any,
        callback_runner: Any,
    ) -> None:
        """One turn; LitServe repeats it."""
        desk = lit_api.desk
        for (door, uid), answer in [*self._take(desk, request_queue), *desk.work(time.monotonic())]:
            self.put_response(transport, door, uid, answer, LitAPIStatus.OK, LoopResponseType.REGULAR)

    def _take(self, desk: Desk, queue: Any) -> Iterator[tuple[Any, Answer]]:
        """Everything that waits in the queue; sleeps for the first if there is nothing else to do."""
        while True:
            try:
                item = queue.get(timeout=_IDLE_SECONDS) if desk.is_idle else queue.get_nowait()
            except Empty:
                return
            door, uid, sent_at, request = item
            refusal = desk.take((door, uid), request, expires_at=sent_at + ANSWER_SECONDS)
            if refusal is not None:
                yield (door, uid), refusal


class GeneratorAPI(litserve.LitAPI):  # type: ignore[misc]
    """LitServe's view of the worker.

    Args:
        folder: of generators.
        secret: what callers must send.
        threads: CPU threads of a pass, or None for as many as there are processors.
        dtype: of a pass.
        most_bytes: what generators may take in memory.
        facts: in shared memory.
        door: the HTTP side.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secret: str,
        threads: int | None,
        dtype: str,
        most_bytes: int,
        facts: Facts,
        door: LitSpec,
    ) -> None:
        super().__init__(api_path="/sample", loop=PassLoop(), spec=door)
        self._folder, self._secret, self._threads, self._dtype = folder, secret, threads, dtype
        self._most_bytes, self._facts = most_bytes, facts

    def authorize(self, secret: Annotated[str, Header(alias=SECRET_HEADER)] = "") -> None:
        """Runs in the HTTP process before anything else is looked at."""
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            raise HTTPException(401, "wrong or missing secret")

    def setup(self, device: str) -> None:
        """Start the worker."""
        die_with_parent()
        parent = multiprocessing.parent_process()
        if parent is None or not parent.is_alive():  # it died while we were still importing
            os._exit(1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the main process's to handle
        chosen = choose_device(self._dtype, threads=self._threads)
        self.desk = Desk(GeneratorCache(self._folder, chosen, self._most_bytes, self._facts), self._facts)
        self._facts.waiting = self._facts.generators = self._facts.generator_bytes = 0
        self._facts.starts += 1
        self._facts.worker = os.getpid()

    def health(self) -> bool:
        """Whether the worker lives; asked in the HTTP process."""
        return bool(self.spec.is_served)

    def decode_request(self, request: Any) -> Any:
        """Not used: the loop hands requests to the desk."""
        return request

    def predict(self, x: Any) -> Any:
        """Not used, and asked for by LitServe."""
        raise NotImplementedError
