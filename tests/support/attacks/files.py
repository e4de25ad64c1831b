"""Tricks on files of the user's: change them, their names, their times, their locks."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .calls import AT_EMPTY_PATH, AT_FDCWD, HIGH, buffer, call
from .table import Attempts, Given, trick

HIDDEN = (errno.ENOENT, errno.ENXIO, errno.ESRCH)
"""What bubblewrap does not show cannot be reached."""


def own(name: str) -> Path:
    """A path in the only folder that is the worker's to write to."""
    return Path(tempfile.gettempdir()) / name


def opened(path: str | Path, flags: int = os.O_RDONLY) -> None:
    """Open and close a file."""
    os.close(os.open(path, flags, 0o600))


def creates(path: str | Path) -> None:
    """Create a file, and remove it again."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    Path(path).unlink()


def reading(path: str | Path, use: Callable[[int], object]) -> None:
    """Do something with a file that is open for reading only."""
    file = os.open(path, os.O_RDONLY)
    try:
        use(file)
    finally:
        os.close(file)


@trick("refused")
def opens_files_for_writing(given: Given, attempts: Attempts) -> None:
    """Open a file of the user's for writing, appending and emptying, in every way there is."""
    ways = {
        "writing": os.O_WRONLY,
        "both": os.O_RDWR,
        "appending": os.O_WRONLY | os.O_APPEND,
        "emptying": os.O_WRONLY | os.O_TRUNC,
        "emptying while reading": os.O_RDONLY | os.O_TRUNC,
        "creating": os.O_WRONLY | os.O_CREAT,
    }
    for name, flags in ways.items():
        attempts(name, lambda flags=flags: opened(given.there, flags))
    how = buffer(24, struct.pack("QQQ", os.O_RDWR, 0, 0))
    attempts("openat2", lambda: call("openat2", AT_FDCWD, os.fsencode(given.there), how, 24))
    attempts("creat", lambda: call("creat", os.fsencode(given.there), 0o600))


@trick("refused")
def creates_files(given: Given, attempts: Attempts) -> None:
    """Create files, folders, pipes, sockets and nameless files in a folder of the user's."""
    new = Path(given.guard) / "new"
    attempts("file", lambda: creates(new))
    attempts("folder", new.mkdir)
    attempts("link", lambda: new.with_name("new2").symlink_to("there"))
    attempts("nameless", lambda: opened(given.guard, os.O_TMPFILE | os.O_RDWR))
    for kind in (stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK):
        attempts(f"node {kind:o}", lambda kind=kind: os.mknod(f"{new}{kind}", kind | 0o600))


@trick("refused")
def removes_and_renames_files(given: Given, attempts: Attempts) -> None:
    """Remove, rename and exchange files and folders of the user's."""
    mine, folder = own("mine"), Path(given.guard) / "folder"
    mine.write_text("x")
    attempts("rename over", lambda: mine.rename(given.there), (errno.EXDEV,))
    attempts("rename", lambda: given.there.rename(given.there.with_name("elsewhere")))
    back = os.fsencode(given.there.with_name("elsewhere"))
    there, inner = os.fsencode(given.there), os.fsencode(folder / "inner")
    exchange = 2
    attempts(
        "exchange",
        lambda: call(
            "renameat2", AT_FDCWD, back if not given.confined else there, AT_FDCWD, inner, exchange
        ),
    )
    attempts("take", lambda: (folder / "inner").rename(own("taken")), (errno.EXDEV,))
    attempts("remove", (folder / "inner").unlink, harmful=True)
    attempts("remove a folder", folder.rmdir)
    attempts("truncate", lambda: os.truncate(given.guard + "/long", 0))


@trick("refused")
def links_files(given: Given, attempts: Attempts) -> None:
    """Give files of the user's further names, among the user's and in the worker's own folder."""
    mine = own("named")
    mine.write_text("x")
    attempts("out", lambda: os.link(given.there, own("out")), (errno.EXDEV,))
    attempts("in", lambda: os.link(mine, given.guard + "/in"), (errno.EXDEV,))
    attempts("beside", lambda: os.link(given.there, given.guard + "/beside"))

    def by_descriptor(file: int) -> None:
        call("linkat", file, b"", AT_FDCWD, os.fsencode(own("opened")), AT_EMPTY_PATH)

    attempts("descriptor", lambda: reading(given.there, by_descriptor), (*HIDDEN, errno.EXDEV))


@trick("refused")
def writes_by_detours(given: Given, attempts: Attempts) -> None:
    """Reach a file of the user's by links, descriptors, ``/proc`` and the current folder."""
    own("way").symlink_to(given.guard)
    attempts("link", lambda: opened(own("way") / "there", os.O_RDWR))
    attempts("link to a new file", lambda: creates(own("way") / "new"))
    for place in ("self/root", "thread-self/root", f"{given.parent}/root", "self/cwd"):
        path = f"/proc/{place}{given.there}"
        attempts(place, lambda path=path: opened(path, os.O_RDWR), (*HIDDEN, errno.ENOTDIR))
    folder = os.open(given.guard, os.O_PATH)
    there = os.open(given.there, os.O_PATH)
    attempts("folder", lambda: os.close(os.open("there", os.O_RDWR, dir_fd=folder)))
    attempts("new in folder", lambda: os.mkdir("newer", dir_fd=folder))
    attempts("path", lambda: opened(f"/proc/self/fd/{there}", os.O_RDWR))
    attempts("fdinfo", lambda: opened(f"/proc/self/fd/{folder}/there", os.O_RDWR))
    for descriptor in (folder, there):
        os.close(descriptor)
    attempts("memory", lambda: opened("/proc/self/mem", os.O_RDWR))
    os.chdir(given.guard)
    try:
        attempts("current folder", lambda: opened("there", os.O_RDWR))
    finally:
        os.chdir("/")
    handle = buffer(136, struct.pack("Ii", 128, 0))
    mount = buffer(8)
    name = os.fsencode(given.there)
    attempts("handle", lambda: call("name_to_handle_at", AT_FDCWD, name, handle, mount, 0))
    attempts("by handle", lambda: call("open_by_handle_at", AT_FDCWD, handle, os.O_RDWR))


@trick("refused")
def changes_rights_and_owners(given: Given, attempts: Attempts) -> None:
    """Change mode and owner of a file of the user's, by name and by descriptor."""
    user, group = os.getuid(), os.getgid()
    name = os.fsencode(given.there)
    attempts("chmod", lambda: given.there.chmod(0o666))
    attempts("fchmod", lambda: reading(given.there, lambda file: os.fchmod(file, 0o666)))
    attempts("fchmodat", lambda: call("fchmodat", AT_FDCWD, name, 0o666))
    attempts("fchmodat2", lambda: call("fchmodat2", AT_FDCWD, name, 0o666, 0))
    attempts("chown", lambda: os.chown(given.there, user, group))
    attempts("lchown", lambda: os.lchown(given.there, user, group))
    attempts("fchown", lambda: reading(given.there, lambda file: os.fchown(file, user, group)))
    attempts("fchownat", lambda: call("fchownat", AT_FDCWD, name, user, group, 0))


@trick("refused")
def changes_times_and_attributes(given: Given, attempts: Attempts) -> None:
    """Change times, extended attributes and flags of a file that may only be read."""
    there, name = given.there, os.fsencode(given.there)
    attempts("utime", lambda: os.utime(there))
    attempts("futimens", lambda: reading(there, lambda file: call("utimensat", file, 0, 0, 0)))
    attempts("utimes", lambda: call("utimes", name, 0))
    attempts("futimesat", lambda: call("futimesat", AT_FDCWD, name, 0))
    attempts("setxattr", lambda: os.setxattr(there, b"user.x", b"x"))
    attempts("fsetxattr", lambda: reading(there, lambda file: os.setxattr(file, b"user.y", b"x")))
    attempts("removexattr", lambda: os.removexattr(there, b"user.kept"))
    empty = buffer(16)
    attempts("setxattrat", lambda: call("setxattrat", AT_FDCWD, name, 0, b"user.z", empty, 16))
    attempts("removexattrat", lambda: call("removexattrat", AT_FDCWD, name, 0, b"user.kept"))
    attempts("file_setattr", lambda: call("file_setattr", AT_FDCWD, name, empty, 0, 0))


@trick("refused")
def changes_flags(given: Given, attempts: Attempts) -> None:
    """Set flags of a file that may only be read: immutable, no dump, verity, version."""
    controls = {
        "no dump": (0x40086602, struct.pack("l", 0x40)),
        "flags of 32 bits": (0x40046602, struct.pack("i", 0x40)),
        "extended flags": (0x401C5820, struct.pack("IIIII8x", 0x80, 0, 0, 0, 0)),
        "version": (0x40087602, struct.pack("l", 7)),
        "verity": (0x40806685, bytes(128)),
        "encryption": (0x800C6613, bytes(12)),
        "a snapshot": (0x50009401, bytes(4096)),
        "a clone": (0x40049409, bytes(8)),
    }
    for name, (control, argument) in controls.items():
        # The kernel looks at 32 bits of the number.
        for high in (0, HIGH):
            attempts(
                f"{name} {high}",
                lambda control=control + high, argument=argument: reading(
                    given.there,
                    lambda file: call("ioctl", file, control, buffer(4096, argument)),
                ),
            )


@trick("refused")
def locks_files(given: Given, attempts: Attempts) -> None:
    """Take locks, leases and notices on a file of the user's, so that others must wait."""
    lock = struct.pack("hhllhxx", fcntl.F_RDLCK, 0, 0, 0, 0).ljust(32, b"\0")
    attempts("flock", lambda: reading(given.there, lambda file: fcntl.flock(file, fcntl.LOCK_SH)))
    controls = {
        "record": (fcntl.F_SETLK, lock),
        "record, waiting": (fcntl.F_SETLKW, lock),
        "record of the file": (37, lock),
        "record of the file, waiting": (38, lock),
        "lease": (fcntl.F_SETLEASE, fcntl.F_RDLCK),
        "owner": (fcntl.F_SETOWN, given.parent if given.confined else os.getpid()),
        "owner by kind": (15, struct.pack("ii", 1, given.parent)),
        "signal": (10, 9),
        "life of data": (1036, struct.pack("Q", 2)),
        "delegation": (1040, struct.pack("IHH", 0, 0, 0)),
    }
    for name, (control, argument) in controls.items():
        for high in (0, HIGH):
            value = buffer(64, argument) if isinstance(argument, bytes) else argument
            attempts(
                f"{name} {high}",
                lambda control=control + high, value=value: reading(
                    given.there, lambda file: call("fcntl", file, control, value)
                ),
            )
    for high in (0, HIGH):
        attempts(
            f"notice {high}",
            lambda high=high: reading(
                given.guard, lambda file: call("fcntl", file, fcntl.F_NOTIFY + high, 2)
            ),
        )


@trick("refused")
def changes_what_the_parent_sends(given: Given, attempts: Attempts) -> None:
    """Create, replace, shorten, link and remove in the folder that all workers read from."""
    shared, new = Path(given.shared), Path(given.outgoing) / "0.array"
    mine = own("replacing")
    mine.write_bytes(bytes(64))
    attempts("create", lambda: creates(new))
    attempts("write", lambda: opened(shared, os.O_RDWR))
    attempts("append", lambda: opened(shared, os.O_WRONLY | os.O_APPEND))
    attempts("shorten", lambda: os.truncate(shared, 0))
    attempts("link", lambda: new.symlink_to(given.there))
    attempts("rights", lambda: shared.chmod(0o666))
    attempts("hard link", lambda: os.link(shared, own("kept")), (errno.EXDEV,), harmful=True)
    attempts("replace", lambda: mine.rename(shared), (errno.EXDEV,), harmful=True)
    attempts("rename", lambda: shared.rename(new), harmful=True)
    attempts("remove", shared.unlink)
    other = Path(given.outgoing + "x")
    attempts("rename the folder", lambda: Path(given.outgoing).rename(other), harmful=True)


@trick("refused")
def creates_files_everywhere_else(given: Given, attempts: Attempts) -> None:
    """Create files where programs look for code and settings, in memory and temporary folders."""
    import numpy

    import zoodiff

    package, numbers = Path(zoodiff.__file__).parent, Path(numpy.__file__).parent
    places = {
        "home": given.home,
        "zoodiff": package,
        "compiled": package / "workers" / "__pycache__",
        "numpy": numbers,
        "packages": numbers.parent,
        "library": Path(os.__file__).parent,
        "interpreter": Path(sys.executable).parent,
        "root": "/",
        "tmp": "/tmp",
        "var": "/var/tmp",
        "memory": "/dev/shm",
        "devices": "/dev",
        "beside": own("x").parent.parent,
        "settings": "/etc",
        "current": ".",
        "run": "/run",
    }
    for name, place in places.items():
        if Path(place).is_dir() and (given.confined or os.access(place, os.W_OK)):
            attempts(name, lambda place=place: creates(Path(place) / "sitecustomize.py"))
    folder, moved = own("x").parent, own("x").parent.with_name("moved")
    attempts("rename its own folder", lambda: folder.rename(moved), (errno.EBUSY,), harmful=True)
    attempts("remove its own folder", folder.rmdir, (errno.EBUSY,), harmful=True)
    for path in ("/proc/self/oom_score_adj", "/proc/self/comm", "/proc/sys/kernel/core_pattern"):
        if given.confined or os.access(path, os.W_OK):
            attempts(path, lambda path=path: opened(path, os.O_WRONLY))


@trick("refused")
def opens_devices(given: Given, attempts: Attempts) -> None:
    """Open terminals, disks, memory and other devices, and make some."""
    for path in given.devices:
        attempts(path, lambda path=path: opened(path, os.O_RDONLY | os.O_NONBLOCK), HIDDEN)
    for name, device in (("memory", (1, 1)), ("terminal", (5, 0)), ("disk", (8, 0))):
        attempts(
            name,
            lambda device=device: os.mknod(
                own(f"device{device}"), stat.S_IFCHR | 0o600, os.makedev(*device)
            ),
        )


@trick("refused", only="bubblewrap")
def reads_keys(given: Given, attempts: Attempts) -> None:
    """Read a file where people keep keys."""
    attempts("key", lambda: Path(given.key).read_text(), HIDDEN)
    for hidden in Path(given.key).parent.iterdir():
        attempts.through.append(f"it sees {hidden}")
