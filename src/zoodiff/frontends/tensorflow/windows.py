"""Converts TensorFlow's convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Window
from zoodiff.frontends.same_padding import same_pads
from zoodiff.frontends.tensorflow.builder import Builder, own_shape
from zoodiff.frontends.tensorflow.protocols import TfOperation, TfTensor
from zoodiff.graph.ir import Parameter

_ADDITIONS = frozenset({"Add", "AddV2", "BiasAdd"})


def conv(builder: Builder, operation: TfOperation) -> bool:
    """Convert Conv2D and DepthwiseConv2dNative, with a bias that is added right after."""
    data, kernel = operation.inputs[:2]
    weight = builder.parameter(kernel)
    shape = own_shape(kernel)
    if weight is None or -1 in shape:
        return False
    dilations = _spatial(operation, "dilations")
    block = _batched_dilation(builder, operation)
    if block is not None:
        data, dilations, pads = block[0], block[1], block[2]
    else:
        explicit_pads = _pads(operation, shape[:2], _spatial(operation, "strides"), dilations)
        if explicit_pads is None:
            return False
        pads = explicit_pads
    channels = _channels(operation, data)
    depthwise = operation.type == "DepthwiseConv2dNative"
    output = operation.outputs[0] if block is None else block[3]
    out_channels = shape[2] * shape[3] if depthwise else shape[3]
    bias, output = added_bias(builder, output, (out_channels,))
    window = Window(shape[:2], _spatial(operation, "strides"), pads, dilations)
    return builder.node(
        operations.conv(
            window,
            group=channels if depthwise else channels // shape[2],
            out_channels=out_channels,
            bias=bias is not None,
        ),
        operation,
        inputs=[data],
        outputs=[output],
        parameters=[weight, bias],
    )


def added_bias(
    builder: Builder, output: TfTensor, shape: Sequence[int]
) -> tuple[Parameter | None, TfTensor]:
    """Return the bias of this shape that is added to a tensor, and the sum; or None and the tensor.

    The addition must be the tensor's only reader.
    """
    reader = builder.only_consumer(output)
    if reader is None or reader.type not in _ADDITIONS:
        return None, output
    for operand in reader.inputs:
        bias = builder.parameter(operand)
        if bias is not None and bias.shape == tuple(shape):
            return bias, reader.outputs[0]
    return None, output


def _batched_dilation(
    builder: Builder, operation: TfOperation
) -> tuple[TfTensor, tuple[int, int], tuple[int, ...], TfTensor] | None:
    """Return data, dilations, pads and output of a dilated convolution moved into the batch.

    ``SpaceToBatchND(block, paddings)``, a convolution without padding, ``BatchToSpaceND(block,
    crops)`` is how TensorFlow computes a convolution with dilations ``block``
    (https://www.tensorflow.org/api_docs/python/tf/nn/with_space_to_batch). The crops remove the
    elements that the paddings added to reach a multiple of the block.
    """
    before = builder.source(operation.inputs[0]).op
    after = builder.only_consumer(operation.outputs[0])
    if before.type != "SpaceToBatchND" or after is None or after.type != "BatchToSpaceND":
        return None
    if _text(operation, "padding") != "VALID" or _spatial(operation, "strides") != (1, 1):
        return None
    block, paddings = (builder.constant(tensor) for tensor in before.inputs[1:])
    crops = builder.constant(after.inputs[2])
    if block is None or paddings is None or crops is None or len(block) != 2:
        return None
    net = paddings - crops
    pads = (int(net[0][0]), int(net[1][0]), int(net[0][1]), int(net[1][1]))
    dilations = (int(block[0]), int(block[1]))
    return (before.inputs[0], dilations, pads, after.outputs[0]) if min(pads) >= 0 else None


def max_pool(builder: Builder, operation: TfOperation) -> bool:
    """Convert MaxPool; padding never wins."""
    window = _pool_window(operation)
    return window is not None and builder.node(operations.max_pool(window), operation)


def average_pool(builder: Builder, operation: TfOperation) -> bool:
    """Convert AvgPool; elements of the padding do not count."""
    window = _pool_window(operation)
    return window is not None and builder.node(
        operations.average_pool(window, count_include_pad=False), operation
    )


def _pool_window(operation: TfOperation) -> Window | None:
    kernel, strides = _spatial(operation, "ksize"), _spatial(operation, "strides")
    window_shape = operation.get_attr("ksize")
    pads = _pads(operation, kernel, strides, (1, 1))
    if (
        pads is None
        or window_shape[0] != 1
        or window_shape[3 if _channels_last(operation) else 1] != 1
    ):
        return None
    return Window(kernel, strides, pads, (1, 1))


def _pads(
    operation: TfOperation, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...] | None:
    """Return explicit pads in ONNX's order, or None where the input's size is unknown."""
    padding = _text(operation, "padding")
    if padding == "VALID":
        return (0, 0, 0, 0)
    rows, columns = (1, 2) if _channels_last(operation) else (2, 3)
    if padding == "EXPLICIT":
        explicit = operation.get_attr("explicit_paddings")
        pairs = [explicit[2 * axis : 2 * axis + 2] for axis in (rows, columns)]
    else:
        shape = own_shape(operation.inputs[0])
        sizes = (shape[rows], shape[columns]) if len(shape) == 4 else (-1, -1)
        if -1 in sizes:
            return None
        pairs = [list(same_pads(sizes[i], kernel[i], strides[i], dilations[i])) for i in range(2)]
    return (pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1])


def _channels(operation: TfOperation, data: TfTensor) -> int:
    return own_shape(data)[3 if _channels_last(operation) else 1]


def _channels_last(operation: TfOperation) -> bool:
    return _text(operation, "data_format") != "NCHW"


def _spatial(operation: TfOperation, attribute: str) -> tuple[int, int]:
    """Return the two spatial entries of an attribute with one entry per axis."""
    values = operation.get_attr(attribute)
    return (values[1], values[2]) if _channels_last(operation) else (values[2], values[3])


def _text(operation: TfOperation, attribute: str) -> str:
    value: bytes = operation.get_attr(attribute)
    return value.decode()
