"""Programs of torch.export: operators, expressions, pickled objects and compiled libraries.

``torch.export.load`` looks up operators by walking names from ``torch``, evaluates symbolic shapes
as Python, unpickles opaque constants, and loads compiled libraries; each is looked at here first.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import climbs, refusal
from zoodiff.zoos.look import archive, expressions, pickles

_SPACES = frozenset({"aten", "prim", "prims", "torchvision", "quantized", "quantized_decomposed"})
_HIGHER = frozenset({"cond", "wrap_with_set_grad_enabled", "wrap_with_autocast", "scan"})
_FILES = frozenset({"from_file", "save", "load"})
_PYTHON_TEXT = (
    "getitem add sub mul truediv floordiv mod pow neg pos abs eq ne lt le gt ge and_ or_ not_ "
    "ceil floor trunc sqrt round"
)
_PYTHON = frozenset(_PYTHON_TEXT.split())
"""Of the modules operator and math."""
_SYMBOLIC = frozenset(
    {"sym_int", "sym_float", "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_ite"}
)
_OBJECTS = re.compile(r"(custom_obj|opaque_obj)", re.IGNORECASE)
_LIBRARIES = re.compile(r"(^|/)(aotinductor|executorch|mtia)/|\.(so|dll|dylib|cubin|o)$")
_LARGEST = 256 * 2**20


def check(path: Path) -> None:
    """Raise RefusedError for a program that could do more than compute."""
    members = archive.check(path)
    for one in members:
        if _LIBRARIES.search(one.filename):
            raise refusal("SEC104", f"{path} holds compiled code, {one.filename!r}")
        if _OBJECTS.search(one.filename.rpartition("/")[2]):
            raise refusal("SEC101", f"{path} holds a pickled object, {one.filename!r}")
    pickles.check_members(path, members)
    with zipfile.ZipFile(path) as opened:
        for one in members:
            if one.filename.endswith(".json"):
                _check_json(opened, one, path)


def _check_json(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    if member.file_size > _LARGEST:
        raise refusal("SEC122", f"{member.filename!r} in {path} has {member.file_size:,} bytes")
    try:
        content = json.loads(opened.read(member))
    except (ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise MeasurementError(f"{path} is damaged ({type(error).__name__})") from None
    for key, value in _strings(content):
        if key == "target":
            _check_target(value, path)
        elif key == "expr_str":
            if not expressions.is_arithmetic(value):
                raise refusal("SEC106", f"{path} holds the expression {value[:60]!r}")
        elif key == "path_name" and (climbs(value) or _OBJECTS.search(value)):
            raise refusal("SEC101", f"{path} takes a constant from {value!r}")
        elif key == "guards_code" and not expressions.is_guard(value):
            raise refusal("SEC106", f"{path} holds the condition {value[:60]!r}")


def _strings(content: Any) -> Iterator[tuple[str, str]]:
    """Every text with the key under which it stands."""
    waiting: list[tuple[str, Any]] = [("", content)]
    while waiting:
        key, one = waiting.pop()
        if isinstance(one, dict):
            if "inputs" not in one and isinstance(one.get("target"), str):
                one = {**one, "target": None}  # a weight of the signature, not an operator
            waiting += [(str(name), value) for name, value in one.items()]
            if key == "range_constraints":  # its keys are evaluated as well
                waiting += [("expr_str", str(name)) for name in one]
        elif isinstance(one, list):
            waiting += [(key, value) for value in one]
        elif isinstance(one, str):
            yield key, one


def _check_target(target: str, path: Path) -> None:
    """Only what begins like this is looked up; everything else stays a text."""
    if not target.startswith(("torch", "math", "_operator", "#")):
        return
    parts = target.split(".")
    known = False
    if parts[:2] == ["torch", "ops"] and len(parts) in {4, 5}:
        known = parts[2] in _SPACES and parts[3] not in _FILES
        known |= parts[2] == "higher_order" and parts[3] in _HIGHER
    elif parts[0] in {"_operator", "math"} and len(parts) == 2:
        known = parts[1] in _PYTHON
    elif parts[0] == "torch" and len(parts) == 2:
        known = parts[1] in _SYMBOLIC
    if not known:
        raise refusal("SEC104", f"{path} calls {target!r}, which may do more than compute")
