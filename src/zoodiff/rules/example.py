"""Builds the tiny networks of rules' examples, one line per layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from zoodiff.graph.ir import AttributeValue, Graph, Node, Parameter, Tensor

Shape = tuple[int, ...]


class TinyNetwork:
    """Collects layers; each method adds one and returns its name, which the next one reads.

    >>> net = TinyNetwork(channels=3, size=8)
    >>> net.graph(net.add("Relu", net.conv("image", 4))).outputs[0].shape
    (1, 4, 8, 8)
    """

    def __init__(self, channels: int = 3, size: int = 16) -> None:
        image = Tensor("image", (1, channels, size, size))
        self._tensors = {image.name: image}
        self._inputs = (image,)
        self._nodes: list[Node] = []
        self._count: Counter[str] = Counter()

    def add(
        self,
        op: str,
        inputs: str | Sequence[str],
        shape: Shape | None = None,
        *,
        parameters: Sequence[Parameter] = (),
        name: str = "",
        **attributes: AttributeValue,
    ) -> str:
        """Add an operator; its result has the shape of the first input unless ``shape`` is given.

        Without a name it is called after its operator and counted. Parameters are renamed after it.
        """
        sources = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        if not name:
            self._count[op] += 1
            name = f"{op.lower()}{self._count[op]}"
        result = shape or self.shape(sources[0])
        if op == "Reshape":
            attributes["shape"] = list(result)
        weights = tuple(replace(p, name=f"{name}/{p.name}") for p in parameters)
        self._tensors[name] = Tensor(name, result)
        self._nodes.append(Node(op, name, sources, (name,), attributes, weights))
        return name

    def shape(self, name: str) -> Shape:
        """The shape of a layer's result."""
        return self._tensors[name].shape

    def typed(self, name: str, dtype: str) -> None:
        """Say in which type a layer's result is computed."""
        self._tensors[name] = replace(self._tensors[name], dtype=dtype)

    def conv(
        self,
        data: str,
        out: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        bias: bool = False,
        name: str = "",
        **attributes: Any,
    ) -> str:
        """Add a convolution, padded by half its kernel on all sides unless ``pads`` are given."""
        n, channels, *extents = self.shape(data)
        a: dict[str, Any] = {
            "kernel_shape": [kernel, kernel],
            "strides": [stride, stride],
            "dilations": [1, 1],
            "pads": [kernel // 2] * 4,
            "group": 1,
            "out_channels": out,
            "bias": bias,
            **attributes,
        }
        weight = Parameter(
            "weight", (out, channels // a["group"], kernel, kernel), role="weight", layout="OIHW"
        )
        shape = (n, out, *_windows(extents, a))
        weights = (weight, *_bias(out, bias))
        return self.add("Conv", data, shape, parameters=weights, name=name, **a)

    def linear(self, data: str, out: int, *, bias: bool = True) -> str:
        """Add a linear layer behind maps of one pixel, or behind another linear layer."""
        n, channels, *extents = self.shape(data)
        if extents:
            data = self.add("Reshape", data, (n, channels))
        weight = Parameter("weight", (out, channels), role="weight", layout="OI")
        return self.add(
            "Gemm",
            data,
            (n, out),
            parameters=(weight, *_bias(out, bias)),
            in_features=channels,
            out_features=out,
            bias=bias,
            axis=1,
        )

    def norm(
        self,
        data: str,
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        scale: bool = True,
        shift: bool = True,
        **attributes: Any,
    ) -> str:
        """Add a batch norm."""
        roles = ["mean", "variance", *["scale"] * scale, *["shift"] * shift]
        channels = self.shape(data)[1]
        parameters = [
            Parameter(role, (channels,), role not in {"mean", "variance"}, role=role)
            for role in roles
        ]
        return self.add(
            "BatchNormalization",
            data,
            parameters=parameters,
            epsilon=epsilon,
            momentum=momentum,
            axis=1,
            scale=scale,
            center=shift,
            **attributes,
        )

    def per_channel(self, op: str, data: str) -> str:
        """Add a learned scale (``Mul``) or shift (``Add``) per channel."""
        vector = Parameter("vector", (self.shape(data)[1],), role="constant")
        return self.add(op, data, parameters=(vector,), axis=1)

    def pool(self, op: str, data: str, kernel: int, stride: int = 1, **attributes: Any) -> str:
        """Add a ``MaxPool`` or ``AveragePool``, without padding unless ``pads`` are given."""
        n, channels, *extents = self.shape(data)
        a: dict[str, Any] = {
            "kernel_shape": [kernel, kernel],
            "strides": [stride, stride],
            "pads": [0, 0, 0, 0],
            "ceil_mode": False,
            **({"dilations": [1, 1]} if op == "MaxPool" else {"count_include_pad": True}),
            **attributes,
        }
        return self.add(op, data, (n, channels, *_windows(extents, a)), **a)

    def means(self, data: str, *, name: str = "") -> str:
        """Add a global average pool."""
        n, channels, *_ = self.shape(data)
        return self.add("GlobalAveragePool", data, (n, channels, 1, 1), name=name)

    def graph(self, *outputs: str, unused: Sequence[Parameter] = ()) -> Graph:
        """The network with these results; it owns ``unused`` without computing with them."""
        return Graph(
            "example",
            self._inputs,
            tuple(self._tensors[name] for name in outputs),
            tuple(self._nodes),
            self._tensors,
            tuple(unused),
        )

    def classifier(self, data: str, classes: int = 10) -> Graph:
        """The network that ends in means over the map and a linear layer."""
        return self.graph(self.linear(self.means(data), classes))


def _bias(out: int, there: bool) -> tuple[Parameter, ...]:
    return (Parameter("bias", (out,), role="bias"),) if there else ()


def _windows(extents: Sequence[int], a: dict[str, Any]) -> tuple[int, ...]:
    """Height and width of the map that sliding windows give."""
    sizes = []
    for axis, extent in enumerate(extents):
        reach = a.get("dilations", [1, 1])[axis] * (a["kernel_shape"][axis] - 1) + 1
        steps = extent + a["pads"][axis] + a["pads"][axis + 2] - reach
        stride = a["strides"][axis]
        sizes.append((-(-steps // stride) if a.get("ceil_mode") else steps // stride) + 1)
    return tuple(sizes)
