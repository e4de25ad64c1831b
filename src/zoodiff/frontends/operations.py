"""Typed ways to say each canonical operator; what frontends add to a ``GraphBuilder``.

One function per operator or close family. Its arguments are the attributes of
``zoodiff.graph.operators``, so that no frontend spells one in its own way. An attribute at its
default is left out where the function's own default is None or False.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from zoodiff.graph.ir import AttributeValue
from zoodiff.graph.operators import OPERATORS

Extremum = Literal["Max", "Min"]
Arithmetic = Literal["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"]
Number = float | list[float]


@dataclass(frozen=True)
class Operation:
    """An operator with its attributes, not yet applied to anything."""

    op: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    def quantized(self, how: bool | str = True) -> Operation:
        """The same on integers, or (``weights``) with weights stored as integers."""
        return replace(self, attributes={**self.attributes, "quantized": how}) if how else self


@dataclass(frozen=True)
class Window:
    """Where a window goes: an entry per spatial axis, pads all beginnings and then all ends."""

    kernel: Sequence[int]
    strides: Sequence[int]
    pads: Sequence[int]
    dilations: Sequence[int]

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """Under the names of the schema."""
        return {
            "kernel_shape": _whole(self.kernel),
            "strides": _whole(self.strides),
            "dilations": _whole(self.dilations),
            "pads": _whole(self.pads),
        }


def _whole(values: Iterable[int]) -> list[int]:
    return [int(value) for value in values]


def _given(**attributes: AttributeValue) -> dict[str, AttributeValue]:
    """Attributes that say something: neither None nor False."""
    return {k: v for k, v in attributes.items() if v is not None and v is not False}


def opaque(name: str, attributes: Mapping[str, AttributeValue] | None = None) -> Operation:
    """What is not understood, under its source's name: ``aten::roll``."""
    return Operation(name, dict(attributes or {}))


def conforms(operation: Operation, inputs: int = 1) -> bool:
    """Whether an operation of some computed inputs is what the schema of its operator says.

    Of an operator that is not canonical nothing is known, and everything conforms.
    """
    schema = OPERATORS.get(operation.op)
    return schema is None or schema.problem(operation.attributes, inputs) is None


# Windows


def conv(window: Window, *, group: int, out_channels: int, bias: bool) -> Operation:
    """A convolution."""
    return Operation("Conv", window.attributes | _layer(group, out_channels, bias))


def conv_transpose(
    window: Window, *, group: int, out_channels: int, bias: bool, output_padding: Sequence[int]
) -> Operation:
    """The transpose of a convolution."""
    layer = window.attributes | _layer(group, out_channels, bias)
    return Operation("ConvTranspose", layer | {"output_padding": _whole(output_padding)})


def _layer(group: int, out_channels: int, bias: bool) -> dict[str, AttributeValue]:
    return {"group": int(group), "out_channels": int(out_channels), "bias": bool(bias)}


def max_pool(window: Window, *, ceil_mode: bool = False) -> Operation:
    """The maximum over each window."""
    return Operation("MaxPool", window.attributes | {"ceil_mode": bool(ceil_mode)})


def average_pool(window: Window, *, count_include_pad: bool, ceil_mode: bool = False) -> Operation:
    """The mean over each window."""
    counted = {"ceil_mode": bool(ceil_mode), "count_include_pad": bool(count_include_pad)}
    return Operation("AveragePool", window.attributes | counted)


GLOBAL_AVERAGE_POOL = Operation("GlobalAveragePool")
GLOBAL_MAX_POOL = Operation("GlobalMaxPool")


# Products


def linear(
    in_features: int,
    out_features: int,
    *,
    bias: bool,
    axis: int | None = None,
    equation: str | None = None,
) -> Operation:
    """A linear layer along an axis; along the last one where it is left out."""
    sizes: dict[str, AttributeValue] = {
        "in_features": int(in_features),
        "out_features": int(out_features),
        "bias": bool(bias),
    }
    return Operation("Gemm", sizes | _given(axis=axis, equation=equation))


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
    """A product of two tensors; ``bias`` is said by operators that may have one."""
    sizes: dict[str, AttributeValue] = {
        "batch": int(extents.batch),
        "m": int(extents.m),
        "k": int(extents.k),
        "n": int(extents.n),
    }
    return Operation(
        "MatMul",
        sizes
        | _given(
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
    """A linear layer or product with ONNX's factors of product and bias.

    ``transposed`` says that the axes of the data are reversed first.
    """
    more = _given(
        alpha=alpha if alpha != 1.0 else None,
        beta=beta if beta != 1.0 else None,
        transA=transposed,
    )
    return Operation(product.op, {**product.attributes, **more})


# Normalisation


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
    """A batch norm; ``per_element`` is ONNX's old one without sharing over the image."""
    attributes: dict[str, AttributeValue] = {
        "epsilon": float(epsilon),
        "axis": int(axis),
        "scale": bool(scale),
        "center": bool(center),
    }
    attributes |= _given(momentum=momentum, training=training)
    return Operation("BatchNormalization", attributes | ({"spatial": False} if per_element else {}))


def layer_norm(axes: Iterable[int], *, epsilon: float, scale: bool, center: bool) -> Operation:
    """A norm over some axes."""
    return Operation(
        "LayerNormalization",
        {
            "epsilon": float(epsilon),
            "axes": sorted(_whole(axes)),
            "scale": bool(scale),
            "center": bool(center),
        },
    )


def group_norm(groups: int, *, epsilon: float, scale: bool, center: bool) -> Operation:
    """A norm over groups of channels."""
    return Operation(
        "GroupNormalization",
        {
            "epsilon": float(epsilon),
            "num_groups": int(groups),
            "scale": bool(scale),
            "center": bool(center),
        },
    )


def local_response_norm(size: int, *, alpha: float, beta: float, bias: float) -> Operation:
    """AlexNet's norm over the channels around; alpha as ONNX has it, over the mean square."""
    return Operation(
        "LRN",
        {"size": int(size), "alpha": float(alpha), "beta": float(beta), "bias": float(bias)},
    )


def softmax(axis: int, *, log: bool = False, flattened: bool = False) -> Operation:
    """A softmax, or its logarithm."""
    return Operation(
        "LogSoftmax" if log else "Softmax", {"axis": int(axis), **_given(flattened=flattened)}
    )


# Functions of single elements


def unary(op: str) -> Operation:
    """An operator without attributes."""
    return Operation(op)


RELU = Operation("Relu")
HARD_SWISH = Operation("HardSwish")


def clip(low: float | None, high: float | None) -> Operation:
    """Both bounds, None for none."""
    return Operation(
        "Clip",
        {
            "min": None if low is None else float(low),
            "max": None if high is None else float(high),
        },
    )


RELU6 = clip(0.0, 6.0)


def elu(alpha: float = 1.0) -> Operation:
    """An exponential unit."""
    return Operation("Elu", {"alpha": float(alpha)})


def leaky_relu(alpha: float) -> Operation:
    """A rectifier with a slope below 0."""
    return Operation("LeakyRelu", {"alpha": float(alpha)})


def gelu(*, tanh: bool) -> Operation:
    """A Gaussian error unit, or its approximation by the hyperbolic tangent."""
    return Operation("Gelu", {"approximate": "tanh" if tanh else "none"})


def hard_sigmoid(alpha: float = 1 / 6, beta: float = 0.5) -> Operation:
    """A sigmoid of three straight lines."""
    return Operation("HardSigmoid", {"alpha": float(alpha), "beta": float(beta)})


def swish(alpha: float = 1.0) -> Operation:
    """A sigmoid unit."""
    return Operation("Swish", {"alpha": float(alpha)})


def dropout(ratio: float) -> Operation:
    """A dropout that is active at inference."""
    return Operation("Dropout", {"ratio": float(ratio), "training": True})


def cast(to: str) -> Operation:
    """Another type, by numpy's name."""
    return Operation("Cast", {"to": to})


# Arithmetic


def arithmetic(
    op: Arithmetic,
    *,
    value: Number | None = None,
    axis: int | None = None,
    constant_shape: Sequence[int] | None = None,
    constant_first: bool = False,
) -> Operation:
    """Two operands, of which the second may be a number, a vector along an axis or a weight.

    ``constant_first`` is said only where the order matters.
    """
    first = constant_first and op in {"Sub", "Div", "Pow"}
    shape = None if constant_shape is None else _whole(constant_shape)
    return Operation(op, _given(value=value, axis=axis, constant_shape=shape, constant_first=first))


def unknown_constant(op: Arithmetic, shape: Sequence[int], *, constant_first: bool) -> Operation:
    """Arithmetic with a table of constants that is too large to be held: its shape alone."""
    known = arithmetic(op, constant_first=constant_first)
    return Operation(op, {**known.attributes, "value_shape": _whole(shape)})


def divided_by_deviation(axis: int, least: float) -> Operation:
    """Divided by max(sqrt(variance), least); the variance is the weight."""
    return Operation("Div", {"axis": int(axis), "epsilon": float(least)})


def prelu(
    *,
    value: Number | None = None,
    axis: int | None = None,
    constant_shape: Sequence[int] | None = None,
) -> Operation:
    """A rectifier with a learned slope below 0."""
    shape = None if constant_shape is None else _whole(constant_shape)
    return Operation("PRelu", _given(value=value, axis=axis, constant_shape=shape))


# Movements


def reshape(shape: Iterable[int]) -> Operation:
    """Another shape."""
    return Operation("Reshape", {"shape": _whole(shape)})


def flatten(axis: int = 1) -> Operation:
    """A matrix."""
    return Operation("Flatten", {"axis": int(axis)})


def squeeze(axes: Iterable[int]) -> Operation:
    """Axes of extent 1 go."""
    return Operation("Squeeze", {"axes": _whole(axes)})


def unsqueeze(axes: Iterable[int]) -> Operation:
    """Axes of extent 1 come."""
    return Operation("Unsqueeze", {"axes": _whole(axes)})


def transpose(perm: Iterable[int]) -> Operation:
    """The axes in another order."""
    return Operation("Transpose", {"perm": _whole(perm)})


def expand(shape: Iterable[int]) -> Operation:
    """Axes of extent 1 repeated."""
    return Operation("Expand", {"shape": _whole(shape)})


def concat(axis: int, parameters_at: Iterable[int] = ()) -> Operation:
    """Parts behind each other; ``parameters_at`` are the places of weights among them."""
    places = _whole(parameters_at)
    return Operation("Concat", {"axis": int(axis), **_given(parameters_at=places or None)})


@dataclass(frozen=True)
class Cut:
    """What a slice takes of one axis."""

    axis: int
    start: int
    end: int
    step: int = 1


def sliced(cuts: Iterable[Cut]) -> Operation:
    """Part of some axes."""
    rows = list(cuts)
    return Operation(
        "Slice",
        {
            "axes": [int(cut.axis) for cut in rows],
            "starts": [int(cut.start) for cut in rows],
            "ends": [int(cut.end) for cut in rows],
            "steps": [int(cut.step) for cut in rows],
        },
    )


def split(axis: int, sizes: Iterable[int]) -> Operation:
    """Pieces along an axis."""
    return Operation("Split", {"axis": int(axis), "split": _whole(sizes)})


def select(axis: int, index: int) -> Operation:
    """One element of an axis, which goes."""
    return Operation("Gather", {"axis": int(axis), "index": int(index)})


def gather(axis: int, indices: Iterable[int], shape: Sequence[int] | None = None) -> Operation:
    """Elements of an axis by constant indices; ``shape`` is that of a table of them."""
    table = None if shape is None else _whole(shape)
    return Operation(
        "Gather", {"axis": int(axis), "indices": _whole(indices), **_given(indices_shape=table)}
    )


def pad(
    pads: Iterable[int], axes: Iterable[int], *, mode: str = "constant", value: float | None = 0.0
) -> Operation:
    """Elements added at the edges; ``value`` is None where none is used."""
    filler: dict[str, AttributeValue] = {} if value is None else {"value": float(value)}
    return Operation("Pad", {"pads": _whole(pads), "axes": _whole(axes), "mode": mode, **filler})


def reduced(op: str, axes: Iterable[int], *, keepdims: bool) -> Operation:
    """A reduction over axes: ``ReduceMean`` and the like."""
    return Operation(op, {"axes": _whole(axes), "keepdims": bool(keepdims)})


def resized(
    mode: str, sizes: Iterable[int], *, align_corners: bool, half_pixel_centers: bool
) -> Operation:
    """An image at another resolution, by TensorFlow's rules of coordinates."""
    return Operation(
        "Resize",
        {
            "mode": mode,
            "sizes": _whole(sizes),
            "align_corners": bool(align_corners),
            "half_pixel_centers": bool(half_pixel_centers),
        },
    )


def quantisation(
    op: Literal["QuantizeLinear", "DequantizeLinear"],
    scale: float | None,
    zero_point: float | None,
    axis: int | None = None,
) -> Operation:
    """Real numbers as integers, or back; None for a scale per channel along an axis."""
    stored: dict[str, AttributeValue] = {"scale": scale, "zero_point": zero_point}
    return Operation(op, stored | _given(axis=axis))
