"""How much memory a run takes, and whether what went wrong was the lack of it."""

from __future__ import annotations

import resource

import torch

from generation.ml.device import Device

# What PyTorch's allocator, its kernels' libraries and C++ say on a CPU, where there is no exception of its own.
_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "out of memory",
    "could not create a memory",
)


def peak_bytes(device: Device) -> int:
    """The most memory that was in use so far: on a GPU what tensors held there, else the whole process."""
    if device.name == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the memory did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)
