"""Weights of loaded networks, in every zoo: the graph's names, read, put in, and used."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from zoodiff.engines.pool import WorkerPool, usable
from zoodiff.errors import MeasurementError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.weights import Drawn, as_stored, viewed
from zoodiff.workers.process import Worker
from zoodiff.zoos import registry

MARKS = {
    "torchvision": ["torch"],
    "pytorchcv": ["torch"],
    "keras": ["keras"],
    "kerashub": ["keras"],
    "kecam": ["keras"],
    "onnx": ["onnx"],
    "tfmg": ["tfmg"],
    "paddle": ["paddle"],
    "paddleclas": ["paddle"],
    "mini-torch": ["torch"],
    "mini-keras": ["keras"],
    "mini-onnx": ["onnx", "torch"],
    "mini-tfmg": ["tfmg"],
}
NETWORKS = {
    "torchvision": ("squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5"),
    "pytorchcv": ("squeezenet_v1_1", "condensenet74_c8_g8", "resnet20_cifar10"),
    "keras": ("MobileNetV2", "EfficientNetB0"),
    "kerashub": ("resnet_18_imagenet", "densenet_121_imagenet"),
    "kecam": ("ResNet50D", "EfficientNetEdgeTPUSmall"),
    "onnx": ("light_squeezenet", "light_shufflenet", "light_inception_v1"),
    "tfmg": ("mobilenet_v1", "slim/inception_v1"),
    "paddle": ("squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_25"),
    "paddleclas": ("PPLCNet_x0_25", "MobileNetV3_small_x0_35", "ResNet18_vd"),
    **{name: ("digits_cnn",) for name in MARKS if name.startswith("mini")},
}
Weights = Mapping[str, np.ndarray]


class Loaded:
    """A network in a worker, and its graph."""

    def __init__(self, worker: Worker, describer: Worker, model: str) -> None:
        self.worker, self.model = worker, model
        described = describer.call("describe", doing=model, model=model, weights="random")
        self.graph = Graph.from_dict(described["graph"])
        extents = self.graph.inputs[0].shape[1:]
        self.image = np.random.default_rng(0).standard_normal((1, *extents)).astype(np.float32)

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        return {self.graph.inputs[0].name: self.image}

    def load(self, seed: int) -> None:
        options = {"model": self.model, "weights": "random", "seed": seed, "threads": 1}
        self.worker.call("load", doing=self.model, handle="h", **options)

    def weights(self) -> dict[str, np.ndarray]:
        answer = self.worker.call("weights", doing=self.model, handle="h")
        return {name: np.array(self.worker.get_array(a)) for name, a in answer["arrays"].items()}

    def assign(self, weights: Weights) -> None:
        shared = {name: self.worker.put_array(array) for name, array in weights.items()}
        self.worker.call("assign", doing=self.model, handle="h", weights=shared)

    def run(self) -> np.ndarray:
        image = self.worker.put_array(self.image)
        answer = self.worker.call("run", doing=self.model, handle="h", image=image)
        return np.array(self.worker.get_array(answer["outputs"]))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((zoo, model), id=f"{zoo}:{model}", marks=[getattr(pytest.mark, m) for m in ms])
        for zoo, ms in MARKS.items()
        for model in NETWORKS[zoo]
    ],
)
def loaded(request: pytest.FixtureRequest, engine: WorkerPool) -> Loaded:
    name, model = request.param
    zoo = registry.find_zoo(name)
    reason = usable(zoo.worker)
    if reason:
        pytest.skip(reason)
    return Loaded(engine.worker(zoo.worker), engine.worker(zoo.worker, "describe"), model)


@pytest.fixture(scope="module")
def first(loaded: Loaded) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Weights drawn to suit the data that each layer gets, and what the framework makes of them."""
    graph, drawn = canonical(loaded.graph), {}
    evaluate(graph, loaded.inputs, Drawn(graph, 3, 1.0, drawn), np.float32)
    counters = {p.name for n in graph.nodes for p in n.parameters if p.dtype.startswith("int")}
    stored = as_stored(loaded.graph, graph, drawn)
    made = {name: array for name, array in stored.items() if name not in counters}
    loaded.load(1)
    before = loaded.run()
    loaded.assign(made)
    after = loaded.run()
    assert np.isfinite(after).all()
    assert relative(before, after) > 1e-3
    return made, after


def relative(one: Any, other: Any) -> float:
    one, other = np.ravel(one), np.ravel(other)
    return float(np.abs(one - other).max() / np.abs(one - one.mean()).max())


def test_every_parameter_of_the_graph_is_there_in_its_shape(loaded: Loaded, first) -> None:
    held = loaded.weights()
    parameters = [p for node in loaded.graph.nodes for p in node.parameters]
    parameters += loaded.graph.unused_parameters
    assert parameters
    for parameter in parameters:
        assert held[parameter.name].shape == parameter.shape, parameter
        assert held[parameter.name].dtype == parameter.dtype, parameter


def test_what_is_put_in_comes_out(loaded: Loaded, first) -> None:
    made, outputs = first
    held = loaded.weights()
    assert set(made) <= set(held)
    for name, array in made.items():
        np.testing.assert_array_equal(held[name], array)
    np.testing.assert_array_equal(loaded.run(), outputs)


def test_weights_that_do_not_fit_are_named_and_change_nothing(loaded: Loaded, first) -> None:
    made, outputs = first
    name = next(name for name, array in made.items() if array.ndim == 4)
    good = next(other for other in made if other != name)
    for wrong, says in (
        ({name: made[name][..., None]}, name),
        ({"no/such.weight": made[name]}, "no/such.weight"),
    ):
        with pytest.raises(MeasurementError, match=says.replace(".", r"\.")) as caught:
            loaded.assign({good: made[good] + 1, **wrong})
        assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(loaded.run(), outputs)


def test_the_graph_with_these_weights_computes_what_the_framework_does(
    loaded: Loaded, first
) -> None:
    """Names, roles and layouts together: the canonical graph is run by numpy."""
    held, outputs = loaded.weights(), first[1]
    graph = canonical(loaded.graph)

    def provide(node: Node, data: Any) -> list[Any]:
        found = [viewed(p, held[p.name]).reshape(p.shape) for p in node.parameters]
        return [array.astype(data.dtype) for array in found]

    found = evaluate(graph, loaded.inputs, provide, np.float64)
    assert relative(outputs, found[graph.outputs[0].name]) < 1e-4


def test_weights_are_all_that_a_seed_decides(loaded: Loaded, first) -> None:
    made, outputs = first
    loaded.load(2)
    assert relative(outputs, loaded.run()) > 1e-3
    loaded.assign(made)
    np.testing.assert_array_equal(loaded.run(), outputs)
    # Some weights alone may be given; the others stay.
    name = next(name for name, array in made.items() if array.ndim == 4)
    loaded.assign({name: np.roll(made[name], 1)})
    assert relative(outputs, loaded.run()) > 1e-4
    loaded.assign({name: made[name]})
    np.testing.assert_array_equal(loaded.run(), outputs)
