"""Converts ATen's normalisation, softmax and reductions over axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.torch.call import Call, Constant, Handler, Shape, Value, weights
from zoodiff.graph.ir import Parameter

_SINGLE_EPSILON = 1.1920928955078125e-07
"""``torch.finfo(torch.float32).eps``, which an RMS norm adds where it is given none."""


def _batch_norm(call: Call) -> Value | None:
    data, *owned = call.args[:5]
    if call.arg(5, "training", False):
        return _with_own_statistics(call)
    return call.node(
        operations.batch_norm(
            epsilon=call.arg(7, "eps"),
            # PyTorch's momentum is the weight of the new value, ONNX's that of the old value.
            momentum=1.0 - float(call.arg(6, "momentum")),
            axis=1,
            scale=owned[0] is not None,
            center=owned[1] is not None,
        ),
        inputs=weights(data, *owned),
    )


def _functional_batch_norm(call: Call) -> list[Value | Constant] | None:
    """Convert the batch norm of a program without functions in place: its last results are empty.

    Its arguments are ``(input, weight, bias, mean, variance, momentum, epsilon)``.
    """
    data, scale, shift, mean, variance, momentum, epsilon = call.args
    if any(call.read[1:]):
        return None
    result = call.node(
        operations.batch_norm(
            epsilon=epsilon,
            momentum=1.0 - float(momentum),
            axis=1,
            scale=scale is not None,
            center=shift is not None,
        ),
        inputs=weights(data, scale, shift, mean, variance),
    )
    return [result, *(Constant(call.name, shape) for shape in call.outputs[1:])]


def _with_own_statistics(call: Call) -> Value | None:
    """Convert a batch norm with the statistics of its data, which standardises weights.

    It normalises over all axes but the channels, with the variance that divides by all elements,
    as a layer norm over these axes does; scale and shift lie along the channels.
    """
    data, scale, shift = call.args[:3]
    if call.outputs[1:] or not isinstance(data, Value | Parameter):
        return None
    rank, channels = len(data.shape), data.shape[1]
    axes = [axis for axis in range(rank) if axis != 1]
    affine = [("Mul", "scaled", scale), ("Add", "shifted", shift)]
    steps = [(op, step, vector) for op, step, vector in affine if vector is not None]
    result: Any = call.node(
        operations.layer_norm(axes, epsilon=call.arg(7, "eps"), scale=False, center=False),
        inputs=[data],
        step="normalised" if steps else "",
    )
    wide: Shape = (1, channels, *(1,) * (rank - 2))
    for position, (op, step, vector) in enumerate(steps):
        spread = call.node(operations.reshape(wide), inputs=[vector], shape=wide, step=f"{step}_by")
        last = position == len(steps) - 1
        arithmetic = operations.arithmetic("Mul" if op == "Mul" else "Add")
        result = call.node(arithmetic, inputs=[result, spread], step="" if last else step)
    return result if isinstance(result, Value) else None


def _layer_norm(call: Call) -> Value:
    data, shape, weight, bias = (call.arg(i, "") for i in range(4))
    rank = len(data.shape)
    return call.node(
        operations.layer_norm(
            range(rank - len(shape), rank),
            epsilon=call.arg(4, "eps", 1e-5),
            scale=weight is not None,
            center=bias is not None,
        ),
        inputs=weights(data, weight, bias),
    )


def _rms_norm(call: Call) -> Value | None:
    data, shape, weight, epsilon = (
        call.args[0],
        call.args[1],
        call.arg(2, "weight"),
        call.arg(3, ""),
    )
    epsilon = call.kwargs.get("eps", epsilon)
    if epsilon is None and call.dtype != "float32":
        return None
    rank = len(data.shape)
    return call.node(
        operations.rms_norm(
            range(rank - len(shape), rank),
            epsilon=_SINGLE_EPSILON if epsilon is None else epsilon,
            scale=weight is not None,
        ),
        inputs=weights(data, weight),
    )


def _group_norm(call: Call) -> Value:
    data, groups, weight, bias = (call.arg(i, "") for i in range(4))
    return call.node(
        operations.group_norm(
            groups,
            epsilon=call.arg(4, "eps", 1e-5),
            scale=weight is not None,
            center=bias is not None,
        ),
        inputs=weights(data, weight, bias),
    )


def _softmax(call: Call) -> Value:
    axis = int(call.args[1]) % len(call.outputs[0])
    return call.node(operations.softmax(axis), inputs=[call.args[0]])


def _log_softmax(call: Call) -> Value:
    axis = int(call.args[1]) % len(call.outputs[0])
    return call.node(operations.softmax(axis, log=True), inputs=[call.args[0]])


def _axes(call: Call, axes: object) -> list[int]:
    """Return the axes of a reduction, in order; all axes where none are named."""
    rank = len(call.args[0].shape)
    if axes is None or axes == []:
        return list(range(rank))
    named: Sequence[Any] = axes if isinstance(axes, list) else [axes]
    return sorted(int(axis) % rank for axis in named)


def _mean(call: Call) -> Value | None:
    data = call.args[0]
    reduced, keep = _axes(call, call.arg(1, "dim")), bool(call.arg(2, "keepdim", False))
    if call.kwargs.get("dtype") is not None:
        return None
    if len(data.shape) == 4 and reduced == [2, 3]:
        pooled: Shape = (*data.shape[:2], 1, 1)
        step = "" if keep else "pool"
        output = call.node(operations.GLOBAL_AVERAGE_POOL, inputs=[data], shape=pooled, step=step)
        return output if keep else call.node(operations.flatten(), inputs=[output])
    return call.node(operations.reduced("ReduceMean", reduced, keepdims=keep), inputs=[data])


def _reduced(op: str) -> Handler:
    """Return the handler of a reduction ``(data, dim, keepdim)``."""

    def handle(call: Call) -> Value | None:
        if call.kwargs.get("dtype") is not None:
            return None
        axes, keep = _axes(call, call.arg(1, "dim")), bool(call.arg(2, "keepdim", False))
        return call.node(operations.reduced(op, axes, keepdims=keep), inputs=[call.args[0]])

    return handle


def _extremum(op: str) -> Handler:
    """Return the handler of ``max`` or ``min`` along an axis, whose indices nobody reads."""

    def handle(call: Call) -> list[Value | Constant] | None:
        if not call.overload.endswith(".dim") or any(call.read[1:]):
            return None
        axes, keep = _axes(call, call.arg(1, "dim")), bool(call.arg(2, "keepdim", False))
        values = call.node(operations.reduced(op, axes, keepdims=keep), inputs=[call.args[0]])
        return [values, Constant(f"{call.name}/indices", call.outputs[1])]

    return handle


def _adaptive_mean(call: Call) -> Value | None:
    """Convert an adaptive average along the last axis to what it is at this size."""
    data, rank = call.args[0], len(call.outputs[0])
    if call.outputs[0] == data.shape:
        return data if isinstance(data, Value) else None
    if call.outputs[0][-1] != 1:
        return None
    mean = operations.reduced("ReduceMean", [rank - 1], keepdims=True)
    return call.node(mean, inputs=[data])


def _variance(call: Call) -> Value | None:
    """Convert a variance: the mean of the squared deviations, corrected to divide by n - c."""
    data = call.args[0]
    if call.overload == "aten.var.correction":
        correction, keep = call.kwargs.get("correction", 1), call.kwargs.get("keepdim", False)
    elif call.overload == "aten.var.dim":
        correction, keep = int(call.arg(2, "unbiased", True)), call.arg(3, "keepdim", False)
    else:
        return None
    if not isinstance(correction, int | float):
        return None
    axes, keep = _axes(call, call.arg(1, "dim")), bool(keep)
    count = prod(data.shape[axis] for axis in axes)
    if count <= correction:
        return None
    kept = tuple(1 if i in axes else n for i, n in enumerate(data.shape))
    mean = operations.reduced("ReduceMean", axes, keepdims=True)
    centre = call.node(mean, inputs=[data], shape=kept, step="mean")
    less = operations.arithmetic("Sub", constant_first=isinstance(data, Parameter))
    deviation = call.node(less, inputs=[data, centre], shape=data.shape, step="deviation")
    squares = call.node(
        operations.arithmetic("Mul"),
        inputs=[deviation, deviation],
        shape=data.shape,
        step="squares",
    )
    biased = operations.reduced("ReduceMean", axes, keepdims=keep)
    if not correction:
        return call.node(biased, inputs=[squares])
    variance = call.node(biased, inputs=[squares], step="biased")
    times, by = (
        operations.arithmetic("Mul", value=float(count)),
        operations.arithmetic("Div", value=float(count - correction)),
    )
    return call.node(by, inputs=[call.node(times, inputs=[variance], step="sum")])


def _vector_norm(call: Call) -> Value | None:
    if call.arg(1, "ord", 2) != 2 or call.arg(2, "dim") is None:
        return None
    axes = _axes(call, call.arg(2, "dim"))
    keep = bool(call.arg(3, "keepdim", False))
    return call.node(operations.reduced("ReduceL2", axes, keepdims=keep), inputs=[call.args[0]])


HANDLERS: dict[str, Handler] = {
    "adaptive_avg_pool1d": _adaptive_mean,
    "amax": _reduced("ReduceMax"),
    "amin": _reduced("ReduceMin"),
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _functional_batch_norm,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "linalg_vector_norm": _vector_norm,
    "log_softmax": _log_softmax,
    "max": _extremum("ReduceMax"),
    "mean": _mean,
    "min": _extremum("ReduceMin"),
    "rms_norm": _rms_norm,
    "softmax": _softmax,
    "sum": _reduced("ReduceSum"),
    "var": _variance,
}
"""The handlers of these functions."""
