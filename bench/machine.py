"""What a reader must know of the machine and the versions to judge a figure."""

import os
import platform
from importlib import metadata
from pathlib import Path

VERSIONS_OF = ("numpy", "scipy", "torch", "django")


def describe_machine() -> dict[str, str | int | float]:
    """Processor, cores, memory, system and versions; nothing that names the machine itself."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": _memory_gib(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in VERSIONS_OF if _is_installed(name)},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
