"""Relations of single layers: rounding, folding, kernels, columns, and unexplained changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from zoodiff.equivalence.symmetries.arrays.columns import named_columns, source_of
from zoodiff.equivalence.symmetries.arrays.matrices import Matrix
from zoodiff.equivalence.symmetries.arrays.permutations import described, is_identity
from zoodiff.equivalence.symmetries.events import Local, Names
from zoodiff.equivalence.symmetries.keys import makes_keys
from zoodiff.equivalence.symmetries.naming import counted, listed
from zoodiff.equivalence.symmetries.recurrent import EXCHANGED, difference_of
from zoodiff.equivalence.symmetries.relation import WeightRelation
from zoodiff.equivalence.symmetries.residue import Residue, residue_of
from zoodiff.equivalence.symmetries.walk import Walk
from zoodiff.equivalence.weights.weight_diff import WeightsDiff
from zoodiff.equivalence.weights.weight_transfer import own_parameters
from zoodiff.graph.ir import Parameter
from zoodiff.graph.layers import Layer
from zoodiff.graph.recurrent import GATES

_CERTAIN = ("rows zeroed", "elements changed", "weights zeroed", "rows changed", "changed")
"""Kinds of unexplained changes, the most specific first."""
_FEW_CLASSES = 3
"""Most classes whose other bias is named."""
_EQUAL_BIAS = 1e-5
"""Largest difference of equal biases, relative to the largest of the layer."""


@dataclass
class Grouped:
    """Relations of single layers, equal ones together."""

    layers: dict[tuple[str, str, bool | None], list[Names]] = field(default_factory=dict)

    def add(self, kind: str, words: str, layer: Names, undone: bool | None = None) -> None:
        """Add a relation; ``words`` may have {} where the layer's name goes."""
        self.layers.setdefault((kind, words, undone), []).append(layer)

    def relations(self) -> list[WeightRelation]:
        """One relation for all layers of which the same is said."""
        relations = []
        for (kind, words, undone), names in self.layers.items():
            layers = tuple(dict.fromkeys(names))
            where = listed(layers)
            if len(layers) > 1:
                where = f"{counted(len(layers))} ({where})"
            sentence = words.replace("{}", where) if "{}" in words else f"{where}: {words}"
            relations.append(WeightRelation(kind, layers, sentence, undone))
        return relations


def of_layers(walk: Walk, compared: WeightsDiff) -> list[WeightRelation]:
    """The relations of single layers."""
    grouped = Grouped()
    for local in walk.locals:
        if local.match is None or walk.events.idle(local.own):
            _add_difference(walk, local, grouped)
        else:
            _matched(walk, local, grouped)
    named = {pair for local in walk.locals for pair in zip("ab", local.layer, strict=True)}
    named |= {
        (side, node.name)
        for local in walk.locals
        if local.a >= 0
        for side, layer in zip("ab", _layers_of(walk, local), strict=True)
        for node in layer.chain
    }
    for layer in compared.layers:
        sides = {("a", layer.a)} if layer.a else set()
        sides |= {("b", layer.b)} if layer.b else set()
        if layer.sameness == "differ" and not (sides & named):
            if layer.a and layer.b:
                grouped.add("other shapes", "weights that cannot be compared", (layer.a, layer.b))
            else:
                side = "a" if layer.a else "b"
                grouped.add("in one network only", f"{{}} in {side} only", (layer.a, layer.b))
    return grouped.relations()


_OF_NORMS = frozenset({"mean", "scale", "shift", "variance"})


def _layers_of(walk: Walk, local: Local) -> tuple[Layer, Layer]:
    return walk.alignment.a.layers[local.a], walk.alignment.b.layers[local.b]


def _norms_behind(walk: Walk, local: Local) -> Names | None:
    """Names of the batch norms behind two layers; None where one has none."""
    if local.a < 0:
        return None
    names = [
        next((node.name for node in layer.chain if node.op == "BatchNormalization"), "")
        for layer in _layers_of(walk, local)
    ]
    return (names[0], names[1]) if all(names) else None


def _matched(walk: Walk, local: Local, grouped: Grouped) -> None:
    match, name = local.match, local.layer
    assert match is not None
    if match.closeness != "equal":
        sentences = {
            "rounded to half precision": "weights of {} rounded to half precision",
            "rounded to bfloat16": "weights of {} rounded to bfloat16",
            "quantised per tensor": "weights of {} quantised: each within half a step, per tensor",
            "quantised per channel": "weights of {} quantised: each within half a step, per "
            "output channel",
        }
        grouped.add(match.closeness, sentences[match.closeness], name)
    if match.kernel:
        more = " (convolution for correlation)" if "180" in match.kernel else ""
        grouped.add("kernels turned", f"kernels of {{}} {match.kernel}{more}", name)
    if match.transposed:
        grouped.add("weight transposed", "weight of {} transposed", name)
    if match.free is not None:
        source = source_of(walk.alignment.a, walk.alignment.a.layers[local.a])
        kind, words = named_columns(match.free, source)
        if local.a not in walk.matrices_a and source.kind != "merged":
            kind = "input channels permuted"
            words = f"numbers per channel of {{}} permuted ({described(match.free)})"
        grouped.add(kind, f"{words}, which nothing before explains", name, False)
    if match.alone is not None:
        f = match.alone
        if bool((f == f[0]).all()):
            words = f"the weights of {{}} are {f[0]:.6g} times as large in b"
            grouped.add("factor", f"{words}, what stands beside them not", name, False)
        else:
            words = f"output channels of {{}} have factors ({f.min():.3g} to {f.max():.3g}) in b"
            grouped.add("channel factors", f"{words}, what stands beside them not", name, False)
    if match.free_factors is not None:
        f = match.free_factors
        how = f"input channels of {{}} have factors ({f.min():.3g} to {f.max():.3g}) in b"
        kind = "channel factors"
        if bool((np.abs(f) == 1).all()):
            kind = "signs"
            how = f"signs of {counted(int((f < 0).sum()), 'input channel')} of {{}} turned in b"
        grouped.add(kind, f"{how}, which nothing before explains", name, False)
    if match.vectors:
        _vectors(walk, local, grouped)
    _folded(walk, local, grouped)
    _read(walk, local, grouped)


def _classes_moved(walk: Walk, local: Local) -> str | None:
    """Return which few classes have another bias in the last layer; None for another layer."""
    pair = walk.pair(local.a, local.b)
    if local.a not in walk.final or pair is None or pair.a.shift.shape != pair.b.shift.shape:
        return None
    change = pair.b.shift - pair.a.shift
    size = max(float(np.abs(pair.a.shift).max(initial=0.0)), float(np.abs(change).max(initial=0.0)))
    moved = np.flatnonzero(np.abs(change) > _EQUAL_BIAS * size).tolist()
    if not 0 < len(moved) <= min(_FEW_CLASSES, len(change) // 2):
        return None
    words = [
        f"of class {k} {'falls' if change[k] < 0 else 'rises'} by {abs(float(change[k])):.3g}"
        for k in moved
    ]
    return f"in {{}} the bias {', '.join(words)} in b"


def _vectors(walk: Walk, local: Local, grouped: Grouped) -> None:
    """Biases and statistics that differ while the weights have a relation."""
    match, name = local.match, local.layer
    assert match is not None
    roles = " and ".join(dict.fromkeys(match.vectors))
    related = match.factors is not None or match.moves_rows
    if not related and _is_key_bias(walk, local):
        sentence = "bias of the keys {} changed, which the softmax of the attention cancels"
        grouped.add("key bias changed", sentence, name, True)
        return
    words = "not transformed with the weights" if related else "changed, the weights not"
    norms = _norms_behind(walk, local) if set(match.vectors) <= _OF_NORMS else None
    if norms is not None:
        words = words.replace("the weights", "the weights before")
    classes = None if related else _classes_moved(walk, local)
    sentence = classes or f"{roles} of {{}} {words}"
    grouped.add("bias changed", sentence, norms or name)


def _is_key_bias(walk: Walk, local: Local) -> bool:
    """Whether only the bias of the keys of an attention differs."""
    alone = local.match is not None and set(local.match.vectors) == {"bias"}
    sides = ((walk.alignment.a, local.a), (walk.alignment.b, local.b))
    return alone and all(i >= 0 and makes_keys(graph, graph.layers[i]) for graph, i in sides)


def _read(walk: Walk, local: Local, grouped: Grouped) -> None:
    """Orders of columns that come from the graphs and not from weights."""
    match, columns = local.match, local.columns
    if match is None or columns is None or columns.trivial or local.events or local.a < 0:
        return
    if not columns.read or match.free is not None or is_identity(columns.order):
        return
    layer = walk.alignment.a.layers[local.a]
    source = source_of(walk.alignment.a, layer)
    kind, words = named_columns(columns.order, source)
    if match.columns.read:
        grouped.add(
            kind,
            f"{words}; the graphs read them in this order",
            local.layer,
            True,
        )
    elif kind.startswith("input channels reversed"):
        sentence = f"b reads the {words} with equal weights"
        grouped.add("input channels reversed", sentence, local.layer, False)
    else:
        kind = kind if source.kind in {"merged", "map", "patches"} else "read in another order"
        sentence = f"equal weights of {{}}, but b hands over its inputs in another order ({words})"
        grouped.add(kind, sentence.replace(" of {} permuted", ""), local.layer, False)


def _folded(walk: Walk, local: Local, grouped: Grouped) -> None:
    """Norms folded and biases that only one of two equal layers has."""
    if local.a < 0 or local.match is None:
        return
    sides = [
        _parts(graph.layers[index])
        for graph, index in ((walk.alignment.a, local.a), (walk.alignment.b, local.b))
    ]
    norms = [{"mean", "variance"} <= side or "gain" in side for side in sides]
    if norms[0] != norms[1]:
        where = "b" if norms[0] else "a"
        grouped.add(
            "norm folded", f"the norm of {{}} folded into its weights in {where}", local.layer, True
        )
        return
    biases = [bool(side & {"bias", "shift", "offset"}) for side in sides]
    if norms[0] and sides[0] != sides[1]:
        grouped.add("bias moved", "bias of {} moved into the norm behind it", local.layer, True)
    elif biases[0] != biases[1]:
        where = "b" if biases[0] else "a"
        grouped.add(
            "zero bias dropped", f"bias of zeros of {{}} dropped in {where}", local.layer, True
        )


def _parts(layer: Layer) -> frozenset[str]:
    roles = set()
    for node in (layer.node, *layer.chain):
        for p in node.parameters:
            default_role = "gain" if node.op == "Mul" else "offset"
            roles.add(
                p.role
                if p.role in {"bias", "mean", "variance", "scale", "shift"}
                else ("weight" if p.role == "weight" else default_role)
            )
    return frozenset(roles)


def _add_difference(walk: Walk, local: Local, grouped: Grouped) -> None:
    """Add how the weights of a layer differ where no relation holds."""
    pair = walk.pair(local.a, local.b)
    if pair is not None and not pair.comparable:
        _other_shapes(walk, local, pair.a, pair.b, grouped)
        return
    if pair is None:
        _numbers(walk, local, grouped)
        return
    kernel = pair.a.kernel
    frames = [
        (x.reshape(*x.shape[:2], *kernel), y.reshape(*y.shape[:2], *kernel))
        for x, y in pair.frames()
    ]
    final = local.a in walk.final
    row = "class" if final else "output channel"
    left = [residue_of(x, y, row) for x, y in frames]
    best = min(left, key=lambda r: _CERTAIN.index(r.kind) if r.kind in _CERTAIN else 99)
    if final and best.kind == "rows zeroed":
        best = Residue("class zeroed", best.words)
    grouped.add(best.kind, best.words, local.layer)


def _numbers(walk: Walk, local: Local, grouped: Grouped) -> None:
    """Norms, scales and tables: which of their parameters differ."""
    layer_a, layer_b = walk.alignment.a.layers[local.a], walk.alignment.b.layers[local.b]
    if layer_a.op in GATES:
        _recurrent(walk, local, grouped)
        return
    mine, theirs = own_parameters(layer_a), own_parameters(layer_b)
    if [p.size for p in mine] != [p.size for p in theirs] or not mine:
        grouped.add("other shapes", "weights of other shapes", local.layer)
        return
    pairs = [
        [
            np.asarray(w[p.name].reshape(-1), np.float64)
            for p, w in zip(both, walk.weights, strict=True)
        ]
        for both in zip(mine, theirs, strict=True)
    ]
    differ = [k for k, (x, y) in enumerate(pairs) if not np.array_equal(x, y)]
    if len(differ) < len(pairs):
        roles = " and ".join(dict.fromkeys(mine[k].role or "weights" for k in differ))
        grouped.add("bias changed", f"{roles} of {{}} changed, the rest not", local.layer)
        return
    sides = [
        np.concatenate([pair[k] - pair[k].mean() * (pair[k].size > 1) for pair in pairs])
        for k in (0, 1)
    ]
    residue = residue_of(sides[0].reshape(-1, 1), sides[1].reshape(-1, 1), "number")
    if residue.kind == "unrelated" or not _computed(mine, theirs, residue, grouped):
        grouped.add(residue.kind, residue.words, local.layer)


def _recurrent(walk: Walk, local: Local, grouped: Grouped) -> None:
    """Recurrent layers, whose biases may be stored as their sum."""
    try:
        residue = difference_of(*_layers_of(walk, local), walk.weights)
    except ValueError:
        residue = Residue("other shapes", "weights of other shapes")
    if residue is not None and residue.kind == EXCHANGED:
        grouped.add(residue.kind, f"{residue.words} in {{}}", local.layer, False)
    elif residue is not None:
        grouped.add(residue.kind, residue.words, local.layer)


def _computed(
    mine: Sequence[Parameter], theirs: Sequence[Parameter], residue: Residue, grouped: Grouped
) -> bool:
    """Add that files compute a weight from constants in other ways; whether they do."""
    for p, q in zip(mine, theirs, strict=True):
        if p.computed_by != q.computed_by and (p.computed_by or q.computed_by):
            left, right = (r.computed_by or (r.name, "stored") for r in (p, q))
            words = f"{{}} computes a weight otherwise: {left[1]} | {right[1]}; {residue.words}"
            grouped.add("computed otherwise", words, (left[0], right[0]))
            return True
    return False


def _other_shapes(walk: Walk, local: Local, a: Matrix, b: Matrix, grouped: Grouped) -> None:
    """Add rows that only one network has, where the other rows are equal."""
    if a.shape[1:] == b.shape[1:] and a.group == b.group == 1:
        few, many = (a, b) if a.rows < b.rows else (b, a)
        side = "b" if many is b else "a"
        place = _inside(few, many)
        noun = "class" if local.a in walk.final else "output channel"
        count = many.rows - few.rows
        if place is not None:
            where = {0: "at the end", count: "in front"}.get(
                place, f"around the others, from {place} on"
            )
            words = f"{count} {noun}{'es' * (noun == 'class' and count > 1)} more {where} in {side}"
            grouped.add(
                "classes added", f"{{}} has {words}; the others are equal", local.layer, False
            )
            return
    shapes = [(m.rows, m.shape[1] * m.group, *m.kernel) for m in (a, b)]
    shape_a, shape_b = ("x".join(map(str, shape)) for shape in shapes)
    grouped.add("other shapes", f"weights of other shapes: {shape_a} | {shape_b}", local.layer)


def _inside(few: Matrix, many: Matrix) -> int | None:
    """Where the rows of one layer stand in a larger one, in one piece; None where nowhere."""
    x = np.concatenate([few.folded().reshape(few.rows, -1), few.shift[:, None]], axis=1)
    y = np.concatenate([many.folded().reshape(many.rows, -1), many.shift[:, None]], axis=1)
    size = float(np.abs(x).max(initial=0.0))
    starts: Iterable[int] = np.flatnonzero((np.abs(y - x[0]) <= 2e-5 * size).all(axis=1)).tolist()
    for start in starts:
        if start + few.rows <= many.rows:
            part = y[start : start + few.rows]
            if bool((np.abs(part - x) <= 2e-5 * size).all()):
                return start
    return None
