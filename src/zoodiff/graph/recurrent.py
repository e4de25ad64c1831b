r"""Recurrent layers: the canonical order of gates, and the views that bring stored weights to it.

Frameworks store the kernels of all gates as one tensor, in orders of their own:

=========  ======================  ==========================  ===========================
           kernels                 gates of LSTM, GRU          biases
=========  ======================  ==========================  ===========================
ONNX       (D, G * H, I)           i o f c, z r h              (D, 2 * G * H)
PyTorch    (G * H, I)              i f c o, r z h              two of (G * H)
Keras      (I, G * H)              i f c o, z r h              (G * H), or (2, G * H)
LiteRT     (H, I) for each gate    i, f, c, o                  (H) for each gate
=========  ======================  ==========================  ===========================

D are directions, G gates, H hidden and I input features. ``Parameter.layout`` of a stored tensor is
its axes, a colon, and its gates: ``DOI:iofc``, ``OI:ifco``, ``IO:zrh``; ``2`` is an axis of two
biases, ``B`` an axis along which two biases are joined. In a canonical graph every direction has
parameters of its own with ONNX's order of gates: ``weight``, ``recurrence``, ``bias``,
``recurrent_bias``, first of the forward and then of the backward direction. What is stored per gate
is several parameters of one role, in the order of gates; their rows, one after another, are those
of the one tensor.

Two biases act as their sum, except those of gate h of a GRU whose reset gate multiplies the product
with the hidden state: :math:`g(W x + b + r (R h + b_R))`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.graph.ir import Parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

GATES: Mapping[str, str] = {"GRU": "zrh", "LSTM": "iofc", "RNN": "i"}
"""The gates of each operator in their canonical order."""
ROLES = ("weight", "recurrence", "bias", "recurrent_bias")
"""The parameters of one direction, in order."""


def directions_of(attributes: Mapping[str, Any]) -> int:
    """Return the number of directions of a recurrent layer."""
    return 2 if attributes.get("direction") == "bidirectional" else 1


def is_stored(parameters: Sequence[Parameter]) -> bool:
    """Whether parameters of a recurrent layer are as a framework stores them."""
    return any(":" in parameter.layout for parameter in parameters)


def canonical_parameters(
    op: str, attributes: Mapping[str, Any], parameters: Sequence[Parameter]
) -> list[Parameter]:
    """Return the parameters of a recurrent layer, per direction and with gates in order.

    Parameters that are so already are returned as they are. Raises ValueError for shapes that do
    not fit the layout.
    """
    if not is_stored(parameters):
        return list(parameters)
    directions: list[dict[str, dict[str, Parameter]]] = [
        {} for _ in range(directions_of(attributes))
    ]
    for parameter in parameters:
        axes, _, gates = parameter.layout.partition(":")
        for role, part, letters in _parts(parameter, axes):
            place = next(
                (d for d in directions if set(gates).isdisjoint("".join(d.get(role, ())))), None
            )
            if place is None:
                raise ValueError(f"{parameter.name} is one {role} too many")
            target = gates if len(gates) == 1 else GATES[op]
            place.setdefault(role, {})[gates] = _in_order(part, letters, gates, target)
    return [
        part
        for direction in directions
        for role in ROLES
        for part in _by_gate(direction.get(role, {}), GATES[op], role)
    ]


def _by_gate(parts: Mapping[str, Parameter], gates: str, role: str) -> list[Parameter]:
    """Return the parts of one role in the order of gates."""
    if len(parts) < 2:
        if any(len(letters) != len(gates) for letters in parts):
            raise ValueError(f"it has a {role} for some gates only")
        return list(parts.values())
    if sorted(parts) != sorted(gates):
        raise ValueError(f"it has a {role} for other gates")
    return [parts[gate] for gate in gates]


def whole_parameters(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Return the parameters of a canonical recurrent layer as if none were stored per gate.

    Each has the name of its first part, and the rows of all parts. Parameters of other roles are
    returned as they are.
    """
    if (
        not parameters
        or parameters[0].role != "weight"
        or any(p.role not in ROLES for p in parameters)
    ):
        return list(parameters)
    whole: list[Parameter] = []
    for direction in by_role([parameter.role for parameter in parameters]):
        for places in direction.values():
            first = parameters[places[0]]
            rows = sum(parameters[k].shape[0] for k in places)
            whole.append(replace(first, shape=(rows, *first.shape[1:])))
    return whole


def by_role(roles: Sequence[str]) -> list[dict[str, list[int]]]:
    """Return for each direction of a canonical layer the places of its parameters by role."""
    directions: list[dict[str, list[int]]] = []
    for place, role in enumerate(roles):
        if role == "weight" and (not directions or set(directions[-1]) - {"weight"}):
            directions.append({})
        if not directions:
            raise ValueError(f"it has a {role} before its first weight")
        directions[-1].setdefault(role, []).append(place)
    return directions


def _parts(parameter: Parameter, axes: str) -> Iterator[tuple[str, Parameter, str]]:
    """Yield role, parameter and remaining axes of each direction and of each of two biases."""
    if axes.startswith("D"):
        for k in range(parameter.shape[0]):
            part = _rows(parameter, k, k + 1) if parameter.shape[0] > 1 else parameter
            yield from _parts(_reshaped(part, part.shape[1:]), axes[1:])
        return
    if axes not in {"2O", "B"}:
        yield parameter.role, parameter, axes
        return
    rows = parameter.shape[0] // 2
    for k, role in enumerate(("bias", "recurrent_bias")):
        half = _rows(parameter, k * rows, (k + 1) * rows)
        yield role, replace(_reshaped(half, (parameter.size // 2,)), role=role), "O"


def _rows(parameter: Parameter, start: int, end: int) -> Parameter:
    """Return some rows of a parameter."""
    return replace(
        parameter,
        name=f"{parameter.name}[{start}:{end}]",
        shape=(end - start, *parameter.shape[1:]),
        view=(*parameter.view, ("part", (start, end))),
        whole=parameter.stored,
    )


def _reshaped(parameter: Parameter, shape: Sequence[int]) -> Parameter:
    if tuple(shape) == parameter.shape:
        return parameter
    return replace(parameter, shape=tuple(shape), view=(*parameter.view, ("reshape", tuple(shape))))


def _in_order(parameter: Parameter, axes: str, gates: str, target: str) -> Parameter:
    """Return a parameter as (gates * hidden, ...) with its gates in another order."""
    if axes == "IO":
        shape = parameter.shape[::-1]
        view = (*parameter.view, ("transpose", (1, 0)))
        parameter = replace(parameter, shape=shape, view=view)
    whole = parameter.shape
    if sorted(gates) != sorted(target) or whole[0] % len(gates):
        raise ValueError(f"{parameter.name} has no rows for the gates {target}")
    if gates != target:
        parameter = _reshaped(parameter, (len(gates), whole[0] // len(gates), *whole[1:]))
        order = tuple(gates.index(gate) for gate in target)
        parameter = replace(parameter, view=(*parameter.view, ("order", order)))
    return replace(_reshaped(parameter, whole), layout="")


@dataclass(frozen=True)
class Direction:
    """The weights of one direction: kernels (gates * hidden, ...), and the biases as they act.

    ``bias`` is added to the product with the data, ``inner_bias`` (hidden,) to the product that the
    reset gate of a GRU multiplies.
    """

    weight: NDArray[Any]
    recurrence: NDArray[Any]
    bias: NDArray[Any]
    inner_bias: NDArray[Any] | None = None

    @property
    def arrays(self) -> list[NDArray[Any]]:
        """All arrays, in order."""
        arrays = [self.weight, self.recurrence, self.bias]
        return arrays if self.inner_bias is None else [*arrays, self.inner_bias]


def directions(
    op: str, attributes: Mapping[str, Any], roles: Sequence[str], arrays: Sequence[NDArray[Any]]
) -> list[Direction]:
    """Return the weights of each direction from those of a canonical node, in its order.

    A bias that a layer does not have is zero. Raises ValueError for weights that are not those of
    a canonical recurrent layer.
    """
    each = by_role(roles)
    if len(each) != directions_of(attributes) or len(roles) != len(arrays):
        raise ValueError("it has weights for another number of directions")
    return [
        _direction(op, attributes, {role: _joined(arrays, at) for role, at in places.items()})
        for places in each
    ]


def _joined(arrays: Sequence[NDArray[Any]], places: Sequence[int]) -> NDArray[Any]:
    """Return the array of one role; what is stored per gate is joined."""
    parts = [arrays[place] for place in places]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _direction(
    op: str, attributes: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]
) -> Direction:
    weight, recurrence = weights["weight"], weights["recurrence"]
    rows = weight.shape[0]
    bias = weights.get("bias", np.zeros(rows, weight.dtype)).reshape(rows)
    second = weights.get("recurrent_bias", np.zeros(rows, weight.dtype)).reshape(rows)
    if op != "GRU" or not attributes.get("linear_before_reset"):
        return Direction(weight, recurrence, bias + second)
    outer = second.copy()
    outer[rows // 3 * 2 :] = 0
    return Direction(weight, recurrence, bias + outer, second[rows // 3 * 2 :])
