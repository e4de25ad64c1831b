"""The worker's own main loop: ``python -m zoodiff.workers.child``.

Standard library and numpy only. Anything a framework prints goes to the log, never into the
protocol, because the two pipes are file descriptors of their own.
"""

from __future__ import annotations

import argparse
import atexit
import ctypes
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from zoodiff.errors import ZoodiffError
from zoodiff.workers import protocol
from zoodiff.workers.handlers import Handlers
from zoodiff.workers.sandbox.confine import allow_cpu, confine, no_core_dumps

_SECONDS = 900.0
"""Of a request that does not say how long it may take."""


def main() -> NoReturn:
    """Serve requests until the parent closes the pipe."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--replies", type=int, required=True)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument(
        "--memory", type=int, help="Bytes; the worker opens foreign files and confines itself."
    )
    options = parser.parse_args()
    _die_with_parent()
    # Ctrl-C is the parent's to handle: it finishes what is finished and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if options.memory is None:
        no_core_dumps()
    else:
        confine(options.scratch, options.memory)
    handlers = Handlers(lambda: _backend(options.backend), options.scratch)
    with (
        os.fdopen(options.requests, "rb", buffering=0) as requests,
        os.fdopen(options.replies, "wb", buffering=0) as replies,
    ):
        while (request := _read(requests)) is not None:
            if options.memory is not None:
                allow_cpu(float(request.get("seconds", _SECONDS)))
            replies.write(protocol.pack(_answer(handlers, request)))
    _leave()


def _leave() -> NoReturn:
    """End the process at once: taking a framework down takes a second, and nobody needs it.

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


def _backend(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)()


def _read(stream: BinaryIO) -> dict[str, Any] | None:
    header = _exactly(stream, 4)
    if header is None:
        return None
    body = _exactly(stream, protocol.body_length(header))
    return None if body is None else protocol.unpack(body)


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


if __name__ == "__main__":
    main()
