"""The first code in a worker: it confines the process before anything is imported from a folder.

The parent passes this text to the interpreter (``python -I -S -c``), so none of it is looked up on
``sys.path``. The modules that confine the process arrive through the request pipe, as source text
or compiled; until they have run, only the interpreter's own library is imported. Standard library
only.
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


class _SentModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules that the parent sent, as source text or compiled."""

    def __init__(self, modules: Mapping[str, str], *, compiled: bool) -> None:
        self._modules, self._compiled = modules, compiled

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec for a module that was sent, None for any other."""
        if name not in self._modules:
            return None
        package = any(module_name.startswith(name + ".") for module_name in self._modules)
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
    """Apply every protection, with the parent's modules, which are removed afterwards."""
    sent = _SentModules(start["modules"], compiled=start["compiled"])
    sys.meta_path.insert(0, sent)
    before = set(sys.modules)
    confine = importlib.import_module("confine")
    confine.confine(start["scratch"], start["memory"])
    sys.meta_path.remove(sent)
    for name in set(sys.modules) - before:
        if name in start["modules"]:
            del sys.modules[name]


def main() -> None:
    """Read the first message, confine the process if it says so, and serve requests."""
    requests, replies = int(sys.argv[1]), int(sys.argv[2])
    del sys.argv[1:]
    start = json.loads(_exactly(requests, int.from_bytes(_exactly(requests, 4), "big")))
    if start["memory"] is not None:
        _confine(start)
    import site

    site.main()  # omitted by -S, because it runs code from folders
    sys.path[:0] = start["path"]
    from zoodiff.workers.inside.child import serve

    serve(start, requests, replies)


if __name__ == "__main__":
    main()
