"""The first code that runs in a worker: it confines the process before any folder is imported from.

The parent passes this text to the interpreter (``python -I -S -c``), so nothing of it is looked up
on ``sys.path``. What confines the process arrives through the request pipe, as source text or
compiled; until it has run, only the interpreter's own library is imported. Standard library only.
"""

from __future__ import annotations

import binascii
import importlib
import importlib.abc
import importlib.machinery
import json
import marshal
import os
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any


class _Sent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules that the parent sent, as source text or compiled."""

    def __init__(self, modules: Mapping[str, str], *, compiled: bool) -> None:
        self._modules, self._compiled = modules, compiled

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec for a module that was sent, None for any other."""
        if name not in self._modules:
            return None
        package = any(other.startswith(name + ".") for other in self._modules)
        return importlib.machinery.ModuleSpec(name, self, is_package=package)

    def exec_module(self, module: ModuleType) -> None:
        """Run a module."""
        name = module.__name__
        text = self._modules[name]
        if self._compiled:
            exec(marshal.loads(binascii.a2b_base64(text)), module.__dict__)
        else:
            exec(compile(text, f"<{name}>", "exec"), module.__dict__)


def _exactly(descriptor: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, size - len(parts))
        if not part:
            os._exit(0)  # the parent is gone
        parts += part
    return bytes(parts)


def _confine(start: Mapping[str, Any]) -> None:
    """Apply every protection, by modules that are gone again afterwards."""
    sent = _Sent(start["modules"], compiled=start["compiled"])
    sys.meta_path.insert(0, sent)
    before = set(sys.modules)
    confine = importlib.import_module("confine")
    confine.confine(start["scratch"], start["memory"])
    sys.meta_path.remove(sent)
    for name in set(sys.modules) - before:
        if name in start["modules"]:
            del sys.modules[name]


def main() -> None:
    """Read how to start, confine the process if asked to, and serve requests."""
    requests, replies = int(sys.argv[1]), int(sys.argv[2])
    del sys.argv[1:]
    start = json.loads(_exactly(requests, int.from_bytes(_exactly(requests, 4), "big")))
    if start["memory"] is not None:
        _confine(start)
    import site

    site.main()  # -S left it out: it runs code that lies in folders
    sys.path[:0] = start["path"]
    from zoodiff.workers.inside.child import serve

    serve(start, requests, replies)


if __name__ == "__main__":
    main()
