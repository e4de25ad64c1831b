"""Frames and arrays between the command and a worker.

A frame is four bytes of length (big-endian) and that many bytes of UTF-8 JSON. A numpy array is
replaced by ``{"$array": "name.npy"}``, a file in the scratch folder that both sides share, read
by memory-mapping and never by unpickling.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_FRAME = 256 * 1024 * 1024
"""Bytes; a longer frame is a broken or hostile peer."""
_HEADER = struct.Struct(">I")
_UNREADABLE = (
    *(ArithmeticError, EOFError, LookupError, OSError, RecursionError, TypeError, ValueError),
    tokenize.TokenError,
)
"""What numpy raises for a file that is no array; its header is read by Python's own parser."""
_numbers = itertools.count()


class ProtocolError(Exception):
    """The peer sent something that is no frame, or named an array outside the scratch folder."""


def pack(message: Any) -> bytes:
    """Return the frame of a message."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise ProtocolError(f"a message of {len(body)} bytes is longer than {MAX_FRAME}")
    return _HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    """Length that a frame's first four bytes announce; raise ProtocolError beyond the limit."""
    length: int = _HEADER.unpack(header)[0]
    if length > MAX_FRAME:
        raise ProtocolError(f"a frame of {length} bytes is longer than {MAX_FRAME}")
    return length


def unpack(body: bytes) -> Any:
    """Read a frame's body; raise ProtocolError where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame is not JSON: {error}") from None


def put_array(array: NDArray[Any], scratch: Path) -> dict[str, str]:
    """Write an array into the scratch folder and return what stands for it in a message."""
    import numpy as np

    name = f"{os.getpid()}-{next(_numbers)}.npy"
    # ascontiguousarray would give a scalar an axis.
    np.save(scratch / name, np.asarray(array, order="C"), allow_pickle=False)
    return {"$array": name}


def get_array(message: Any, scratch: Path, *, remove: bool = True) -> NDArray[np.generic]:
    """Map the array that a message stands for; raise ProtocolError where it is none.

    The file is unlinked once mapped, so nothing is left behind; the mapping stays valid.
    """
    import numpy as np

    name = message.get("$array") if isinstance(message, dict) else None
    if not isinstance(name, str) or Path(name).name != name or not name.endswith(".npy"):
        raise ProtocolError(f"not an array of this scratch folder: {message!r}")
    path = scratch / name
    try:
        if path.is_symlink():
            raise ProtocolError(f"{name} is a link")
        if path.exists() and not path.is_file():
            raise ProtocolError(f"{name} is no file")  # opening a pipe would wait for ever
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _UNREADABLE as error:
        raise ProtocolError(f"{name} cannot be read as an array: {error}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufcV" or array.dtype.names:
        raise ProtocolError(f"{name} holds no numbers")
    if remove:
        path.unlink(missing_ok=True)
    return array


def lend(message: Any, scratch: Path, other: Path) -> dict[str, str]:
    """Put an array into another scratch folder as well; both must be on one file system."""
    name = message.get("$array") if isinstance(message, dict) else None
    if not isinstance(name, str) or Path(name).name != name or not name.endswith(".npy"):
        raise ProtocolError(f"not an array of this scratch folder: {message!r}")
    lent = f"lent-{next(_numbers)}.npy"
    try:
        if (scratch / name).is_symlink():
            raise ProtocolError(f"{name} is a link")
        os.link(scratch / name, other / lent)
    except (OSError, ValueError) as error:
        raise ProtocolError(f"{name} cannot be lent: {error}") from None
    return {"$array": lent}
