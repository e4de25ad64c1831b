"""The outputs of two networks, paired by name, else by order and shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PairedOutputs:
    """Positions of outputs that are compared, and names of those without a counterpart."""

    pairs: tuple[tuple[int, int], ...]
    sentences: tuple[str, ...]
    """The pairing as it is printed; empty for a single output of each."""
    unpaired: tuple[str, ...]
    other_sizes: str = ""
    """Both lists of shapes, where these hold other numbers of values: no order makes them equal."""


def pair_outputs(a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]]) -> PairedOutputs:
    """Return which output of one network is compared with which of the other.

    All are paired by name where all names that both have stand for equal shapes; what is left is
    paired in order, each with the next of its shape. Numbers are names only where both have the
    same ones: one network's may be places, another's those of its values.
    """
    names_a, names_b = list(a), list(b)
    same = set(names_a) == set(names_b)
    shared = [name for name in names_a if name in b and (same or not name.isdecimal())]
    if any(a[name].shape != b[name].shape for name in shared):
        shared = []
    pairs = [(names_a.index(name), names_b.index(name)) for name in shared]
    left = [j for j, name in enumerate(names_b) if name not in shared]
    for i, name in enumerate(names_a):
        if name in shared:
            continue
        fitting = (j for j in left if b[names_b[j]].shape == a[name].shape)
        j = next(fitting, None)
        if j is not None:
            pairs.append((i, j))
            left.remove(j)
    pairs.sort()
    paired_a = {i for i, _ in pairs}
    unpaired = [f"{name} of the first" for i, name in enumerate(names_a) if i not in paired_a]
    unpaired += [f"{names_b[j]} of the second" for j in left]
    several = max(len(names_a), len(names_b)) > 1
    return PairedOutputs(
        tuple(pairs),
        tuple(_sentence(names_a[i], names_b[j], a[names_a[i]].shape) for i, j in pairs)
        if several
        else (),
        tuple(unpaired),
        _other_sizes(list(a.values()), list(b.values())),
    )


def _other_sizes(a: Sequence[NDArray[Any]], b: Sequence[NDArray[Any]]) -> str:
    """Return the shapes of as many outputs whose numbers of values differ, in words; else empty."""
    if len(a) != len(b) or sorted(x.size for x in a) == sorted(x.size for x in b):
        return ""
    lists = [", ".join("x".join(map(str, x.shape)) or "a scalar" for x in each) for each in (a, b)]
    return f"the outputs have the shapes {lists[0]} | {lists[1]}"


def _sentence(a: str, b: str, shape: Sequence[int]) -> str:
    return f"{a if a == b else f'{a} with {b}'} ({'x'.join(map(str, shape)) or 'a scalar'})"
