"""One application of an operator, as its handler sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from zoodiff.graph.ir import Node
from zoodiff.graph.operators import settings_of

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A node with its operands, all of one floating-point type.

    ``inputs`` are computed tensors, ``parameters`` are weights in their canonical order of axes.
    Where a node reads weights alone, the first weight is the input.
    """

    node: Node
    inputs: Sequence[Array]
    parameters: Sequence[Array]
    roles: Sequence[str]

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The node's attributes, with the defaults of its operator."""
        return settings_of(self.node)

    @property
    def data(self) -> Array:
        """The first input."""
        return self.inputs[0]

    def role(self, name: str) -> Array | None:
        """Return the parameter with this role, or None."""
        for role, parameter in zip(self.roles, self.parameters, strict=True):
            if role == name:
                return parameter
        return None

    def weight_and_bias(self) -> tuple[Array, Array | None]:
        """Return weight and bias of a convolution or linear layer; both may be computed inputs."""
        weight, bias = self.role("weight"), self.role("bias")
        left = [p for p, role in zip(self.parameters, self.roles, strict=True) if role == ""]
        left += [
            p for p, role in zip(self.parameters, self.roles, strict=True) if role == "constant"
        ]
        computed = list(self.inputs[1:])
        if weight is None:
            weight = (computed or left).pop(0)
        if bias is None and self.attributes.get("bias"):
            bias = (left or computed).pop(0)
        return weight, bias


Handler = Callable[[Call], Array | list[Array]]


def along(vector: Array, axis: int, rank: int) -> Array:
    """Reshape a vector along one axis so that it broadcasts to a rank."""
    shape = [1] * rank
    shape[axis] = vector.size
    return vector.reshape(shape)
