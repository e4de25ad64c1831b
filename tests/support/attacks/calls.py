"""Raw system calls, by name, with whatever arguments."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
_LATER = {
    "fchmodat2": 452,
    "lsm_set_self_attr": 460,
    "setxattrat": 463,
    "removexattrat": 466,
    "open_tree_attr": 467,
    "file_setattr": 469,
}
"""Calls that are younger than many a libseccomp; they have one number everywhere."""
HIGH = 1 << 32
"""Above what the kernel looks at in arguments of 32 bits, and what a careless filter compares."""
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000


@functools.cache
def number(name: str) -> int:
    """The number of a system call on this processor; OSError where there is none."""
    library = ctypes.CDLL("libseccomp.so.2")
    found = _LATER.get(name) or library.seccomp_syscall_resolve_name(name.encode())
    if found < 0:
        raise OSError(38, f"no call {name}")
    return int(found)


def call(name: str | int, *arguments: Any) -> int:
    """Make a system call; raise OSError where it fails."""
    values = [
        ctypes.c_ulong(value & (2**64 - 1)) if isinstance(value, int) else value
        for value in arguments
    ]
    ctypes.set_errno(0)
    wanted = number(name) if isinstance(name, str) else name
    answer: int = _LIBC.syscall(ctypes.c_long(wanted), *values)
    if answer == -1:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return answer


def buffer(size: int = 256, start: bytes = b"") -> Any:
    """Memory of the process that a call may read or write."""
    return ctypes.create_string_buffer(start, size)
