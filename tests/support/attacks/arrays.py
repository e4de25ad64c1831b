"""Tricks by arrays of an answer, which the parent takes out of the worker's folder."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .files import own
from .pipes import answer, instead
from .table import Attempts, Given, trick

FOUR = {"dtype": "<f4", "shape": [4]}
_numbers = itertools.count(1000)


def fresh() -> str:
    """A name that no array had."""
    return f"{next(_numbers)}.array"


def message(name: Any, dtype: Any = "<f4", shape: Any = (4,)) -> dict[str, Any]:
    """What stands for an array in an answer."""
    return {"$array": name, "dtype": dtype, "shape": shape}


def offers(*messages: Any) -> None:
    """Answer with these arrays."""
    instead(answer(result=list(messages)))


def whole(size: int = 16) -> str:
    """Write a file of its own that is an array, and return its name."""
    name = fresh()
    own(name).write_bytes(bytes(range(size)) if size < 256 else bytes(size))
    return name


@trick("answered", takes=True)
def offers_links(given: Given) -> None:
    """Offer links to a file of the user's, to a device, to a pipe of its own and to nowhere."""
    targets = (
        given.there,
        "/dev/zero",
        "/proc/self/fd/0",
        "nowhere",
        given.guard,
        "/proc/self/mem",
    )
    names = [fresh() for _ in targets]
    for name, target in zip(names, targets, strict=True):
        own(name).symlink_to(target)
    looping = fresh()
    own(looping).symlink_to(looping)
    offers(*(message(name) for name in (*names, looping)))


@trick("answered", takes=True)
def offers_what_is_no_file(given: Given) -> None:
    """Offer a folder, a pipe if it can make one, a file with two names, one that is gone."""
    folder, twice, gone = fresh(), whole(), fresh()
    own(folder).mkdir()
    os.link(own(twice), own("second"))
    pipe = fresh()
    with contextlib.suppress(OSError):
        os.mkfifo(own(pipe))
    offers(*(message(name) for name in (folder, twice, gone, pipe)))


@trick("answered", takes=True)
def offers_files_of_other_sizes(given: Given) -> None:
    """Offer files that are shorter, longer, empty, or sparse and as large as it may make them."""
    short, long, empty, sparse = whole(15), whole(17), whole(0), whole()
    with own(sparse).open("r+b") as file:
        file.truncate(8 << 30)
        with contextlib.suppress(OSError):
            file.truncate(1 << 40)
    offers(
        *(message(name) for name in (short, long, empty)),
        message(sparse, "|u1", [8 << 30]),
        message(sparse, "|u1", [1 << 40]),
    )


@trick("answered", takes=True)
def offers_other_types(given: Given) -> None:
    """Offer arrays of objects, of text, of records, of dates, and of what is no type."""
    types: list[Any] = [
        "O", "|O", "object", "<U4", "S16", "M8[ns]", "<m8[s]", "f4,f4", "(4,)f4", "V16", "f16",
        {"names": ["a"], "formats": ["O"]}, ["f4"], "", "x", "f4\n", "<f4\0", 7, None, "V0", "<f3",
        "numpy.load", "c64", "int", "bool_", "e" * 10**5,
    ]  # fmt: skip
    offers(*(message(whole(), dtype) for dtype in types))


@trick("answered", takes=True)
def offers_other_shapes(given: Given) -> None:
    """Offer shapes that are negative, broken, too many, or overflow when they are multiplied."""
    shapes: list[Any] = [
        [-1], [-4, -1], [4.0], [True, 4], ["4"], [[4]], "4", 4, None, {}, [2**63], [2**64 + 4],
        [1] * 33, [1] * 10**5, [2**47, 0], [2**47, 2**47, 0], [0, 2**47, 2**47, 2**47],
        [2**32, 2**32], [2**31, 2**31, 2], [1e400], [float("nan")], [0] * 32, [2**40] * 31 + [0],
    ]  # fmt: skip
    offers(*(message(whole(), "<f4", shape) for shape in shapes))


@trick("answered", takes=True)
def offers_other_names(given: Given) -> None:
    """Offer arrays by paths, by names with zeros and line breaks, by numbers and by none."""
    name = whole()
    names: list[Any] = [
        f"../{name}", f"./{name}", str(own(name)), f"{name}/", f"{name}\0", f"{name}\n",
        f"\n{name}", "/etc/passwd", "..", ".", "", "0" * 300 + ".array", "\u0660.array", "-1.array",
        7, None, [], {}, "\ud800.array", f"{name}/../{name}", str(given.there),
    ]  # fmt: skip
    offers(*map(message, names), {}, [], None, 7, "array", {"$array": name})


def _meanwhile(change: Callable[[Path], object], count: int = 60) -> None:
    """Offer one array many times over, while a thread changes what lies at its name."""
    name = whole()
    path = own(name)
    end = time.monotonic() + 3

    def work() -> None:
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                change(path)

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    instead(answer(result=[message(name, "|u1", [1 << 20])] * count))


@trick("answered", takes=True)
def swaps_a_file_for_a_link(given: Given) -> None:
    """Exchange a file and a link to a file of the user's as fast as it can."""
    beside, linked = own("beside"), own("linked")

    def change(path: Path) -> None:
        beside.write_bytes(bytes(1 << 20))
        beside.replace(path)
        linked.symlink_to(Path(given.guard) / "long")
        linked.replace(path)

    _meanwhile(change)


@trick("answered", takes=True)
def shortens_a_file_while_it_is_taken(given: Given) -> None:
    """Shorten and stretch the file as fast as it can."""

    def change(path: Path) -> None:
        with path.open("ab") as file:
            file.truncate(1 << 20)
            file.truncate(100)

    _meanwhile(change)


@trick("answered", takes=True)
def renames_a_folder_over_a_file(given: Given) -> None:
    """Put a folder, a file and nothing at the name in turns."""
    folder, file = own("a-folder"), own("a-file")

    def change(path: Path) -> None:
        file.write_bytes(bytes(1 << 20))
        file.replace(path)
        path.unlink()
        folder.mkdir(exist_ok=True)
        folder.rename(path)
        path.rmdir()

    _meanwhile(change)


@trick("refused")
def makes_the_parent_wait_for_a_file(given: Given, attempts: Attempts) -> None:
    """Hold a lease on an array, which makes openers wait; make a pipe; make it immutable."""
    from .calls import HIGH, buffer, call

    def flagged(file: int, flag: int, high: int) -> None:
        set_flags = 0x40086602 + high
        call("ioctl", file, set_flags, buffer(8, flag.to_bytes(8, "little")))
        call("ioctl", file, set_flags, buffer(8))

    name = own(whole())
    file = os.open(name, os.O_RDWR)
    lease = 1024
    for high in (0, HIGH):
        attempts(f"lease {high}", lambda high=high: call("fcntl", file, lease + high, 0))
        for kind, flag in (("immutable", 0x10), ("append", 0x20)):
            attempts(f"{kind} {high}", lambda high=high, flag=flag: flagged(file, flag, high))
    os.close(file)
    attempts("pipe", lambda: os.mkfifo(own("pipe")))
    attempts("no rights", lambda: name.chmod(0))
