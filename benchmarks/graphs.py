"""Networks of any size, to measure how the diff grows."""

from __future__ import annotations

import random
from dataclasses import replace

from zoodiff.graph.ir import Graph, Node, Parameter, Tensor


def residual(nodes: int, *, epsilon: float = 1e-5, seed: int = 0) -> Graph:
    """A residual network of at least so many nodes; ``seed`` chooses its kernels."""
    choice = random.Random(seed)
    shape = (1, 16, 32, 32)
    tensors = {"x": Tensor("x", shape)}
    made: list[Node] = []

    def add(op: str, inputs: list[str], attributes: dict, parameters: list[Parameter]) -> str:
        name = f"t{len(made)}"
        tensors[name] = Tensor(name, shape)
        made.append(
            Node(op, f"n{len(made)}", tuple(inputs), (name,), attributes, tuple(parameters))
        )
        return name

    current = "x"
    while len(made) < nodes:
        shortcut = current
        for _ in range(2):
            kernel, k = choice.choice([1, 3, 5]), len(made)
            window = {
                "kernel_shape": [kernel, kernel],
                "strides": [1, 1],
                "dilations": [1, 1],
                "pads": [kernel // 2] * 4,
                "group": 1,
                "out_channels": 16,
                "bias": False,
            }
            weight = Parameter(f"w{k}", (16, 16, kernel, kernel), role="weight", layout="OIHW")
            current = add("Conv", [current], window, [weight])
            norm = {"epsilon": epsilon, "axis": 1, "scale": True, "center": True}
            roles = ("scale", "shift", "mean", "variance")
            vectors = [Parameter(f"{role}{k}", (16,), role=role) for role in roles]
            current = add("BatchNormalization", [current], norm, vectors)
            current = add("Relu", [current], {}, [])
        current = add("Add", [current, shortcut], {}, [])
    return Graph("benchmark", (tensors["x"],), (tensors[current],), tuple(made), tensors)


def dilated(graph: Graph, share: float, seed: int = 0) -> Graph:
    """The same network with the convolutions among a share of its nodes changed."""
    choice, nodes = random.Random(seed), list(graph.nodes)
    for i in choice.sample(range(len(nodes)), int(len(nodes) * share)):
        if nodes[i].op == "Conv":
            attributes = {**nodes[i].attributes, "dilations": [2, 2]}
            nodes[i] = replace(nodes[i], attributes=attributes)
    return replace(graph, nodes=tuple(nodes))
