"""Scan pickles for the names that they import, with picklescan, without unpickling anything.

picklescan lists every name that a stream of pickles could import, also in broken and stacked
pickles, in pure Python and without dependencies. Its own list of dangerous names cannot be complete
and is not used: every name is refused that torch's ``weights_only`` would not build. The files are
then loaded with ``weights_only`` too.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Protocol

from zoodiff.errors import MeasurementError, MissingFrameworkError
from zoodiff.rules.security import refusal

_LARGEST = 256 * 2**20
"""Bytes of a pickle without its tensors; the largest checkpoints have some megabytes."""
_NAMES = {
    "collections": r"OrderedDict|Counter",
    "torch": r"(\w+Storage|\w*Tensor|Size|device|BFloat16|u?int\d+|float\d\w*|bfloat16|bool"
    r"|half|float|double|long|short|complex\d+|c?half|q[iu]+nt\d\w*|per_(tensor|channel)_\w+)",
    "torch.storage": r"(Untyped|Typed)Storage",
    "torch._utils": r"_rebuild_\w+",
    "torch._tensor": r"_rebuild_from_type_v2",
    "torch.nn.parameter": r"Parameter",
    "torch.serialization": r"_get_layout",
    "_codecs": r"encode",
    "builtins": r"bytearray|set|complex",
    "__builtin__": r"bytearray|set|complex",
}
"""Names that ``torch.load(weights_only=True)`` builds: patterns by module."""
_ENDINGS = (".pkl", ".pickle", ".joblib", ".npy")
_ARCHIVES = (".pt", ".pth", ".bin", ".npz", ".zip")
_NUMPY = b"\x93NUMPY"


def check_stream(stream: IO[bytes], where: str, *, torch_file: bool = False) -> None:
    """Raise RefusedError (SEC101, SEC102) for pickles that do more than hold tensors.

    ``torch_file`` reads the five pickles before the raw values of an old checkpoint.
    """
    scanner = _scanner()
    try:
        if torch_file:
            result = scanner.scan_pytorch(stream, where)
        else:
            result = scanner.scan_pickle_bytes(stream, where)
    except Exception as error:  # picklescan raises many kinds
        raise refusal(
            "SEC102",
            f"the pickle {where} cannot be followed ({' '.join(str(error).split())[:120]})",
        ) from None
    names = sorted(
        {f"{entry.module}.{entry.name}" for entry in result.globals if not _plain(entry)}
    )
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise refusal(
            "SEC101",
            f"the pickle {where} names {', '.join(repr(n)[1:-1] for n in names[:3])}{more}, which "
            "is more than tensors and plain values",
        )
    if result.scan_err:
        raise refusal("SEC102", f"the pickle {where} breaks off in the middle")


def check_file(path: Path) -> None:
    """Scan a checkpoint that is not an archive: an old one of torch, or a pickle."""
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(0)
        if head.startswith(_NUMPY):
            _check_numpy(file, str(path))
            return
        if len(head) == 512 and head[257:262] == b"ustar":
            raise refusal(
                "SEC102", f"{path} is a tar archive of pickles, as torch wrote them before 2016"
            )
        magic = file.read(2)
        file.seek(0)
        check_stream(file, str(path), torch_file=magic[:1] == b"\x80" and _is_old_torch(path))


def check_members(path: Path, members: Iterable[zipfile.ZipInfo]) -> None:
    """Scan every pickle in an archive, also in archives and arrays within it."""
    with zipfile.ZipFile(path) as archive:
        _check_members(archive, members, str(path))


def _check_members(archive: zipfile.ZipFile, members: Iterable[zipfile.ZipInfo], name: str) -> None:
    for member in members:
        if not member.filename.endswith((*_ENDINGS, *_ARCHIVES)):
            continue
        where = f"{member.filename!r} in {name}"
        if member.file_size > _LARGEST:
            raise refusal("SEC102", f"the pickle {where} has {member.file_size:,} bytes")
        try:
            content = archive.read(member)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            raise refusal("SEC102", f"the pickle {where} cannot be read ({error})") from None
        stream = io.BytesIO(content)
        if content[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(stream) as inner:
                _check_members(inner, inner.infolist(), where)
        elif content.startswith(_NUMPY):
            _check_numpy(stream, where)
        elif content:
            check_stream(stream, where)


def _check_numpy(stream: IO[bytes], where: str) -> None:
    import numpy as np

    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            _, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            _, _, dtype = np.lib.format.read_array_header_2_0(stream)
    except Exception as error:  # numpy raises many kinds
        raise MeasurementError(f"{where} is no array ({' '.join(str(error).split())})") from None
    if dtype.hasobject:
        raise refusal("SEC102", f"{where} is an array of objects, which are kept as a pickle")


def _is_old_torch(path: Path) -> bool:
    """Whether a file begins with the number that torch wrote before its first pickle."""
    with path.open("rb") as file:
        return b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" in file.read(64)


class _Global(Protocol):
    """An object that a pickle imports from a module."""

    module: str
    name: str


def _plain(entry: _Global) -> bool:
    pattern = _NAMES.get(entry.module)
    return pattern is not None and re.fullmatch(pattern, entry.name) is not None


def _scanner() -> Any:
    try:
        from picklescan import scanner
    except ImportError:
        raise MissingFrameworkError(
            "picklescan scans pickles before they are loaded; install it with: "
            'pip install "zoodiff[torch]"'
        ) from None
    logging.getLogger("picklescan").setLevel(logging.CRITICAL)
    return scanner
