r"""Merge explicit padding into the next layer, and drop padding that is never read.

* Convolution: :math:`W * \mathrm{pad}_0(x)` with no pads equals :math:`W * x` with these pads.
* Average pool: the same, with padding counted among the elements.
* Maximum pool: its own padding counts as :math:`-\infty`; zeros stand in for that only where
  :math:`x \ge 0` and every window contains an element of x, since then
  :math:`\max(0, x) = \max(x)`. Padding by :math:`-\infty` is always merged.

Then, for an input of extent n, kernel k, dilation d, stride s and m outputs, only
:math:`p_{end} = \max(0, (m-1)s + d(k-1) + 1 - n - p_{begin})` elements of the padding at the end
are ever read (V. Dumoulin, F. Visin, "A guide to convolution arithmetic", 2016, relationship 6);
the rest is dropped. ``ceil_mode`` only changes m, so it is expressed by the pads as well, except
in an average that counts padding, because the overhang does not count. Without padding, whether
padding counts is dropped too.
"""

from __future__ import annotations

import math

from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.signs import never_negative

NOTE = "padding"
_WINDOWS = ("AveragePool", "Conv", "MaxPool")


def run(graph: MutableGraph) -> None:
    """Merge Pad nodes, then reduce all pads to the elements that are read."""
    for node in graph.of("Pad"):
        if node.attributes.get("mode", "constant") == "constant" and not node.parameters:
            _merge(graph, node)
    for node in graph.of(*_WINDOWS):
        effective(graph, node)


def _merge(graph: MutableGraph, pad: MutableNode) -> None:
    pads = _spatial(graph, pad)
    if pads is None:
        return
    value = float(pad.attributes.get("value") or 0.0)
    for user in list(dict.fromkeys(graph.users.get(pad.output, []))):
        if (
            user.op not in _WINDOWS
            or user.inputs[0] != pad.output
            or user.inputs.count(pad.output) > 1
        ):
            continue
        if len(user.attributes["pads"]) != 4 or not _fits(graph, pad, user, value, pads):
            continue
        user.attributes["pads"] = [
            a + b for a, b in zip(user.attributes["pads"], pads, strict=True)
        ]
        user.notes.add(NOTE)
        graph.read(user, [pad.inputs[0], *user.inputs[1:]])
    if not graph.users.get(pad.output) and pad.output not in graph.outputs:
        graph.remove(pad)


def _spatial(graph: MutableGraph, pad: MutableNode) -> list[int] | None:
    """Return the pads of height and width in ONNX's order; None for other axes or cropping."""
    pads, axes = pad.attributes.get("pads"), pad.attributes.get("axes")
    if pads is None or len(graph.shape(pad.inputs[0])) != 4 or len(pad.inputs) != 1:
        return None
    axes = axes if axes is not None else list(range(len(pads) // 2))
    half = len(axes)
    spatial = [0, 0, 0, 0]
    for position, axis in enumerate(axes):
        before, after = pads[position], pads[position + half]
        if axis in (2, 3):
            spatial[axis - 2], spatial[axis] = before, after
        elif before or after:
            return None
    return spatial if min(spatial) >= 0 else None


def _fits(
    graph: MutableGraph, pad: MutableNode, user: MutableNode, value: float, pads: list[int]
) -> bool:
    if user.op == "Conv":
        return value == 0.0
    kernel = user.attributes["kernel_shape"]
    if user.op == "AveragePool":
        has_pads = any(user.attributes["pads"])
        if value != 0.0 or (has_pads and not user.attributes.get("count_include_pad")):
            return False
        user.attributes["count_include_pad"] = True
        return True
    total = [a + b for a, b in zip(user.attributes["pads"], pads, strict=True)]
    all_windows_read_data = all(total[i] < kernel[i % 2] for i in range(4))
    if value == -math.inf:
        return all_windows_read_data
    return value == 0.0 and all_windows_read_data and never_negative(graph, pad.inputs[0])


def effective(graph: MutableGraph, node: MutableNode) -> None:
    """Reduce the pads of a window to the elements that are read."""
    a, size = node.attributes, graph.shape(node.inputs[0])[2:]
    outputs = graph.shape(node.output)[2:]
    count = len(a["kernel_shape"])
    if len(size) != count or len(outputs) != count or -1 in (*size, *outputs):
        return
    dilations = a.get("dilations") or [1] * count
    pads, hanging = list(a["pads"]), False
    stays = bool(node.op == "AveragePool" and a.get("ceil_mode") and a.get("count_include_pad"))
    for i in range(count):
        reach = (outputs[i] - 1) * a["strides"][i] + (a["kernel_shape"][i] - 1) * dilations[i] + 1
        needed = max(0, reach - size[i] - pads[i])
        if stays:  # the overhang counts differently from padding
            hanging = hanging or needed > pads[i + count]
            needed = min(needed, pads[i + count])
        pads[i + count] = needed
    a["pads"] = pads
    if not hanging:
        a.pop("ceil_mode", None)
    if node.op == "AveragePool":
        a["count_include_pad"] = bool(a.get("count_include_pad")) and (any(pads) or hanging)
    if node.op != "Conv" and set(dilations) == {1}:
        a.pop("dilations", None)
