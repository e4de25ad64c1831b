"""Return the source code that confines a worker, for the parent to send.

A worker must not import from a folder before it is confined, so the parent reads these modules and
sends them through the pipe; see ``zoodiff.workers.inside.bootstrap``.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import marshal
from importlib.machinery import ModuleSpec
from pathlib import Path

from zoodiff.workers.sandbox import confine

_PACKAGES = ("py_landlock", "pyseccomp")


@functools.cache
def sources() -> dict[str, str]:
    """Return source texts by module name, without packages that are not installed."""
    texts = {"confine": Path(confine.__file__).read_text(encoding="utf-8")}
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None:
            texts |= _texts(name, spec)
    return texts


@functools.cache
def compiled() -> dict[str, str]:
    """Return the compiled modules in base64 by name, for workers with this interpreter."""
    return {
        name: base64.b64encode(marshal.dumps(compile(text, f"<{name}>", "exec"))).decode("ascii")
        for name, text in sources().items()
    }


def _texts(name: str, spec: ModuleSpec) -> dict[str, str]:
    if not spec.submodule_search_locations:
        return {name: Path(str(spec.origin)).read_text(encoding="utf-8")}
    texts = {}
    for file in sorted(Path(spec.submodule_search_locations[0]).glob("*.py")):
        module = name if file.stem == "__init__" else f"{name}.{file.stem}"
        texts[module] = file.read_text(encoding="utf-8")
    return texts
