"""Roles of weights, and the layouts in which frameworks store them.

``GraphBuilder.add`` calls this for every frontend: operators read their weights in the same order
everywhere (weight, bias; scale, shift, mean, variance), so the role follows from the operator and
the position. See ``Parameter.role`` and ``Parameter.layout``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from zoodiff.graph.ir import Parameter
from zoodiff.graph.operators import OPERATORS

Store = Literal["OIHW", "HWIO", "OHWI"]
"""Orders of axes of convolution kernels: of PyTorch and ONNX, TensorFlow and Keras, TFLite."""


def assigned(
    op: str,
    attributes: Mapping[str, Any],
    parameters: Sequence[Parameter],
    store: Store,
    linear: Literal["OI", "IO"],
    *,
    views: Mapping[str, tuple[tuple[int, ...], tuple[int, ...] | None]] | None = None,
) -> tuple[Parameter, ...]:
    """Return the parameters of a node with roles and layouts; a role that is set stays.

    ``store`` and ``linear`` are the orders of axes of kernels and of linear layers' weights.
    ``views`` holds, for weights that are not read as they are stored, the shape that the operator
    reads, and for each stored axis its axis in that shape (-1 for none).
    """
    schema = OPERATORS.get(op)
    names = schema.roles(attributes) if schema else []
    if not names:
        names = ["constant"] * len(parameters)
    if names[:1] == ["weight"] and len(parameters) == len(names) + 1:
        names = ["constant", *names]  # the layer reads a table instead of a computed tensor
    if len(names) != len(parameters):  # some are computed or quantised, so the order is unknown
        return tuple(replace(p, role=p.role or "constant") for p in parameters)
    result = [
        # A frozen graph does not say what was trained; statistics are never trained.
        replace(p, role=p.role or name, trainable=p.trainable and name not in {"mean", "variance"})
        for p, name in zip(parameters, names, strict=True)
    ]
    for at, parameter in enumerate(result):
        if parameter.role == "weight" and ":" not in parameter.layout:
            shape, axes = (views or {}).get(
                parameter.name, (parameter.shape, tuple(range(len(parameter.shape))))
            )
            layout = _layout(op, attributes, shape, store, linear)
            stored = _stored(layout, axes)
            kernel = op in {"Conv", "ConvTranspose"} and axes is None and layout
            if kernel and _splits_groups(parameter.shape, shape):
                stored = f"G{layout}"
            result[at] = replace(parameter, layout=stored)
    return tuple(result)


def _stored(layout: str, axes: Sequence[int] | None) -> str:
    """Return the letters of a layout in the order of the stored axes; ``1`` for extent 1."""
    if not layout or axes is None:
        return ""
    return "".join(layout[axis] if axis >= 0 else "1" for axis in axes)


def _splits_groups(stored: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a kernel is stored with an axis of its own for the groups, as OpenVINO stores it."""
    joined = len(stored) > 2 and (stored[0] * stored[1], *stored[2:]) == shape
    return joined and len(stored) == len(shape) + 1


def _layout(
    op: str,
    attributes: Mapping[str, Any],
    shape: tuple[int, ...],
    store: Store,
    linear: Literal["OI", "IO"],
) -> str:
    group, out = attributes.get("group", 1), attributes.get("out_channels")
    if op == "Gemm":
        wide = iter(linear)
        if len(shape) == 2:
            return "" if "equation" in attributes else linear
        # Stored with more axes, all but two of extent 1.
        plain = sum(n != 1 for n in shape) == 2 and "equation" not in attributes
        return "".join(next(wide) if n != 1 else "1" for n in shape) if plain else ""
    if len(shape) != 4:
        return "LIO" if len(shape) == 3 and op == "Conv" and store == "HWIO" else ""
    if op == "ConvTranspose":
        return "IOHW" if store == "OIHW" else "HWOI"
    if store == "HWIO" and group != 1 and shape[2] == group and group * shape[3] == out:
        return "HWIM"
    one_row = store == "OHWI" and group != 1 and shape[0] == 1 and shape[3] == out
    return "1HWO" if one_row else store
