"""The names that a TFLite file gives its inputs and outputs, which are those of its network.

Names of tensors are what a converter made of them (``serving_default_token_ids:0``), and their
order is its own; a signature says which of them the network calls ``token_ids``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Signature:
    """Names by the index of a tensor; empty where the file does not say them."""

    inputs: Mapping[int, str] = field(default_factory=dict)
    outputs: Mapping[int, str] = field(default_factory=dict)


NO_SIGNATURE = Signature()
"""Of a file that has no signature, or several."""


def signature_of(
    model: Any, inputs: Sequence[int], outputs: Sequence[int], spend: Callable[[int], None]
) -> Signature:
    """Return the names of the first subgraph's inputs and outputs by the file's only signature.

    Names that leave out an input, or are given twice, are no names. ``spend`` is called with the
    number of letters and numbers that are read, and may raise.
    """
    if model.SignatureDefsLength() != 1:
        return NO_SIGNATURE
    table = model.SignatureDefs(0)
    if table.SubgraphIndex() != 0:
        return NO_SIGNATURE
    return Signature(
        _names(table.InputsLength(), table.Inputs, inputs, spend),
        _names(table.OutputsLength(), table.Outputs, outputs, spend),
    )


def _names(
    count: int, entry: Callable[[int], Any], indices: Sequence[int], spend: Callable[[int], None]
) -> dict[int, str]:
    if count != len(indices):
        return {}
    named: dict[int, str] = {}
    for position in range(count):
        table = entry(position)
        name = (table.Name() or b"").decode(errors="replace")
        spend(len(name) + 1)
        named[int(table.TensorIndex())] = name
    complete = set(named) == set(indices) and len(set(named.values())) == len(indices)
    return named if complete and all(named.values()) else {}
