"""Operators with windows, matrices or statistics: convolutions, pools, linear layers, norms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff.frontends.operations.operation import Operation, Window, whole, without_unset
from zoodiff.graph.ir import AttributeValue


def conv(window: Window, *, group: int, out_channels: int, bias: bool) -> Operation:
    """Return a convolution."""
    return Operation("Conv", window.attributes | _layer(group, out_channels, bias))


def conv_transpose(
    window: Window, *, group: int, out_channels: int, bias: bool, output_padding: Sequence[int]
) -> Operation:
    """Return a transposed convolution."""
    layer = window.attributes | _layer(group, out_channels, bias)
    return Operation("ConvTranspose", layer | {"output_padding": whole(output_padding)})


def _layer(group: int, out_channels: int, bias: bool) -> dict[str, AttributeValue]:
    return {"group": int(group), "out_channels": int(out_channels), "bias": bool(bias)}


def max_pool(window: Window, *, ceil_mode: bool = False) -> Operation:
    """Return a max pooling."""
    return Operation("MaxPool", window.attributes | {"ceil_mode": bool(ceil_mode)})


def average_pool(window: Window, *, count_include_pad: bool, ceil_mode: bool = False) -> Operation:
    """Return an average pooling."""
    counted = {"ceil_mode": bool(ceil_mode), "count_include_pad": bool(count_include_pad)}
    return Operation("AveragePool", window.attributes | counted)


GLOBAL_AVERAGE_POOL = Operation("GlobalAveragePool")


GLOBAL_MAX_POOL = Operation("GlobalMaxPool")


def linear(
    in_features: int,
    out_features: int,
    *,
    bias: bool,
    axis: int | None = None,
    equation: str | None = None,
) -> Operation:
    """Return a linear layer along an axis, by default the last one."""
    sizes: dict[str, AttributeValue] = {
        "in_features": int(in_features),
        "out_features": int(out_features),
        "bias": bool(bias),
    }
    return Operation("Gemm", sizes | without_unset(axis=axis, equation=equation))


@dataclass(frozen=True)
class Extents:
    """The extents of ``batch`` products of m x k with k x n matrices."""

    batch: int
    m: int
    k: int
    n: int


def matmul(
    extents: Extents,
    *,
    first_transposed: bool = False,
    second_transposed: bool = False,
    scale: float | None = None,
    constant_first: bool = False,
    equation: str | None = None,
    bias: bool | None = None,
) -> Operation:
    """Return a matrix product; ``bias`` is None for operators that cannot have one."""
    sizes: dict[str, AttributeValue] = {
        "batch": int(extents.batch),
        "m": int(extents.m),
        "k": int(extents.k),
        "n": int(extents.n),
    }
    return Operation(
        "MatMul",
        sizes
        | without_unset(
            transA=bool(first_transposed),
            transB=bool(second_transposed),
            scale=scale,
            constant_first=constant_first,
            equation=equation,
        )
        | ({} if bias is None else {"bias": bias}),
    )


def scaled_product(
    product: Operation, *, alpha: float, beta: float, transposed: bool = False
) -> Operation:
    """Return a linear layer or product with ONNX's factors of product and bias.

    With ``transposed``, the axes of the data are reversed first.
    """
    more = without_unset(
        alpha=alpha if alpha != 1.0 else None,
        beta=beta if beta != 1.0 else None,
        transA=transposed,
    )
    return Operation(product.op, {**product.attributes, **more})


def batch_norm(
    *,
    epsilon: float,
    axis: int,
    scale: bool = True,
    center: bool = True,
    momentum: float | None = None,
    per_element: bool = False,
    training: bool = False,
) -> Operation:
    """Return a batch norm; ``per_element`` is ONNX's old form with statistics per element."""
    attributes: dict[str, AttributeValue] = {
        "epsilon": float(epsilon),
        "axis": int(axis),
        "scale": bool(scale),
        "center": bool(center),
    }
    attributes |= without_unset(momentum=momentum, training=training)
    return Operation("BatchNormalization", attributes | ({"spatial": False} if per_element else {}))


def layer_norm(axes: Iterable[int], *, epsilon: float, scale: bool, center: bool) -> Operation:
    """Return a layer norm over some axes."""
    return Operation(
        "LayerNormalization",
        {
            "epsilon": float(epsilon),
            "axes": sorted(whole(axes)),
            "scale": bool(scale),
            "center": bool(center),
        },
    )


def rms_norm(axes: Iterable[int], *, epsilon: float, scale: bool) -> Operation:
    """Return an RMS norm over some axes."""
    return Operation(
        "RMSNormalization",
        {"epsilon": float(epsilon), "axes": sorted(whole(axes)), "scale": bool(scale)},
    )


def group_norm(groups: int, *, epsilon: float, scale: bool, center: bool) -> Operation:
    """Return a group norm."""
    return Operation(
        "GroupNormalization",
        {
            "epsilon": float(epsilon),
            "num_groups": int(groups),
            "scale": bool(scale),
            "center": bool(center),
        },
    )


def plain_instance_norm(*, epsilon: float) -> Operation:
    """A norm over each channel without learned terms."""
    return Operation(
        "InstanceNormalization", {"epsilon": float(epsilon), "scale": False, "center": False}
    )


def local_response_norm(size: int, *, alpha: float, beta: float, bias: float) -> Operation:
    """Return a local response norm; ``alpha`` is ONNX's, a factor of the mean square."""
    return Operation(
        "LRN",
        {"size": int(size), "alpha": float(alpha), "beta": float(beta), "bias": float(bias)},
    )


def mask(
    shape: Sequence[int], runs: Sequence[int], *, value: float | None = None, added: bool = False
) -> Operation:
    """Scores that a softmax leaves out; ``runs`` of kept and left-out ones, in turns."""
    more = without_unset(value=value, added=added)
    return Operation("Mask", {"mask_shape": whole(shape), "runs": whole(runs), **more})


def softmax(axis: int, *, log: bool = False, flattened: bool = False) -> Operation:
    """Return a softmax or its logarithm."""
    return Operation(
        "LogSoftmax" if log else "Softmax",
        {"axis": int(axis), **without_unset(flattened=flattened)},
    )
