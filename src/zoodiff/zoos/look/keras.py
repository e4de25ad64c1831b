"""Keras files: what their configuration names, and what their weights point at.

Keras's own safe mode refuses Lambda layers; it imports other modules and opens the files that some
layers name, so both are looked at here.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import refusal
from zoodiff.zoos.look import allowed, archive, hdf5

_PARTS_TEXT = (
    "activations backend constraints dtype_policies initializers layers legacy losses metrics "
    "models ops optimizers quantizers random regularizers"
)
_PARTS = frozenset(_PARTS_TEXT.split())
"""Of the package keras, what a network may be made of: nothing there fetches or runs."""
_CODE = {
    "Lambda": "a Lambda layer",
    "__lambda__": "a lambda function",
    "TorchModuleWrapper": "a pickled module of PyTorch",
    "JaxLayer": "a function of JAX",
    "FlaxLayer": "a module of Flax",
}
_READS = frozenset({"TFSMLayer"})
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


def _objects(config: Any) -> Iterator[dict[str, Any]]:
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
    module, kind = one.get("module"), one.get("class_name")
    registered = one.get("registered_name")
    if kind in _READS:
        raise refusal("SEC110", f"{path} has a {kind}, which loads another model from a path")
    if isinstance(registered, str) and ">" in registered:
        raise refusal("SEC105", f"{path} needs the class {registered!r}, which Keras does not have")
    if module in {None, "", "builtins"}:
        inner = one.get("config")
        if module == "builtins" and kind == "function":
            raise refusal("SEC105", f"{path} needs the function {inner!r} of a stranger")
        return
    parts = str(module).split(".")
    inside = parts[2:] if parts[:2] == ["keras", "src"] else parts[1:]
    if parts[0] != "keras" or (inside and inside[0] not in _PARTS):
        raise refusal(
            "SEC105",
            f"{path} needs {kind!r} of the module {module!r}, which is no part of a network",
        )


def _check_paths(kind: str, inner: dict[str, Any], path: Path) -> None:
    for key in sorted(_PATHS & inner.keys()):
        if isinstance(inner[key], str):
            raise refusal("SEC110", f"{path} has a {kind} whose {key} is the file {inner[key]!r}")
