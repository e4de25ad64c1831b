"""Tricks on the kernel and on what is shared beside files: sockets, keys, memory, terminals."""

from __future__ import annotations

import ctypes
import errno
import itertools
import mmap
import os
import socket
import struct
from pathlib import Path
from typing import Any

from .calls import HIGH, buffer, call
from .table import Attempts, Given, trick


@trick("refused")
def opens_sockets(given: Given, attempts: Attempts) -> None:
    """Open a socket of every family and kind."""
    for family in range(46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
            attempts(
                f"{family} {kind}",
                lambda family=family, kind=kind: call("socket", family, kind, 0),
                harmful=family != socket.AF_INET,
            )


@trick("refused")
def talks_to_others(given: Given, attempts: Attempts) -> None:
    """Connect to a port, to a local socket by path and without, and send without connecting."""
    attempts("port", lambda: socket.create_connection(("127.0.0.1", given.port), 5).close())

    def local(address: Any) -> None:
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(address)

    attempts("path", lambda: local(given.socket))
    attempts("name", lambda: local(f"\0{given.socket}"))

    def sent() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.sendto(b"x", ("127.0.0.1", given.port))

    attempts("datagram", sent)
    attempts("call", lambda: call("connect", -1, 0, 0), (errno.EBADF,), harmful=True)


@trick("refused")
def uses_keys_and_programs_of_the_kernel(given: Given, attempts: Attempts) -> None:
    """Read and add keys, load programs into the kernel, trace it."""
    attempts("add_key", lambda: call("add_key", 0, 0, 0, 0, 0))
    attempts("request_key", lambda: call("request_key", 0, 0, 0, 0))
    attempts("keyctl", lambda: call("keyctl", 0, -3, 0, 0, 0))
    attempts("bpf", lambda: call("bpf", 0, 0, 0))
    attempts("perf_event_open", lambda: call("perf_event_open", 0, 0, -1, -1, 0))
    attempts("userfaultfd", lambda: call("userfaultfd", 0x12345))
    attempts("io_uring_setup", lambda: call("io_uring_setup", 0, 0))
    attempts("io_uring_enter", lambda: call("io_uring_enter", -1, 0, 0, 0, 0, 0))
    attempts("fanotify_init", lambda: call("fanotify_init", 0, 0))
    attempts("lookup_dcookie", lambda: call("lookup_dcookie", 0, 0, 0))
    attempts("lsm_set_self_attr", lambda: call("lsm_set_self_attr", 0, 0, 0, 0))


@trick("refused")
def changes_the_machine(given: Given, attempts: Attempts) -> None:
    """Set the clock and the name of the machine, load modules, swap, restart."""
    attempts("clock", lambda: call("clock_settime", -1, 0))
    attempts("day", lambda: call("settimeofday", 1, 0))
    attempts("pace", lambda: call("adjtimex", 0))
    attempts("pace of a clock", lambda: call("clock_adjtime", -1, 0))
    attempts("name", lambda: call("sethostname", 0, -1))
    attempts("domain", lambda: call("setdomainname", 0, -1))
    attempts("module", lambda: call("init_module", 0, 0, 0))
    attempts("module from a file", lambda: call("finit_module", -1, 0, 0))
    attempts("remove a module", lambda: call("delete_module", 0, 0))
    attempts("restart", lambda: call("reboot", 0, 0, 0, 0))
    attempts("kernel", lambda: call("kexec_load", 0, 1000, 0, 0))
    attempts("swap", lambda: call("swapon", 0, 0))
    attempts("no swap", lambda: call("swapoff", 0))
    attempts("quota", lambda: call("quotactl", 0, 0, 0, 0))
    attempts("accounts", lambda: call("acct", 1))
    attempts("messages", lambda: call("syslog", 99, 0, 0))
    attempts("terminal", lambda: call("vhangup"), harmful=True)
    attempts("ports", lambda: call("iopl", 99))
    attempts("port", lambda: call("ioperm", -1, 2**40, 1))


@trick("refused")
def shares_memory_with_others(given: Given, attempts: Attempts) -> None:
    """Make and use what System V and POSIX share between processes of one user."""
    attempts("shmget", lambda: call("shmget", 0, 0, 0))
    attempts("semget", lambda: call("semget", 0, 0, 0))
    attempts("msgget", lambda: call("msgget", 0x7A6F6F, 0))
    attempts("mq_open", lambda: call("mq_open", b"none", os.O_RDWR, 0, 0))
    attempts("mq_unlink", lambda: call("mq_unlink", b"none"))
    # Segments have small numbers, which can be tried or read in /proc/sysvipc.
    attempts("attach", lambda: call("shmdt", call("shmat", given.memory, 0, 0)))
    attempts("look", lambda: call("shmctl", given.memory, 2, buffer(256)))
    attempts("count", lambda: call("semctl", 0, 0, 99, 0))
    attempts("operate", lambda: call("semop", 0, 0, 0))
    attempts("operate for a time", lambda: call("semtimedop", 0, 0, 0, 0))
    attempts("send", lambda: call("msgsnd", 0, 0, 0, 0))
    attempts("receive", lambda: call("msgrcv", 0, 0, 0, 0, 0o4000))
    attempts("control", lambda: call("msgctl", 0, 99, 0))


@trick("refused")
def types_into_terminals(given: Given, attempts: Attempts) -> None:
    """Type into terminals, take one over, change how its lines are read."""
    letter = buffer(8, b"x")
    controls = (0x5412, 0x541C, 0x540E, 0x541D, 0x5423, 0x5408, 0x5437, 0x4B3B, 0x5606)
    for control, high in itertools.product(controls, (0, HIGH, 0xFFFFFFFF * HIGH)):
        for to in (0, 1, 2):
            attempts(
                f"{control:x} {high:x} {to}",
                lambda number=control + high, to=to: call("ioctl", to, number, letter),
            )
    unseen = (errno.ENOENT, errno.ENXIO)
    for path in ("/dev/tty", "/dev/ptmx", "/dev/console", "/dev/tty0"):
        attempts(path, lambda path=path: os.close(os.open(path, 0)), unseen, harmful=True)


@trick("refused")
def hides_memory(given: Given, attempts: Attempts) -> None:
    """Keep memory in what is nobody's own: shared pages without a file, named memory."""
    shared = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
    both = mmap.PROT_READ | mmap.PROT_WRITE
    attempts("shared", lambda: mmap.mmap(-1, 1 << 20, shared, both).close())
    attempts("call", lambda: call("mmap", 0, 1 << 20, both, shared, -1, 0))
    attempts("validated", lambda: call("mmap", 0, 1 << 20, both, shared | 2, -1, 0))
    attempts("high", lambda: call("mmap", 0, 1 << 20, both, shared + HIGH, -1, 0))
    attempts("zero", lambda: _mapped("/dev/zero"))
    attempts("memfd", lambda: call("memfd_create", b"x", 0))


def _mapped(path: str) -> None:
    with Path(path).open("r+b") as file:
        mmap.mmap(file.fileno(), 1 << 20).close()


@trick("ended")
def calls_by_the_old_gate(given: Given) -> None:
    """Make a call of 32-bit programs, whose numbers a filter for 64 bits does not know."""
    _runs(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    raise AssertionError("the old gate is open")


@trick("ended")
def calls_by_the_third_gate(given: Given) -> None:
    """Make a call of x32 programs: the usual numbers with one bit more."""
    x32 = 0x40000000
    call(x32 | 39)
    raise AssertionError("the third gate is open")


def _runs(code: bytes) -> int:
    """Run machine code."""
    memory = mmap.mmap(
        -1,
        mmap.PAGESIZE,
        mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
        mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC,
    )
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    answer: int = ctypes.CFUNCTYPE(ctypes.c_long)(address)()
    return answer


@trick("refused")
def makes_calls_of_the_future(given: Given, attempts: Attempts) -> None:
    """Make calls that are younger than the filter's library."""
    name = os.fsencode(given.there)
    how = buffer(16, struct.pack("QII", 0, 0, 0))
    for number in (463, 466, 467, 469, *range(471, 512)):
        attempts(str(number), lambda number=number: call(number, -100, name, 0, how, 16))
