"""Scan programs of torch.export: operators, names, expressions, pickled objects, libraries.

``torch.export.load`` writes Python text from the names in a program and runs it, resolves operators
by attribute access from ``torch``, evaluates symbolic shapes, unpickles opaque constants, and loads
compiled libraries. Each of these is checked here first; anything unknown is refused.
"""

from __future__ import annotations

import json
import keyword
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from zoodiff.errors import MeasurementError, RefusedError
from zoodiff.rules.security import climbs, refusal
from zoodiff.zoos.scan import archive, expressions, pickles
from zoodiff.zoos.scan.torch import torch_archive
from zoodiff.zoos.scan.torch.operators import (
    judgements,
    objection,
    objection_to_higher_order,
    overloads,
)
from zoodiff.zoos.scan.torch.program_schema import RECORDS, UNIONS

T = TypeVar("T")
_OBJECTS = re.compile(r"(custom_obj|opaque_obj)", re.IGNORECASE)
_LIBRARIES = re.compile(
    r"(^|/)(aotinductor|executorch|mtia)/|\.(so|dll|dylib|cubin|o|cpp|ptx)$", re.IGNORECASE
)
_PROGRAM = re.compile(r"models/\w[\w.-]*\.json", re.ASCII)
_PAYLOADS = re.compile(
    r"data/(weights/\w[\w.-]*_weights_config|constants/\w[\w.-]*_constants_config)\.json", re.ASCII
)
_PLAIN = re.compile(
    r"archive_format|archive_version|version|byteorder|\.format_version|\.storage_alignment"
    r"|\.data/(version|serialization_id)|data/weights/weight_[0-9]+|data/constants/tensor_[0-9]+"
    r"|data/(weights|constants|sample_inputs)/\w[\w.-]*\.pt|extra/.+",
    re.ASCII | re.DOTALL,
)
_FLAT = re.compile(
    r"version|serialized_(state_dict|constants|example_inputs)\.pt|extra_files/.+", re.DOTALL
)
"""Members of the archives of PyTorch 2.6 and 2.7, which have no folder."""
_FLAT_PROGRAM = "serialized_exported_program.json"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WORD = re.compile(r"[\w.:<=>+-]*", re.ASCII)
_OPERATOR = re.compile(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?", re.ASCII)
_LOOKED_UP = ("torch", "math", "_operator", "#")
"""Prefixes of the names that PyTorch resolves; other names remain text."""
_ARGUMENT = re.compile(r"[^\x00-\x1f\x7f\"'\\()=:,;#*]*")
"""The name of an input in a structure, which becomes the name of an argument."""
_TREES = re.compile(
    r"builtins\.(tuple|list|dict)|collections\.(OrderedDict|deque)|torch\.return_types\.\w+"
    r"|torch\.fx\.immutable_collections\.immutable_(list|dict)",
    re.ASCII,
)
_NAMED_TUPLE = "collections.namedtuple"
_LARGEST = 64 * 2**20


def check(path: Path) -> None:
    """Raise RefusedError for a program that could do more than compute."""
    listed = archive.check(path)
    for member in listed:
        if _LIBRARIES.search(member.filename):
            raise refusal("SEC104", f"{path} holds compiled code, {member.filename!r}")
        if _OBJECTS.search(member.filename.rpartition("/")[2]):
            raise refusal("SEC101", f"{path} holds a pickled object, {member.filename!r}")
    # If the first member is in a folder, PyTorch reads only that folder.
    flat = bool(listed) and "/" not in listed[0].filename
    members = torch_archive.flat_members(path) if flat else torch_archive.members(path)
    pickles.check_members(path, listed)
    with zipfile.ZipFile(path) as opened:
        for name, member in members.items():
            record = _kind_of_member(name, flat=flat)
            if record is None:
                raise refusal("SEC104", f"{path} holds {name!r}, which no program has")
            if record:
                _check_json(torch_archive.read(opened, member, path, _LARGEST), record, path)


def _kind_of_member(name: str, *, flat: bool) -> str | None:
    """Return the record that a member holds as JSON, "" for none, None for an unknown member."""
    if flat:
        return "ExportedProgram" if name == _FLAT_PROGRAM else "" if _FLAT.fullmatch(name) else None
    if _PROGRAM.fullmatch(name):
        return "ExportedProgram"
    if _PAYLOADS.fullmatch(name):
        return "PayloadConfig"
    return "" if _PLAIN.fullmatch(name) else None


def _check_json(content: bytes, record: str, path: Path) -> None:
    try:
        value = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MeasurementError(f"{path} is damaged ({type(error).__name__})") from None
    try:
        check_record(value, record)
    except RefusedError as error:
        code, _, sentence = str(error).partition(": ")
        raise refusal(code, f"{path} is not loaded: it {sentence}") from None


def check_record(value: object, record: str) -> None:
    """Raise RefusedError for a value that does not fit a record's schema or is dangerous.

    >>> check_record({"name": "x"}, "NamedValue")
    >>> check_record({"name": "x=evil()"}, "NamedValue")
    Traceback (most recent call last):
    zoodiff.errors.RefusedError: SEC104: calls a value 'x=evil()'
    """
    waiting: list[tuple[str, object]] = [(record, value)]
    while waiting:
        kind, value = waiting.pop()
        first, _, inner = kind.partition(" ")
        if first == "optional":
            if value is not None:
                waiting.append((inner, value))
        elif first == "list":
            waiting += [(inner, item) for item in _expect(value, list, kind)]
        elif first == "map":
            keys, _, values = inner.partition(" ")
            for key, item in _expect(value, dict, kind).items():
                waiting += [(keys, key), (values, item)]
        elif first in RECORDS or first in UNIONS:
            fields = RECORDS.get(first) or UNIONS[first]
            if first in UNIONS and len(_expect(value, dict, kind)) != 1:
                raise refusal("SEC104", f"holds no {first}")
            for name, item in _expect(value, dict, kind).items():
                if name not in fields:
                    raise refusal(
                        "SEC104", f"holds a {first} with the unknown field {_short(name)}"
                    )
                waiting.append((fields[name], item))
        else:
            _CHECKS[first](value)


def _expect(value: object, kind: type[T], description: str) -> T:
    if not isinstance(value, kind):
        raise refusal("SEC104", f"holds {_short(value)} in place of {description}")
    return value


def _short(value: object) -> str:
    return ascii(value)[:60]


def _check_name(value: object) -> None:
    """Check a name that becomes a variable in the text that PyTorch runs."""
    text = _expect(value, str, "a name")
    if not _NAME.fullmatch(text) or (text.startswith("__") and text.endswith("__")):
        raise refusal("SEC104", f"calls a value {_short(text)}")


def _check_parameter(value: object) -> None:
    if value != "" and not (isinstance(value, str) and keyword.iskeyword(value)):
        _check_name(value)


def _check_path(value: object) -> None:
    """Check a dotted name of a module or parameter, which PyTorch pastes between quotes."""
    text = _expect(value, str, "a name")
    plain = text.isprintable() and not any(mark in text for mark in "\"'\\")
    if not plain or any(part.startswith("__") for part in text.split(".")):
        raise refusal("SEC104", f"calls a weight or a module {_short(text)}")


def _check_word(value: object) -> None:
    text = _expect(value, str, "a word")
    if _OBJECTS.search(text):
        raise refusal("SEC101", f"takes a constant from {_short(text)}")
    if climbs(text) or not _WORD.fullmatch(text):
        raise refusal("SEC101" if climbs(text) or "/" in text else "SEC104", f"says {_short(text)}")


def _check_expression(value: object) -> None:
    if not expressions.is_arithmetic(_expect(value, str, "an expression")):
        raise refusal("SEC106", f"holds the expression {_short(value)}")


def _check_guard(value: object) -> None:
    if not expressions.is_guard(_expect(value, str, "a condition")):
        raise refusal("SEC106", f"holds the condition {_short(value)}")


def _check_operator(value: object) -> None:
    target = _expect(value, str, "an operator")
    if not target.startswith(_LOOKED_UP):
        return
    match = _OPERATOR.fullmatch(target)
    if match is None:
        reason = None if target in judgements().python else "is no operator"
    elif match[1] == "higher_order":
        reason = "is no operator" if match[3] else objection_to_higher_order(match[2])
    else:
        operator = f"{match[1]}::{match[2]}"
        known = {name or "default" for name in overloads(operator)}
        reason = objection(operator)
        if reason is None and (match[3] is None or (known and match[3] not in known)):
            reason = "is no operator by its full name"
    if reason:
        raise refusal("SEC104", f"calls {_short(target)}, which {reason}")


def _check_inputs(value: object) -> None:
    for key in _keys_of_tree(value):
        if isinstance(key, str) and not _ARGUMENT.fullmatch(key):
            raise refusal("SEC104", f"calls an argument {_short(key)}")


def _check_outputs(value: object) -> None:
    for _ in _keys_of_tree(value):
        pass


def _keys_of_tree(value: object) -> Iterator[object]:
    """Yield the keys in a structure of inputs or outputs.

    Raises RefusedError for a structure of other types than tuples, lists and dictionaries with
    plain keys: PyTorch would import the modules that they name.
    """
    version, root = _pair(_json(value))
    if version != 1:
        raise refusal("SEC104", f"holds a structure of the unknown version {_short(version)}")
    waiting = [root]
    while waiting:
        node = _expect(waiting.pop(), dict, "a structure")
        kind, context = node.get("type"), node.get("context")
        if set(node) != {"type", "context", "children_spec"}:
            raise refusal("SEC104", "holds an unknown structure")
        waiting += _expect(node["children_spec"], list, "a structure")
        if kind == _NAMED_TUPLE:
            _expect(context, str, "the name of a class")  # that PyTorch must know already
        elif kind is not None:
            if not (isinstance(kind, str) and _TREES.fullmatch(kind)):
                raise refusal("SEC105", f"builds a structure of the type {_short(kind)}")
            keys = _json(context)
            for key in keys if isinstance(keys, list) else [keys]:
                if not isinstance(key, str | bool | int | float | None):
                    raise refusal("SEC105", f"has the key {_short(key)} in a structure")
                yield key


def _json(text: object) -> object:
    try:
        value: object = json.loads(_expect(text, str, "a structure"))
    except (ValueError, RecursionError):
        raise refusal("SEC104", f"holds {_short(text)} in place of a structure") from None
    return value


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise refusal("SEC104", f"holds {_short(value)} in place of a structure")
    return value[0], value[1]


def _check_object(value: object) -> None:
    raise refusal("SEC101", f"holds an object, {_short(value)}")


def _check_pickled(value: object) -> None:
    if _expect(value, bool, "yes or no"):
        raise refusal("SEC101", "holds weights or constants as pickled objects")


def _of_type(*types: type) -> Callable[[object], None]:
    def check_type(value: object) -> None:
        if not isinstance(value, types):
            names = " or ".join(expected.__name__ for expected in types)
            raise refusal("SEC104", f"holds {_short(value)} in place of {names}")

    return check_type


def _check_float(value: object) -> None:
    known = isinstance(value, str) and value in {"Infinity", "-Infinity", "NaN"}
    if not known and not isinstance(value, int | float):
        raise refusal("SEC104", f"holds {_short(value)} in place of a number")


_CHECKS: dict[str, Callable[[object], None]] = {
    "bool": _of_type(bool),
    "expression": _check_expression,
    "float": _check_float,
    "guard": _check_guard,
    "inputs": _check_inputs,
    "int": _of_type(int),
    "name": _check_name,
    "none": _of_type(bool, type(None)),
    "object": _check_object,
    "operator": _check_operator,
    "outputs": _check_outputs,
    "parameter": _check_parameter,
    "path": _check_path,
    "pickled": _check_pickled,
    "text": _of_type(str),
    "word": _check_word,
}
