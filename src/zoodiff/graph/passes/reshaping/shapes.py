r"""One form for operators that move values without computing.

``Flatten``, ``Squeeze`` and ``Unsqueeze`` are reshapes; a reshape of a reshape is one reshape. A
transposition that moves only axes of extent 1 is a reshape. ``Gather`` of one index is a slice of
extent 1, reshaped, and ``Gather`` of evenly spaced indices is a slice; a ``Split`` becomes slices;
a mean, sum or maximum over axes of extent 1 is a reshape. A slice of joined tensors that is one of
them is that one. ``DepthToSpace`` and ``SpaceToDepth`` divide, reorder and join axes. Slices name
their axes in order and leave out axes that they take completely.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "shapes"


def run(graph: MutableGraph) -> None:
    """Rewrite to Reshape and Slice."""
    for node in graph.of("Gather"):
        _select(graph, node)
    for node in graph.of("Split"):
        _split(graph, node)
    for node in graph.of("Slice"):
        _bounds(graph, node)
    for node in graph.of("Slice"):
        _of_concat(graph, node)
    for node in graph.of("Slice"):
        _merge(graph, node)
    for node in graph.of("DepthToSpace", "SpaceToDepth"):
        _depth(graph, node)
    for node in graph.of("Pad"):
        _padded_axes(node)
    for node in graph.of("ReduceMax", "ReduceMean", "ReduceSum"):
        _of_single_elements(graph, node)
    _reshapes(graph)


def _reshapes(graph: MutableGraph) -> None:
    for node in graph.of("Flatten", "Squeeze", "Unsqueeze", "Reshape"):
        shape = graph.shape(node.output)
        if shape and -1 not in shape and len(node.inputs) == 1 and not node.parameters:
            node.op, node.attributes = "Reshape", {"shape": list(shape)}
            graph.kinds["Reshape"] = graph.kinds.get("Reshape", 0) + 1
    for node in graph.of("Reshape"):
        before = graph.before(node)
        if before is not None and before.op == "Reshape" and not before.parameters:
            graph.read(node, before.inputs)
            if not graph.users.get(before.output) and before.output not in graph.outputs:
                graph.remove(before)
    for node in graph.of("Reshape"):
        if node.parameters or not node.inputs:
            continue
        if graph.shape(node.inputs[0]) == graph.shape(node.output):
            graph.bypass(node)


def after_layout(graph: MutableGraph) -> None:
    """Merge reshapes once more, and rewrite transpositions that only move axes of extent 1."""
    for node in graph.of("Transpose"):
        if node.inputs and moves_only_ones(graph.shape(node.inputs[0]), node.attributes["perm"]):
            graph.become(node, "Reshape", {"shape": list(graph.shape(node.output))}, NOTE)
    run(graph)


def moves_only_ones(shape: Sequence[int], perm: Sequence[int]) -> bool:
    """Whether all axes with more than one element keep their order."""
    if not shape:
        return False
    wide = [axis for axis in perm if shape[axis] != 1]
    return wide == sorted(wide)


def _select(graph: MutableGraph, node: MutableNode) -> None:
    index = node.attributes.get("index")
    _everything(graph, node)
    if index is None or len(node.inputs) != 1 or node.parameters:
        return
    axis, shape = node.attributes["axis"], graph.shape(node.inputs[0])
    if not shape or -1 in shape:
        return
    first = index % shape[axis]
    selected = (*shape[:axis], 1, *shape[axis + 1 :])
    bounds = {"axes": [axis], "starts": [first], "ends": [first + 1], "steps": [1]}
    piece = graph.add("Slice", node.name, node.inputs, selected, bounds, order=node.order)
    graph.read(node, [piece.output])
    graph.become(node, "Reshape", {"shape": list(graph.shape(node.output))}, NOTE)


def _merge(graph: MutableGraph, node: MutableNode) -> None:
    """Merge slices of slices along different axes."""
    before = graph.before(node)
    if before is None or before.op != "Slice" or before.parameters or node.parameters:
        return
    inner, outer = before.attributes, node.attributes
    if "axes" not in inner or "axes" not in outer or set(inner["axes"]) & set(outer["axes"]):
        return
    keys = ("axes", "starts", "ends", "steps")
    rows = sorted(zip(*([*inner[key], *outer[key]] for key in keys), strict=True))
    columns = [list(column) for column in zip(*rows, strict=True)]
    node.attributes = dict(zip(keys, columns, strict=True))
    graph.read(node, before.inputs)


def _of_concat(graph: MutableGraph, node: MutableNode) -> None:
    """A slice of joined tensors that is just one of them."""
    joined, a = graph.before(node), node.attributes
    if joined is None or joined.op != "Concat" or joined.parameters or node.parameters:
        return
    if a.get("axes") != [joined.attributes.get("axis")] or set(a.get("steps") or [1]) != {1}:
        return
    (axis,), start = a["axes"], 0
    for tensor in joined.inputs:
        shape = graph.shape(tensor)
        if not shape or shape[axis] < 0:
            return
        end = start + shape[axis]
        if (a["starts"], a["ends"]) == ([start], [end]):
            graph.redirect(node.output, tensor)
            graph.remove(node)
            return
        start = end


def _depth(graph: MutableGraph, node: MutableNode) -> None:
    """Blocks of pixels from channels, or channels from blocks, as ONNX defines them."""
    shape, block = graph.shape(node.inputs[0]), node.attributes.get("blocksize")
    if len(shape) != 4 or -1 in shape or not isinstance(block, int) or block < 1:
        return
    mode = node.attributes.get("mode", "DCR")
    if mode not in {"CRD", "DCR"}:
        return
    crd = mode == "CRD"
    batch, channels, rows, columns = shape
    if node.op == "SpaceToDepth":
        divided = [batch, channels, rows // block, block, columns // block, block]
        perm = [0, 1, 3, 5, 2, 4] if crd else [0, 3, 5, 1, 2, 4]
    else:
        blocks, kept = [block, block], [channels // block**2]
        divided = [batch, *(kept + blocks if crd else blocks + kept), rows, columns]
        perm = [0, 1, 4, 2, 5, 3] if crd else [0, 3, 4, 1, 5, 2]
    wanted = list(graph.shape(node.output))
    if prod(divided) != prod(shape) or prod(wanted) != prod(shape):
        return
    steps = (("Reshape", divided, {"shape": divided}),
             ("Transpose", [divided[axis] for axis in perm], {"perm": perm}))  # fmt: skip
    tensor = node.inputs[0]
    for place, (op, extents, attributes) in enumerate(steps):
        order = node.order - 0.2 + 0.1 * place
        added = graph.add(op, node.name, [tensor], extents, attributes, order=order).noted(NOTE)
        tensor = added.output
    graph.read(node, [tensor])
    graph.become(node, "Reshape", {"shape": wanted}, NOTE)


def _padded_axes(node: MutableNode) -> None:
    """Drop the axes without padding from a Pad."""
    axes, pads = node.attributes.get("axes"), node.attributes.get("pads")
    if axes is None or pads is None or len(pads) != 2 * len(axes):
        return
    padded = [i for i in range(len(axes)) if pads[i] or pads[i + len(axes)]]
    positions = [*padded, *(i + len(axes) for i in padded)]
    node.attributes["pads"] = [pads[i] for i in positions]
    node.attributes["axes"] = [axes[i] for i in padded]


def _of_single_elements(graph: MutableGraph, node: MutableNode) -> None:
    """Rewrite a mean, sum or maximum over axes of extent 1 as a reshape."""
    axes, shape = node.attributes.get("axes"), graph.shape(node.inputs[0]) if node.inputs else ()
    if isinstance(axes, list) and shape and all(shape[axis] == 1 for axis in axes):
        graph.become(node, "Reshape", {"shape": list(graph.shape(node.output))}, NOTE)


def _everything(graph: MutableGraph, node: MutableNode) -> None:
    """Remove a Gather of all indices in order; rewrite one of evenly spaced indices as a slice."""
    chosen, axis = node.attributes.get("indices"), node.attributes.get("axis")
    if chosen is None or len(node.inputs) != 1 or node.parameters:
        return
    shape = graph.shape(node.inputs[0])
    if not shape or axis is None or shape[axis] < 1 or len(graph.shape(node.output)) != len(shape):
        return
    chosen = [index % shape[axis] for index in chosen]
    if chosen == list(range(shape[axis])):
        graph.become(node, "Reshape", {"shape": list(graph.shape(node.output))}, NOTE)
    elif step := _even_step(chosen):
        end = chosen[-1] + step
        end = -shape[axis] - 1 if end < 0 else end  # before the first element
        bounds = {"axes": [axis], "starts": [chosen[0]], "ends": [end], "steps": [step]}
        graph.become(node, "Slice", bounds, NOTE)


def _even_step(chosen: Sequence[int]) -> int:
    """Return the distance of evenly spaced indices; 0 for others and for a single index."""
    steps = {after - before for before, after in pairwise(chosen)}
    return steps.pop() if len(steps) == 1 else 0


def _split(graph: MutableGraph, node: MutableNode) -> None:
    axis, sizes = node.attributes.get("axis"), node.attributes.get("split")
    if not isinstance(sizes, list) or len(sizes) != len(node.outputs) or len(node.inputs) != 1:
        return
    start = 0
    for position, (output, size) in enumerate(zip(list(node.outputs), sizes, strict=True)):
        bounds = {"axes": [axis], "starts": [start], "ends": [start + size], "steps": [1]}
        order = node.order + position / (len(sizes) + 1)
        piece = graph.add(
            "Slice", node.name, node.inputs, graph.shape(output), bounds, order=order
        ).noted(NOTE)
        graph.redirect(output, piece.output)
        start += size
    graph.remove(node)


def _bounds(graph: MutableGraph, node: MutableNode) -> None:
    a = node.attributes
    if node.parameters or not node.inputs or "axes" not in a:
        return
    shape = graph.shape(node.inputs[0])
    if not shape or -1 in shape:
        return
    steps = a.get("steps") or [1] * len(a["axes"])
    rows = []
    for axis, *bounds in zip(a["axes"], a["starts"], a["ends"], steps, strict=True):
        start, end, step = slice(*bounds).indices(shape[axis])
        if (start, end, step) != (0, shape[axis], 1):
            # With a negative step, the end may lie before the first element. An end of -1 would
            # count from the back.
            rows.append((axis, start, end if end >= 0 else -shape[axis] - 1, step))
    rows.sort()
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    node.attributes = dict(zip(("axes", "starts", "ends", "steps"), columns, strict=True))
    if not rows:
        graph.bypass(node)
