"""Scan HDF5 for links and storage outside the file, and for arrays larger than their storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any, Protocol

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import refusal

_MOST = 1_000_000
"""Groups and arrays of a file; the largest networks have some ten thousand."""
_HARMLESS = 64 * 2**20
_RATIO = 200
"""Bytes of an array per stored byte, above ``_HARMLESS``."""
_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
"""deflate, shuffle, fletcher32, szip, nbit, scale-offset, lzf; all others load a plug-in."""


def check(file: IO[bytes], where: str) -> None:
    """Raise RefusedError for external data (SEC110), plug-ins (SEC104) and bombs (SEC122).

    Raises MeasurementError if the file cannot be read.
    """
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            _walk(opened, where)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(f"{where} is not a valid HDF5 file ({reason})") from None


class _Group(Protocol):
    """The members of h5py's groups that are used here."""

    def __iter__(self) -> Iterator[str]: ...

    def __getitem__(self, name: str) -> Any: ...

    def get(self, name: str, *, getlink: bool) -> object:
        """Return the link of a name if ``getlink`` is set."""


class _Dataset(Protocol):
    """The attributes of h5py's arrays that are used here."""

    external: Sequence[tuple[str, int, int]] | None
    is_virtual: bool
    nbytes: int
    id: Any


def _walk(root: _Group, where: str) -> None:
    import h5py

    seen = set()
    waiting: list[_Group] = [root]
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise refusal(
                    "SEC110", f"{where} has the external link {name!r} to {link.filename!r}"
                )
            if isinstance(link, h5py.SoftLink):
                raise refusal("SEC110", f"{where} has the link {name!r} to {link.path!r}")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MOST:
                raise refusal("SEC122", f"{where} has more than {_MOST:,} groups and arrays")
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                _check_array(item, name, where)


def _check_array(array: _Dataset, name: str, where: str) -> None:
    if array.external:
        raise refusal(
            "SEC110", f"{where} keeps the array {name!r} in the file {array.external[0][0]!r}"
        )
    if array.is_virtual:
        raise refusal("SEC110", f"{where} takes the array {name!r} from other files")
    settings = array.id.get_create_plist()
    for number in range(settings.get_nfilters()):
        kind = settings.get_filter(number)[0]
        if kind not in _FILTERS:
            raise refusal("SEC104", f"{where} needs the plug-in {kind} to read {name!r}")
    stored, size = int(array.id.get_storage_size()), int(array.nbytes)
    if size > _HARMLESS and size > _RATIO * stored:
        raise refusal(
            "SEC122", f"{where} has {stored:,} bytes of the array {name!r} of {size:,} bytes"
        )
