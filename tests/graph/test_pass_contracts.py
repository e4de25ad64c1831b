"""What passes require and ensure holds around each of them; a pass that fails is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from support.small import Draft
from zoodiff.errors import MeasurementError
from zoodiff.graph import passes
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.mutable import MutableGraph
from zoodiff.graph.passes import PASSES, Pass, properties

NETWORKS = sorted((Path(__file__).parent / "networks").glob("*.json.gz"))


def draft() -> Graph:
    """A network that breaks every property that passes ensure."""
    d = Draft()
    left, right = d.norm(d.conv("x")), d.conv("x")
    cut = d.add("Sub", left, value=2.0)
    cut = d.add("Div", d.add("Neg", cut), value=4.0)
    cut = d.add("Mul", d.add("Slice", cut, axes=[3, 2], starts=[0, 0], ends=[8, 8]), value=2.0)
    cut = d.add("DequantizeLinear", cut, scale=0.5, zero_point=0.0)
    wide = d.add("Unsqueeze", cut, (1, 1, 4, 8, 8), axes=[0])
    flat = d.add("Flatten", d.add("Squeeze", wide, (1, 4, 8, 8), axes=[0]), (1, 256), axis=1)
    weight = Parameter("w", (256, 2), role="weight", layout="IO")
    sizes = {"in_features": 256, "out_features": 2, "bias": False}
    linear = d.add("Gemm", flat, (1, 2), parameters=[weight], **sizes)
    product = d.add("MatMul", [cut, right], batch=4, m=8, k=8, n=8, transA=False, transB=True)
    return d.graph(product, linear)


def channels_last() -> Graph:
    d = Draft((1, 8, 8, 3))
    return d.graph(d.conv(d.add("Transpose", "x", (1, 3, 8, 8), perm=[0, 3, 1, 2])))


def graphs() -> dict[str, Graph]:
    found = {
        path.name.split(".")[0]: Graph.from_json(gzip.decompress(path.read_bytes()).decode())
        for path in NETWORKS
    }
    return found | {"draft": draft(), "channels last": channels_last()}


@pytest.mark.parametrize("name", graphs())
def test_around_every_pass(name: str) -> None:
    net = MutableGraph(graphs()[name])
    for one in PASSES:
        for needed in one.requires:
            assert needed.breaks(net) is None, f"before {one.name}"
        one.run(net)
        net.prune()
        for left in one.ensures:
            assert left.breaks(net) is None, f"after {one.name}"
        assert properties.malformed(net) is None, f"after {one.name}"


def test_what_is_required_was_ensured() -> None:
    held: set[properties.Property] = set()
    for one in PASSES:
        assert held.issuperset(one.requires), one.name
        held.update(one.ensures)


def test_every_property_is_broken_by_some_network_at_first() -> None:
    """So that the tests above can fail."""
    ensured = {left for one in PASSES for left in one.ensures}
    first = [MutableGraph(graph) for graph in graphs().values()]
    assert len(ensured) == 10
    assert not {p.says for p in ensured if all(p.breaks(net) is None for net in first)}


def test_a_pass_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(net: MutableGraph) -> None:
        raise IndexError("no such axis")

    monkeypatch.setattr(passes, "PASSES", (*PASSES[:3], Pass("breaking", "fails", fails)))
    with pytest.raises(MeasurementError, match=r'from test .*the pass "breaking" fails.*such axis'):
        canonical(draft())


def test_a_pass_that_leaves_a_malformed_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoils(net: MutableGraph) -> None:
        for node in net.of("BatchNormalization"):
            node.attributes["divisor"] = "sqrt"

    spoilt = (*PASSES[:3], Pass("spoiling", "spoils", spoils), *PASSES[3:])
    monkeypatch.setattr(passes, "PASSES", spoilt)
    with pytest.raises(MeasurementError, match=r'the pass "spoiling" leaves .* from test malf'):
        canonical(draft())


def test_a_pass_that_loses_a_tensor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def cuts(net: MutableGraph) -> None:
        net.of("Conv")[0].inputs = ["nothing"]

    monkeypatch.setattr(passes, "PASSES", (*PASSES, Pass("cutting", "cuts", cuts)))
    with pytest.raises(
        MeasurementError, match=r'the pass "cutting".*reads a tensor that no node computes'
    ):
        canonical(draft())
