"""Small graphs for tests, a line a node."""

from __future__ import annotations

from typing import Any

from zoodiff.graph.ir import Graph, Node, Parameter, Tensor

Shape = tuple[int, ...]


class Draft:
    """Collects nodes; each call adds one and returns its output's name."""

    def __init__(self, shape: Shape = (1, 4, 8, 8), name: str = "x") -> None:
        self.tensors = {name: Tensor(name, shape)}
        self.inputs = [self.tensors[name]]
        self.nodes: list[Node] = []

    def add(
        self,
        op: str,
        inputs: str | list[str],
        shape: Shape | None = None,
        *,
        parameters: list[Parameter] | None = None,
        **attributes: Any,
    ) -> str:
        given = [inputs] if isinstance(inputs, str) else inputs
        name = f"n{len(self.nodes)}"
        made = shape or self.tensors[given[0]].shape
        if op == "Reshape":
            attributes["shape"] = list(made)
        self.tensors[name] = Tensor(name, made)
        self.nodes.append(
            Node(
                op,
                f"{op.lower()}{len(self.nodes)}",
                tuple(given),
                (name,),
                attributes,
                tuple(parameters or ()),
            )
        )
        return name

    def conv(self, data: str, out: int = 4, kernel: int = 3, **changed: Any) -> str:
        n, c, h, w = self.tensors[data].shape
        a: dict[str, Any] = {
            "kernel_shape": [kernel, kernel],
            "strides": [1, 1],
            "dilations": [1, 1],
            "pads": [kernel // 2] * 4,
            "group": 1,
            "out_channels": out,
            "bias": False,
        } | changed
        k = len(self.nodes)
        weight = Parameter(
            f"w{k}", (out, c // a["group"], kernel, kernel), role="weight", layout="OIHW"
        )
        bias = [Parameter(f"b{k}", (out,), role="bias")] if a["bias"] else []
        size = tuple(
            (extent + a["pads"][i] + a["pads"][i + 2] - a["dilations"][i] * (kernel - 1) - 1)
            // a["strides"][i]
            + 1
            for i, extent in enumerate((h, w))
        )
        return self.add("Conv", data, (n, out, *size), parameters=[weight, *bias], **a)

    def norm(self, data: str, epsilon: float = 1e-5) -> str:
        k, c = len(self.nodes), self.tensors[data].shape[1]
        parameters = [
            Parameter(f"{role}{k}", (c,), role=role)
            for role in ("scale", "shift", "mean", "variance")
        ]
        return self.add(
            "BatchNormalization",
            data,
            parameters=parameters,
            epsilon=epsilon,
            axis=1,
            scale=True,
            center=True,
        )

    def graph(self, *outputs: str) -> Graph:
        return Graph(
            "test",
            tuple(self.inputs),
            tuple(self.tensors[name] for name in outputs),
            tuple(self.nodes),
            self.tensors,
        )
