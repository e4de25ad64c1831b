"""Tricks on other processes, the parent first: signals, rights, memory, programs of its own."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import pty
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path

from .calls import AT_EMPTY_PATH, HIGH, buffer, call
from .files import HIDDEN, opened
from .table import Attempts, Given, trick

SIGINFO = struct.pack("iiiiii", 0, 0, -1, 0, 0, 0)
"""What comes with a queued signal."""
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


@trick("refused")
def signals_others(given: Given, attempts: Attempts) -> None:
    """Send the parent, its group and everybody a signal by each call that there is."""
    parent, info = given.parent, buffer(128, SIGINFO)
    attempts("kill", lambda: os.kill(parent, 0))
    attempts("group", lambda: os.kill(-os.getpgid(0) if not given.confined else -parent, 0))
    attempts("own group", lambda: call("kill", 0, 0))
    attempts("everybody", lambda: call("kill", -1, 0))
    attempts("first", lambda: call("kill", 1, 0), harmful=True)
    attempts("tkill", lambda: call("tkill", parent, 0))
    attempts("tgkill", lambda: call("tgkill", parent, parent, 0))
    attempts("rt_sigqueueinfo", lambda: call("rt_sigqueueinfo", parent, signal.SIGCONT, info))
    attempts(
        "rt_tgsigqueueinfo",
        lambda: call("rt_tgsigqueueinfo", parent, parent, signal.SIGCONT, info),
    )
    attempts("pidfd_open", lambda: os.close(os.pidfd_open(parent)))
    attempts("pidfd_send_signal", lambda: call("pidfd_send_signal", -1, 0, 0, 0))
    attempts("pidfd_getfd", lambda: call("pidfd_getfd", -1, 0, 0))
    for high in (HIGH, 0xFFFFFFFF * HIGH):
        attempts(f"kill {high:x}", lambda high=high: call("kill", high + parent, 0))
        attempts(f"itself {high:x}", lambda high=high: call("kill", high + 1, 0), harmful=True)


@trick("refused")
def changes_how_the_parent_runs(given: Given, attempts: Attempts) -> None:
    """Change limits, priority, cores and scheduling of the parent."""
    parent, scratch = given.parent, buffer(256)
    attempts("prlimit", lambda: resource.prlimit(parent, resource.RLIMIT_CORE))
    attempts("prlimit 64", lambda: call("prlimit64", HIGH + parent, 4, 0, scratch))
    attempts("priority", lambda: os.setpriority(os.PRIO_PROCESS, parent, 0))
    attempts("own priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, 0))
    attempts("affinity", lambda: os.sched_setaffinity(parent, os.sched_getaffinity(0)))
    normal = os.sched_param(0)
    attempts("scheduler", lambda: os.sched_setscheduler(parent, os.SCHED_OTHER, normal))
    attempts("parameters", lambda: os.sched_setparam(parent, normal))
    empty = buffer(56, struct.pack("IIQiI", 48, 0, 0, 0, 0))
    attempts("attributes", lambda: call("sched_setattr", parent, empty, 0))
    attempts("reading and writing", lambda: call("ioprio_set", 1, parent, 4 << 13))
    attempts("pages", lambda: call("migrate_pages", parent, 0, 0, 0))
    attempts("moved pages", lambda: call("move_pages", parent, 0, 0, 0, 0, 0))
    attempts("group", lambda: call("setpgid", 0, 0), harmful=True)
    attempts("session", lambda: call("setsid"), harmful=True)


@trick("refused")
def reads_the_parent(given: Given, attempts: Attempts) -> None:
    """Read and write memory, environment and descriptors of the parent."""
    place = Path(f"/proc/{given.parent}")
    attempts("mem", lambda: opened(place / "mem"), HIDDEN)
    for name in ("environ", "maps", "auxv", "pagemap", "stack", "syscall"):
        attempts(name, lambda name=name: (place / name).open("rb").read(8), HIDDEN)
    for name in ("map_files", "fdinfo"):
        attempts(name, lambda name=name: list((place / name).iterdir()), HIDDEN)
    for name in ("oom_score_adj", "comm", "timerslack_ns", "coredump_filter", "clear_refs", "mem"):
        attempts(f"write {name}", lambda name=name: opened(place / name, os.O_WRONLY), HIDDEN)
    for name in ("cwd", "root", "exe", "fd/0", "ns/net"):
        attempts(name, lambda name=name: (place / name).readlink(), HIDDEN)
    seize = 0x4206
    attempts("attach", lambda: call("ptrace", 16, -1, 0, 0))
    attempts("seize", lambda: call("ptrace", seize, -1, 0, 0))
    attempts("trace me", lambda: call("ptrace", 0, 0, 0, 0), harmful=True)
    for name in ("process_vm_readv", "process_vm_writev"):
        attempts(name, lambda name=name: call(name, given.parent, 0, 0, 0, 0, 0))
    attempts("process_madvise", lambda: call("process_madvise", -1, 0, 0, 0, 0))
    attempts("process_mrelease", lambda: call("process_mrelease", -1, 0))
    attempts("kcmp", lambda: call("kcmp", os.getpid(), given.parent, 0, 0, 0))


@trick("refused")
def starts_programs(given: Given, attempts: Attempts) -> None:
    """Start a program by each call, also one that only memory holds."""
    attempts("run", lambda: subprocess.run(["true"], check=True))
    attempts("python", lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    attempts("spawn", lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0))
    attempts("execve", lambda: call("execve", 0, 0, 0))
    attempts("execveat", lambda: call("execveat", -1, 0, 0, 0, AT_EMPTY_PATH))
    attempts("replace", lambda: os.execv("/bin/true", ["true"]), harmful=True)
    attempts("descriptor", lambda: os.execve(os.open("/bin/true", 0), ["true"], {}), harmful=True)
    attempts("in memory", lambda: os.close(os.memfd_create("program")))
    attempts("in secret memory", lambda: call("memfd_secret", HIGH - 1))


@trick("refused")
def starts_processes(given: Given, attempts: Attempts) -> None:
    """Fork by each call."""

    def child(pid: int) -> None:
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    attempts("fork", lambda: child(os.fork()))
    attempts("forkpty", lambda: child(pty.fork()[0]))
    attempts("call of fork", lambda: child(call("fork")))
    attempts("vfork", lambda: child(call("vfork")), harmful=True)
    attempts("clone", lambda: child(call("clone", signal.SIGCHLD, 0, 0, 0, 0)))
    attempts("clone 64", lambda: child(call("clone", HIGH + signal.SIGCHLD, 0, 0, 0, 0)))
    attempts("clone3", lambda: call("clone3", 0, 0))


@trick("refused")
def enters_namespaces(given: Given, attempts: Attempts) -> None:
    """Make and enter namespaces, mount, and change the root folder."""
    new = {"mount": 0x20000, "user": 0x10000000, "process": 0x20000000, "network": 0x40000000}
    thread = 0x00010000 | 0x00000800 | 0x00000100
    attempts("unshare", lambda: call("unshare", 0))
    attempts("setns", lambda: call("setns", -1, 0))
    for name, flag in new.items():
        # The kernel refuses a null stack of a thread later than what a filter sees.
        attempts(
            f"thread in a {name} namespace",
            lambda flag=flag: call("clone", flag | thread, 0, 0, 0, 0),
            harmful=True,
        )
    attempts("mount", lambda: call("mount", 0, 0, 0, 0, 0))
    attempts("umount", lambda: call("umount2", 0, 0))
    attempts("chroot", lambda: call("chroot", 0))
    attempts("pivot_root", lambda: call("pivot_root", 0, 0))
    for name in ("open_tree", "move_mount", "fsopen", "fspick", "mount_setattr", "open_tree_attr"):
        attempts(name, lambda name=name: call(name, -1, 0, 0, 0, 0))
    attempts("fsmount", lambda: call("fsmount", -1, 0, 0))
    attempts("fsconfig", lambda: call("fsconfig", -1, 0, 0, 0, 0))


@trick("refused")
def gains_rights(given: Given, attempts: Attempts) -> None:
    """Raise its own limits, gain capabilities, become another user, be scheduled before others."""
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
        hard = resource.getrlimit(kind)[1]
        more = hard + 1 if hard != resource.RLIM_INFINITY else hard
        attempts(f"limit {kind}", lambda kind=kind, more=more: _limit(kind, more), harmful=True)
    text = Path("/proc/self/status").read_text()
    held = next(line.split()[1] for line in text.splitlines() if line.startswith("CapEff"))
    attempts("capabilities", lambda: _none(int(held, 16)), harmful=True)
    attempts("user", lambda: os.setresuid(12345, 12345, 12345), (errno.EINVAL,), harmful=True)
    attempts("group", lambda: os.setgroups([12345]), (errno.EINVAL,), harmful=True)
    first = os.sched_param(1)
    attempts("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, first), harmful=True)


def _limit(kind: int, value: int) -> None:
    try:
        resource.setrlimit(kind, (value, value))
    except ValueError:
        raise PermissionError(errno.EPERM, "the limit stays") from None


def _none(held: int) -> None:
    read_all = 1 << 2
    if not held & ~read_all:
        raise PermissionError(errno.EPERM, "no capability is held")


@trick("refused")
def escapes_the_watch(given: Given, attempts: Attempts) -> None:
    """Hide from the parent's looks, and outlive it."""
    library = ctypes.CDLL(None, use_errno=True)
    for high in (0, HIGH):
        attempts(f"dumpable {high}", lambda high=high: call("prctl", _PR_SET_DUMPABLE + high, 0))
        attempts(
            f"death of the parent {high}",
            lambda high=high: call("prctl", _PR_SET_PDEATHSIG + high, 0),
        )
    attempts("by the library", lambda: _checked(library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)))
    attempts("another signal", lambda: call("prctl", _PR_SET_PDEATHSIG, signal.SIGCONT))
    signal_of_death = ctypes.c_int()
    get_signal = 2
    call("prctl", get_signal, ctypes.byref(signal_of_death))
    if given.confined and signal_of_death.value != signal.SIGKILL:
        attempts.through.append("it would outlive the parent")


def _checked(answer: int) -> None:
    if answer:
        raise OSError(ctypes.get_errno(), "refused")


@trick("either")
def ignores_signals_and_renames_itself(given: Given) -> None:
    """Block and ignore every signal, and take a name that confuses readers of ``/proc``."""
    for number in signal.valid_signals():
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    set_name = 15
    call("prctl", set_name, buffer(16, b") R 1 (\n\x1b]0;x"))
    raise OSError("renamed")
