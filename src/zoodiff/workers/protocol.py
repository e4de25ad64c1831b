"""Frames between the command and a worker.

A frame is four bytes of length (big-endian) and that many bytes of JSON in ASCII. A numpy array is
replaced by ``{"$array": name, "dtype": ..., "shape": [...]}`` and written to a file of that name;
``exchange`` handles these files for the parent, ``inside.arrays`` for the worker.
"""

from __future__ import annotations

import json
import struct

MAX_FRAME = 32 * 2**20
"""Bytes of a frame; a longer one is refused."""
MAX_VALUES = 1_500_000
"""Values and names per frame. Each takes a few hundred bytes in memory, however short it is."""
_HEADER = struct.Struct(">I")


class ProtocolError(Exception):
    """The peer sent a malformed frame, or named an unknown array."""


def pack(message: object) -> bytes:
    """Return the frame of a message; raise ProtocolError if it is too long."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise ProtocolError(f"a message of {len(body)} bytes is longer than {MAX_FRAME}")
    return _HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    """Return the length in a frame's first four bytes; raise ProtocolError above the limit."""
    length: int = _HEADER.unpack(header)[0]
    if length > MAX_FRAME:
        raise ProtocolError(f"a frame of {length} bytes is longer than {MAX_FRAME}")
    return length


def unpack(body: bytes) -> object:
    """Return the message in a frame's body.

    Raises ProtocolError if the body is not JSON in ASCII, which ``pack`` writes, or has too many
    values. Beyond ASCII, one wide character would make each character of a text take four bytes.
    """
    if sum(body.count(mark) for mark in (b",", b"[", b"{", b":")) > MAX_VALUES:
        raise ProtocolError(f"a frame has more than {MAX_VALUES:,} values")
    try:
        message: object = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame is not JSON: {error}") from None
    return message
