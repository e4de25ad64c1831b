r"""Channels first everywhere: transpositions move through operators that commute, and cancel.

For an elementwise f, :math:`f(x^{\pi}) = f(x)^{\pi}`; for an operator along an axis a,
:math:`g_a(x^{\pi}) = g_{\pi(a)}(x)^{\pi}`. So each tensor is represented by a base and a
permutation of it. An operator works on the bases, with its axes renamed, and passes the permutation
on. Permutations in a row compose, and most end as the identity. Before an operator that needs the
elements in their order (a reshape, a convolution), the remaining permutation becomes one
``Transpose``. An image that enters channels last enters channels first instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.reshaping.shapes import moves_only_ones
from zoodiff.graph.passes.weights.parameters import reshaped, transposed

NOTE = "layout"
Perm = tuple[int, ...]

_UNARY = frozenset(
    {"Abs", "Add", "Cast", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish"}
    | {"Identity", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "Relu", "Selu"}
    | {"Sigmoid", "Softplus", "Softsign", "Sqrt", "Sub", "Swish", "Tanh"}
)
_BINARY = frozenset(["Add", "Mul", "Sub", "Div", "Max", "Min", "Concat"])
_ALONG = frozenset(["BatchNormalization", "Gemm", "LogSoftmax", "Softmax"])


def run(graph: MutableGraph) -> None:
    """Move all transpositions forward."""
    if "Transpose" not in graph.kinds and not any(
        graph.tensors[t].channels_last for t in graph.inputs
    ):
        return
    walk = _Walk(graph)
    for node in graph.in_order():
        walk.visit(node)
    graph.outputs = [walk.materialise(tensor, 1e9) for tensor in graph.outputs]


class _Walk:
    def __init__(self, graph: MutableGraph) -> None:
        self.graph = graph
        self.views: dict[str, tuple[str, Perm]] = {}
        """Tensor -> (base, permutation); axis i of the tensor is axis perm[i] of the base."""
        self.transposes: dict[tuple[str, Perm], str] = {}
        for name in graph.inputs:
            tensor = graph.tensors[name]
            if tensor.channels_last:
                # Readers get another name, so that the base and its view stay distinct.
                view = f"{name}/channels_last"
                graph.tensors[view] = replace(tensor, name=view)
                graph.redirect(name, view)
                graph.tensors[name] = replace(tensor, shape=tensor.channels_first)
                self.views[view] = (name, (0, 2, 3, 1))
                graph.graph = replace(
                    graph.graph, inputs=tuple(graph.tensors[t.name] for t in graph.graph.inputs)
                )

    def visit(self, node: MutableNode) -> None:
        if node.op == "Transpose" and len(node.inputs) == 1 and not node.parameters:
            base, perm = self.views.get(node.inputs[0], (node.inputs[0], None))
            turn = tuple(node.attributes["perm"])
            self.set_view(node.output, base, tuple(perm[i] for i in turn) if perm else turn)
            return
        if not any(tensor in self.views for tensor in node.inputs):
            return
        handler = _handler(node.op)
        if handler is None or not handler(self, node):
            self.graph.read(node, [self.materialise(t, node.order) for t in node.inputs])

    def set_view(self, tensor: str, base: str, perm: Perm) -> None:
        """Record that a tensor is a permutation of a base."""
        if list(perm) == sorted(perm):
            # The permutation is the identity: readers read the base itself.
            self.graph.redirect(tensor, base)
        else:
            self.views[tensor] = (base, perm)

    def materialise(self, tensor: str, order: float) -> str:
        """Return a tensor's name after adding the Transpose of its base that computes it."""
        if tensor not in self.views:
            return tensor
        base, perm = self.views[tensor]
        key = (base, perm)
        if key not in self.transposes:
            shape = [self.graph.shape(base)[axis] for axis in perm]
            maker = self.graph.producer.get(base)
            node = self.graph.add(
                "Transpose",
                f"{maker.name if maker else tensor}/transposed",
                [base],
                shape,
                {"perm": list(perm)},
                order=order - 0.5,
            ).noted(NOTE)
            self.transposes[key] = node.output
        return self.transposes[key]

    def common(self, node: MutableNode) -> Perm | None:
        """Return the permutation that all inputs of a node share, or None."""
        perms = {self.views[t][1] if t in self.views else None for t in node.inputs}
        return perms.pop() if len(perms) == 1 else None

    def pass_on(self, node: MutableNode, perm: Perm) -> bool:
        """Let a node read the bases and pass the permutation on to its outputs."""
        self.graph.read(node, [self.views[t][0] for t in node.inputs])
        node.notes.add(NOTE)
        for output in list(node.outputs):
            shape = [0] * len(perm)
            for axis, extent in zip(perm, self.graph.shape(output), strict=True):
                shape[axis] = extent
            self.views[output] = (self.graph.rename(node, output, shape), perm)
        return True


Mover = Callable[[_Walk, MutableNode], bool]


def _handler(op: str) -> Mover | None:
    return _MOVERS.get(op)


def _same_rank(walk: _Walk, node: MutableNode, perm: Perm) -> bool:
    return all(len(walk.graph.shape(t)) == len(perm) for t in (*node.inputs, *node.outputs))


def _elementwise(walk: _Walk, node: MutableNode) -> bool:
    perm = walk.common(node)
    if perm is None or not _same_rank(walk, node, perm):
        return False
    vectors = isinstance(node.attributes.get("value"), list) or bool(node.parameters)
    if node.op == "Clip":
        vectors = bool(node.parameters)
    if vectors or node.op == "Concat":
        axis = node.attributes.get("axis")
        if axis is None or (node.op == "Concat" and node.parameters):
            turned = _scalar_parameter(node) or _turned(walk, node, perm)
            return turned and walk.pass_on(node, perm)
        node.attributes["axis"] = perm[axis]
    return walk.pass_on(node, perm)


def _scalar_parameter(node: MutableNode) -> bool:
    return bool(node.parameters) and all(p.size == 1 for p in node.parameters)


def _turned(walk: _Walk, node: MutableNode, perm: Perm) -> bool:
    """Turn weights over several axes, such as position embeddings, into the order of the base."""
    axis, whole = node.attributes.get("axis"), node.attributes.get("constant_shape")
    if not (isinstance(axis, int) if node.op == "Concat" else axis is None):
        return False
    if node.op != "Concat" and ("value" in node.attributes or whole is None):
        return False
    fits = all(len(p.shape) == len(perm) for p in node.parameters)
    if not node.parameters or not (fits or (node.op != "Concat" and _narrow(node, perm))):
        return False
    order = [perm.index(place) for place in range(len(perm))]
    node.parameters = [
        transposed(reshaped(p, (*[1] * (len(perm) - len(p.shape)), *p.shape)), order)
        for p in node.parameters
    ]
    if isinstance(axis, int):
        node.attributes["axis"] = perm[axis]
    else:
        node.attributes["constant_shape"] = list(node.parameters[0].shape)
    return True


def _narrow(node: MutableNode, perm: Perm) -> bool:
    """Whether a single weight has fewer axes than the data, whose last ones it lies along."""
    return len(node.parameters) == 1 and len(node.parameters[0].shape) < len(perm)


def _along(walk: _Walk, node: MutableNode) -> bool:
    perm, axis = walk.common(node), node.attributes.get("axis")
    if perm is None or axis is None or node.attributes.get("flattened"):
        return False
    if not _same_rank(walk, node, perm) or len(node.inputs) != 1 or "equation" in node.attributes:
        return False
    node.attributes["axis"] = perm[axis]
    return walk.pass_on(node, perm)


def _layer_norm(walk: _Walk, node: MutableNode) -> bool:
    """Rename the axes; weights over several of them are seen in the new order."""
    perm, axes = walk.common(node), node.attributes["axes"]
    if perm is None:
        return False
    moved = [perm[axis] for axis in axes]
    if len(axes) > 1:
        extents = tuple(walk.graph.shape(node.inputs[0])[axis] for axis in axes)
        if any(parameter.shape != extents for parameter in node.parameters):
            return False
        order = sorted(range(len(axes)), key=moved.__getitem__)
        node.parameters = [transposed(parameter, order) for parameter in node.parameters]
    node.attributes["axes"] = sorted(moved)
    return walk.pass_on(node, perm)


def _slice(walk: _Walk, node: MutableNode) -> bool:
    perm, a = walk.common(node), node.attributes
    if perm is None or "axes" not in a or node.parameters:
        return False
    steps = a.get("steps") or [1] * len(a["axes"])
    rows = sorted(zip((perm[x] for x in a["axes"]), a["starts"], a["ends"], steps, strict=True))
    columns = [list(column) for column in zip(*rows, strict=True)]
    node.attributes = dict(zip(("axes", "starts", "ends", "steps"), columns, strict=True))
    return walk.pass_on(node, perm)


def _pad(walk: _Walk, node: MutableNode) -> bool:
    perm, a = walk.common(node), node.attributes
    if perm is None or "axes" not in a:
        return False
    half = len(a["axes"])
    rows = sorted(
        (perm[axis], a["pads"][i], a["pads"][i + half]) for i, axis in enumerate(a["axes"])
    )
    axes, before, after = (list(column) for column in zip(*rows, strict=True))
    node.attributes = a | {"axes": axes, "pads": before + after}
    return walk.pass_on(node, perm)


def _reduce(walk: _Walk, node: MutableNode) -> bool:
    perm, axes = walk.common(node), node.attributes.get("axes")
    if perm is None or not isinstance(axes, list) or len(node.inputs) != 1:
        return False
    reduced = sorted(perm[axis] for axis in axes)
    node.attributes["axes"] = reduced
    if node.attributes.get("keepdims"):
        return walk.pass_on(node, perm)
    remaining = [axis for axis in perm if axis not in reduced]
    order = sorted(remaining)
    left = tuple(order.index(axis) for axis in remaining)
    base = walk.views[node.inputs[0]][0]
    shape = walk.graph.shape(base)
    walk.graph.read(node, [base])
    output = node.output
    base_output = walk.graph.rename(node, output, [shape[axis] for axis in order])
    walk.set_view(output, base_output, left)
    node.notes.add(NOTE)
    return True


def _reshape(walk: _Walk, node: MutableNode) -> bool:
    """Let a reshape read the base if the permutation moves only axes of extent 1."""
    tensor = node.inputs[0]
    if len(node.inputs) != 1 or node.parameters:
        return False
    base, perm = walk.views[tensor]
    if not moves_only_ones(walk.graph.shape(base), perm):
        return False
    walk.graph.read(node, [base])
    return True


def _movers() -> dict[str, Mover]:
    movers: dict[str, Mover] = dict.fromkeys(_UNARY | _BINARY, _elementwise)
    movers |= dict.fromkeys(_ALONG, _along)
    movers |= dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceSum"), _reduce)
    movers |= dict.fromkeys(("LayerNormalization", "RMSNormalization"), _layer_norm)
    movers |= {"Pad": _pad, "Reshape": _reshape, "Slice": _slice}
    return movers


_MOVERS = _movers()
