"""Converts each layer of Keras to canonical nodes.

The table ``LAYERS`` has one handler per class, by the names of Keras's own classes. A handler
returns None for a setting that it cannot express exactly.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.keras import recurrent
from zoodiff.frontends.keras.attention import is_masked, multi_head_attention
from zoodiff.frontends.keras.call import (
    Call,
    Handler,
    Result,
    Value,
    Weight,
    activate,
    each,
    in_any_order,
    in_own_order,
    is_known_activation,
    on_images,
    outputs_of,
    with_constant,
)
from zoodiff.frontends.keras.functions.arithmetic import combined
from zoodiff.frontends.keras.functions.elementwise import softmax_along
from zoodiff.frontends.keras.functions.movements import reshaped
from zoodiff.frontends.keras.windows import (
    average_pool,
    conv,
    conv_of_tokens,
    conv_transpose,
    cropping,
    depthwise_conv,
    global_pool,
    max_pool,
    separable_conv,
    up_sampling,
    zero_padding,
)
from zoodiff.frontends.operations import Arithmetic


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


def _layer_normalization(call: Call) -> Result:
    layer = call.operation
    if getattr(layer, "rms_scaling", False):
        return None
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if len(axes) > 1:
        call = call.own_order()  # the weights are in the framework's order of these axes
    name = call.emit(
        operations.layer_norm(
            map(call.axis, axes), epsilon=layer.epsilon, scale=layer.scale, center=layer.center
        ),
        variables=[layer.gamma, layer.beta],
    )
    return Value(name, call.shapes[0], call.dtypes[0], image=call.image and call.rank == 4)


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
    shape = call.in_graph(second.shape)
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
            variables=[Weight(layer.adapt_variance, "variance"), layer.count],
        )
    deviation = np.maximum(np.sqrt(np.asarray(layer.input_variance)), keras.config.epsilon())
    difference = with_constant(call, "Sub", data, layer.input_mean, step="sub")
    if difference is None:
        return None
    return with_constant(call, "Div", difference, deviation, step="div")


def _concatenate(call: Call) -> str | None:
    return call.emit(operations.concat(call.axis(call.operation.axis)))


def _nonzero(constant: object) -> bool:
    import numpy as np

    return bool(np.any(np.asarray(constant)))


def _merged(op: Arithmetic) -> Handler:
    """Return the handler of layers over a list of tensors, which are combined from the left."""

    def handler(call: Call) -> Result:
        result: Value | None = call.inputs[0]
        others = call.inputs[1:]
        if not others or len({len(value.shape) for value in call.inputs}) != 1:
            return None
        for position, value in enumerate(others, start=1):
            step = "" if position == len(others) else str(position)
            result = None if result is None else combined(call, op, result, value, step=step)
        return result

    return handler


def _unchanged(call: Call) -> Result:
    """Return the input of a layer without effect at inference."""
    return call.inputs[0]


def _activation(call: Call) -> str | None:
    if not is_known_activation(call.operation.activation):
        return None
    return activate(call, call.inputs[0].name, call.operation.activation, step=False)


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


def _softmax(call: Call) -> Result:
    return None if is_masked(call.operation) else softmax_along(call, call.operation.axis)


def _group_normalization(call: Call) -> str | None:
    layer = call.operation
    groups = int(layer.groups)
    channels = call.canonical_input[1]
    if call.rank != 4 or call.axis(layer.axis) != 1 or not 0 < groups <= channels:
        return None
    return call.emit(
        operations.group_norm(
            groups, epsilon=layer.epsilon, scale=layer.scale, center=layer.center
        ),
        variables=[layer.gamma, layer.beta],
    )


def _einsum_dense(call: Call) -> Result:
    """Convert EinsumDense whose features are the last axes of the result, each index there once."""
    layer = call.operation
    equation = str(layer.equation).replace(" ", "")
    left, _, result = equation.partition("->")
    terms = left.split(",")
    if len(terms) != 2 or any(
        len(set(term)) != len(term) or not term.isalpha() for term in (*terms, result)
    ):
        return None
    data, kernel = terms
    extents = dict(zip(kernel, (int(n) for n in layer.kernel.shape), strict=True))
    features = [letter for letter in result if letter not in data]
    inside = [letter for letter in kernel if letter not in result]
    if len(data) != call.rank or set(kernel) != set(features) | set(inside):
        return None
    if not features or not result.endswith("".join(features)) or not set(inside) <= set(data):
        return None
    if set(data) - set(inside) != set(result) - set(features):
        return None
    extents |= dict(zip(data, call.inputs[0].shape, strict=True))
    call = replace(call, shapes=(tuple(extents[i] for i in result),))  # Keras may leave it open
    inner, outer = (prod(extents[i] for i in letters) for letters in (inside, features))
    bias = layer.bias
    if bias is not None and tuple(bias.shape) != tuple(extents[i] for i in features):
        return None
    linear = operations.linear(inner, outer, bias=bias is not None, equation=equation)
    output = call.emit(linear, variables=[layer.kernel, bias])
    return outputs_of(call, activate(call, output, layer.activation))


def _embedding(call: Call) -> str | None:
    """Convert Embedding: the rows of its weight that computed ids choose."""
    layer = call.operation
    plain = getattr(layer, "quantization_mode", None) is None and not layer.lora_enabled
    if not plain or "int" not in call.inputs[0].dtype:
        return None
    return call.emit(operations.rows_of_weight(), variables=[layer.embeddings])


def _prelu(call: Call) -> str | None:
    """Convert PReLU with one slope per channel."""
    alpha = call.operation.alpha
    channels = call.inputs[0].shape[-1]
    if prod(int(n) for n in alpha.shape) != channels or int(alpha.shape[-1]) != channels:
        return None
    return call.emit(operations.prelu(axis=call.axis(-1)), variables=[alpha])


_ON_IMAGES: dict[str, Handler] = {
    "AveragePooling2D": average_pool,
    "Conv2D": conv,
    "Conv2DTranspose": conv_transpose,
    "Cropping2D": cropping,
    "DepthwiseConv2D": depthwise_conv,
    "GlobalAveragePooling2D": global_pool(operations.GLOBAL_AVERAGE_POOL),
    "GlobalMaxPooling2D": global_pool(operations.GLOBAL_MAX_POOL),
    "MaxPooling2D": max_pool,
    "SeparableConv2D": separable_conv,
    "UpSampling2D": up_sampling,
    "GroupNormalization": _group_normalization,
    "ZeroPadding2D": zero_padding,
}
_IN_ANY_ORDER: dict[str, Handler] = {
    "Activation": _activation,
    "Add": _merged("Add"),
    "BatchNormalization": _batch_normalization,
    "Concatenate": _concatenate,
    "CustomScaleLayer": _custom_scale,
    "Dense": _dense,
    "ELU": _elu,
    "LayerNormalization": _layer_normalization,
    "LayerScale": _layer_scale,
    "LeakyReLU": _leaky_relu,
    "Maximum": _merged("Max"),
    "Minimum": _merged("Min"),
    "Multiply": _merged("Mul"),
    "Normalization": _normalization,
    "PReLU": _prelu,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Subtract": _merged("Sub"),
}
_IN_OWN_ORDER: dict[str, Handler] = {
    **recurrent.HANDLERS,
    "Conv1D": conv_of_tokens,
    "Embedding": _embedding,
    "EinsumDense": _einsum_dense,
    "GlobalAveragePooling1D": _pooled_tokens("ReduceMean"),
    "GlobalMaxPooling1D": _pooled_tokens("ReduceMax"),
    "MultiHeadAttention": multi_head_attention,
}
READING_ALL = frozenset({*recurrent.HANDLERS, "MultiHeadAttention"})
"""Layers whose handlers read more than one argument of the call."""
_WITHOUT_EFFECT = (
    *("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"),
    *("Identity", "SpatialDropout1D", "SpatialDropout2D", "StochasticDepth"),
)
LAYERS: dict[str, Handler] = {
    **each(on_images, _ON_IMAGES),
    **each(in_any_order, _IN_ANY_ORDER),
    **each(in_own_order, _IN_OWN_ORDER),
    **dict.fromkeys(_WITHOUT_EFFECT, _unchanged),
    "Flatten": reshaped,
    "Reshape": reshaped,
    "Softmax": _softmax,
}
"""Class name of a layer of Keras -> its handler; anything else is opaque."""
