"""Scan Keras files: the classes in their configuration and the links in their weights.

Keras's own safe mode refuses Lambda layers; it finds any other function and class of Keras, calls
functions that layers are given, and opens the files that some layers name. So a configuration may
name what is allowed in ``keras_objects.toml``, and no paths.
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
"""What Keras writes for values that are no objects of its own."""
_BARE = ("activations", "constraints", "initializers", "losses", "metrics", "regularizers")
"""Parts of Keras in which it looks for a function that is named without its module."""
_PATHS = frozenset({"vocabulary", "idf_weights", "filepath", "filename", "path", "url", "origin"})
_LARGEST = 64 * 2**20


def check(path: Path) -> bool:
    """Look at a Keras file; return whether it carries code that the user allowed.

    Raises RefusedError: SEC103 for code that nobody allowed, SEC105 for classes and functions that
    are not layers of Keras, SEC110 for what lies elsewhere.
    """
    members = archive.check(path)
    try:
        with zipfile.ZipFile(path) as opened:
            code = _check_config(opened, path)
            for one in members:
                if one.filename.endswith((".h5", ".hdf5")):
                    _check_weights(opened, one, path)
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
    """The code that a configuration carries, each piece in words."""
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
    for one in _objects(config):
        kind, inner = one.get("class_name"), one.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(kind, str) and kind in _CODE:
            code.append(f"{_CODE[kind]} {name!r}" if name else _CODE[kind])
            continue
        _check_origin(one, path)
        if isinstance(inner, dict):
            _check_paths(str(kind), inner, path)
    return list(dict.fromkeys(code))


def _objects(config: object) -> Iterator[dict[str, Any]]:
    """Everything that the loader would build: dictionaries that name a class."""
    waiting = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                yield one
            if str(one.get("class_name")) not in _CODE:  # what is in code is code
                waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _check_origin(one: dict[str, Any], path: Path) -> None:
    module, kind, registered = (one.get(k) for k in ("module", "class_name", "registered_name"))
    function = kind == "function"
    name = one.get("config") if function else kind
    if not isinstance(name, str) or not isinstance(module or "", str):
        raise refusal("SEC105", f"{path} needs an object whose class is {name!r} of {module!r}")
    if name in _READS:
        raise refusal("SEC110", f"{path} has a {name}, which loads another model from a path")
    if kind in _PLAIN:
        return
    # Some parts of Keras take the function of this name instead.
    if registered and registered not in (kind, name):
        raise refusal("SEC105", f"{path} needs the class {registered!r}, which Keras does not have")
    bare = module in {None, "", "builtins"}
    if why := _why_not_bare(name) if bare else _why_not(str(module), name, function=function):
        where = "" if bare else f" of the module {module!r}"
        raise refusal("SEC105", f"{path} needs {name!r}{where}, which {why}")


def _why_not(module: str, name: str, *, function: bool) -> str | None:
    """Why an object may not be named; its module may be the one that defines it."""
    objects, full = judged("keras_objects"), f"{module}.{name}"
    if full in objects.allowed:
        return None
    if why := objects.because(full) or objects.because(full.replace("keras.src.", "keras.", 1)):
        return why
    inside = module == "keras" or module.startswith("keras.")
    return None if inside and not function and name in _classes() else UNKNOWN


def _why_not_bare(name: str) -> str | None:
    """Why an object may not be named without its module."""
    objects = judged("keras_objects")
    found = name in _classes() or any(f"keras.{part}.{name}" in objects.allowed for part in _BARE)
    return None if found else UNKNOWN


@cache
def _classes() -> frozenset[str]:
    """Names of the classes that are allowed, without their modules; functions are in lower case."""
    names = (full.rpartition(".")[2] for full in judged("keras_objects").allowed)
    return frozenset(name for name in names if name[:1].isupper())


def _check_paths(kind: str, inner: dict[str, Any], path: Path) -> None:
    for key in sorted(_PATHS & inner.keys()):
        value = inner[key]
        array = isinstance(value, dict) and value.get("class_name") in {"__numpy__", "__tensor__"}
        if not array and isinstance(value, (str, dict)):
            raise refusal("SEC110", f"{path} has a {kind} whose {key} is the file {value!r}")
