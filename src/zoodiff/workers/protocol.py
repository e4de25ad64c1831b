"""Frames between the command and a worker.

A frame is four bytes of length (big-endian) and that many bytes of JSON in ASCII. A numpy array is
replaced by ``{"$array": name, "dtype": ..., "shape": [...]}``, whose numbers lie in a file of that
name; ``exchange`` has the parent's side of these files and ``inside.arrays`` the worker's.
"""

from __future__ import annotations

import json
import struct

MAX_FRAME = 32 * 2**20
"""Bytes; a longer frame is a broken or hostile peer."""
MAX_VALUES = 1_500_000
"""Values and names of one frame. Each takes some hundred bytes once it is read, however short."""
_HEADER = struct.Struct(">I")


class ProtocolError(Exception):
    """The peer sent a malformed frame, or named an unknown array."""


def pack(message: object) -> bytes:
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


def unpack(body: bytes) -> object:
    """Read a frame's body; raise ProtocolError where it is not JSON or has too many values.

    It must be ASCII, as ``pack`` writes it: one wide character makes all of a text take four
    bytes each.
    """
    if sum(body.count(mark) for mark in (b",", b"[", b"{", b":")) > MAX_VALUES:
        raise ProtocolError(f"a frame has more than {MAX_VALUES:,} values")
    try:
        message: object = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame is not JSON: {error}") from None
    return message
