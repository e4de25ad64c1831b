"""Scan Keras files: the classes in their configuration and the links in their weights.

Keras's own safe mode refuses only Lambda layers: it still resolves any other function and class of
Keras, calls functions in a layer's arguments, and opens the files that some layers name. Here a
configuration may name only the objects allowed in ``keras_objects.toml``, and no paths.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import refusal
from zoodiff.zoos.scan import allowed, archive, hdf5
from zoodiff.zoos.scan.judged import UNKNOWN, judged

_CODE = {
    "Lambda": "a Lambda layer",
    "__lambda__": "a lambda function",
    "TorchModuleWrapper": "a pickled module of PyTorch",
    "JaxLayer": "a function of JAX",
    "FlaxLayer": "a module of Flax",
}
_READS = frozenset({"TFSMLayer"})
_PLAIN = frozenset(
    {"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__"}
)
"""Class names that Keras writes for plain values."""
_BARE = ("activations", "constraints", "initializers", "losses", "metrics", "regularizers")
"""Modules in which Keras searches for a function that is named without its module."""
_PATHS = frozenset({"vocabulary", "idf_weights", "filepath", "filename", "path", "url", "origin"})
_LARGEST = 64 * 2**20


def check(path: Path) -> bool:
    """Scan a Keras file; return whether it carries code, which the user allowed.

    Raises RefusedError: SEC103 for code that the user did not allow, SEC105 for classes and
    functions that are not layers of Keras, SEC110 for other files.
    """
    members = archive.check(path)
    try:
        with zipfile.ZipFile(path) as opened:
            code = _check_config(opened, path)
            for member in members:
                if member.filename.endswith((".h5", ".hdf5")):
                    _check_weights(opened, member, path)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise MeasurementError(f"{path} is a damaged archive ({error})") from None
    if code:
        allowed.demand(path, ", ".join(code[:5]))
    return bool(code)


def _check_weights(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    where = f"{member.filename!r} in {path}"
    if member.compress_type == zipfile.ZIP_STORED:
        with opened.open(member) as file:
            hdf5.check(file, where)
    else:
        hdf5.check(io.BytesIO(opened.read(member)), where)


def _check_config(opened: zipfile.ZipFile, path: Path) -> list[str]:
    """Return a description of each piece of code in a configuration."""
    member = opened.getinfo("config.json")
    if member.file_size > _LARGEST:
        raise refusal("SEC122", f"the configuration of {path} has {member.file_size:,} bytes")
    try:
        config = json.loads(opened.read(member))
    except (ValueError, RecursionError) as error:
        raise MeasurementError(
            f"{path} holds no configuration that can be read ({type(error).__name__})"
        ) from None
    code = []
    for entry in _objects(config):
        kind, inner = entry.get("class_name"), entry.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(kind, str) and kind in _CODE:
            code.append(f"{_CODE[kind]} {name!r}" if name else _CODE[kind])
            continue
        _check_origin(entry, path)
        if isinstance(inner, dict):
            _check_paths(str(kind), inner, path)
    return list(dict.fromkeys(code))


def _objects(config: object) -> Iterator[dict[str, Any]]:
    """Yield the dictionaries that name a class, which the loader would build."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            if str(value.get("class_name")) not in _CODE:  # code is reported as a whole
                waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _check_origin(entry: dict[str, Any], path: Path) -> None:
    module, kind, registered = (entry.get(k) for k in ("module", "class_name", "registered_name"))
    function = kind == "function"
    name = entry.get("config") if function else kind
    if not isinstance(name, str) or not isinstance(module or "", str):
        raise refusal("SEC105", f"{path} needs an object whose class is {name!r} of {module!r}")
    if name in _READS:
        raise refusal("SEC110", f"{path} has a {name}, which loads another model from a path")
    if kind in _PLAIN:
        return
    # Some parts of Keras use the registered name instead.
    if registered and registered not in (kind, name):
        raise refusal("SEC105", f"{path} needs the class {registered!r}, which Keras does not have")
    bare = module in {None, "", "builtins"}
    if why := _why_not_bare(name) if bare else _why_not(str(module), name, function=function):
        where = "" if bare else f" of the module {module!r}"
        raise refusal("SEC105", f"{path} needs {name!r}{where}, which {why}")


def _why_not(module: str, name: str, *, function: bool) -> str | None:
    """Return why an object is refused, or None; its module may be the one that defines it."""
    objects, full = judged("keras_objects"), f"{module}.{name}"
    if full in objects.allowed:
        return None
    if why := objects.because(full) or objects.because(full.replace("keras.src.", "keras.", 1)):
        return why
    inside = module == "keras" or module.startswith("keras.")
    return None if inside and not function and name in _classes() else UNKNOWN


def _why_not_bare(name: str) -> str | None:
    """Return why an object without a module is refused, or None."""
    objects = judged("keras_objects")
    known = name in _classes() or any(f"keras.{part}.{name}" in objects.allowed for part in _BARE)
    return None if known else UNKNOWN


@cache
def _classes() -> frozenset[str]:
    """Return the names of the allowed classes, without modules; function names are lower case."""
    names = (full.rpartition(".")[2] for full in judged("keras_objects").allowed)
    return frozenset(name for name in names if name[:1].isupper())


def _check_paths(kind: str, inner: dict[str, Any], path: Path) -> None:
    for key in sorted(_PATHS & inner.keys()):
        value = inner[key]
        array = isinstance(value, dict) and value.get("class_name") in {"__numpy__", "__tensor__"}
        if not array and isinstance(value, (str, dict)):
            raise refusal("SEC110", f"{path} has a {kind} whose {key} is the file {value!r}")
