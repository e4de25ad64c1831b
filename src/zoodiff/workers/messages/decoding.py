"""Convert messages to plain values and back.

A worker that has opened an untrusted file may send anything, so ``decode`` accepts exactly the
declared fields with the declared types.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NewType, Protocol, TypeVar, Union

from zoodiff.workers.protocol import ProtocolError

T = TypeVar("T")
_LARGEST_INTEGER = 2**63


class Message(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


def encode(message: Message) -> dict[str, object]:
    """Return the fields of a message as plain values."""
    return dataclasses.asdict(message)


def decode(kind: type[T], raw: object) -> T:
    """Return ``raw`` as the type ``kind``.

    Raises ProtocolError for a missing or unknown field, a field of another type, or a number that
    is not finite.
    """
    message = _decoded(kind, raw, kind.__name__)
    assert isinstance(message, kind)
    return message


@functools.cache
def _hints(kind: type) -> dict[str, object]:
    return typing.get_type_hints(kind)


def _decoded(kind: object, raw: object, where: str) -> object:
    if isinstance(kind, NewType):
        kind = kind.__supertype__
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        value = _of_fields(typing.cast("type[Any]", kind), raw, where)
    elif origin in {Union, types.UnionType}:
        value = _of_union(typing.get_args(kind), raw, where)
    elif origin is dict and isinstance(raw, dict):
        inner = typing.get_args(kind)[1]
        value = {key: _decoded(inner, item, f"{where}.{key}") for key, item in raw.items()}
    elif origin in {list, tuple} and isinstance(raw, list | tuple):
        value = _of_list(origin, typing.get_args(kind), list(raw), where)
    elif _fits(kind, raw):
        # A worker's own values may be of a subclass, such as torch's version, a subclass of str.
        value = raw
        if isinstance(raw, int | float) and kind is float:
            value = float(raw)
        elif kind is str:
            value = str(raw)
    else:
        raise ProtocolError(f"{where[:200]} is {_short(raw)}")
    return value


def _fits(kind: object, raw: object) -> bool:
    """Whether a single value is of the declared type."""
    if kind is object or kind is Any:
        return True
    if kind is float:
        return (isinstance(raw, float) or type(raw) is int) and math.isfinite(raw)
    if kind is int:
        return type(raw) is int and abs(raw) < _LARGEST_INTEGER
    if typing.get_origin(kind) is Literal:
        return isinstance(raw, str) and raw in typing.get_args(kind)
    if kind is str:
        return isinstance(raw, str)
    return kind in {bool, type(None)} and type(raw) is kind


def _of_fields(kind: type, raw: object, where: str) -> object:
    if isinstance(raw, kind):
        raw = vars(raw)
    if not isinstance(raw, Mapping):
        raise ProtocolError(f"{where[:200]} is {_short(raw)}")
    hints, fields = _hints(typing.cast("Any", kind)), dataclasses.fields(kind)
    unknown = sorted(str(name) for name in raw.keys() - hints.keys())
    if unknown:
        raise ProtocolError(f"{where[:200]} has no field {unknown[0][:100]!r}")
    missing = [
        field.name
        for field in fields
        if field.name not in raw and field.default is field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ProtocolError(f"{where[:200]} lacks the field {missing[0]}")
    values = {name: _decoded(hints[name], raw[name], f"{where}.{name}") for name in raw}
    return kind(**values)


def _of_union(kinds: tuple[object, ...], raw: object, where: str) -> object:
    for kind in kinds:
        try:
            return _decoded(kind, raw, where)
        except ProtocolError:
            continue
    raise ProtocolError(f"{where[:200]} is {_short(raw)}")


def _of_list(origin: type, inner: tuple[object, ...], raw: list[object], where: str) -> object:
    if origin is tuple and inner[-1] is not Ellipsis:
        if len(raw) != len(inner):
            raise ProtocolError(f"{where[:200]} has {len(raw)} values, not {len(inner)}")
        kinds = inner
    else:
        kinds = (inner[0],) * len(raw)
    return origin(
        _decoded(kind, value, f"{where}[{k}]")
        for k, (kind, value) in enumerate(zip(kinds, raw, strict=True))
    )


def _short(value: object) -> str:
    return f"a value of type {type(value).__name__} that does not fit"
