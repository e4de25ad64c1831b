r"""One spelling for what moves values without computing.

``Flatten``, ``Squeeze`` and ``Unsqueeze`` are reshapes; a reshape of a reshape is one reshape. A
transposition that moves only axes of extent 1 is a reshape. ``Gather`` of one index is a slice of
extent 1, reshaped; a ``Split`` is its slices; a mean, sum or maximum over axes of extent 1 is a
reshape. Slices name their axes in order and leave out those of which they take everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.graph.mutable import Net, Op

NOTE = "shapes"


def run(net: Net) -> None:
    """Rewrite to Reshape and Slice."""
    for node in net.of("Gather"):
        _select(net, node)
    for node in net.of("Split"):
        _split(net, node)
    for node in net.of("Slice"):
        _bounds(net, node)
    for node in net.of("Slice"):
        _merge(net, node)
    for node in net.of("Pad"):
        _padded_axes(node)
    for node in net.of("ReduceMax", "ReduceMean", "ReduceSum"):
        _of_single_elements(net, node)
    _reshapes(net)


def _reshapes(net: Net) -> None:
    for node in net.of("Flatten", "Squeeze", "Unsqueeze", "Reshape"):
        shape = net.shape(node.output)
        if shape and -1 not in shape and len(node.inputs) == 1 and not node.parameters:
            node.op, node.attributes = "Reshape", {"shape": list(shape)}
            net.kinds["Reshape"] = net.kinds.get("Reshape", 0) + 1
    for node in net.of("Reshape"):
        before = net.before(node)
        if before is not None and before.op == "Reshape" and not before.parameters:
            net.read(node, before.inputs)
            if not net.users.get(before.output) and before.output not in net.outputs:
                net.remove(before)
    for node in net.of("Reshape"):
        if net.shape(node.inputs[0]) == net.shape(node.output) and not node.parameters:
            net.bypass(node)


def after_layout(net: Net) -> None:
    """The same once more, and transpositions that only move axes of extent 1."""
    for node in net.of("Transpose"):
        if moves_only_ones(net.shape(node.inputs[0]), node.attributes["perm"]):
            net.become(node, "Reshape", {"shape": list(net.shape(node.output))}, NOTE)
    run(net)


def moves_only_ones(shape: Sequence[int], perm: Sequence[int]) -> bool:
    """Whether the axes with more than one element keep their order."""
    if not shape:
        return False
    wide = [axis for axis in perm if shape[axis] != 1]
    return wide == sorted(wide)


def _select(net: Net, node: Op) -> None:
    index = node.attributes.get("index")
    _everything(net, node)
    if index is None or len(node.inputs) != 1 or node.parameters:
        return
    axis, shape = node.attributes["axis"], net.shape(node.inputs[0])
    if not shape or -1 in shape:
        return
    first = index % shape[axis]
    kept = (*shape[:axis], 1, *shape[axis + 1 :])
    bounds = {"axes": [axis], "starts": [first], "ends": [first + 1], "steps": [1]}
    piece = net.add("Slice", node.name, node.inputs, kept, bounds, order=node.order)
    net.read(node, [piece.output])
    net.become(node, "Reshape", {"shape": list(net.shape(node.output))}, NOTE)


def _merge(net: Net, node: Op) -> None:
    """A slice of a slice along other axes is one slice."""
    before = net.before(node)
    if before is None or before.op != "Slice" or before.parameters or node.parameters:
        return
    one, other = before.attributes, node.attributes
    if "axes" not in one or "axes" not in other or set(one["axes"]) & set(other["axes"]):
        return
    keys = ("axes", "starts", "ends", "steps")
    rows = sorted(zip(*([*one[key], *other[key]] for key in keys), strict=True))
    columns = [list(column) for column in zip(*rows, strict=True)]
    node.attributes = dict(zip(keys, columns, strict=True))
    net.read(node, before.inputs)


def _padded_axes(node: Op) -> None:
    """Name only the axes that are padded."""
    axes, pads = node.attributes.get("axes"), node.attributes.get("pads")
    if axes is None or pads is None or len(pads) != 2 * len(axes):
        return
    kept = [i for i in range(len(axes)) if pads[i] or pads[i + len(axes)]]
    both = [*kept, *(i + len(axes) for i in kept)]
    node.attributes["pads"] = [pads[i] for i in both]
    node.attributes["axes"] = [axes[i] for i in kept]


def _of_single_elements(net: Net, node: Op) -> None:
    """A mean, sum or maximum over axes of extent 1."""
    axes, shape = node.attributes.get("axes"), net.shape(node.inputs[0]) if node.inputs else ()
    if isinstance(axes, list) and shape and all(shape[axis] == 1 for axis in axes):
        net.become(node, "Reshape", {"shape": list(net.shape(node.output))}, NOTE)


def _everything(net: Net, node: Op) -> None:
    """A Gather of all indices in order moves nothing."""
    chosen, axis = node.attributes.get("indices"), node.attributes.get("axis")
    if chosen is None or len(node.inputs) != 1 or node.parameters:
        return
    shape = net.shape(node.inputs[0])
    if shape and axis is not None and chosen == list(range(shape[axis])):
        net.become(node, "Reshape", {"shape": list(net.shape(node.output))}, NOTE)


def _split(net: Net, node: Op) -> None:
    axis, sizes = node.attributes.get("axis"), node.attributes.get("split")
    if not isinstance(sizes, list) or len(sizes) != len(node.outputs) or len(node.inputs) != 1:
        return
    start = 0
    for position, (output, size) in enumerate(zip(list(node.outputs), sizes, strict=True)):
        bounds = {"axes": [axis], "starts": [start], "ends": [start + size], "steps": [1]}
        order = node.order + position / (len(sizes) + 1)
        piece = net.add(
            "Slice", node.name, node.inputs, net.shape(output), bounds, order=order
        ).noted(NOTE)
        net.redirect(output, piece.output)
        start += size
    net.remove(node)


def _bounds(net: Net, node: Op) -> None:
    a, shape = node.attributes, net.shape(node.inputs[0])
    if not shape or -1 in shape or "axes" not in a or node.parameters:
        return
    steps = a.get("steps") or [1] * len(a["axes"])
    rows = []
    for axis, *given in zip(a["axes"], a["starts"], a["ends"], steps, strict=True):
        start, end, step = slice(*given).indices(shape[axis])
        if (start, end, step) != (0, shape[axis], 1):
            # Going down, an end of -1 would be counted from the end: it lies before the first.
            rows.append((axis, start, end if end >= 0 else -shape[axis] - 1, step))
    rows.sort()
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    node.attributes = dict(zip(("axes", "starts", "ends", "steps"), columns, strict=True))
    if not rows:
        net.bypass(node)
