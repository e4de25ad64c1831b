"""Names and sentences for the transformations that a walk finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoodiff.equivalence.symmetries.arrays.permutations import (
    block_order,
    described,
    exchanged_blocks,
    is_identity,
    keeps_inner_order,
    rotation_of,
    swap_of,
    transposed_axes,
)
from zoodiff.equivalence.symmetries.events import Event, Names
from zoodiff.equivalence.symmetries.relation import WeightRelation
from zoodiff.text import ending

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Permutation = NDArray[np.int64]

_NAMES = 3


def of_streams(streams: Sequence[Sequence[Event]]) -> list[WeightRelation]:
    """A relation for each kind of transformation that is undone, and for each that is not."""
    undone: dict[str, list[tuple[Sequence[Event], str]]] = {}
    relations = []
    for stream in streams:
        moved = [event for event in stream if event.fused or not is_identity(event.rows)]
        scaled = [event for event in stream if event.factors is not None]
        if scaled:
            found_factors = _factors(stream, scaled)
            relations += [found_factors] if found_factors else []
        if not moved:
            continue
        kind, words = _named(moved)
        different = {event.rows.tobytes() for event in moved}
        if kind == "channels permuted" and len(different) > 1:
            words = counted(len(different), "permutation")
        if any(event.broken or event.output or event.across for event in stream):
            relations += _not_undone(stream, moved, kind, words)
        else:
            undone.setdefault(kind, []).append((stream, words))
    return [*(_undone(kind, several) for kind, several in undone.items()), *relations]


def members(stream: Sequence[Event]) -> tuple[Names, ...]:
    """All layers that a transformation is in."""
    return tuple(dict.fromkeys(n for event in stream for n in (*event.layers, *event.undone)))


def counted(number: int, noun: str = "layer") -> str:
    """A number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[Names]) -> str:
    """Some layers by their names in the first network."""
    shown = [ending(name) for name in dict.fromkeys(a or b for a, b in names)]
    if len(shown) <= _NAMES:
        return ", ".join(shown)
    return f"{', '.join(shown[:_NAMES])} and {len(shown) - _NAMES} more"


def _undone(kind: str, several: Sequence[tuple[Sequence[Event], str]]) -> WeightRelation:
    layers = tuple(dict.fromkeys(n for stream, _ in several for n in members(stream)))
    words = dict.fromkeys(text for _, text in several)
    how = (
        f" ({next(iter(words))})"
        if len(words) == 1
        else f" ({counted(len(several), 'permutation')})"
    )
    if kind == "parts exchanged":
        sentence = f"{next(iter(words))}, and so is what reads them: {listed(layers)}"
    elif kind == "fused layout":
        sentence = f"{next(iter(words))}; rows permuted to fit, in {listed(layers)}"
    else:
        sentence = f"{kind} consistently in {counted(len(layers))}{how}: {listed(layers)}"
        if kind == "inner order of heads":
            sentence = (
                f"order inside heads permuted consistently in {counted(len(layers))}{how}: "
                f"{listed(layers)}"
            )
    return WeightRelation(kind, layers, sentence, True)


def _not_undone(
    stream: Sequence[Event], moved: Sequence[Event], kind: str, words: str
) -> list[WeightRelation]:
    """Permutations that some reader does not undo, or that reach the output."""
    layers = members(stream)
    broken = tuple(dict.fromkeys(name for event in stream for name in event.broken))
    reached = [event for event in moved if event.output]
    if not broken and reached:
        return [_classes(event) for event in reached]
    across = [n for event in moved if event.across for n in event.layers]
    if across:
        sentence = f"{kind}: outputs of {listed(across)} permuted across its groups ({words})"
        return [WeightRelation(kind, tuple(across), sentence, False)]
    where = listed(tuple((name, name) for name in broken))
    verb = "does" if len(broken) == 1 else "do"
    if kind == "channels permuted":
        kind = "output channels permuted"
        sentence = (
            f"output channels of {listed([n for e in moved for n in e.layers])} permuted ({words})"
        )
    elif kind in {"fused layout", "parts exchanged"}:
        sentence = words
        if kind == "fused layout":
            sentence = f"{words} in {listed([n for e in moved for n in e.layers])}"
        if all(event.stored_alike for event in moved):
            sentence += "; the stored rows are equal, so the networks read them differently"
            return [WeightRelation(kind, layers, sentence, False)]
    else:
        sentence = f"{kind} in {listed(layers)} ({words})"
    return [WeightRelation(kind, layers, f"{sentence}, which {where} {verb} not undo", False)]


def _named(moved: Sequence[Event]) -> tuple[str, str]:
    """The kind of a permutation, and what it is in words."""
    event = moved[0]
    p = event.rows
    fused = next((e for e in moved if e.fused), None)
    if fused is not None and (len(set(fused.layouts)) > 1 or len(fused.layers) > 1):
        exchanged = _exchanged_parts(fused)
        if exchanged:
            return "parts exchanged", exchanged
        return "fused layout", _fused_words(fused)
    heads = next((e.heads for e in moved if e.heads), 0)
    if heads:
        together = 3 if fused is not None and _by_head(fused) else 1
        return _heads([e.rows for e in moved], heads, together)
    if event.multiplier > 1:
        order = block_order(p, event.multiplier)
        if (order is not None and is_identity(order)) or transposed_axes(p) is not None:
            return "multiplier order", described(p)
    groups = max(e.groups for e in moved)
    if groups > 1 and p.size % groups == 0 and p.size > groups:
        width = p.size // groups
        order = block_order(p, width)
        if order is not None and not is_identity(order):
            more = "" if keeps_inner_order(p, width) else ", and the order inside them"
            return "groups permuted", f"groups {described(order)}{more}"
    return "channels permuted", described(p)


def _exchanged_parts(event: Event) -> str:
    """Which layers that read the same tensor are exchanged as a whole; empty for anything else."""
    number = len(event.layers)
    if event.heads or number < 2 or event.rows.size % number:
        return ""
    width = event.rows.size // number
    if block_order(event.rows, width) is None or not keeps_inner_order(event.rows, width):
        return ""
    names = list(dict.fromkeys(ending(a) for a, _ in event.layers))
    fused = {name.partition("[")[0] for name in names}
    if len(fused) == 1 and number > 1:
        noun = "halves" if number == 2 else "parts"
        return f"{noun} of {fused.pop()} exchanged"
    return f"weights of {' and '.join(names)} exchanged"


def _fused_words(event: Event) -> str:
    layout_a, layout_b = event.layouts
    # Only products of heads make the parts queries, keys and values.
    whole = "fused query, key and value weight" if event.heads else "weight of several parts"
    if layout_a != layout_b and layout_a and layout_b:
        return f"layout of the {whole}: {layout_a} | {layout_b}"
    axes = transposed_axes(event.rows)
    if axes and axes[1] in {(1, 0), (1, 0, 2)} and 3 in axes[0][:2]:
        outer, inner, *widths = axes[0]
        layout_a, layout_b = (
            "[q|k|v]",
            f"interleaved by head ({inner} x {outer} x {(*widths, 1)[0]})",
        )
        if outer != 3:
            layout_a, layout_b = (
                f"interleaved by head ({outer} x {inner} x {(*widths, 1)[0]})",
                layout_a,
            )
        return f"layout of the {whole}: rows as {layout_a} | {layout_b}"
    how = "the rows are equal" if is_identity(event.rows) else described(event.rows)
    return f"layout of the {whole}: {how}"


def _by_head(event: Event) -> bool:
    """Whether queries, keys and values of a head stand together in both networks."""
    return all(words.startswith("interleaved by head") for words in event.layouts)


def _heads(orders: Sequence[Permutation], width: int, together: int) -> tuple[str, str]:
    """How heads of ``width`` elements, ``together`` parts each, are permuted: kind and words."""
    outer: list[Permutation] = []
    inner = False
    for p in orders:
        order = block_order(p, width * together)
        if order is None:
            return "channels permuted", f"across heads of {width}"
        if not is_identity(order):
            outer.append(order)
        inner = inner or not keeps_inner_order(p, width * together)
    if not outer:
        return "inner order of heads", f"heads of {width}"
    more = ", and the order inside them" if inner else ""
    return "heads permuted", f"heads {described(outer[0])}{more}"


def _classes(event: Event) -> WeightRelation:
    """A permutation of the network's outputs."""
    p, layers = event.rows, tuple(event.layers)
    swap, shift, blocks = swap_of(p), rotation_of(p), exchanged_blocks(p)
    name = listed(layers)
    if swap:
        return WeightRelation(
            "classes exchanged",
            layers,
            f"classes {swap[0]} and {swap[1]} exchanged in {name}",
            False,
        )
    if shift:
        sentence = f"classes of {name} shifted by {abs(shift)}: class k of a is k{shift:+} of b"
        return WeightRelation("classes shifted", layers, sentence, False)
    if blocks:
        (a, b), (c, d) = blocks
        sentence = f"classes {a} to {b} and {c} to {d} exchanged in {name}"
        return WeightRelation("class blocks exchanged", layers, sentence, False)
    sentence = f"classes of {name} in another order ({described(p)})"
    return WeightRelation("classes permuted", layers, sentence, False)


def _factors(stream: Sequence[Event], scaled: Sequence[Event]) -> WeightRelation | None:
    layers = members(stream)
    all_factors = [e.factors for e in scaled if e.factors is not None]
    signs = all(bool((np.abs(f) == 1).all()) for f in all_factors)
    own = tuple(dict.fromkeys(n for e in scaled for n in e.layers))
    broken = tuple(dict.fromkeys(name for e in stream for name in (*e.broken, *e.unscaled)))
    reached = any(e.output for e in stream)
    size = _size(all_factors[0])
    if not broken and not reached:
        if signs:
            sentence = f"signs moved between {listed(layers)}"
            return WeightRelation("signs moved", layers, sentence, True)
        sentence = f"factors ({size}) moved between {listed(layers)}"
        return WeightRelation("factors moved", layers, sentence, True)
    where = (
        f"{listed(tuple((x, x) for x in broken))} does not undo" if broken else "reaches the output"
    )
    which = f"which {where}"
    if signs:
        count = sum(int((f < 0).sum()) for f in all_factors)
        sentence = f"signs of {counted(count, 'output channel')} of {listed(own)} turned, {which}"
        return WeightRelation("signs", own, sentence, False)
    if all(bool((f == f[0]).all()) for f in all_factors):
        sentence = f"the weights of {listed(own)} are {size} times as large in b, {which}"
        return WeightRelation("factor", own, sentence, False)
    sentence = f"output channels of {listed(own)} have factors ({size}) in b, {which}"
    return WeightRelation("channel factors", own, sentence, False)


def _size(f: NDArray[np.float64]) -> str:
    low, high = float(f.min()), float(f.max())
    powers = np.log2(np.abs(f))
    if low == high:
        return f"{low:.6g}"
    more = "powers of two, " if bool((powers == np.round(powers)).all()) else ""
    return f"{more}{low:.3g} to {high:.3g}"
