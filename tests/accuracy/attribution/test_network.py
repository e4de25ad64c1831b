"""Networks taken apart: against a made-up world in which everything that counts is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.small import Draft
from zoodiff.accuracy.attribution.network import Pieces, RawNetwork, decompose
from zoodiff.accuracy.attribution.preprocessing import adds_up
from zoodiff.accuracy.attribution.session import Attribution
from zoodiff.accuracy.comparison import compare
from zoodiff.accuracy.measure import Settings, measure
from zoodiff.accuracy.subject import changes_of, evaluated_entry
from zoodiff.architecture import describe as architecture
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.native_run import weights_of
from zoodiff.equivalence.weights.weight_diff import canonical as in_canonical_order
from zoodiff.errors import MeasurementError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.onnx_export import to_model
from zoodiff.store.folder import Store
from zoodiff.zoos import registry

REAL = Path(__file__).resolve().parents[4] / "shared" / "real"
IMAGES = 1000
NOISE = np.random.default_rng(0).uniform(size=IMAGES)
BAD_PADS, BAD_EPSILON, BAD_WEIGHTS = 0.2, 0.1, 0.3


def network(pads: list[int], epsilon: float, out: int = 4) -> Graph:
    draft = Draft((1, 3, 16, 16))
    x = draft.conv("x", out, 3, pads=pads, strides=[2, 2])
    x = draft.add("Relu", draft.norm(x, epsilon))
    x = draft.add("GlobalAveragePool", x, (1, out, 1, 1))
    return draft.graph(x)


def weights(graph: Graph, value: float) -> dict[str, Any]:
    parameters = [p for node in graph.nodes for p in node.parameters]
    return {p.name: np.full(p.shape, value, dtype=np.float32) for p in parameters}


def right(graph: Graph, given: Mapping[str, Any], on_first: bool) -> np.ndarray:
    """A network is right less often for each thing that is not as it was trained."""
    share = 0.9
    for node in graph.nodes:
        if node.op == "Conv":
            share -= BAD_PADS * (node.attributes["pads"][:2] != [1, 1])  # type: ignore[index]
            share -= BAD_WEIGHTS * float(np.mean(given[node.parameters[0].name]) != 1.0)
        if node.op == "BatchNormalization":
            share -= BAD_EPSILON * (float(node.attributes["epsilon"]) > 1e-4)  # type: ignore[arg-type]
    return (share > NOISE).astype(float)


def apart(a: Graph, b: Graph, mine: float = 1.0, theirs: float = 1.0) -> tuple[Pieces, float]:
    first, second = (
        RawNetwork("a", a, weights(a, mine)),
        RawNetwork("b", b, weights(b, theirs)),
    )
    native = (
        right(canonical(a), first.weights, True),
        right(canonical(b), second.weights, False) - 0.05 * (NOISE < 0.1),
    )
    return decompose(first, second, native, right), float((native[0] - native[1]).mean())


def points(found: Pieces) -> dict[str, float]:
    return {piece.what.split(",")[0]: float(piece.values.mean()) for piece in found.summands}


GOOD = network([1, 1, 1, 1], 1e-5)


def test_one_difference_of_the_graphs() -> None:
    found, total = apart(GOOD, network([0, 0, 2, 2], 1e-5))
    parts = points(found)
    assert parts["padding"] == pytest.approx(BAD_PADS, abs=0.03)
    assert parts["graph"] == parts["padding"]
    assert parts["weights"] == 0
    assert parts["runtime"] == pytest.approx(0.005, abs=1e-3)
    assert parts["runtime"] + parts["graph"] + parts["weights"] == pytest.approx(total)
    assert [piece.code for piece in found.summands if piece.kind == "difference"] == ["ARC107"]


def test_two_differences_one_by_one() -> None:
    found, total = apart(GOOD, network([0, 0, 2, 2], 1e-2))
    parts = points(found)
    assert parts["padding"] == pytest.approx(BAD_PADS, abs=0.03)
    assert parts["epsilon"] == pytest.approx(BAD_EPSILON, abs=0.03)
    singles = parts["padding"] + parts["epsilon"] + parts["several of these together"]
    assert singles == pytest.approx(parts["graph"])
    assert parts["runtime"] + parts["graph"] + parts["weights"] == pytest.approx(total)


def test_weights_alone() -> None:
    found, total = apart(GOOD, replace(GOOD), 1.0, 2.0)
    parts = points(found)
    assert parts["weights"] == pytest.approx(BAD_WEIGHTS, abs=0.03)
    assert parts["graph"] == 0
    assert parts["runtime"] + parts["weights"] == pytest.approx(total)
    assert not [piece for piece in found.summands if piece.kind == "difference"]


def test_graph_and_weights_by_their_cross() -> None:
    found, total = apart(GOOD, network([0, 0, 2, 2], 1e-5), 1.0, 2.0)
    parts = points(found)
    assert parts["weights"] == pytest.approx(BAD_WEIGHTS, abs=0.03)
    assert parts["graph"] == pytest.approx(BAD_PADS, abs=0.03)
    assert parts["runtime"] + parts["graph"] + parts["weights"] == pytest.approx(total)


def test_weights_that_do_not_fit_are_one_with_the_graph() -> None:
    found, total = apart(GOOD, network([1, 1, 1, 1], 1e-5, out=8))
    parts = points(found)
    assert parts["graph and weights"] + parts["runtime"] == pytest.approx(total)
    assert found.notes == (
        "the weights of one network do not fit the other, so graph and weights are not separated",
    )


@pytest.mark.onnx
@pytest.mark.tflite
@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")
def test_a_real_network_with_a_planted_padding(tmp_path: Path) -> None:
    """A quantised file against its own weights in ONNX, two kinds of layers changed."""
    path = REAL / "models" / "mobilenet_v2_1.0_224_quant.edgetpu.tflite"
    recipe = changes_of(["resize=256", "value_range=-1,1", "mean=0,0,0", "std=1,1,1"])
    images, settings = open_images(str(REAL / "images")), Settings(2, limit=125)
    with WorkerPool() as engine:
        entry = registry.resolve(str(path))
        graph = canonical(architecture.describe(engine, entry)[0])
        faulty = replace(graph, nodes=tuple(map(damaged, graph.nodes)))
        (tmp_path / "b.onnx").write_bytes(
            to_model(faulty, in_canonical_order(graph, weights_of(engine, entry)))
        )
        sides = [
            evaluated_entry(engine, registry.resolve(str(x)), changes=recipe)
            for x in (path, tmp_path / "b.onnx")
        ]
        store = Store(tmp_path / "results")
        store.prepare()
        outcome = measure(engine, sides, images, store, settings)
        reasons = Attribution(engine, images, settings, lambda done, of: None)
        reasons.explain(sides, compare(outcome.records, store))
    assert reasons.problems == []
    (found,) = reasons.explanations
    assert adds_up(found)
    parts = {part.kind: part.points.value for part in found.parts}
    assert found.total.value > 10
    assert parts["preprocessing"] == 0
    assert abs(parts["runtime"]) < 4  # quantisation, on 125 images
    assert parts["weights"] == 0
    assert parts["graph"] > 10
    codes = {part.code for part in found.parts if part.kind == "difference"}
    assert codes == {"ARC107", "ARC130"}


@pytest.mark.slow
@pytest.mark.onnx
@pytest.mark.tflite
@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")
def test_two_real_networks_of_which_one_has_a_background_class(tmp_path: Path) -> None:
    """1,001 outputs and 1,000: graph and weights are told apart all the same."""
    usual = ["resize=256", "library=pillow", "channel_order=RGB"]
    numbers = (
        ["value_range=-1,1", "mean=0,0,0", "std=1,1,1"],
        ["value_range=0,1", "mean=0.485,0.456,0.406", "std=0.229,0.224,0.225"],
    )
    names = ("mobilenet_v2_1.0_224_quant.edgetpu", "mobilenet_v2_1.0_224_int8.tflm")
    images, settings = open_images(str(REAL / "images")), Settings(2, limit=125)
    with WorkerPool() as engine:
        sides = [
            evaluated_entry(
                engine,
                registry.resolve(str(REAL / "models" / f"{name}.tflite")),
                changes=changes_of([*usual, *own]),
            )
            for name, own in zip(names, numbers, strict=True)
        ]
        store = Store(tmp_path / "results")
        store.prepare()
        outcome = measure(engine, sides, images, store, settings)
        reasons = Attribution(engine, images, settings, lambda done, of: None)
        reasons.explain(sides, compare(outcome.records, store))
    assert reasons.problems == []
    (found,) = reasons.explanations
    assert adds_up(found)
    points = {part.kind: part.points.value for part in found.parts}
    assert {"runtime", "weights", "graph"} <= set(points)
    # Carried across, the weights see as well as at home: the classes are where they belong.
    assert abs(points["weights"]) < 10
    assert abs(points["graph"]) < 10
    assert [part.code for part in found.parts if part.kind == "difference"] == ["ARC107"] * 2
    assert any(note.startswith("1001 and 1000 classes") for note in found.notes)


def damaged(node: Node) -> Node:
    """Unequal padding on the other side, and ReLU for ReLU6."""
    if node.op == "Clip":
        return replace(node, op="Relu", attributes={})
    if node.attributes.get("pads") == [0, 0, 1, 1]:
        return replace(node, attributes={**node.attributes, "pads": [1, 1, 0, 0]})
    return node


def test_weights_that_are_missing_are_said() -> None:
    with pytest.raises(MeasurementError, match="gives no values for its weight"):
        decompose(RawNetwork("a", GOOD, {}), RawNetwork("b", GOOD, {}), (NOISE, NOISE), right)
