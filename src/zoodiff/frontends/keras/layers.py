"""Converts each Keras layer and operation to canonical nodes.

The table ``_HANDLERS`` has one handler per class, by the names of Keras's own classes. A handler
returns None for a setting that it cannot express exactly. Such a layer, and any layer without a
handler, becomes an opaque node ``keras::ClassName`` with its parameters and plain settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.keras import recurrent
from zoodiff.frontends.keras.attention import is_masked, multi_head_attention
from zoodiff.frontends.keras.call import (
    ACTIVATIONS,
    Call,
    Handler,
    Shape,
    Value,
    activate,
    with_constant,
)
from zoodiff.frontends.keras.protocols import Layer
from zoodiff.frontends.keras.windows import (
    average_pool,
    conv,
    cropping,
    depthwise_conv,
    global_pool,
    max_pool,
    separable_conv,
    zero_padding,
)
from zoodiff.frontends.operations import Arithmetic
from zoodiff.graph.ir import AttributeValue


def translate(call: Call) -> list[str]:
    """Add the nodes of one layer application and return the names of its outputs."""
    kind = type(call.operation)
    if kind.__module__.partition(".")[0] == "keras" and len(call.shapes) == 1:
        handler = _HANDLERS.get(kind.__name__)
        output = handler(call) if handler else None
        if output is not None:
            return [output]
    return _opaque(call)


def _dense(call: Call) -> str | None:
    layer = call.operation
    output = call.emit(
        operations.linear(
            call.inputs[0].shape[-1], layer.units, bias=layer.use_bias, axis=call.axis(-1)
        ),
        variables=[layer.kernel, layer.bias],
    )
    return activate(call, output, layer.activation)


def _batch_normalization(call: Call) -> str | None:
    layer = call.operation
    if getattr(layer, "renorm", False):
        return None
    return call.emit(
        operations.batch_norm(
            epsilon=layer.epsilon,
            momentum=float(layer.momentum),
            axis=call.axis(layer.axis),
            scale=layer.scale,
            center=layer.center,
        ),
        variables=[layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance],
    )


def _layer_normalization(call: Call) -> str | None:
    layer = call.operation
    if getattr(layer, "rms_scaling", False):
        return None
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    return call.emit(
        operations.layer_norm(
            map(call.axis, axes), epsilon=layer.epsilon, scale=layer.scale, center=layer.center
        ),
        variables=[layer.gamma, layer.beta],
    )


def _pooled_tokens(op: str) -> Handler:
    """Return the handler of a pooling over all places of a sequence."""

    def handler(call: Call) -> str | None:
        layer = call.operation
        if is_masked(layer) or call.rank != 3:
            return None
        axis = 1 if layer.data_format == "channels_last" else 2
        return call.emit(operations.reduced(op, [axis], keepdims=bool(layer.keepdims)))

    return handler


def _layer_scale(call: Call) -> str | None:
    return call.emit(
        operations.arithmetic("Mul", axis=call.axis(-1)), variables=[call.operation.gamma]
    )


def _custom_scale(call: Call) -> str | None:
    """Convert Inception-ResNet's CustomScaleLayer, ``inputs[0] + inputs[1] * scale``."""
    first, second = call.inputs
    shape = call.builder.canonical(second.shape)
    scale = operations.arithmetic("Mul", value=float(call.operation.scale))
    scaled = call.emit(scale, inputs=[second.name], step="mul", shape=shape)
    return call.emit(operations.arithmetic("Add"), inputs=[first.name, scaled])


def _rescaling(call: Call) -> str | None:
    layer = call.operation
    scaled = with_constant(call, "Mul", call.inputs[0].name, layer.scale, step="mul")
    if scaled is None or not _nonzero(layer.offset):
        return scaled
    return with_constant(call, "Add", scaled, layer.offset, step="add")


def _normalization(call: Call) -> str | None:
    """Convert ``(x - mean) / max(sqrt(variance), epsilon)``, with weights or constants."""
    import keras
    import numpy as np

    layer = call.operation
    if layer.invert or tuple(a % call.rank for a in layer.axis) != (call.rank - 1,):
        return None
    data = call.inputs[0].name
    if layer.input_mean is None:
        # The layer's state also holds the count of adapt(), which inference does not use.
        axis = call.axis(-1)
        centred = call.emit(
            operations.arithmetic("Sub", axis=axis), step="sub", variables=[layer.adapt_mean]
        )
        return call.emit(
            operations.divided_by_deviation(axis, keras.config.epsilon()),
            inputs=[centred],
            step="div",
            variables=[layer.adapt_variance, layer.count],
            roles=["variance"],
        )
    deviation = np.maximum(np.sqrt(np.asarray(layer.input_variance)), keras.config.epsilon())
    difference = with_constant(call, "Sub", data, layer.input_mean, step="sub")
    if difference is None:
        return None
    return with_constant(call, "Div", difference, deviation, step="div")


def _reshape(call: Call) -> str | None:
    """Add Flatten or Reshape, in the framework's order of elements.

    Where that order differs from channels first, a Transpose is added, so that the graph computes
    what the network computes.
    """
    source, target = call.inputs[0].shape, call.shapes[0]
    canonical = call.builder.canonical
    data = call.inputs[0].name
    if call.channels_last and _order_matters(source):
        data = call.emit(operations.transpose((0, 2, 3, 1)), step="to_channels_last", shape=source)
    if len(target) == 2:
        return call.emit(operations.flatten(), inputs=[data])
    if call.channels_last and _order_matters(target):
        reshaped = call.emit(operations.reshape(target), inputs=[data], shape=target)
        back = operations.transpose((0, 3, 1, 2))
        return call.emit(back, inputs=[reshaped], step="to_channels_first")
    return call.emit(operations.reshape(canonical(target)), inputs=[data])


def _order_matters(shape: Shape) -> bool:
    return len(shape) == 4 and shape[3] > 1 and shape[1] * shape[2] > 1


def _concatenate(call: Call) -> str | None:
    return call.emit(operations.concat(call.axis(call.operation.axis)))


def _arithmetic(op: Arithmetic) -> Handler:
    """Return the handler of layers over a list of tensors, and of operators with constants."""

    def handler(call: Call) -> str | None:
        operands = [*_flat(call.args), *_flat(call.kwargs.get(key) for key in ("x1", "x2"))]
        constants = [operand for operand in operands if not isinstance(operand, Value)]
        if not constants:
            return _chain(call, op)
        if len(operands) != 2 or len(call.inputs) != 1:
            return None
        first = operands[0] is constants[0]
        return with_constant(call, op, call.inputs[0].name, constants[0], constant_first=first)

    return handler


def _chain(call: Call, op: Arithmetic) -> str | None:
    """Combine a list of tensors by a binary operator, from the left."""
    if len(call.inputs) < 2 or len({len(value.shape) for value in call.inputs}) != 1:
        return None
    (result, shape), *operands = ((value.name, value.shape) for value in call.inputs)
    for position, (name, operand_shape) in enumerate(operands, start=1):
        last = position == len(operands)
        shape = tuple(max(a, b) for a, b in zip(shape, operand_shape, strict=True))
        result = call.emit(
            operations.arithmetic(op),
            inputs=[result, name],
            step="" if last else str(position),
            shape=call.output if last else call.builder.canonical(shape),
        )
    return result


def _nonzero(constant: object) -> bool:
    import numpy as np

    return bool(np.any(np.asarray(constant)))


def _flat(values: Iterable[Any]) -> list[Any]:
    """Return the operands in lists and tuples, nested in any way, in order."""
    flat: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple):
            flat.extend(_flat(value))
        elif value is not None:
            flat.append(value)
    return flat


def _activation(call: Call) -> str | None:
    return activate(call, call.inputs[0].name, call.operation.activation, step=False)


def _named(name: str) -> Handler:
    """Return the handler of an operation that is one activation with its default arguments."""
    return lambda call: call.emit(ACTIVATIONS[name])


def _unary(op: str) -> Handler:
    """Return the handler of an operation without settings."""
    return lambda call: call.emit(operations.unary(op))


def _relu(call: Call) -> str | None:
    layer = call.operation
    if layer.threshold:
        return None
    slope, top = float(layer.negative_slope or 0.0), layer.max_value
    if slope and top is not None:
        return None
    if slope:
        return call.emit(operations.leaky_relu(slope))
    if top is not None:
        return call.emit(operations.clip(0.0, top))
    return call.emit(operations.RELU)


def _leaky_relu(call: Call) -> str | None:
    return call.emit(operations.leaky_relu(call.operation.negative_slope))


def _elu(call: Call) -> str | None:
    return call.emit(operations.elu(call.operation.alpha))


def _gelu(call: Call) -> str | None:
    return call.emit(operations.gelu(tanh=call.operation.approximate))


def _softmax(call: Call) -> str | None:
    axis = call.operation.axis
    if not isinstance(axis, int) or len(call.inputs) != 1:
        return None
    return call.emit(operations.softmax(call.axis(axis)))


def _nothing(call: Call) -> str | None:
    """Return the input of a layer without effect at inference."""
    return call.inputs[0].name


def _opaque(call: Call) -> list[str]:
    operation = call.operation
    return call.builder.emit(
        operations.opaque(f"keras::{type(operation).__name__}", _settings(operation)),
        call.name,
        inputs=[value.name for value in call.inputs],
        shapes=[call.builder.canonical(shape) for shape in call.shapes],
        dtypes=call.dtypes,
        variables=getattr(operation, "weights", ()),
    )


def _settings(operation: Layer) -> dict[str, AttributeValue]:
    """Return the plain values of a layer's configuration, or of an operation's attributes."""
    try:
        raw = operation.get_config()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        raw = {key: value for key, value in vars(operation).items() if not key.startswith("_")}
    dropped = {"name", "dtype", "trainable", "built"}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in raw.items()
        if key not in dropped and _plain(value)
    }


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(item, int) for item in value) or all(
            isinstance(item, float) for item in value
        )
    return isinstance(value, bool | int | float | str)


_HANDLERS: dict[str, Handler] = {
    **recurrent.HANDLERS,
    "Activation": _activation,
    "ActivityRegularization": _nothing,
    "Add": _arithmetic("Add"),
    "AlphaDropout": _nothing,
    "AveragePooling2D": average_pool,
    "BatchNormalization": _batch_normalization,
    "Concatenate": _concatenate,
    "Conv2D": conv,
    "Cropping2D": cropping,
    "CustomScaleLayer": _custom_scale,
    "Dense": _dense,
    "DepthwiseConv2D": depthwise_conv,
    "Divide": _arithmetic("Div"),
    "Dropout": _nothing,
    "ELU": _elu,
    "Flatten": _reshape,
    "GaussianDropout": _nothing,
    "GaussianNoise": _nothing,
    "Gelu": _gelu,
    "GlobalAveragePooling1D": _pooled_tokens("ReduceMean"),
    "GlobalAveragePooling2D": global_pool(operations.GLOBAL_AVERAGE_POOL),
    "GlobalMaxPooling1D": _pooled_tokens("ReduceMax"),
    "GlobalMaxPooling2D": global_pool(operations.GLOBAL_MAX_POOL),
    "HardSigmoid": _named("hard_sigmoid"),
    "HardSilu": _named("hard_silu"),
    "Identity": _nothing,
    "LayerNormalization": _layer_normalization,
    "LayerScale": _layer_scale,
    "LeakyReLU": _leaky_relu,
    "LeakyRelu": _leaky_relu,
    "MaxPooling2D": max_pool,
    "Maximum": _arithmetic("Max"),
    "Minimum": _arithmetic("Min"),
    "MultiHeadAttention": multi_head_attention,
    "Multiply": _arithmetic("Mul"),
    "Negative": _unary("Neg"),
    "Normalization": _normalization,
    "ReLU": _relu,
    "Relu": _named("relu"),
    "Relu6": _named("relu6"),
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "SeparableConv2D": separable_conv,
    "Sigmoid": _named("sigmoid"),
    "Silu": _named("silu"),
    "Softmax": _softmax,
    "SpatialDropout2D": _nothing,
    "StochasticDepth": _nothing,
    "Subtract": _arithmetic("Sub"),
    "Tanh": _named("tanh"),
    "TrueDivide": _arithmetic("Div"),
    "ZeroPadding2D": zero_padding,
}
"""Class name of a Keras layer or operation -> its handler; anything else is opaque."""
