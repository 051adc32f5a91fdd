"""The HTTP side of the model service: checks, waits, and never lets a caller hang."""

# No `from __future__ import annotations` here: FastAPI reads the annotations at run time.

import asyncio
import contextlib
import os
import time
import uuid
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from litserve.specs.base import LitSpec
from litserve.utils import ResponseBufferItem
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from generation.child import BadInput
from generation.ml.service.facts import DoorMetrics, Facts
from generation.ml.service.wire import Answer, SampleRequest, read_request, refusal
from generation.ml.service.worker import ANSWER_SECONDS


class Door(LitSpec):  # type: ignore[misc]
    """LitServe's view of the HTTP side: ``POST /sample`` and ``GET /metrics``, both behind the secret.

    Args:
        facts: in shared memory.
    """

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.api_path = "/sample"  # by which LitServe names the worker's queue
        self._facts = facts
        self._watch = WorkerWatch(facts)
        self.metrics = DoorMetrics(facts)
        self.add_endpoint("/sample", self.sample, ["POST"])
        self.add_endpoint("/metrics", self.tell_metrics, ["GET"])

    def __getstate__(self) -> dict[str, Any]:
        """The worker needs nothing of this but its queue's name."""
        return {"api_path": self.api_path}

    @property
    def is_served(self) -> bool:
        """Whether a worker is there."""
        return self._watch.current() is not None

    async def sample(self, request: Request) -> Response:
        """Images, or a problem with a code."""
        began = time.perf_counter()
        answer = await self._answer(await request.body())
        self.metrics.seconds.observe(time.perf_counter() - began)
        self.metrics.answers.labels(str(answer.status), answer.code).inc()
        return Response(
            answer.body, status_code=answer.status, media_type=answer.media_type, headers=answer.headers
        )

    async def tell_metrics(self, request: Request) -> Response:
        """Prometheus text."""
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def _answer(self, body: bytes) -> Answer:
        try:
            request = read_request(body)
        except BadInput as error:
            return refusal(422, error.code, error.detail)
        gone = self._watch.current()
        if gone is None:
            return refusal(503, "starting", "the worker is being started")
        return await self._ask(request, gone)

    async def _ask(self, request: SampleRequest, gone: asyncio.Event) -> Answer:
        """Hand it to the worker and wait, but not for a worker that has died, and not for ever."""
        uid, item = uuid.uuid4().hex, ResponseBufferItem(asyncio.Event())
        self.response_buffer[uid] = item
        waits = [asyncio.ensure_future(event.wait()) for event in (item.event, gone)]
        try:
            self.request_queue.put((self.response_queue_id, uid, time.monotonic(), request))
            await asyncio.wait(waits, timeout=ANSWER_SECONDS + 1, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.response_buffer.pop(uid, None)
            for wait in waits:
                wait.cancel()
        if item.response is not None:
            answer: Answer = item.response[0]
            return answer
        if gone.is_set():
            return refusal(503, "worker_lost", "the worker ended while it made these images")
        return refusal(503, "busy", f"no answer within {ANSWER_SECONDS:g} seconds")


class WorkerWatch:
    """Knows at once when the worker ends: the kernel says so through a file descriptor for its process.

    Args:
        facts: name the process of the worker that is ready.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._process = 0
        self._gone: asyncio.Event | None = None

    def current(self) -> asyncio.Event | None:
        """The event that is set when the present worker ends; None while there is no worker."""
        process = int(self._facts.worker)
        if process != self._process:
            self._process, self._gone = process, self._follow(process)
        return None if self._gone is None or self._gone.is_set() else self._gone

    def _follow(self, process: int) -> asyncio.Event | None:
        try:
            handle = os.pidfd_open(process)
        except OSError:  # it has ended already
            return None
        gone, loop = asyncio.Event(), asyncio.get_running_loop()

        def note_end() -> None:
            loop.remove_reader(handle)
            with contextlib.suppress(OSError):
                os.close(handle)
            gone.set()

        loop.add_reader(handle, note_end)
        return gone
