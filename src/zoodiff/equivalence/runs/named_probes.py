"""Generated values of named inputs: ids, masks, whole and real numbers, drawn together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.runs.named_inputs import NamedInput
from zoodiff.equivalence.runs.probes import nudged, probes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.architecture.diff import Diff

_REAL = "real"
_ALL_BUT_LAST = 2
"""Place of the first of two masks in a column: one hides the last of a row, one all before it."""
_COVERING = 24
"""The most probes that are added so that every id is tried."""
_COVERING_SMALL = 300
"""The same for networks that take few milliseconds."""
_SMALL = 10_000_000
"""The most multiply-accumulates of these."""
Arrays = dict[str, "NDArray[Any]"]


@dataclass(frozen=True)
class NamedProbe:
    """One set of values for all inputs, by the names of the first network."""

    name: str
    arrays: Mapping[str, NDArray[Any]]
    inputs: tuple[NamedInput, ...]

    def feeds(self, diff: Diff) -> tuple[Arrays, Arrays]:
        """Return the inputs of each network's graph by name, real numbers in double precision."""
        return self._by_name(self.arrays, 0), self._by_name(self.arrays, 1)

    def own(self, side: int) -> Arrays:
        """Return what a network itself is given, in its own order of axes."""
        return _own(self._by_name(self.arrays, side), self.inputs, side)

    def moved(self, side: int, seed: int = 0) -> Arrays:
        """Return ``own`` with every real number moved by one unit in the last place."""
        arrays = {
            each.names[0]: nudged(self.arrays[each.names[0]], seed)
            if each.kind == _REAL
            else self.arrays[each.names[0]]
            for each in self.inputs
        }
        return _own(self._by_name(arrays, side), self.inputs, side)

    @property
    def masks_alike(self) -> bool:
        """Whether a mask is the same everywhere."""
        masks = [self.arrays[each.names[0]] for each in self.inputs if each.kind == "mask"]
        return any(bool((mask == mask.flat[0]).all()) for mask in masks if mask.size)

    @property
    def mask_start(self) -> int | None:
        """1 where every mask is ones and then zeros, 0 for the inverse; None for any other."""
        masks = [self.arrays[each.names[0]] for each in self.inputs if each.kind == "mask"]
        steps = [
            np.diff(mask.astype(np.int8), axis=-1) for mask in masks if mask.ndim and mask.size
        ]
        first = {int(value) for mask in masks if mask.ndim for value in mask[..., 0].flat}
        if first == {1} and all((step <= 0).all() for step in steps):
            return 1
        return 0 if first == {0} and all((step >= 0).all() for step in steps) else None

    def _by_name(self, arrays: Mapping[str, NDArray[Any]], side: int) -> Arrays:
        return {each.names[side]: arrays[each.names[0]] for each in self.inputs}


def _own(arrays: Arrays, inputs: Sequence[NamedInput], side: int) -> Arrays:
    return {
        each.names[side]: np.ascontiguousarray(arrays[each.names[side]].transpose(0, 2, 3, 1))
        if each.last[side]
        else arrays[each.names[side]]
        for each in inputs
    }


def named_probes(
    inputs: Sequence[NamedInput], *, seed: int = 0, macs: int | None = None
) -> tuple[NamedProbe, ...]:
    """Return values for all inputs, an example that was given first, then the plainest.

    Every id within a vocabulary is among them where few probes suffice for that; ``macs`` are the
    multiply-accumulates of the larger network, of which a small one is given more.
    """
    random = np.random.default_rng([seed, 3])
    columns = {each.names[0]: _values(each, random, seed) for each in inputs}
    names = ["example"] if any(each.example is not None for each in inputs) else []
    names += [f"drawn {k}" for k in range(1, 9)]
    times = 1 + any(each.kind == "mask" for each in inputs)
    small = macs is not None and macs <= _SMALL
    extra = _covering(inputs, times, _COVERING_SMALL if small else _COVERING)
    names += [f"ids {k}" for k in range(1, extra + 1)]
    probes = []
    for k, name in enumerate(names):
        arrays = {}
        for each in inputs:
            column = columns[each.names[0]]
            if name == "example" and each.example is not None:
                arrays[each.names[0]] = np.asarray(each.example).astype(_numpy_type(each.dtype))
            elif name.startswith("ids ") and each.kind == "id":
                arrays[each.names[0]] = _block(each, (k - len(names) + extra) // times, times)
            elif name.startswith("ids ") and each.kind == "mask":
                arrays[each.names[0]] = column[_ALL_BUT_LAST + (k - len(names) + extra) % times]
            else:
                arrays[each.names[0]] = column[k % len(column)]
        probes.append(NamedProbe(name, arrays, tuple(inputs)))
    return tuple(probes)


def untried(inputs: Sequence[NamedInput], probes: Sequence[NamedProbe]) -> list[str]:
    """Return which ids no probe has, one sentence per input that lacks some."""
    sentences = []
    for each in inputs:
        if each.kind != "id":
            continue
        tried = np.unique(np.concatenate([p.arrays[each.names[0]].reshape(-1) for p in probes]))
        if len(tried) < each.rows:
            sentences.append(f"{len(tried):,} of {each.rows:,} ids of {each.names[0]} were tried")
    return sentences


def _covering(inputs: Sequence[NamedInput], times: int, limit: int) -> int:
    """How many probes it takes to try every id so many times; 0 where that are too many."""
    needed = [
        times * -(-_span(e) // max(_block_size(e, times), 1)) for e in inputs if e.kind == "id"
    ]
    most = max(needed, default=0)
    return most if most <= limit else 0


def _span(each: NamedInput) -> int:
    """How many different ids may be drawn."""
    return int(each.high or 0) - int(each.low or 0) + 1


def _block_size(each: NamedInput, times: int) -> int:
    """How many ids a probe tries: beside a mask, which hides it, the last of a row does not."""
    length = each.shape[-1] if each.shape else 1
    return prod(each.shape) // max(length, 1) * (length - (times - 1) if length > 1 else 1)


def _block(each: NamedInput, number: int, times: int) -> NDArray[Any]:
    """The ids of one of the probes that try all of them in turn."""
    size = _block_size(each, times)
    places = (np.arange(size) + number * size) % _span(each)
    rows = (int(each.low or 0) + places).reshape((*each.shape[:-1], -1))
    ids = np.concatenate([rows, rows[..., :1]], axis=-1) if rows.size < prod(each.shape) else rows
    block: NDArray[Any] = ids.reshape(each.shape).astype(_numpy_type(each.dtype))
    return block


def _values(each: NamedInput, random: np.random.Generator, seed: int) -> list[NDArray[Any]]:
    dtype = _numpy_type(each.dtype)
    if each.kind == _REAL:
        limits = None if each.low is None or each.high is None else (each.low, each.high)
        drawn = probes_of(each.shape, seed=int(random.integers(1 << 30)), value_range=limits)
        return [probe.values.astype(dtype) for probe in drawn]
    if each.kind == "mask":
        return [mask.astype(dtype) for mask in _masks(each.shape, random)]
    low, high = int(each.low or 0), int(each.high or 0)
    ids = [random.integers(low, high, each.shape, endpoint=True) for _ in range(5)]
    ids += [np.full(each.shape, low), np.full(each.shape, high)]
    ids.append(np.resize(np.arange(low, high + 1)[: prod(each.shape)], each.shape))
    return [array.astype(dtype) for array in ids]


def _masks(shape: Sequence[int], random: np.random.Generator) -> list[NDArray[Any]]:
    """Masks without a row that is the same all over, then both that are."""
    whole = tuple(shape)
    length = whole[-1] if whole else 1
    places = np.broadcast_to(np.arange(length), whole) if whole else np.zeros(())
    cut = max(length // 2, 1)
    masks = [places < cut, places >= cut, places < max(length - 1, 1), places >= length - 1]
    for _ in range(2):
        drawn = random.random(whole) < 0.5
        if length > 1:
            drawn = np.where(places == 0, True, np.where(places == length - 1, False, drawn))
        masks.append(drawn)
    return [*masks, np.ones(whole, dtype=bool), np.zeros(whole, dtype=bool)]


def _numpy_type(name: str) -> np.dtype[Any]:
    return np.dtype("float32" if name == "bfloat16" else name)
