"""The proof by execution, on the graphs of real networks and on planted changes."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from support import plants
from support.small import Draft
from zoodiff.architecture.diff import diff
from zoodiff.equivalence.proof import Proof, prove, relative
from zoodiff.errors import MeasurementError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Tensor
from zoodiff.graph.weights import Drawn

FOLDER = Path(__file__).resolve().parents[1] / "graph"


SMALLER = {224: 64, 112: 32, 56: 16, 28: 8, 14: 4, 7: 2, 111: 31, 55: 15, 27: 7, 13: 3}
"""Extents of maps in torchvision's networks -> those that an image of 64 pixels has there."""


@cache
def network(name: str) -> Graph:
    path = FOLDER / "networks" / f"{name}.json.gz"
    return Graph.from_json(gzip.decompress(path.read_bytes()).decode())


@cache
def small(name: str) -> Graph:
    """The network for images of 64 pixels, which takes a tenth of the time; layers are the same."""
    graph = network(name)

    def smaller(tensor: Tensor) -> Tensor:
        extents = (SMALLER.get(n, n) for n in tensor.shape[2:])
        return replace(tensor, shape=(*tensor.shape[:2], *extents))

    return replace(
        graph,
        inputs=tuple(map(smaller, graph.inputs)),
        outputs=tuple(map(smaller, graph.outputs)),
        tensors={key: smaller(tensor) for key, tensor in graph.tensors.items()},
    )


def proved(a: str, b: str) -> Proof:
    return prove(diff(network(a), network(b), a, b))


@pytest.mark.parametrize("name", ["mobilenet_v2", "regnet_y_400mf", "resnet18", "squeezenet1_1"])
def test_small_networks_have_the_shapes_that_they_compute(name: str) -> None:
    graph = small(f"torchvision__{name}")
    image = {tensor.name: np.zeros(tensor.shape) for tensor in graph.inputs}
    made = {tensor for node in graph.nodes for tensor in node.outputs}
    values = evaluate(graph, image, Drawn(graph, 0, 1.0), keep=made)
    assert {t: values[t].shape for t in made} == {t: graph.tensors[t].shape for t in made}


def test_resnet50_differs_by_its_strides_and_by_nothing_else() -> None:
    found = proved("torchvision__resnet50", "keras__ResNet50")
    assert found.verdict == "different function"
    assert found.responsible == ("ARC101",)
    assert found.difference is not None and found.difference > 0.01
    assert found.undone is not None and found.undone < 1e-4
    tried = {c.code: c for c in found.counterfactuals}
    assert tried["ARC101"].matters
    assert not tried["ARC120"].matters, "1e-05 and 1.001e-05 are the same to single precision"


@pytest.mark.parametrize(
    "name", ["torchvision__mnasnet1_0", "torchvision__shufflenet_v2_x1_0", "keras__ConvNeXtTiny"]
)
def test_a_network_is_the_same_function_as_itself(name: str) -> None:
    found = proved(name, name)
    assert found.verdict == "same function"
    assert found.difference is not None and found.difference < 1e-6


def mutant(name: str, plant: str) -> tuple[Graph, Graph, frozenset[str]]:
    original = small(name) if name.startswith("torchvision__") else network(name)
    r = random.Random(f"{plant} 0")
    for _ in range(200):
        found = plants.planted(original, plants.CHANGES[plant], r)
        if found is not None:
            return original, found[0], found[1].codes
    raise AssertionError(f"{plant} does not fit {name}")


DIFFERENT = [
    ("torchvision__mobilenet_v2", "padding"),
    ("torchvision__mobilenet_v2", "activation"),
    ("torchvision__mobilenet_v2", "activation_gone"),
    ("torchvision__resnet18", "dilation"),
    ("torchvision__resnet18", "pool_kind"),
    ("torchvision__resnet18", "pool_window"),
    ("torchvision__resnet18", "preprocessing"),
    ("torchvision__resnet18", "layer_more"),
    ("torchvision__resnet18", "squeeze_and_excitation"),
    ("torchvision__squeezenet1_1", "branches"),
    ("torchvision__resnet18", "shortcut_gone"),
    ("torchvision__squeezenet1_1", "bias"),
    ("torchvision__regnet_y_400mf", "stride_placement"),
    ("keras__MobileNetV3Small", "projection"),
]


@pytest.mark.parametrize(("name", "plant"), DIFFERENT)
def test_a_planted_change_is_proved_and_undone(name: str, plant: str) -> None:
    original, changed, codes = mutant(name, plant)
    found = prove(diff(original, changed, "a", "b"))
    assert found.verdict == "different function", found.reason
    assert set(found.responsible) & codes
    assert found.undone is not None and found.undone < 1e-9, (
        "undoing it brings the outputs together"
    )


SAME = [
    ("torchvision__resnet18", "bias_before_norm"),
    ("torchvision__resnet18", "norm_folded"),
    ("torchvision__resnet18", "scale_layers"),
    ("torchvision__resnet18", "learned_scale"),
    ("torchvision__resnet18", "momentum"),
    ("torchvision__resnet18", "softmax"),
    ("torchvision__resnet18", "auxiliary"),
]


@pytest.mark.parametrize(("name", "plant"), SAME)
def test_what_changes_no_function_is_proved_to_change_none(name: str, plant: str) -> None:
    """Each rule that says so is held to it."""
    original, changed, _ = mutant(name, plant)
    for one, other in ((original, changed), (changed, original)):
        found = prove(diff(one, other, "a", "b"))
        assert found.verdict == "same function", (found.reason, found.difference)


@pytest.mark.parametrize("plant", ["channels", "kernel", "groups", "classes"])
def test_weights_that_do_not_fit_are_no_proof_of_sameness(plant: str) -> None:
    original, changed, codes = mutant("torchvision__resnet18", plant)
    found = prove(diff(original, changed, "a", "b"))
    assert found.verdict == "different function"
    assert found.difference is None
    assert set(found.responsible) == codes
    assert found.undone is not None and found.undone < 1e-9


def test_other_input_sizes_are_not_proved() -> None:
    original, changed, _ = mutant("torchvision__resnet18", "input_size")
    found = prove(diff(original, changed, "a", "b"))
    assert (found.verdict, found.difference) == ("not proved", None)
    assert found.reason == "the inputs have different sizes, 3x64x64 and 3x256x256"


def test_what_the_interpreter_cannot_run_is_not_proved() -> None:
    d = Draft()
    graph = d.graph(d.add("aten::mystery", d.conv("x")))
    found = prove(diff(graph, graph, "a", "b"))
    assert found.verdict == "not proved"
    assert "aten::mystery" in found.reason


def test_frameworks_that_disagree_with_the_interpreter_are_said() -> None:
    graph = small("torchvision__squeezenet1_1")
    noise = np.random.default_rng(0)
    wrong = lambda weights, image: noise.standard_normal(1000)  # noqa: E731
    found = prove(diff(graph, graph, "a", "b"), (wrong, wrong))
    assert found.verdict == "not proved"
    assert "interpreter and the framework disagree about a" in found.reason


def test_a_framework_that_cannot_run_leaves_the_interpreter() -> None:
    def fails(weights, image):
        raise MeasurementError("no weights can be put into it")

    graph = small("torchvision__squeezenet1_1")
    found = prove(diff(graph, graph, "a", "b"), (fails, fails))
    assert (found.verdict, found.native) == ("same function", False)
    assert "no weights can be put into it" in found.reason


def test_weights_are_drawn_so_that_nothing_fades_or_grows() -> None:
    """Outputs of a deep network stay near one, and some channels have small variances."""
    graph = canonical(network("torchvision__densenet121"))
    drawn = Drawn(graph, 0, 1.0)
    image = np.random.default_rng(0).standard_normal(graph.inputs[0].shape)
    (output,) = evaluate(graph, {"x": image}, drawn).values()
    assert 0.05 < output.std() < 20
    variances = [
        drawn.weights[p.name]
        for node in graph.nodes
        for p in node.parameters
        if p.role == "variance"
    ]
    low = np.mean([np.mean(v < 0.05 * np.median(v)) for v in variances])
    assert low > 0.02


def test_a_relative_difference_knows_no_scale() -> None:
    one = np.array([1.0, 2.0, 4.0])
    assert relative(one, one * (1 + 1e-6)) == pytest.approx(
        relative(1e-9 * one, 1e-9 * one * (1 + 1e-6))
    )
    assert relative(one, one[:2]) == float("inf")
