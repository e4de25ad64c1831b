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
"""Most bytes that follow an object: an image, or the predictions for a data set."""


class BrokenFrameError(Exception):
    """The other side sent an invalid or too long frame."""


class Link:
    """One end of a socket that sends and receives frames."""

    def __init__(self, socket_: socket.socket) -> None:
        self._socket = socket_
        self._stream = socket_.makefile("rb")

    def send(self, message: dict[str, Any], content: bytes | memoryview = b"") -> None:
        """Send an object and bytes; raise OSError if the other side has ended."""
        encoded = json.dumps(message, separators=(",", ":")).encode()
        self._socket.sendall(_HEAD.pack(len(encoded), len(content)) + encoded)
        if len(content):
            self._socket.sendall(content)

    def receive(self, longest: int = LONGEST_BYTES) -> tuple[dict[str, Any], bytes] | None:
        """Receive the next object and its bytes; None if the other side closed the socket.

        Raises BrokenFrameError for an invalid frame or more than ``longest`` bytes, TimeoutError if
        the socket has a time limit and nothing arrives.
        """
        head = self._stream.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        text_size, size = _HEAD.unpack(head)
        if text_size > LONGEST_OBJECT or size > longest:
            raise BrokenFrameError(f"an answer of {text_size + size:,} bytes")
        text, content = self._stream.read(text_size), self._stream.read(size)
        if len(text) < text_size or len(content) < size:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise BrokenFrameError("an answer that is not JSON") from None
        if not isinstance(value, dict):
            raise BrokenFrameError("an answer that is no object")
        return value, content

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()
        self._socket.close()
