"""Messages between the command and the process that parses containers.

A frame is the length of a JSON object (4 bytes, big-endian), the length of the bytes that follow
it (4 bytes), the object and the bytes. Standard library only.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_HEAD = struct.Struct(">II")
LONGEST_OBJECT = 8 << 20
LONGEST_BYTES = 1 << 27
"""An image, or the predictions for a data set."""


class BrokenFrameError(Exception):
    """The other side sent an invalid or too long frame."""


class Link:
    """One end of a socket on which frames travel."""

    def __init__(self, socket_: socket.socket) -> None:
        self._socket = socket_
        self._stream = socket_.makefile("rb")

    def send(self, message: dict[str, Any], content: bytes | memoryview = b"") -> None:
        """Send an object and bytes; raise OSError if the other side has ended."""
        said = json.dumps(message, separators=(",", ":")).encode()
        self._socket.sendall(_HEAD.pack(len(said), len(content)) + said)
        if len(content):
            self._socket.sendall(content)

    def receive(self, longest: int = LONGEST_BYTES) -> tuple[dict[str, Any], bytes] | None:
        """Receive the next object and its bytes; None if the other side closed the socket.

        Raises BrokenFrameError for what is no frame or a longer one than ``longest``, TimeoutError
        where the socket has a time limit and nothing came.
        """
        head = self._stream.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        said, size = _HEAD.unpack(head)
        if said > LONGEST_OBJECT or size > longest:
            raise BrokenFrameError(f"an answer of {said + size:,} bytes")
        text, content = self._stream.read(said), self._stream.read(size)
        if len(text) < said or len(content) < size:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise BrokenFrameError("an answer that is not JSON") from None
        if not isinstance(found, dict):
            raise BrokenFrameError("an answer that is no object")
        return found, content

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()
        self._socket.close()
