"""Inside the worker: resource limits, Landlock and seccomp, before a framework is imported.

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
    "process_madvise pidfd_open pidfd_send_signal pidfd_getfd mount umount2 pivot_root chroot "
    "move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare setns bpf "
    "perf_event_open add_key request_key keyctl userfaultfd open_by_handle_at name_to_handle_at "
    "init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff "
    "quotactl acct settimeofday clock_settime adjtimex sethostname setdomainname mknod mknodat "
    "chown fchown lchown fchownat chmod fchmod fchmodat fchmodat2 setxattr lsetxattr fsetxattr"
)
_DENIED = frozenset(_DENIED_TEXT.split())
"""System calls that no framework needs to compute, and that reach beyond the process."""
_ABSENT = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register")
"""Said not to exist: glibc then takes ``clone``, whose flags a filter can see."""
_CLONE_THREAD = 0x00010000


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


def landlock(writable: Path) -> str:
    """Forbid to write anywhere else, to use TCP and to signal others; return what is missing.

    The empty string where it is in force. Reading stays allowed: where a framework reads its own
    files from cannot be known.
    """
    if sys.platform != "linux":
        return "Landlock is Linux's"
    try:
        from py_landlock import AccessFs, Landlock
    except ImportError:
        return "the package py-landlock is not installed"
    try:
        reading = AccessFs.READ_FILE | AccessFs.READ_DIR | AccessFs.EXECUTE
        rules = Landlock(strict=False).add_path_rule("/", access=reading)
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
        refuse = pyseccomp.ERRNO(errno.EPERM)
        rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
        for names, action in ((_DENIED, refuse), (_ABSENT, pyseccomp.ERRNO(errno.ENOSYS))):
            for name in names:
                # What a processor or an old library does not know, cannot be called either.
                with contextlib.suppress(OSError):
                    rules.add_rule(action, name)
        rules.add_rule(refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, 0))
        own = os.getpid()
        for name in ("kill", "tgkill"):
            rules.add_rule(refuse, name, pyseccomp.Arg(0, pyseccomp.NE, own))
        rules.load()
    except Exception as error:  # OSError, and ctypes's own kinds
        return f"the kernel does not offer it ({' '.join(str(error).split())[:120]})"
    return ""


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


def confine(scratch: Path, memory_bytes: int) -> dict[str, str]:
    """Apply everything; return by protection what is missing, the empty string where nothing is."""
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
