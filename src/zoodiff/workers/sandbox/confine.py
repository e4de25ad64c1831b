"""Confine the worker from inside, with resource limits, Landlock and seccomp, before any import.

The parent sends the text of this module to the worker, so it uses only the standard library and two
packages that are sent with it; see ``zoodiff.workers.inside.bootstrap``.

A protection is left out if the kernel or its package lacks it; ``confine`` returns which are
missing, as the kernel answered.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import errno
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Block = tuple[int, int]
LARGEST_FILE = 8 * 1024**3
"""Bytes of one file that a confined worker may write."""
STACKS = 2 * 1024**3
"""Bytes of address space above the memory limit, for the stacks of threads."""
TASKS = 512
"""Threads and processes that may be added to those on the machine."""
_GRACE = 5
"""Seconds of CPU time above those that a request may take on all cores."""

_DENIED_TEXT = (
    "execve execveat fork vfork socket socketcall ptrace process_vm_readv process_vm_writev "
    "process_madvise process_mrelease pidfd_open pidfd_send_signal pidfd_getfd kcmp mount umount2 "
    "pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick "
    "mount_setattr unshare setns bpf perf_event_open add_key request_key keyctl userfaultfd "
    "open_by_handle_at name_to_handle_at init_module finit_module delete_module kexec_load "
    "kexec_file_load reboot swapon swapoff quotactl quotactl_fd acct syslog settimeofday "
    "clock_settime clock_adjtime adjtimex sethostname setdomainname mknod mknodat chown fchown "
    "lchown fchownat chmod fchmod fchmodat fchmodat2 setxattr lsetxattr fsetxattr setxattrat "
    "removexattr lremovexattr fremovexattr removexattrat utime utimes utimensat futimesat "
    "file_setattr tkill vhangup setpriority ioprio_set migrate_pages move_pages fanotify_init "
    "lookup_dcookie iopl ioperm lsm_set_self_attr setsid setpgid shmget shmat shmctl semget semop "
    "semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink"
)
_DENIED = frozenset(_DENIED_TEXT.split())
"""System calls that reach beyond the process, and that no framework needs to compute."""
_ABSENT = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "flock")
"""System calls that fail as unknown: glibc then uses ``clone``, whose flags a filter can check.

A file lock (``flock``) could block other processes; HDF5 works without it.
"""
_NUMBERS = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "clone3": 435,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "process_mrelease": 448,
    "fchmodat2": 452,
    "lsm_set_self_attr": 460,
    "setxattrat": 463,
    "removexattrat": 466,
    "open_tree_attr": 467,
    "file_setattr": 469,
}
"""Calls that the library may not know; their numbers are the same on every processor."""
_FUTURE = range(471, 512)
"""Calls that did not exist when this was written; they fail as unknown."""
_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = (0x80, 1 << 17, *(1 << bit for bit in range(25, 31)))
_OWN_PROCESS_ONLY = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
"""Calls whose first argument is a process; only the worker itself is allowed."""
_ZERO_ONLY = (
    "prlimit64",
    "sched_setaffinity",
    "sched_setscheduler",
    "sched_setparam",
    "sched_setattr",
)
"""Calls whose first argument is a process or thread; only 0, the caller, is allowed."""
_FILE_CONTROLS = (
    range(6),
    range(9, 10),
    range(11, 12),
    range(16, 17),
    range(1025, 1026),
    range(1027, 1028),
    range(1030, 1036),
)
"""Allowed ``fcntl`` commands: copies and flags of descriptors, reading of settings, pipes, seals.

Excluded are locks, leases and notifications, which block other processes, the receivers of signals,
and hints that are stored with a file.
"""
_DEVICE_CONTROLS = (
    range(0x5401, 0x5402),
    range(0x540F, 0x5410),
    range(0x5413, 0x5414),
    range(0x541B, 0x541C),
    range(0x5421, 0x5422),
    range(0x542A, 0x542B),
    range(0x5450, 0x5452),
)
"""Allowed ``ioctl`` requests: read the settings, owner and size of a terminal, the number of
waiting bytes, flags.

All others are excluded, for example typing into terminals, and flags that file systems set through
read-only descriptors.
"""
_ACCELERATOR_CONTROLS = tuple(range(kind << 8, (kind + 1) << 8) for kind in (0, 0x46, 0x4B, 0x64))
"""``ioctl`` requests of the NVIDIA, AMD and kernel drivers of graphics processors."""
_SHARED_NAMELESS = 0x21
"""Flags of ``mmap`` for shared memory without a file, which counts for no process once unmapped."""
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_CAP_DAC_READ_SEARCH = 2
_INT = 0xFFFFFFFF
"""The bits of an ``int`` argument; the kernel ignores the bits above."""
_OPEN_FILES = 4096


def limits(memory_bytes: int) -> list[str]:
    """Set resource limits; return sentences about those in force."""
    done = []
    settings = (
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
    for kind, value, sentence in settings:
        with contextlib.suppress(ValueError, OSError):
            hard = resource.getrlimit(kind)[1]
            least = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (least, least))
            done.append(sentence)
    return done


def no_core_dumps() -> None:
    """Disable core dumps, in every worker: the dump of a large network fills disks."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_cpu(seconds: float) -> None:
    """Limit the process to ``seconds`` more CPU seconds per core."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    cores = os.cpu_count() or 1
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        value = int(used + seconds * cores) + _GRACE
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (value, hard))


def accelerators() -> list[Path]:
    """Return the devices of graphics processors, which networks may run on."""
    devices = [*Path("/dev").glob("nvidia*"), Path("/dev/dri"), Path("/dev/kfd")]
    return [path for path in devices if path.exists()]


_DEVICES = ("null", "zero", "full", "random", "urandom")


def _readable() -> list[str]:
    """Return the readable paths of a worker: all except devices such as terminals and disks."""
    places = [str(path) for path in Path("/").iterdir() if path.name != "dev"]
    places += [f"/dev/{name}" for name in (*_DEVICES, "shm")]
    return [place for place in places if os.access(place, os.R_OK)]


def landlock(writable: str) -> str:
    """Forbid writing elsewhere, devices, TCP and signals to other processes.

    Returns why it is missing, or the empty string. Reading files stays allowed, because the
    folders of a framework's own files are unknown.
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
        rules.add_path_rule(
            "/dev/null", access=AccessFs.READ_FILE | AccessFs.WRITE_FILE | AccessFs.TRUNCATE
        )
        rules.add_path_rule(*accelerators(), access=everything)
        rules.apply()
    except Exception as error:  # OSError, and the package's own errors
        return f"the kernel does not offer it ({' '.join(str(error).split())[:120]})"
    return ""


def seccomp() -> str:
    """Forbid sockets, new processes and other dangerous system calls.

    Returns why it is missing, or the empty string.
    """
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
    except Exception as error:  # OSError, and errors of ctypes
        return f"the kernel does not offer it ({' '.join(str(error).split())[:120]})"
    return ""


def _filter(library: Any) -> Any:
    """Return the filter of system calls; ``library`` is pyseccomp."""
    refuse, absent = library.ERRNO(errno.EPERM), library.ERRNO(errno.ENOSYS)
    rules = library.SyscallFilter(library.ALLOW)
    rules.set_attr(library.Attr.ACT_BADARCH, library.KILL_PROCESS)
    hidden = () if accelerators() else ("memfd_create", "memfd_secret")
    for names, action in ((_DENIED, refuse), ((*_ABSENT, *hidden), absent)):
        for name in names:
            known = library.resolve_syscall(library.Arch.NATIVE, name)
            number = known if known >= 0 else _NUMBERS.get(name, -1)
            if number >= 0:  # this processor lacks the others
                rules.add_rule(action, number)
    for number in _FUTURE:
        rules.add_rule(absent, number)
    _narrow(library, rules, refuse)
    return rules


def _narrow(library: Any, rules: Any, refuse: int) -> None:
    """Refuse calls by their arguments."""
    arg, masked = library.Arg, library.MASKED_EQ
    rules.add_rule(refuse, "clone", arg(0, masked, _CLONE_THREAD, 0))
    for flag in _CLONE_NAMESPACES:
        rules.add_rule(refuse, "clone", arg(0, masked, flag, flag))
    own = os.getpid()
    for name in _OWN_PROCESS_ONLY:
        rules.add_rule(refuse, name, arg(0, library.NE, own))
    for name in _ZERO_ONLY:
        # The ids of the worker's own threads cannot be told from those of other processes.
        rules.add_rule(refuse, name, arg(0, library.NE, 0))
    for mask, value in _complement(_FILE_CONTROLS):
        rules.add_rule(refuse, "fcntl", arg(1, masked, mask, value))
    devices = (*_DEVICE_CONTROLS, *(_ACCELERATOR_CONTROLS if accelerators() else ()))
    for mask, value in _complement(devices):
        rules.add_rule(refuse, "ioctl", arg(1, masked, mask, value))
    if not accelerators():
        rules.add_rule(refuse, "mmap", arg(3, masked, _SHARED_NAMELESS, _SHARED_NAMELESS))
    rules.add_rule(refuse, "prctl", arg(0, masked, _INT, _PR_SET_DUMPABLE))
    death = arg(0, masked, _INT, _PR_SET_PDEATHSIG)
    rules.add_rule(refuse, "prctl", death, arg(1, library.NE, signal.SIGKILL))


def _complement(allowed: Sequence[range], start: int = 0, size: int = 1 << 16) -> Iterator[Block]:
    """Yield blocks, each a mask and a value, that cover the 16-bit numbers that are not allowed.

    A filter compares masked values and has no sets. Of longer numbers the lower 16 bits are
    compared, which distinguish the kinds of controls.
    """
    end = start + size
    if not any(numbers.start < end and start < numbers.stop for numbers in allowed):
        yield 0xFFFF & ~(size - 1), start
    elif not any(numbers.start <= start and end <= numbers.stop for numbers in allowed):
        yield from _complement(allowed, start, size // 2)
        yield from _complement(allowed, start + size // 2, size // 2)


@contextlib.contextmanager
def _sonames() -> Iterator[None]:
    """Skip the search for libraries, which runs programs and takes a tenth of a second."""
    search = ctypes.util.find_library
    known = {"seccomp": "libseccomp.so.2", "c": None}

    def find(name: str) -> str | None:
        return known.get(name)

    ctypes.util.find_library = find
    try:
        yield
    finally:
        ctypes.util.find_library = search


def confine(scratch: str, memory_bytes: int) -> dict[str, str]:
    """Apply every protection; return by name why it is missing, or the empty string.

    ``scratch`` is the only writable folder.
    """
    in_force = limits(memory_bytes)
    _die_first()
    missing = {"resource limits": "" if in_force else "the system does not offer them"}
    # Seccomp is last, because it forbids calls that the others may need.
    missing["landlock"] = landlock(scratch)
    _no_new_privileges()
    _no_capabilities()
    missing["seccomp"] = seccomp()
    return missing


def _die_first() -> None:
    """End the process with its parent, and before it if memory runs out."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def _no_new_privileges() -> None:
    """Forbid executed programs to gain rights by their owner or capabilities."""
    if sys.platform == "linux":
        pr_set_no_new_privs = 38
        ctypes.CDLL(None).prctl(pr_set_no_new_privs, 1, 0, 0, 0)


def _no_capabilities() -> None:
    """Drop root's capabilities, except reading files of other users."""
    if sys.platform == "linux" and os.geteuid() == 0:
        capabilities = _permitted_capabilities() & 1 << _CAP_DAC_READ_SEARCH
        version, this = 0x20080522, 0
        header = (ctypes.c_uint32 * 2)(version, this)
        data = (ctypes.c_uint32 * 6)(capabilities, capabilities, 0, 0, 0, 0)
        ctypes.CDLL(None).capset(header, data)


def _permitted_capabilities() -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("CapPrm:"):
                return int(line.split()[1], 16)
    return 0


def _tasks() -> int:
    """Return the number of threads and processes on the machine, a bound for this user's."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/loadavg").read_text().split()[3].split("/")[1])
    return 4096
