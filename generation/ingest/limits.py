"""What one upload may cost, and how a process is held to it."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from generation.child import BadInput

MIB = 2**20
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one upload. Bytes, pixels and seconds of processor time.

    Attributes:
        seconds_per_picture: processor time for one decoded picture.
        memory_bytes: address space of the whole child process.
        cpu_seconds: processor time of the whole child process.
    """

    file_bytes: int = 2 * GIB
    pixels: int = 64 * MIB
    frames: int = 2_000
    images: int = 200_000
    refusals: int = 50_000
    archive_members: int = 10_000
    archive_bytes: int = 2 * GIB
    archive_ratio: int = 100
    dicom_depth: int = 64
    dicom_value_bytes: int = 256 * MIB
    seconds_per_picture: int = 60
    memory_bytes: int = 4 * GIB
    cpu_seconds: int = 3_600


def parse_limits(given: Mapping[str, Any] | None) -> Limits:
    """Defaults, lowered or raised by what the spec names.

    Raises:
        BadInput: an unknown name, or a value that is not a positive whole number.
    """
    known = {entry.name for entry in fields(Limits)}
    for name, value in (given or {}).items():
        if name not in known or type(value) is not int or value < 1:
            raise BadInput("bad_options", f"limits: {', '.join(sorted(known))} are positive whole numbers.")
    return replace(Limits(), **(given or {}))


def limit_process(limits: Limits) -> None:
    """Hold this process to its memory and time for good, and keep libraries from writing what they read.

    A decoder that asks for more memory gets a MemoryError and costs one file; one that never returns is ended by
    the kernel and the parent sees a crash.
    """
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    # A core file would hold the pixels of whatever was being read.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    logging.disable(logging.CRITICAL)
