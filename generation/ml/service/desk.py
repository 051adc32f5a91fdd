"""Sharing forward passes between callers.

A pass has a fixed size whoever asks, so requests need not wait for one another to fill a batch: whatever is there when a
pass begins shares it. Requests take turns, one pass each, so a sample of 16 images waits for as many passes as there
are callers and never for the 256 images of somebody else.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from generation.child import BadInput
from generation.ml.latents import LatentRequest
from generation.ml.sampling import SampledImage, Sampler
from generation.ml.service.cache import GeneratorCache
from generation.ml.service.facts import Facts
from generation.ml.service.wire import Answer, SampleRequest, Wanted, answer, make, refusal

# Some seconds of work on two cores. More would be asked for than anybody waits for.
MOST_WAITING = 1024
FAILED = refusal(500, "failed", "making the images failed; the log of the model service says why")
TOO_LATE = refusal(503, "busy", "too many were before this request")
DAMAGED = ("bad_weights", "wrong_digest", "unknown_architecture")

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Order:
    """One caller's request at work.

    Attributes:
        caller: whom to answer; the desk does not look at it.
        expires_at: by `time.monotonic`; nobody waits for the answer after it.
    """

    caller: object
    request: SampleRequest
    sampler: Sampler
    wanted: deque[Wanted]
    expires_at: float
    made: list[SampledImage] = field(default_factory=list)

    @property
    def kind(self) -> tuple[str, bool]:
        """Only images of one kind go through the network together."""
        return self.sampler.generator.digest, isinstance(self.wanted[0], LatentRequest)


class Desk:
    """Takes requests and makes their images pass by pass.

    Args:
        cache: the generators.
        facts: told what was done.
    """

    def __init__(self, cache: GeneratorCache, facts: Facts) -> None:
        self._cache, self._facts = cache, facts
        self._orders: deque[Order] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits."""
        return not self._orders

    def take(self, caller: object, request: SampleRequest, *, expires_at: float) -> Answer | None:
        """Accept a request, or answer at once that it cannot be served."""
        waiting = self._count_waiting()
        if waiting and waiting + request.size > MOST_WAITING:
            return refusal(503, "busy", f"{waiting} images are waited for already")
        try:
            sampler = self._cache.get(request.digest)
            wanted = deque(request.wanted(sampler))
        except BadInput as error:
            status = 404 if error.code == "unknown_generator" else 500 if error.code in DAMAGED else 422
            return refusal(status, error.code, error.detail)
        self._orders.append(Order(caller, request, sampler, wanted, expires_at))
        self._count_waiting()
        return None

    def work(self, now: float) -> list[tuple[object, Answer]]:
        """One pass; the answers that are complete after it, and those to callers who waited too long."""
        late = [order for order in self._orders if order.expires_at < now]
        answers = [(order.caller, self._close(order, TOO_LATE)) for order in late]
        if self._orders:
            answers += self._make(self._next_pass())
        self._count_waiting()
        return answers

    def _make(self, parts: Sequence[tuple[Order, list[Wanted]]]) -> list[tuple[object, Answer]]:
        try:
            made = deque(make(parts[0][0].sampler, [one for _, share in parts for one in share]))
        except Exception:  # whatever it was, it is these callers' and nobody else's
            log.exception("a pass failed")
            return [(order.caller, self._close(order, FAILED)) for order, _ in parts]
        self._facts.note_pass(len(made), len(parts))
        for order, share in parts:
            order.made += [made.popleft() for _ in share]
        return [
            (order.caller, self._close(order, answer(order.request, order.sampler, order.made)))
            for order, _ in parts
            if not order.wanted
        ]

    def _close(self, order: Order, last: Answer) -> Answer:
        self._orders.remove(order)
        return last

    def _next_pass(self) -> list[tuple[Order, list[Wanted]]]:
        """Fill a pass from the order whose turn it is, then from others of its kind; its next turn is the last."""
        first = self._orders[0]
        self._orders.rotate(-1)
        kind, room = first.kind, first.sampler.forward_size
        parts = []
        for order in [first, *(one for one in self._orders if one is not first)]:
            if room and order.kind == kind:
                share = [order.wanted.popleft() for _ in range(min(room, len(order.wanted)))]
                room -= len(share)
                parts.append((order, share))
        return parts

    def _count_waiting(self) -> int:
        waiting = sum(len(order.wanted) for order in self._orders)
        self._facts.waiting = waiting
        return waiting
