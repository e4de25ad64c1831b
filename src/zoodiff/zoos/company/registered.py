"""Which TOML files describe zoos here: those that were added, and those of ``ZOODIFF_ZOOS``.

``zoos.json`` in zoodiff's home refers to each added file by its path, so that edits take effect.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoodiff import filenames
from zoodiff.bounded import files as bounded
from zoodiff.bounded import json as bounded_json
from zoodiff.entry import did_you_mean
from zoodiff.errors import UnknownNameError, UsageError
from zoodiff.home import home
from zoodiff.zoos.company.catalogue import CompanyZoo

VARIABLE = "ZOODIFF_ZOOS"
"""The environment variable that lists TOML files, separated as the folders of PATH are."""
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Registered:
    """The zoos that TOML files describe, and the files that cannot be used, with reasons."""

    zoos: Mapping[str, CompanyZoo]
    broken: Mapping[str, str]


def place() -> Path:
    """Return the path of the list of added files."""
    return home() / "zoos.json"


def added() -> dict[str, str]:
    """Return the paths of the added files by the names of their zoos."""
    try:
        known = bounded_json.parse(bounded.read_bytes(place(), _LARGEST))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {str(name): path for name, path in known.items() if isinstance(path, str)}


def add(path: Path, taken: Iterable[str] = ()) -> CompanyZoo:
    """Add the zoo that a file describes, as a reference to the file; return the zoo.

    ``taken`` are the names of other zoos. Raises UsageError if the file is invalid, its name is
    taken, or the list cannot be written.
    """
    from zoodiff.zoos.company.definition import read

    zoo = CompanyZoo(read(path.expanduser().resolve()))
    known = added()
    if zoo.name in taken:
        raise UsageError(f'{path}: there is a zoo "{zoo.name}" already; take another name')
    there = known.get(zoo.name)
    if there is not None and there != str(zoo.read.path) and filenames.exists(there):
        raise UsageError(
            f'{path}: there is a zoo "{zoo.name}" already, described by {there}; take another '
            f"name, or run zoodiff zoos remove {zoo.name} first"
        )
    _write(known | {zoo.name: str(zoo.read.path)})
    return zoo


def remove(name: str) -> str:
    """Remove an added zoo; return the path of its file, which is kept.

    Raises UnknownNameError if no zoo of that name was added.
    """
    known = added()
    if name not in known:
        if any(zoo.name == name for zoo in _of_variable().zoos.values()):
            raise UsageError(f"{name} is listed in {VARIABLE}; take its file out of the variable")
        hint = did_you_mean(name, known) or (
            f"; there are {', '.join(known)}" if known else "; none was added"
        )
        raise UnknownNameError(f'no zoo "{name}" was added{hint}')
    path = known.pop(name)
    _write(known)
    return path


def registered(taken: Iterable[str] = ()) -> Registered:
    """Return the zoos of all files; ``taken`` are the names of zoos that come first."""
    zoos: dict[str, CompanyZoo] = {}
    broken: dict[str, str] = {}
    occupied = set(taken)
    of_variable = _of_variable()
    broken.update(of_variable.broken)
    for zoo in of_variable.zoos.values():
        _keep(zoo, str(zoo.read.path), occupied, zoos, broken)
    for name, path in added().items():
        if not filenames.is_file(path):
            if name not in zoos:
                broken[name] = (
                    f'the zoo "{name}" is described by {path}, which is not there; add it anew '
                    f"with zoodiff zoos add FILE, or forget it with zoodiff zoos remove {name}"
                )
            continue
        try:
            zoo = _zoo(path)
        except UsageError as error:
            broken[name] = f'the zoo "{name}" cannot be used: {error}'
            continue
        if zoo.name != name:
            broken[name] = (
                f'the zoo "{name}" is called "{zoo.name}" in {path} now; run zoodiff zoos remove '
                f"{name}, and zoodiff zoos add {path}"
            )
            continue
        if name not in zoos:
            _keep(zoo, path, occupied, zoos, broken)
    return Registered(dict(sorted(zoos.items())), broken)


def _keep(
    zoo: CompanyZoo,
    path: str,
    occupied: set[str],
    zoos: dict[str, CompanyZoo],
    broken: dict[str, str],
) -> None:
    if zoo.name in occupied:
        broken[path] = f'{path}: there is a zoo "{zoo.name}" already; take another name'
        return
    occupied.add(zoo.name)
    zoos[zoo.name] = zoo


def _of_variable() -> Registered:
    """Return the zoos of the files that the environment variable lists, by their paths."""
    zoos: dict[str, CompanyZoo] = {}
    broken: dict[str, str] = {}
    for text in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        path = str(Path(text).expanduser().absolute())
        if not filenames.is_file(path):
            broken[text] = f"{VARIABLE} lists {text}, which is not there"
            continue
        try:
            zoos[path] = _zoo(path)
        except UsageError as error:
            broken[text] = f"{VARIABLE} lists a file that cannot be used: {error}"
    return Registered(zoos, broken)


_READ: dict[str, tuple[tuple[int, int, int], CompanyZoo]] = {}
"""The zoo of each file, and the version of the file that it was read from."""


def _zoo(path: str) -> CompanyZoo:
    """Return the zoo that a file describes now; raise UsageError if it is invalid."""
    from zoodiff.zoos.company.definition import read

    try:
        facts = Path(path).stat()
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror})") from None
    version = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    known = _READ.get(path)
    if known is None or known[0] != version:
        known = _READ[path] = (version, CompanyZoo(read(Path(path))))
    return known[1]


def _write(known: Mapping[str, str]) -> None:
    target = place()
    partial = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(dict(sorted(known.items())), indent=1), encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UsageError(
            f"cannot write {target} ({error.strerror}); name another folder with ZOODIFF_HOME"
        ) from None
