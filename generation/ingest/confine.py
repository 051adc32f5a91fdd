"""What the reading process may not do, whatever a file makes a decoder do: no network, no other program.

Linux only, and only where the kernel filters system calls (seccomp); elsewhere the limits on memory and time, the
parent's time limit and the fresh encoding of all pixels are what remains.
"""

from __future__ import annotations

import ctypes
import platform
import struct

from generation.ingest.limits import Limits, limit_process

# Numbers of system calls, from the kernel's tables; by what they are denied for.
# socket, execve, execveat, ptrace, process_vm_readv, process_vm_writev, io_uring_setup (which can open sockets)
_DENIED = {
    "x86_64": (0xC000003E, 317, (41, 59, 322, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, 277, (198, 221, 281, 117, 270, 271, 425)),
}

_LOAD_WORD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_FOREIGN_TABLE = 0x40000000  # the x32 variants of all calls
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ERRNO with EPERM
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def confine_process(limits: Limits) -> bool:
    """Hold this process to its limits and away from network and programs, for good.

    Returns:
        Whether the kernel took the filter of system calls.
    """
    limit_process(limits)
    return deny_network_and_programs()


def deny_network_and_programs() -> bool:
    """Make sockets and the start of programs fail with EPERM, in all threads; False where the kernel cannot."""
    if platform.system() != "Linux" or platform.machine() not in _DENIED:
        return False
    architecture, seccomp, numbers = _DENIED[platform.machine()]
    code = _filter(architecture, numbers)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    status: int = libc.syscall(seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program))
    return status == 0


def _filter(architecture: int, numbers: tuple[int, ...]) -> bytes:
    """The kernel's little program: refuse another table of calls, refuse these numbers, allow the rest."""
    count = len(numbers)
    steps = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 0, count + 3, architecture),
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, count + 1, 0, _FOREIGN_TABLE),
        *((_EQUAL, count - place, 0, number) for place, number in enumerate(numbers)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
