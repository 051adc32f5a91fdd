"""Passes of several threads side by side, each on one core.

One pass is too small to be shared: two cores that compute 16 images together wait for each other more than they compute,
and far more so where something else runs beside them. So each thread makes passes of its own, forward and encode, and
while one holds Python's lock to write a file's marks the others compute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from generation.ml.sampling import ImageRequest, SampledImage, Sampler

# Finished passes that wait for their turn, for each thread: enough that none stands still while the files are written.
AHEAD = 2


def sample_side_by_side(
    sampler: Sampler, requests: Sequence[ImageRequest], *, threads: int
) -> Generator[SampledImage, None, None]:
    """Make the images, in order; the same pixels as `Sampler.sample`, at the pace of `threads` cores.

    Memory does not grow with the number of requests: only a few passes are made ahead of what was taken.

    Raises:
        BadInput: as `Sampler.check`, before the first image.
    """
    sampler.check(requests)
    passes = (
        requests[start : start + sampler.forward_size]
        for start in range(0, len(requests), sampler.forward_size)
    )
    # The number of threads in a pass is a setting of the thread that asks for the pass.
    pool = ThreadPoolExecutor(
        threads, thread_name_prefix="pass", initializer=torch.set_num_threads, initargs=(1,)
    )
    made: deque[Future[list[SampledImage]]] = deque()
    try:
        for wanted in passes:
            made.append(pool.submit(_one_pass, sampler, wanted))
            if len(made) > threads * AHEAD:
                yield from made.popleft().result()
        while made:
            yield from made.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _one_pass(sampler: Sampler, requests: Sequence[ImageRequest]) -> list[SampledImage]:
    return list(sampler.sample(requests))
