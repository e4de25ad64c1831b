"""A difference undone gives the first network; the truth is what both compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from zoodiff.architecture.diff import diff
from zoodiff.equivalence.counterfactual import FROM_A, undone
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.rules.example import TinyNetwork

Build = Callable[[bool], Graph]


def tokens(positions: bool) -> Graph:
    """A block whose shortcut is turned for an addition, with and without position embeddings."""
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    x = net.add("Transpose", x, (1, 16, 8), perm=[0, 2, 1])
    if positions:
        embedding = Parameter("embedding", (1, 16, 8), role="constant")
        x = net.add("Add", x, parameters=[embedding], constant_shape=[1, 16, 8])
    y = net.add("LayerNormalization", x, axes=[2], epsilon=1e-5, scale=False, center=False)
    y = net.add("Transpose", net.add("Reshape", y, (1, 16, 2, 4)), (1, 2, 16, 4), perm=[0, 2, 1, 3])
    y = net.add("Softmax", y, axis=3)
    y = net.add("Reshape", net.add("Transpose", y, (1, 16, 2, 4), perm=[0, 2, 1, 3]), (1, 16, 8))
    x = net.add("Add", (x, y))
    return net.graph(net.linear(net.add("ReduceMean", x, (1, 8), axes=[1], keepdims=False), 10))


def normed(batch: bool) -> Graph:
    """A batch norm, or a group norm that is written out."""
    net = TinyNetwork()
    x = net.conv("image", 8, bias=True)
    if batch:
        return net.classifier(net.add("Relu", net.norm(x)))
    x = net.add("Reshape", x, (1, 2, 4 * 16 * 16))
    x = net.add("InstanceNormalization", x, epsilon=1e-5, scale=False, center=False)
    x = net.add("Reshape", x, (1, 8, 16, 16))
    x = net.per_channel("Add", net.per_channel("Mul", x))
    return net.classifier(net.add("Relu", x))


def activated(mean: bool) -> Graph:
    """A power mean, or the mean."""
    net = TinyNetwork()
    x = net.add("Clip", net.conv("image", 8), min=0.01)
    x = x if mean else net.add("Pow", x, value=3.0)
    x = net.means(x)
    x = x if mean else net.add("Pow", x, value=1 / 3)
    return net.graph(net.linear(x, 10))


def weights_of(*graphs: Graph) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    names = {p.name: p for graph in graphs for node in graph.nodes for p in node.parameters}
    drawn = {name: random.uniform(0.5, 1.5, p.shape) for name, p in sorted(names.items())}
    return drawn | {f"{FROM_A}{name}": values for name, values in drawn.items()}


@pytest.mark.parametrize("build", [tokens, normed, activated])
@pytest.mark.parametrize("first", [True, False])
def test_a_network_with_its_differences_undone_is_the_other(build: Build, first: bool) -> None:
    a, b = build(first), build(not first)
    compared = diff(a, b, "a", "b")
    (finding,) = compared.findings
    weights = weights_of(a, b)
    sides = compared.a.canonical, undone(compared.alignment, finding.differences)
    image = {"image": np.random.default_rng(1).standard_normal(a.inputs[0].shape)}
    ours, theirs, alone = (
        next(iter(evaluate(graph, image, weights).values())).reshape(-1)
        for graph in (*sides, compared.b.canonical)
    )
    np.testing.assert_allclose(theirs, ours, rtol=1e-9)
    assert not np.allclose(alone, ours)
