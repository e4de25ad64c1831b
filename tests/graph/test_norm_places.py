"""Norms before blocks or behind additions; the truth is the network as it is drawn."""

from __future__ import annotations

import pytest

from zoodiff.architecture.diff import diff
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import LayerGraph
from zoodiff.graph.norm_places import norms_of_blocks, place_of
from zoodiff.rules.example import TinyNetwork


def norm(net: TinyNetwork, x: str, op: str = "LayerNormalization") -> str:
    settings = {"axes": [1], "epsilon": 1e-5, "scale": False}
    return net.add(op, x, **(settings if op[0] == "R" else {**settings, "center": False}))


def blocks(places: str, op: str = "LayerNormalization", *, last: bool = False) -> Graph:
    """Residual blocks, each with its norm "b"efore it or "a"fter its addition."""
    net = TinyNetwork(size=4)
    x = net.add("Tanh", net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16)))
    for place in places:
        y = norm(net, x, op) if place == "b" else x
        weight = Parameter("weight", (8, 8), role="weight", layout="OI")
        y = net.add(
            "Gemm", y, parameters=[weight], in_features=8, out_features=8, bias=False, axis=1
        )
        x = net.add("Add", (x, net.add("Relu", y)))
        x = norm(net, x, op) if place == "a" else x
    x = norm(net, x, op) if last else x
    return net.graph(net.linear(net.add("ReduceMean", x, (1, 8), axes=[2], keepdims=False), 10))


@pytest.mark.parametrize("op", ["LayerNormalization", "RMSNormalization"])
@pytest.mark.parametrize(
    ("places", "last", "place", "count"),
    [
        ("bbb", False, "before", 3),
        ("bbb", True, "before", 3),
        ("aaa", False, "behind", 3),
        ("ab", False, None, 1),
        ("", True, None, 0),
    ],
)
def test_where_the_norms_are(op: str, places: str, last: bool, place: str, count: int) -> None:
    graph = LayerGraph(blocks(places, op, last=last))
    assert place_of(graph) == place
    if place is not None:
        assert len(norms_of_blocks(graph)) == count


@pytest.mark.parametrize("places", ["bb", "bbbb"])
def test_norms_that_moved_are_one_finding_and_paired_in_order(places: str) -> None:
    a, b = blocks(places), blocks(places.replace("b", "a"))
    for first, second in ((a, b), (b, a)):
        compared = diff(first, second, "a", "b")
        (finding,) = compared.findings
        assert finding.code == "ARC176"
        assert finding.places_a == finding.places_b
        assert len(finding.places_a) == len(places)


def test_a_norm_more_is_no_move() -> None:
    codes = [f.code for f in diff(blocks("bb"), blocks("bb", last=True), "a", "b").findings]
    assert codes == ["ARC122"]
