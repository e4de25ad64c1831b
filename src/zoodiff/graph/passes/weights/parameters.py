r"""Set the views that bring weights to the canonical order of axes.

Frameworks store a kernel :math:`W` as ``OIHW`` (PyTorch, ONNX), ``HWIO`` (TensorFlow, Keras),
``OHWI`` (TFLite), or, for a depthwise one, ``HWIM`` with output channel :math:`c M + m`. Kernels
along one axis are ``LIO`` (Keras), or ``OIL`` in the canonical order. These are
permutations and regroupings of the same numbers, as is OpenVINO's ``GOIHW`` with output channel
:math:`g O + o`. The canonical order is ``OIHW`` for
convolutions (``IOHW`` for transposed ones) and ``OI`` for linear layers; ``Parameter.view`` holds
the steps from the stored tensor to it. A bias that is stored with axes of extent 1, as OpenVINO
stores it, becomes a vector. Recurrent layers have kernels and biases per direction, with gates in
one order (``graph.recurrent``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from zoodiff.graph.ir import Parameter
from zoodiff.graph.mutable import MutableGraph
from zoodiff.graph.recurrent import GATES, canonical_parameters

_TARGETS = {"Conv": "OIHW", "ConvTranspose": "IOHW", "Gemm": "OI"}


def run(graph: MutableGraph) -> None:
    """Set the views of all weights that are not stored canonically."""
    for node in graph.of(*_TARGETS):
        node.parameters = [
            canonical(p, "OIL" if "L" in p.layout else _TARGETS[node.op])
            if p.role == "weight" and p.layout
            else p
            for p in node.parameters
        ]
        width = node.attributes.get("out_features" if node.op == "Gemm" else "out_channels")
        node.parameters = [
            reshaped(p, [p.size]) if p.role == "bias" and p.size == width else p
            for p in node.parameters
        ]
        if node.op == "Gemm" and "axis" not in node.attributes and node.inputs:
            node.attributes["axis"] = max(len(graph.shape(node.inputs[0])) - 1, 0)
    for node in graph.of(*GATES):
        node.parameters = canonical_parameters(node.op, node.attributes, node.parameters)


def canonical(parameter: Parameter, target: str) -> Parameter:
    """Return the parameter with its axes as in ``target``; one of unknown layout is unchanged."""
    layout = parameter.layout
    if layout == target or len(layout) != len(parameter.shape):
        return parameter
    if layout == f"G{target}":
        groups, rows, *rest = parameter.shape
        return replace(reshaped(parameter, (groups * rows, *rest)), layout=target)
    if "M" in layout:  # (H, W, C, M) -> (C, M, H, W) -> (C * M, 1, H, W)
        moved = transposed(parameter, [layout.index(letter) for letter in "IMHW"])
        channels, multiplier, *kernel = moved.shape
        return replace(reshaped(moved, (channels * multiplier, 1, *kernel)), layout=target)
    letters = layout.replace("1", "")
    if not set(letters) <= set(target):
        return parameter
    extents = [n for n, letter in zip(parameter.shape, layout, strict=True) if letter != "1"]
    order = [letters.index(letter) for letter in target if letter in letters]
    moved = transposed(reshaped(parameter, extents), order)
    full = iter(moved.shape)
    shape = [next(full) if letter in letters else 1 for letter in target]
    return replace(reshaped(moved, shape), layout=target)


def transposed(parameter: Parameter, axes: Sequence[int]) -> Parameter:
    """Return the parameter with a view that reorders its axes."""
    if list(axes) == sorted(axes):
        return parameter
    shape = tuple(parameter.shape[axis] for axis in axes)
    return replace(parameter, shape=shape, view=(*parameter.view, ("transpose", tuple(axes))))


def reshaped(parameter: Parameter, shape: Sequence[int]) -> Parameter:
    """Return the parameter with a view that reshapes it to as many elements."""
    assert prod(shape) == parameter.size
    if tuple(shape) == parameter.shape:
        return parameter
    return replace(parameter, shape=tuple(shape), view=(*parameter.view, ("reshape", tuple(shape))))
