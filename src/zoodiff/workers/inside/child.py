"""The worker's main loop; ``bootstrap`` starts it in a confined process.

Standard library and numpy only. The output of a framework goes to the log and never into the
protocol, because the two pipes have their own file descriptors.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from zoodiff.errors import ZoodiffError
from zoodiff.workers import protocol
from zoodiff.workers.inside.arrays import WorkerArrays
from zoodiff.workers.inside.handlers import Handlers
from zoodiff.workers.sandbox.confine import allow_cpu, no_core_dumps

if TYPE_CHECKING:
    from zoodiff.zoos.base import Backend

_SECONDS = 900.0
"""Time limit of a request that states none."""


def serve(start: Mapping[str, Any], requests: int, replies: int) -> NoReturn:
    """Serve requests until the parent closes the pipe.

    ``start`` is the parent's first message: ``backend``, ``scratch``, ``incoming`` and ``memory``
    (bytes; None if the process is not confined). ``requests`` and ``replies`` are descriptors.
    """
    _die_with_parent()
    # The parent handles Ctrl-C: it stores finished results and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    confined = start["memory"] is not None
    if not confined:
        no_core_dumps()
    arrays = WorkerArrays(incoming=Path(start["incoming"]), scratch=Path(start["scratch"]))
    handlers = Handlers(lambda: _backend(start["backend"]), arrays)
    with (
        os.fdopen(requests, "rb", buffering=0) as request_stream,
        os.fdopen(replies, "wb", buffering=0) as reply_stream,
    ):
        while (request := _read(request_stream)) is not None:
            if confined:
                allow_cpu(float(request.get("seconds", _SECONDS)))
            _write(reply_stream, protocol.pack(_answer(handlers, request)))
    _leave()


def _leave() -> NoReturn:
    """End the process at once, without the slow shutdown of the framework.

    Temporary folders are removed as at any exit.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _answer(handlers: Handlers, request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"id": request.get("id")}
    try:
        answer["result"] = handlers.call(request["method"], request["params"])
    except ZoodiffError as error:
        answer["error"] = {"kind": type(error).__name__, "message": str(error)}
    except Exception as error:
        answer["error"] = {
            "kind": "Unexpected",
            "message": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}",
            "traceback": traceback.format_exc(),
        }
    return answer


def _backend(name: str) -> Backend:
    module, _, attribute = name.partition(":")
    backend: Backend = getattr(importlib.import_module(module), attribute)()
    return backend


def _read(stream: BinaryIO) -> dict[str, Any] | None:
    header = _exactly(stream, 4)
    if header is None:
        return None
    body = _exactly(stream, protocol.body_length(header))
    if body is None:
        return None
    request = protocol.unpack(body)
    assert isinstance(request, dict)  # the parent is trusted
    return request


def _write(stream: BinaryIO, frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[stream.write(view) :]


def _exactly(stream: BinaryIO, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = stream.read(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies, even by kill -9."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
