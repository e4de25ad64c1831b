"""The operators and classes of PyTorch that a file may name, from ``operators.toml``.

TorchScript and programs of torch.export use the same list; unlisted names are refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_UNKNOWN = "is not on the list of what only computes"


@dataclass(frozen=True)
class Judgements:
    """The allowed and refused names; operators include their library, ``aten::add``."""

    allowed: frozenset[str]
    refused: Mapping[str, str]
    """Reasons by operator."""
    libraries: Mapping[str, str]
    """Reasons by library, for libraries whose operators are all refused."""
    higher_order: frozenset[str]
    higher_order_refused: Mapping[str, str]
    python: frozenset[str]
    """Python functions on sizes, such as ``math.ceil``."""
    classes: frozenset[str]
    classes_refused: Mapping[str, str]
    methods: frozenset[str]
    """Methods of the allowed classes."""
    words: frozenset[str]
    """Types and special forms of TorchScript."""
    functions: Mapping[str, str]
    """Operators by the name of a function that is called without a library."""
    properties: frozenset[str]
    """Names that may follow a value's dot without being operators."""


@cache
def judgements() -> Judgements:
    """Read the list of operators and classes."""
    text = resources.files(__package__).joinpath("operators.toml").read_text("utf-8")
    read: dict[str, Any] = tomllib.loads(text)
    words = read["words"]
    return Judgements(
        allowed=frozenset(_qualified(read["allowed"], "::")),
        refused={
            f"{library}::{name}": reason
            for library, reasons in read["refused"].items()
            for name, reason in _reasons(reasons).items()
        },
        libraries=_reasons(read["refused-libraries"]),
        higher_order=frozenset(read["higher-order"]["allowed"].split()),
        higher_order_refused=_reasons(read["higher-order"]["refused"]),
        python=frozenset(_qualified(read["python"], ".")),
        classes=frozenset(read["classes"]["allowed"].split()),
        classes_refused=_reasons(read["classes"]["refused"]),
        methods=frozenset(read["classes"]["methods"].split()),
        words=frozenset(f"{words['types']} {words['forms']}".split()),
        functions=words["functions"],
        properties=frozenset(f"{words['properties']} {words['casts']}".split()),
    )


def objection(operator: str) -> str | None:
    """Return the reason for refusing an operator, as the end of a sentence, or None.

    >>> objection("aten::add"), objection("aten::save"), objection("c10d::send")
    (None, 'reads or writes a file', 'talks to other processes')
    >>> objection("strange::run")
    'is not on the list of what only computes'
    """
    known = judgements()
    if operator in known.allowed:
        return None
    library = operator.partition("::")[0]
    return known.refused.get(operator) or known.libraries.get(library) or _UNKNOWN


def described(operator: str) -> str:
    """Return an operator in words, to be followed by "which" and an objection.

    >>> described("aten::save"), described("strange::run")
    ('the operator save (aten::save)', 'strange::run, one of the operators of strange')
    """
    library, _, name = operator.partition("::")
    if any(allowed.startswith(f"{library}::") for allowed in judgements().allowed):
        return f"the operator {name} ({operator})"
    return f"{operator}, one of the operators of {library}"


def objection_to_class(name: str) -> str | None:
    """Return why a C++ class, for example ``quantized.LinearPackedParamsBase``, is refused, or
    None.
    """
    known = judgements()
    return None if name in known.classes else known.classes_refused.get(name, _UNKNOWN)


def objection_to_higher_order(name: str) -> str | None:
    """Return the reason for refusing an operator of ``torch.ops.higher_order``, or None."""
    known = judgements()
    return None if name in known.higher_order else known.higher_order_refused.get(name, _UNKNOWN)


@cache
def overloads(operator: str) -> frozenset[str]:
    """Return the overloads of an operator in this version of PyTorch; empty without any."""
    import torch

    schemas: list[Any] = torch._C._jit_get_schemas_for_operator(operator)
    return frozenset(schema.overload_name for schema in schemas)


def _reasons(group: Mapping[str, str]) -> dict[str, str]:
    return {name: reason for reason, names in group.items() for name in names.split()}


def _qualified(group: Mapping[str, str], between: str) -> list[str]:
    return [f"{first}{between}{name}" for first, names in group.items() for name in names.split()]
