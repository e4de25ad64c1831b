"""Verify, clean, export and import a results folder."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from zoodiff.errors import StoreError, UsageError

if TYPE_CHECKING:
    from zoodiff.store.bundle import Exported, Imported
    from zoodiff.store.collect import Waste
    from zoodiff.store.folder import Store
    from zoodiff.store.verify import Verified

__all__ = ["collect_waste", "export_results", "import_results", "verify_results"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def verify_results(results: str | Path = "results") -> Verified:
    """Verify every file in a results folder; list damaged, missing and edited ones.

    Changes nothing. Raises UsageError if there are no results, StoreError if they are unreadable.
    """
    from zoodiff.store.verify import verify

    return verify(existing_store(results).files)


def collect_waste(
    results: str | Path = "results",
    *,
    older: str | float = "7d",
    unnamed: bool = False,
    dry_run: bool = False,
) -> list[Waste]:
    """Remove leftovers and return them: temporary files, unfinished checkpoints and others.

    ``older`` is the least age of removed files, in seconds or as ``90s``, ``30m``, ``12h``, ``7d``.
    ``unnamed`` also removes the records that no run names; ``dry_run`` removes nothing. Raises
    UsageError if there are no results, StoreError if they cannot be read or written.
    """
    from zoodiff.store.collect import remove, waste

    store = existing_store(results)
    age = _seconds(older) if isinstance(older, str) else older
    removable = waste(store, older=age, unnamed=unnamed)
    return removable if dry_run else remove(store, removable)


def export_results(
    file: str | Path, results: str | Path = "results", *, runs: Collection[str] = ()
) -> Exported:
    """Write the results, or those of some runs, into one TAR archive for another machine.

    Raises UsageError if there are no results or no such run, StoreError if records of a run are
    damaged or the file cannot be written.
    """
    from zoodiff.store.bundle import write_bundle

    return write_bundle(existing_store(results), Path(file), runs or None)


def import_results(file: str | Path, results: str | Path = "results") -> Imported:
    """Verify a bundle of ``export_results``, and add the files that the results folder lacks.

    Nothing is replaced. Raises StoreError, before anything is written, if the bundle is unreadable,
    fails a check, or differs from a file of the results folder.
    """
    from zoodiff.store.bundle import read_bundle
    from zoodiff.store.folder import Store

    return read_bundle(Store(results), Path(file))


def existing_store(results: str | Path) -> Store:
    """Return the store of a results folder; raise UsageError where there are no results."""
    from zoodiff.store.collect import is_empty
    from zoodiff.store.folder import Store

    store = Store(results)
    try:
        empty = is_empty(store.files)
    except OSError as error:
        raise StoreError(f"cannot read the results in {results} ({error})") from None
    if empty:
        raise UsageError(f"there are no results in {results}; name the folder with --results")
    return store


def _seconds(age: str) -> float:
    match = re.fullmatch(r"(\d{1,9})([smhd])", age)
    if match is None:
        raise UsageError(f'"{age}" is no age; write 90s, 30m, 12h or 7d')
    return float(int(match[1]) * _UNITS[match[2]])
