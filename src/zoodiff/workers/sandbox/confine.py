"""Inside the worker: resource limits, Landlock and seccomp, before anything is imported.

The text of this module is sent to the worker, so it uses the standard library, and two packages
that are sent with it; see ``zoodiff.workers.bootstrap``.

Each protection is applied where the kernel and its package are there and left out where not;
``confine`` returns what is in force, so that nobody has to believe a version number.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import errno
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LARGEST_FILE = 8 * 1024**3
"""Bytes of one file that a confined worker may write."""
STACKS = 2 * 1024**3
"""Bytes of address space beside the memory limit, for the stacks of threads."""
TASKS = 512
"""Threads and processes that may be added to those that the machine runs."""
_GRACE = 5
"""Seconds of CPU time beside those that a request may take on all cores."""

_DENIED_TEXT = (
    "execve execveat fork vfork socket socketcall ptrace process_vm_readv process_vm_writev "
    "process_madvise process_mrelease pidfd_open pidfd_send_signal pidfd_getfd kcmp mount umount2 "
    "pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare "
    "setns bpf perf_event_open add_key request_key keyctl userfaultfd open_by_handle_at "
    "name_to_handle_at init_module finit_module delete_module kexec_load kexec_file_load reboot "
    "swapon swapoff quotactl quotactl_fd acct syslog settimeofday clock_settime clock_adjtime "
    "adjtimex sethostname setdomainname mknod mknodat chown fchown lchown fchownat chmod fchmod "
    "fchmodat fchmodat2 setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr "
    "setxattrat removexattrat utime utimes utimensat futimesat file_setattr tkill vhangup "
    "setpriority ioprio_set migrate_pages move_pages fanotify_init lookup_dcookie iopl ioperm "
    "shmget semget msgget mq_open mq_unlink setsid setpgid"
)
_DENIED = frozenset(_DENIED_TEXT.split())
"""System calls that no framework needs to compute, and that reach beyond the process."""
_ABSENT = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "flock")
"""Said not to exist: glibc then takes ``clone``, whose flags a filter can see.

A lock would let the worker make others wait; HDF5 does without where there are none.
"""
_CLONE_THREAD = 0x00010000
_OWN_PROCESS_ONLY = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
"""Calls whose first argument is a process, which may only be the worker itself."""
_ZERO_ONLY = ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setattr")
"""The same, where a thread or 0, which means the caller, may be named."""
_FILE_CONTROLS = (1024, 1026, 8, 10, 15)
"""``fcntl``: leases and notices (others would wait), and whom signals are sent to."""
_TERMINAL_CONTROLS = (0x5412, 0x541C, 0x540E, 0x541D, 0x5423)
"""``ioctl``: typing into a terminal, taking it over, changing its line discipline."""
_PR_SET_DUMPABLE = 4
_OPEN_FILES = 4096


def limits(memory_bytes: int) -> list[str]:
    """Set resource limits; return sentences on what is in force."""
    done = []
    wanted = (
        (resource.RLIMIT_CORE, 0, "no core dumps"),
        (
            resource.RLIMIT_FSIZE,
            LARGEST_FILE,
            f"files up to {LARGEST_FILE >> 30} GiB",
        ),
        (
            getattr(resource, "RLIMIT_DATA", resource.RLIMIT_AS),
            memory_bytes + STACKS,
            "memory as allowed by --worker-memory",
        ),
        (resource.RLIMIT_NPROC, _tasks() + TASKS, f"{TASKS} threads and processes"),
        (resource.RLIMIT_NOFILE, _OPEN_FILES, f"{_OPEN_FILES} open files"),
    )
    for kind, value, sentence in wanted:
        with contextlib.suppress(ValueError, OSError):
            hard = resource.getrlimit(kind)[1]
            least = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (least, least))
            done.append(sentence)
    return done


def no_core_dumps() -> None:
    """The one limit that suits every worker: a dump of a large network fills disks."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_cpu(seconds: float) -> None:
    """Let the process use so many seconds on each core from now on, and end it beyond that."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    cores = os.cpu_count() or 1
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        value = int(used + seconds * cores) + _GRACE
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (value, hard))


def accelerators() -> list[Path]:
    """Devices of graphics processors, which networks may run on."""
    found = [*Path("/dev").glob("nvidia*"), Path("/dev/dri"), Path("/dev/kfd")]
    return [path for path in found if path.exists()]


_DEVICES = ("null", "zero", "full", "random", "urandom")


def _readable() -> list[str]:
    """Where a worker may read: everywhere but among devices, terminals and disks for example."""
    places = [str(path) for path in Path("/").iterdir() if path.name != "dev"]
    places += [f"/dev/{name}" for name in (*_DEVICES, "shm")]
    return [place for place in places if os.access(place, os.R_OK)]


def landlock(writable: str) -> str:
    """Forbid to write anywhere else, to use devices and TCP and to signal others.

    Returns what is missing, the empty string where it is in force. Reading of files stays allowed:
    where a framework reads its own files from cannot be known.
    """
    if sys.platform != "linux":
        return "Landlock is Linux's"
    try:
        from py_landlock import AccessFs, Landlock
    except ImportError:
        return "the package py-landlock is not installed"
    try:
        files = AccessFs.READ_FILE | AccessFs.EXECUTE
        rules = Landlock(strict=False)
        for place in _readable():
            folder = AccessFs.READ_DIR if Path(place).is_dir() else AccessFs(0)
            rules.add_path_rule(place, access=files | folder)
        everything = ~AccessFs(0)
        rules.add_path_rule(writable, access=everything)
        devices = [path for path in ("/dev/null", "/dev/zero") if Path(path).exists()]
        rules.add_path_rule(
            *devices, access=AccessFs.READ_FILE | AccessFs.WRITE_FILE | AccessFs.TRUNCATE
        )
        rules.add_path_rule(*accelerators(), access=everything)
        rules.apply()
    except Exception as error:  # the package's own kinds, and OSError
        return f"the kernel does not offer it ({' '.join(str(error).split())[:120]})"
    return ""


def seccomp() -> str:
    """Forbid sockets, new processes, and calls that reach beyond; return what is missing."""
    if sys.platform != "linux":
        return "seccomp is Linux's"
    try:
        with _sonames():
            import pyseccomp
    except ImportError:
        return "the package pyseccomp is not installed"
    except (RuntimeError, OSError):
        return "the library libseccomp is not installed"
    try:
        _filter(pyseccomp).load()
    except Exception as error:  # OSError, and ctypes's own kinds
        return f"the kernel does not offer it ({' '.join(str(error).split())[:120]})"
    return ""


def _filter(library: Any) -> Any:
    """The filter of system calls; ``library`` is pyseccomp."""
    refuse = library.ERRNO(errno.EPERM)
    rules = library.SyscallFilter(library.ALLOW)
    absent = [*_ABSENT, *(() if accelerators() else ("memfd_create", "memfd_secret"))]
    for names, action in ((_DENIED, refuse), (absent, library.ERRNO(errno.ENOSYS))):
        for name in names:
            # What a processor or an old library does not know, cannot be called either.
            with contextlib.suppress(OSError):
                rules.add_rule(action, name)
    rules.add_rule(refuse, "clone", library.Arg(0, library.MASKED_EQ, _CLONE_THREAD, 0))
    own = os.getpid()
    for name in _OWN_PROCESS_ONLY:
        rules.add_rule(refuse, name, library.Arg(0, library.NE, own))
    for name in _ZERO_ONLY:
        with contextlib.suppress(OSError):
            # Threads of the process have numbers of their own; those of others are higher or lower.
            rules.add_rule(refuse, name, library.Arg(0, library.NE, 0))
    for number in _FILE_CONTROLS:
        rules.add_rule(refuse, "fcntl", library.Arg(1, library.EQ, number))
    for number in _TERMINAL_CONTROLS:
        rules.add_rule(refuse, "ioctl", library.Arg(1, library.MASKED_EQ, 0xFFFFFFFF, number))
    rules.add_rule(refuse, "prctl", library.Arg(0, library.EQ, _PR_SET_DUMPABLE))
    return rules


@contextlib.contextmanager
def _sonames() -> Iterator[None]:
    """Spare the search for libraries, which runs programs and takes a tenth of a second."""
    search = ctypes.util.find_library
    known = {"seccomp": "libseccomp.so.2", "c": None}
    ctypes.util.find_library = known.get  # type: ignore[assignment]
    try:
        yield
    finally:
        ctypes.util.find_library = search


def confine(scratch: str, memory_bytes: int) -> dict[str, str]:
    """Apply everything; return by protection what is missing, the empty string where nothing is.

    ``scratch`` is the only folder that may be written to.
    """
    found = limits(memory_bytes)
    missing = {"resource limits": "" if found else "the system does not offer them"}
    # Seccomp last: it forbids calls that the others may need.
    missing["landlock"] = landlock(scratch)
    _no_new_privileges()
    missing["seccomp"] = seccomp()
    return missing


def _no_new_privileges() -> None:
    """A program that is executed gains no rights by its owner or capabilities."""
    if sys.platform == "linux":
        pr_set_no_new_privs = 38
        ctypes.CDLL(None).prctl(pr_set_no_new_privs, 1, 0, 0, 0)


def _tasks() -> int:
    """Threads and processes of the whole machine, which bounds those of this user."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/loadavg").read_text().split()[3].split("/")[1])
    return 4096
