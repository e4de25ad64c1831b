"""Planted changes: each makes one kind of difference at a random place, and says which and where.

``CHANGES`` change the function and must be named; ``EQUIVALENT_FORMS`` do not and must not be seen.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from support.reshaping import Unsound, reshape
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.mutable import MutableGraph, MutableNode


@dataclass(frozen=True)
class Planted:
    """What a diff has to say."""

    codes: frozenset[str]
    """Codes under which the change may be named."""
    places: frozenset[str]
    """Names of layers, of which the finding must name one."""


Plant = Callable[[MutableGraph, random.Random], Planted | None]


def planted(graph: Graph, plant: Plant, random_: random.Random) -> tuple[Graph, Planted] | None:
    """A changed copy of a graph and what was changed; None where it does not fit the graph."""
    net = MutableGraph(graph)
    try:
        what = plant(net, random_)
        if what is None:
            return None
        reshape(net)
        return net.freeze(), what
    except Unsound:
        return None


def _say(codes: str, *nodes: MutableNode | str) -> Planted:
    names = (n if isinstance(n, str) else n.name for n in nodes)
    return Planted(frozenset(codes.split()), frozenset(names))


def _any(
    net: MutableGraph,
    r: random.Random,
    *ops: str,
    fits: Callable[[MutableNode], bool] | None = None,
) -> MutableNode | None:
    found = [n for n in net.of(*ops) if n.inputs and (fits is None or fits(n))]
    return r.choice(found) if found else None


def _square(node: MutableNode) -> bool:
    return node.op == "Conv" and node.attributes["kernel_shape"] == [3, 3]


def _behind(net: MutableGraph, node: MutableNode) -> MutableNode | None:
    return net.sole_user(node.output)


def _normed(net: MutableGraph, node: MutableNode) -> MutableNode | None:
    after = _behind(net, node)
    return after if after is not None and after.op == "BatchNormalization" else None


def stride(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "Conv", fits=lambda n: max(n.attributes["kernel_shape"]) > 1)
    if node is None:
        return None
    now = node.attributes["strides"]
    node.attributes["strides"] = [1, 1] if max(now) > 1 else [2, 2]
    return _say("ARC102", node)


def stride_placement(net: MutableGraph, r: random.Random) -> Planted | None:
    pairs = []
    for node in net.of("Conv"):
        after: MutableNode | None = node
        for _ in range(4):
            after = _behind(net, after) if after is not None else None
            if after is not None and after.op == "Conv":
                strides = [n.attributes["strides"] for n in (node, after)]
                if max(strides[0]) != max(strides[1]):
                    pairs.append((node, after))
                break
    if not pairs:
        return None
    one, other = r.choice(pairs)
    one.attributes["strides"], other.attributes["strides"] = (
        other.attributes["strides"],
        one.attributes["strides"],
    )
    before = net.shape(other.output)
    reshape(net)
    return _say("ARC101", one, other) if net.shape(other.output) == before else None


def padding(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "Conv", fits=lambda n: min(n.attributes["pads"]) > 0)
    if node is None:
        return None
    top, left, bottom, right = node.attributes["pads"]
    node.attributes["pads"] = [top - 1, left - 1, bottom + 1, right + 1]
    return _say("ARC107", node)


def kernel(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "Conv", fits=lambda n: _square(n) and max(n.attributes["dilations"]) == 1)
    if node is None:
        return None
    node.attributes["kernel_shape"] = [5, 5]
    node.attributes["pads"] = [n + 1 for n in node.attributes["pads"]]
    _weight(node, lambda shape: (*shape[:2], 5, 5))
    return _say("ARC103", node)


def _weight(node: MutableNode, change: Callable[[tuple[int, ...]], tuple[int, ...]]) -> None:
    node.parameters = [
        replace(p, shape=change(p.shape)) if p.role == "weight" and p.layout == "OIHW" else p
        for p in node.parameters
    ]


def dilation(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "Conv", fits=lambda n: _square(n) and max(n.attributes["dilations"]) == 1)
    if node is None:
        return None
    node.attributes["dilations"] = [2, 2]
    node.attributes["pads"] = [n + 1 for n in node.attributes["pads"]]
    return _say("ARC104", node)


def groups(net: MutableGraph, r: random.Random) -> Planted | None:
    def fits(n: MutableNode) -> bool:
        channels = net.shape(n.inputs[0])[1]
        return (
            n.attributes["group"] == 1
            and channels % 2 == 0
            and n.attributes["out_channels"] % 2 == 0
            and channels > 2
        )

    node = _any(net, r, "Conv", fits=fits)
    if node is None:
        return None
    node.attributes["group"] = 2
    return _say("ARC105", node)


def channels(net: MutableGraph, r: random.Random) -> Planted | None:
    """The width of a layer whose result only another convolution reads."""
    node = _any(net, r, "Conv", fits=lambda n: n.attributes["group"] == 1)
    if node is None:
        return None
    _widen(node, 2 * node.attributes["out_channels"])
    after = _behind(net, node)
    steps = 0
    while after is not None and after.op not in {"Conv", "Gemm"} and steps < 6:
        if after.op in {"Add", "Mul", "Concat", "Reshape", "Split", "Flatten"}:
            raise Unsound(node.name)
        after, steps = _behind(net, after), steps + 1
    if after is None or after.op != "Conv" or after.attributes["group"] != 1:
        raise Unsound(node.name)
    after.parameters = [
        replace(
            p,
            shape=tuple(
                2 * n if axis == "I" else n for axis, n in zip(p.layout, p.shape, strict=True)
            ),
        )
        if p.layout
        else p
        for p in after.parameters
    ]
    return _say("ARC106", node)


def _widen(node: MutableNode, to: int) -> None:
    """Give a layer another number of outputs."""
    for key in ("out_features", "out_channels"):
        if key in node.attributes:
            node.attributes[key] = to
    node.parameters = [
        replace(p, shape=(to,))
        if p.role == "bias"
        else replace(
            p,
            shape=tuple(
                to if axis == "O" else n for axis, n in zip(p.layout, p.shape, strict=True)
            ),
        )
        for p in node.parameters
    ]


def bias(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "Conv", "Gemm", fits=lambda n: _normed(net, n) is None)
    if node is None:
        return None
    has = node.attributes["bias"]
    node.attributes["bias"] = not has
    if has:
        node.parameters = [p for p in node.parameters if p.role != "bias"]
    else:
        node.parameters = [*node.parameters, _vector(net, node, "bias")]
    return _say("ARC111", node)


def _vector(net: MutableGraph, node: MutableNode, role: str) -> Parameter:
    extent = net.shape(node.output)[1] if len(net.shape(node.output)) > 1 else 1
    return Parameter(f"{node.name}/planted_{role}", (extent,), role=role)


def bias_before_norm(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "Conv", fits=lambda n: _normed(net, n) is not None)
    if node is None:
        return None
    has = node.attributes["bias"]
    node.attributes["bias"] = not has
    node.parameters = (
        [p for p in node.parameters if p.role != "bias"]
        if has
        else [*node.parameters, _vector(net, node, "bias")]
    )
    return _say("ARC110", node)


def epsilon(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "BatchNormalization", "LayerNormalization")
    if node is None:
        return None
    node.attributes["epsilon"] = node.attributes["epsilon"] * 7
    return _say("ARC120", node, *_owner(net, node))


def _owner(net: MutableGraph, node: MutableNode) -> list[MutableNode]:
    """The layer whose affine chain a node belongs to, perhaps."""
    before = net.before(node)
    return [before] if before is not None else []


def momentum(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "BatchNormalization", fits=lambda n: "momentum" in n.attributes)
    if node is None:
        return None
    node.attributes["momentum"] = 0.5
    return _say("ARC121", node, *_owner(net, node))


_ACTIVATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Clip", {"min": 0.0, "max": 6.0}),
    ("Elu", {"alpha": 1.0}),
    ("HardSwish", {}),
    ("LeakyRelu", {"alpha": 0.1}),
    ("Relu", {}),
    ("Swish", {"alpha": 1.0}),
    ("Tanh", {}),
)
_KINDS = tuple(op for op, _ in _ACTIVATIONS)


def activation(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, *_KINDS)
    if node is None:
        return None
    op, attributes = r.choice([a for a in _ACTIVATIONS if a[0] != node.op])
    net.become(node, op, attributes, "planted")
    return _say("ARC130", node)


def activation_gone(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, *_KINDS)
    if node is None:
        return None
    net.bypass(node)
    return _say("ARC130", node)


def _insert(
    net: MutableGraph, tensor: str, op: str, attributes: dict[str, Any], name: str, **more: Any
) -> MutableNode:
    """Put a node behind a tensor."""
    readers = list(net.users.get(tensor, []))
    order = max((n.order for n in net.nodes.values() if tensor in n.outputs), default=-1.0)
    made = net.add(op, name, [tensor], net.shape(tensor), attributes, order=order + 0.25, **more)
    for reader in dict.fromkeys(readers):
        net.read(reader, [made.output if t == tensor else t for t in reader.inputs])
    net.outputs = [made.output if t == tensor else t for t in net.outputs]
    return made


def activation_more(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "Conv", "Add", fits=lambda n: _normed(net, n) is None)
    after = _behind(net, node) if node is not None else None
    if node is None or after is None or after.op in {*_KINDS, "Add", "Mul"}:
        return None
    return _say("ARC130", _insert(net, node.output, "Tanh", {}, "planted"))


def pool_kind(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "MaxPool", "AveragePool")
    if node is None:
        return None
    to = "AveragePool" if node.op == "MaxPool" else "MaxPool"
    attributes = {k: v for k, v in node.attributes.items() if k != "count_include_pad"}
    if to == "AveragePool":
        attributes = {k: v for k, v in attributes.items() if k != "dilations"}
        attributes |= {"count_include_pad": True}
    net.become(node, to, attributes, "planted")
    return _say("ARC131", node)


def pool_window(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "MaxPool", "AveragePool", fits=lambda n: n.attributes["strides"] == [2, 2])
    if node is None:
        return None
    size = node.attributes["kernel_shape"][0]
    node.attributes["kernel_shape"] = [2, 2] if size == 3 else [3, 3]
    if size == 3:
        node.attributes["pads"] = [0, 0, 0, 0]
    return _say("ARC132", node)


def pool_padding(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "MaxPool", fits=lambda n: n.attributes["kernel_shape"] == [3, 3])
    if node is None:
        return None
    before = net.shape(node.output)
    pads = node.attributes["pads"]
    node.attributes["pads"] = [0, 0, 1, 1] if any(pads[:2]) else [1, 1, 0, 0]
    node.attributes["ceil_mode"] = False
    reshape(net)
    return _say("ARC133", node) if net.shape(node.output) == before else None


def counting(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "AveragePool", fits=lambda n: any(n.attributes["pads"]))
    if node is None:
        return None
    node.attributes["count_include_pad"] = not node.attributes["count_include_pad"]
    return _say("ARC134", node)


def norm_gone(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "BatchNormalization", "LayerNormalization")
    if node is None:
        return None
    owner = _owner(net, node)
    in_chain = node.op == "BatchNormalization" and bool(owner) and owner[0].op == "Conv"
    biased = in_chain and owner[0].attributes.get("bias")
    net.bypass(node)
    return _say("ARC112" if biased else "ARC122", node, *owner)


def norm_folded(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "Conv", fits=lambda n: _normed(net, n) is not None)
    if node is None:
        return None
    norm = _normed(net, node)
    assert norm is not None
    net.bypass(norm)
    if not node.attributes["bias"]:
        node.parameters = [*node.parameters, _vector(net, node, "bias")]
        node.attributes["bias"] = True
    return _say("ARC112", node)


def learned_scale(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "BatchNormalization", fits=lambda n: n.attributes["scale"])
    if node is None:
        return None
    node.attributes["scale"] = False
    node.parameters = [p for p in node.parameters if p.role != "scale"]
    return _say("ARC123", node, *_owner(net, node))


def scale_layers(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, "BatchNormalization")
    if node is None:
        return None
    scale = _vector(net, node, "constant")
    made = _insert(net, node.output, "Mul", {"axis": 1}, "planted", parameters=[scale])
    shift = replace(scale, name="planted/shift")
    _insert(net, made.output, "Add", {"axis": 1}, "planted2", parameters=[shift])
    return _say("ARC113", node, *_owner(net, node))


def response_norm(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, *_KINDS, "MaxPool", fits=lambda n: len(net.shape(n.output)) == 4)
    if node is None or any(user.op == "LRN" for user in net.users[node.output]):
        return None
    constants = {"size": 5, "alpha": 1e-4, "beta": 0.75, "bias": 1.0}
    return _say("ARC124", _insert(net, node.output, "LRN", constants, "planted"))


def squeeze_and_excitation(net: MutableGraph, r: random.Random) -> Planted | None:
    node = _any(net, r, *_KINDS, "BatchNormalization", fits=lambda n: len(net.shape(n.output)) == 4)
    if node is None or min(net.shape(node.output)[2:]) < 2:
        return None
    data, shape = node.output, net.shape(node.output)
    readers = list(dict.fromkeys(net.users.get(data, [])))
    squeezed = (*shape[:2], 1, 1)
    pool = net.add(
        "GlobalAveragePool", "planted/pool", [data], squeezed, {}, order=node.order + 0.1
    )
    step = pool.output
    for k, (op, attributes) in enumerate(
        (
            ("Conv", _pointwise(shape[1])),
            ("Relu", {}),
            ("Conv", _pointwise(shape[1])),
            ("Sigmoid", {}),
        )
    ):
        weights = [
            Parameter(f"planted/{k}", (shape[1], shape[1], 1, 1), role="weight", layout="OIHW")
        ]
        made = net.add(
            op,
            f"planted/{k}",
            [step],
            squeezed,
            attributes,
            parameters=[*weights, Parameter(f"planted/b{k}", (shape[1],), role="bias")]
            if op == "Conv"
            else [],
            order=node.order + 0.2 + k / 10,
        )
        step = made.output
    product = net.add("Mul", "planted/mul", [data, step], shape, {}, order=node.order + 0.7)
    for reader in readers:
        net.read(reader, [product.output if t == data else t for t in reader.inputs])
    return _say("ARC160", "planted/pool", "planted/mul")


def _pointwise(channels_: int) -> dict[str, Any]:
    return {
        "kernel_shape": [1, 1],
        "strides": [1, 1],
        "dilations": [1, 1],
        "pads": [0, 0, 0, 0],
        "group": 1,
        "out_channels": channels_,
        "bias": True,
    }


def softmax(net: MutableGraph, r: random.Random) -> Planted | None:
    node = net.producer[net.outputs[0]]
    if node.op == "Softmax":
        net.bypass(node)
        return _say("ARC140", node)
    return _say("ARC140", _insert(net, net.outputs[0], "Softmax", {"axis": 1}, "planted"))


def classes(net: MutableGraph, r: random.Random) -> Planted | None:
    node = net.producer[net.outputs[0]]
    while node.op in {"Softmax", "Flatten", "Reshape", "GlobalAveragePool", "Relu"}:
        node = net.producer[node.inputs[0]]
    key = "out_features" if node.op == "Gemm" else "out_channels"
    if key not in node.attributes:
        return None
    _widen(node, node.attributes[key] + 1)
    return _say("ARC141", node)


def preprocessing(net: MutableGraph, r: random.Random) -> Planted | None:
    tensor = net.inputs[0]
    if any(user.op in {"Mul", "Add", "Sub", "Div"} for user in net.users[tensor]):
        return None
    made = _insert(net, tensor, "Mul", {"value": 1 / 127.5}, "planted/mul")
    _insert(net, made.output, "Add", {"value": -1.0}, "planted/add")
    return _say("ARC150", "planted/mul", "planted/add")


def input_size(net: MutableGraph, r: random.Random) -> Planted | None:
    tensor = net.tensors[net.inputs[0]]
    net.tensors[tensor.name] = replace(tensor, shape=(1, tensor.shape[1], 256, 256))
    net.graph = replace(net.graph, inputs=(net.tensors[tensor.name],))
    return _say("ARC151")


def layer_more(net: MutableGraph, r: random.Random) -> Planted | None:
    """A convolution with its activation behind another activation."""
    node = _any(net, r, *_KINDS, fits=lambda n: len(net.shape(n.output)) == 4)
    if node is None or min(net.shape(node.output)[2:]) < 2:
        return None
    width = net.shape(node.output)[1]
    attributes = _pointwise(width) | {"kernel_shape": [7, 7], "pads": [3, 3, 3, 3]}
    weights = [
        Parameter("planted/w", (width, width, 7, 7), role="weight", layout="OIHW"),
        Parameter("planted/b", (width,), role="bias"),
    ]
    made = _insert(net, node.output, "Conv", attributes, "planted", parameters=weights)
    return _say("ARC190", made)


def branches(net: MutableGraph, r: random.Random) -> Planted | None:
    """Two branches of a concatenation change places."""
    node = _any(
        net,
        r,
        "Concat",
        fits=lambda n: (
            len(set(n.inputs)) > 1 and not any(user.op == "Concat" for user in net.users[n.output])
        ),
    )
    if node is None:
        return None
    inputs = list(node.inputs)
    i, j = r.sample(range(len(inputs)), 2)
    if inputs[i] == inputs[j]:
        return None
    inputs[i], inputs[j] = inputs[j], inputs[i]
    net.read(node, inputs)
    return _say("ARC162", node)


def projection(net: MutableGraph, r: random.Random) -> Planted | None:
    """A 1x1 convolution on a shortcut that was an identity."""
    found = []
    for node in net.of("Add"):
        for position, tensor in enumerate(node.inputs):
            other = [t for t in node.inputs if t != tensor]
            source = net.producer.get(tensor)
            forks = source is not None and len(net.users[tensor]) > 1
            if forks and len(other) == 1 and source.op in {*_KINDS, "Add", "BatchNormalization"}:
                found.append((node, position))
    if not found:
        return None
    node, position = r.choice(found)
    tensor = node.inputs[position]
    width = net.shape(tensor)[1]
    weights = [
        Parameter("planted/w", (width, width, 1, 1), role="weight", layout="OIHW"),
        Parameter("planted/b", (width,), role="bias"),
    ]
    made = net.add(
        "Conv",
        "planted",
        [tensor],
        net.shape(tensor),
        _pointwise(width),
        parameters=weights,
        order=node.order - 0.5,
    )
    inputs = list(node.inputs)
    inputs[position] = made.output
    net.read(node, inputs)
    return _say("ARC161", "planted")


def shortcut_gone(net: MutableGraph, r: random.Random) -> Planted | None:
    """An addition of an identity shortcut taken out."""
    found = [
        (node, tensor)
        for node in net.of("Add")
        if len(node.inputs) == 2
        for tensor in node.inputs
        if len(net.users[tensor]) > 1 and net.users[tensor][0].op != "Concat"
    ]
    if not found:
        return None
    node, shortcut = r.choice(found)
    net.read(node, [t for t in node.inputs if t != shortcut])
    net.bypass(node)
    return _say("ARC161 ARC166", node)


def head_more(net: MutableGraph, r: random.Random) -> Planted | None:
    """A hidden linear layer before the last one."""
    node = net.producer[net.outputs[0]]
    while node.op == "Softmax":
        node = net.producer[node.inputs[0]]
    if node.op != "Gemm":
        return None
    width = node.attributes["in_features"]
    attributes = {"in_features": width, "out_features": width, "bias": True, "axis": 1}
    weights = [
        Parameter("planted/w", (width, width), role="weight", layout="OI"),
        Parameter("planted/b", (width,), role="bias"),
    ]
    made = net.add(
        "Gemm",
        "planted",
        node.inputs,
        net.shape(node.inputs[0]),
        attributes,
        parameters=weights,
        order=node.order - 0.5,
    )
    net.read(node, [made.output])
    return _say("ARC142 ARC190", made)


def auxiliary(net: MutableGraph, r: random.Random) -> Planted | None:
    if net.graph.unused_parameters:
        return None
    net.graph = replace(net.graph, unused_parameters=(Parameter("aux.weight", (1000, 768)),))
    return _say("ARC143")


def join(net: MutableGraph, r: random.Random) -> Planted | None:
    """Two branches joined by another operator."""
    node = _any(net, r, "Add", "Mul", fits=lambda n: len(set(n.inputs)) == 2 and not n.parameters)
    if node is None:
        return None
    shapes = [net.shape(tensor) for tensor in node.inputs]
    if shapes[0] != shapes[1]:
        return None
    node.op = r.choice([op for op in ("Add", "Max", "Mul", "Sub") if op != node.op])
    node.attributes = {}
    return _say("ARC166", node)


CHANGES: dict[str, Plant] = {
    f.__name__: f
    for f in (
        activation,
        activation_gone,
        activation_more,
        auxiliary,
        bias,
        bias_before_norm,
        branches,
        channels,
        classes,
        counting,
        dilation,
        epsilon,
        groups,
        head_more,
        input_size,
        join,
        kernel,
        layer_more,
        learned_scale,
        momentum,
        norm_folded,
        norm_gone,
        padding,
        pool_kind,
        pool_padding,
        pool_window,
        preprocessing,
        projection,
        response_norm,
        scale_layers,
        shortcut_gone,
        softmax,
        squeeze_and_excitation,
        stride,
        stride_placement,
    )
}


# Equivalent forms


def renamed(net: MutableGraph, r: random.Random) -> Planted | None:
    for k, node in enumerate(net.nodes.values()):
        node.name = f"layer{r.random()}-{k}"
    return _say("")


def reordered(net: MutableGraph, r: random.Random) -> Planted | None:
    for node in net.nodes.values():
        node.order = r.random()
    return _say("")


def swapped(net: MutableGraph, r: random.Random) -> Planted | None:
    """Operands of additions and products the other way round."""
    for node in net.of("Add", "Mul"):
        if r.random() < 0.5 and not node.parameters:
            net.read(node, node.inputs[::-1])
    return _say("")


def spelt_swish(net: MutableGraph, r: random.Random) -> Planted | None:
    nodes = net.of("Swish")
    for node in nodes:
        gate = net.add(
            "Sigmoid",
            f"{node.name}/s",
            node.inputs,
            net.shape(node.output),
            {},
            order=node.order - 0.5,
        )
        net.read(node, [gate.output, node.inputs[0]])
        node.op, node.attributes = "Mul", {}
    net.kinds["Mul"] = net.kinds.get("Mul", 0) + len(nodes)
    return _say("") if nodes else None


def spelt_hard_swish(net: MutableGraph, r: random.Random) -> Planted | None:
    nodes = net.of("HardSwish")
    for node in nodes:
        data, shape = node.inputs[0], net.shape(node.output)
        plus = net.add(
            "Add", f"{node.name}/a", [data], shape, {"value": 3.0}, order=node.order - 0.9
        )
        clip = net.add(
            "Clip",
            f"{node.name}/c",
            [plus.output],
            shape,
            {"min": 0.0, "max": 6.0},
            order=node.order - 0.8,
        )
        if r.random() < 0.5:
            gate = net.add(
                "Div",
                f"{node.name}/d",
                [clip.output],
                shape,
                {"value": 6.0},
                order=node.order - 0.7,
            )
            net.read(node, [data, gate.output])
            node.op, node.attributes = "Mul", {}
        else:
            product = net.add(
                "Mul", f"{node.name}/m", [clip.output, data], shape, {}, order=node.order - 0.6
            )
            net.read(node, [product.output])
            node.op, node.attributes = "Div", {"value": 6.0}
    for op in ("Mul", "Div"):
        net.kinds[op] = net.kinds.get(op, 0) + len(nodes)
    return _say("") if nodes else None


def spelt_relu6(net: MutableGraph, r: random.Random) -> Planted | None:
    nodes = [n for n in net.of("Clip") if n.attributes == {"min": 0.0, "max": 6.0}]
    for node in nodes:
        shape = net.shape(node.output)
        first = net.add("Relu", f"{node.name}/r", node.inputs, shape, {}, order=node.order - 0.5)
        net.read(node, [first.output])
        node.op, node.attributes = "Min", {"value": 6.0}
    net.kinds["Min"] = net.kinds.get("Min", 0) + len(nodes)
    return _say("") if nodes else None


def spelt_padding(net: MutableGraph, r: random.Random) -> Planted | None:
    nodes = [n for n in net.of("Conv") if any(n.attributes["pads"])]
    for node in nodes:
        pads, shape = node.attributes["pads"], net.shape(node.inputs[0])
        grown = (*shape[:2], shape[2] + pads[0] + pads[2], shape[3] + pads[1] + pads[3])
        attributes = {"pads": pads, "axes": [2, 3], "mode": "constant", "value": 0.0}
        pad = net.add(
            "Pad", f"{node.name}/p", node.inputs, grown, attributes, order=node.order - 0.5
        )
        net.read(node, [pad.output])
        node.attributes["pads"] = [0, 0, 0, 0]
    return _say("") if nodes else None


def spelt_max_padding(net: MutableGraph, r: random.Random) -> Planted | None:
    nodes = [n for n in net.of("MaxPool") if any(n.attributes["pads"])]
    for node in nodes:
        pads, shape = node.attributes["pads"], net.shape(node.inputs[0])
        grown = (*shape[:2], shape[2] + pads[0] + pads[2], shape[3] + pads[1] + pads[3])
        attributes = {"pads": pads, "axes": [2, 3], "mode": "constant", "value": -math.inf}
        pad = net.add(
            "Pad", f"{node.name}/p", node.inputs, grown, attributes, order=node.order - 0.5
        )
        net.read(node, [pad.output])
        node.attributes["pads"] = [0, 0, 0, 0]
    return _say("") if nodes else None


def identities(net: MutableGraph, r: random.Random) -> Planted | None:
    for node in r.sample(sorted(net.nodes.values(), key=lambda n: n.order), 5):
        if len(node.outputs) == 1:
            _insert(net, node.output, r.choice(["Identity", "Dropout"]), {}, f"{node.name}/no")
    return _say("")


def turned(net: MutableGraph, r: random.Random) -> Planted | None:
    """Activations in channels-last order, between two transpositions."""
    nodes = [n for n in net.of(*_KINDS) if len(net.shape(n.output)) == 4]
    for node in r.sample(nodes, min(4, len(nodes))):
        n, c, h, w = net.shape(node.output)
        there = net.add(
            "Transpose",
            f"{node.name}/t",
            node.inputs,
            (n, h, w, c),
            {"perm": [0, 2, 3, 1]},
            order=node.order - 0.5,
        )
        net.read(node, [there.output])
        net.tensors[node.output] = replace(net.tensors[node.output], shape=(n, h, w, c))
        readers = list(dict.fromkeys(net.users.get(node.output, [])))
        back = net.add(
            "Transpose",
            f"{node.name}/b",
            [node.output],
            (n, c, h, w),
            {"perm": [0, 3, 1, 2]},
            order=node.order + 0.5,
        )
        for reader in readers:
            net.read(reader, [back.output if t == node.output else t for t in reader.inputs])
    return _say("") if nodes else None


def spelt_pooling(net: MutableGraph, r: random.Random) -> Planted | None:
    nodes = net.of("GlobalAveragePool")
    for node in nodes:
        node.op, node.attributes = (
            "AveragePool",
            {
                "kernel_shape": list(net.shape(node.inputs[0])[2:]),
                "strides": [1, 1],
                "pads": [0, 0, 0, 0],
                "ceil_mode": False,
                "count_include_pad": True,
            },
        )
    net.kinds["AveragePool"] = net.kinds.get("AveragePool", 0) + len(nodes)
    return _say("") if nodes else None


def spelt_linear(net: MutableGraph, r: random.Random) -> Planted | None:
    """A linear layer of pooled features as a 1x1 convolution of a map of one pixel."""
    nodes = [
        n
        for n in net.of("Gemm")
        if len(net.shape(n.inputs[0])) == 2 and len(net.shape(n.output)) == 2
    ]
    done = False
    for node in nodes:
        before = net.before(node)
        if before is None or before.op != "Flatten" or net.shape(before.inputs[0])[2:] != (1, 1):
            continue
        if node.parameters[0].layout != "OI":
            continue
        width, out = node.attributes["in_features"], node.attributes["out_features"]
        conv = net.add(
            "Conv",
            f"{node.name}/c",
            before.inputs,
            (1, out, 1, 1),
            _pointwise(out) | {"bias": node.attributes["bias"]},
            parameters=[
                replace(node.parameters[0], shape=(out, width, 1, 1), layout="OIHW"),
                *node.parameters[1:],
            ],
            order=node.order - 0.5,
        )
        net.read(node, [conv.output])
        node.op, node.attributes, node.parameters = "Flatten", {"axis": 1}, []
        net.kinds["Flatten"] = net.kinds.get("Flatten", 0) + 1
        done = True
    return _say("") if done else None


def nested(net: MutableGraph, r: random.Random) -> Planted | None:
    """A concatenation of many as concatenations of two."""
    nodes = [n for n in net.of("Concat") if len(n.inputs) > 2]
    for node in nodes:
        rest, axis_ = list(node.inputs), node.attributes["axis"]
        while len(rest) > 2:
            first, second = rest[:2]
            shape = list(net.shape(first))
            shape[axis_] += net.shape(second)[axis_]
            inner = net.add(
                "Concat",
                f"{node.name}/n{len(rest)}",
                [first, second],
                shape,
                {"axis": axis_},
                order=node.order - 0.5,
            )
            rest = [inner.output, *rest[2:]]
        net.read(node, rest)
    return _say("") if nodes else None


def constants(net: MutableGraph, r: random.Random) -> Planted | None:
    """``x * c`` as ``x / (1 / c)``, ``x + c`` as ``x - (-c)``, in two steps."""
    nodes = [n for n in net.of("Mul", "Add") if isinstance(n.attributes.get("value"), float)]
    for node in nodes:
        value = node.attributes["value"]
        shape = net.shape(node.output)
        node.attributes["value"] = value / 2
        if node.op == "Mul":
            _insert(net, node.output, "Div", {"value": 0.5}, f"{node.name}/two")
        else:
            _insert(net, node.output, "Sub", {"value": -value / 2}, f"{node.name}/two")
        assert net.shape(node.output) == shape
    return _say("") if nodes else None


EQUIVALENT_FORMS: dict[str, Plant] = {
    f.__name__: f
    for f in (
        constants,
        identities,
        nested,
        renamed,
        reordered,
        spelt_hard_swish,
        spelt_linear,
        spelt_max_padding,
        spelt_padding,
        spelt_pooling,
        spelt_relu6,
        spelt_swish,
        swapped,
        turned,
    )
}
