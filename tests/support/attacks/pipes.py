"""Reach around the worker's own code: what it is asked, and what it answers."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from zoodiff.workers import protocol


def _local(name: str) -> Any:
    """A local variable of the main loop, which runs above."""
    frame = sys._getframe()
    while frame is not None:
        if name in frame.f_locals and "request_stream" in frame.f_locals:
            return frame.f_locals[name]
        frame = frame.f_back  # type: ignore[assignment]
    raise LookupError(name)


def request() -> dict[str, Any]:
    """The request that is being answered."""
    found: dict[str, Any] = _local("request")
    return found


def requests() -> BinaryIO:
    """The pipe that requests come in by."""
    found: BinaryIO = _local("request_stream")
    return found


def replies() -> BinaryIO:
    """The pipe that answers go out by."""
    found: BinaryIO = _local("reply_stream")
    return found


def send(data: bytes) -> None:
    """Write bytes into the pipe of answers at once."""
    stream = replies()
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def frame(body: bytes, length: int | None = None) -> bytes:
    """A frame, whose length may be a lie."""
    return struct.pack(">I", len(body) if length is None else length) + body


def answer(**fields: Any) -> bytes:
    """The frame of a well-formed answer to the request."""
    return frame(json.dumps({"id": request()["id"], **fields}).encode())


class _Instead:
    """Takes the place of what makes a frame's header, once."""

    def __init__(self, data: bytes, then: Callable[[], object] | None) -> None:
        self._data, self._then, self._usual = data, then, protocol._HEADER

    def pack(self, length: int) -> _Instead:
        """Put the usual one back."""
        protocol._HEADER = self._usual
        return self

    def __add__(self, body: bytes) -> bytes:
        if self._then is None:
            return self._data
        send(self._data)
        self._then()
        return b""


def instead(*frames: bytes, then: Callable[[], object] | None = None) -> None:
    """Send these bytes in place of the answer, and go on serving afterwards."""
    protocol._HEADER = _Instead(b"".join(frames), then)  # type: ignore[assignment]
