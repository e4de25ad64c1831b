"""The zoo ``keras`` against the installed Keras and against TensorFlow's own counts."""

from __future__ import annotations

import csv
import functools
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoodiff.errors import UnknownNameError
from zoodiff.graph.cost import Counts, count
from zoodiff.graph.ir import Graph
from zoodiff.zoos.base import Model
from zoodiff.zoos.keras.catalogue import ZOO

needs_keras = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("keras", "tensorflow")),
    reason="needs the keras extra",
)
MODELS = {model.name: model for model in ZOO.models()}
INSIDE = {name for name in MODELS if name.startswith(("EfficientNet", "MobileNetV3", "ConvNeXt"))}
MILLION = 10**6
SOME = {
    *("ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionResNetV2"),
    *("InceptionV3", "MobileNet", "MobileNetV2", "MobileNetV3Small", "NASNetMobile", "ResNet50"),
    *("ResNet50V2", "VGG16", "Xception"),
}
"""The smallest of each family; the slow tests take all networks."""


def known(name: str, *values: object) -> Any:
    """A case of one network."""
    marks = () if name in SOME else pytest.mark.slow
    return pytest.param(name, *values, id=name, marks=marks)


NAMES = [known(name) for name in MODELS]


# The catalogue, without a framework


def test_the_catalogue_imports_no_framework() -> None:
    code = (
        "import sys; from zoodiff.zoos.keras import ZOO; assert len(ZOO.models()) >= 38; "
        "assert not {'keras', 'tensorflow', 'numpy'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_the_catalogue_is_complete_and_ordered() -> None:
    assert list(MODELS) == sorted(MODELS)
    for model in MODELS.values():
        (weights,) = model.weights
        assert (weights.name, weights.default) == ("imagenet", True)
        assert weights.url is not None and weights.url.startswith("https://")
        assert weights.sha256 is None or len(weights.sha256) == 64
        assert model.preprocessing.published == "partial"
        assert (model.preprocessing.resize, model.preprocessing.crop_fraction) == (None, None)
        assert model.preprocessing.input_size == model.input_shape[1:]
        assert model.labels.name == "imagenet-1k"


def test_normalisation_sits_inside_the_networks_that_keras_says() -> None:
    assert {m.name for m in MODELS.values() if m.preprocessing.inside_network} == INSIDE
    assert len(INSIDE) == 22


def test_names_are_those_of_the_claims(shared: Path) -> None:
    path = shared / "claims" / "claims.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["zoo"] == "keras_applications"]
    documented = {row["model"] for row in rows if row["source_path"].endswith("index.md")}
    assert len(documented) == 38
    # The table of Keras's documentation leaves out MobileNetV3.
    assert set(MODELS) - documented == {"MobileNetV3Large", "MobileNetV3Small"}
    families = {row["model"]: row["architecture_family"] for row in rows}
    for name in documented:
        assert MODELS[name].architecture == families[name]
    for size in ("Large", "Small"):
        family = families[f"mobilenet_v3_{size.lower()}_1.0_224"]
        assert MODELS[f"MobileNetV3{size}"].architecture == family


def test_some_networks_are_one_of_each_family() -> None:
    def family(name: str) -> str:
        """``EfficientNetB0`` -> ``EfficientNet``, ``EfficientNetV2B0`` -> ``EfficientNetV``."""
        return re.split(r"B?\d|X?Large|Base|Mobile$|Small|Tiny", name)[0]

    assert {family(name) for name in SOME} == {family(name) for name in MODELS}


# The catalogue against the framework


@dataclass(frozen=True)
class Described:
    """One network: what zoodiff says, and what Keras says about the same model."""

    graph: Graph
    counts: Counts
    facts: dict[str, int]
    layers: tuple[Any, ...]


@pytest.fixture(scope="module")
def described(backend: Any) -> Callable[[str], Described]:
    """What is said of a network, which is built once."""

    @functools.cache
    def one(name: str) -> Described:
        graph = backend.describe(name, None)
        layers = tuple(_leaves(backend.structure(name, None)))
        return Described(graph, count(graph), dict(backend.facts(name, None)), layers)

    return one


def _leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


@pytest.mark.keras
@needs_keras
class TestNetworks:
    def test_the_catalogue_lists_what_keras_has(self, backend: Any) -> None:
        assert list(MODELS) == backend.models()

    @pytest.mark.parametrize("name", NAMES)
    def test_counts_are_exactly_those_of_keras(
        self, described: Callable[[str], Described], name: str
    ) -> None:
        this = described(name)
        assert this.counts.parameters == this.facts["parameters"]
        assert this.counts.statistics == this.facts["statistics"]
        assert this.counts.unused_parameters == 0

    @pytest.mark.parametrize("name", NAMES)
    def test_layers_are_counted_and_none_is_opaque(
        self, described: Callable[[str], Described], name: str
    ) -> None:
        this = described(name)
        kinds = Counter(type(layer).__name__ for layer in this.layers)
        separable = kinds["SeparableConv2D"]
        assert this.counts.convolutions == kinds["Conv2D"] + kinds["DepthwiseConv2D"] + (
            2 * separable
        )
        assert this.counts.linear_layers == kinds["Dense"]
        norms = kinds["BatchNormalization"] + kinds["LayerNormalization"]
        assert this.counts.normalisations == norms
        assert not [node.name for node in this.graph.nodes if "::" in node.op]

    @pytest.mark.parametrize("name", NAMES)
    def test_softmax_and_preprocessing_inside(
        self, described: Callable[[str], Described], name: str
    ) -> None:
        this = described(name)
        assert this.counts.softmax_inside
        rescales = {"Rescaling", "Normalization"} & {type(layer).__name__ for layer in this.layers}
        assert this.counts.preprocessing_inside is bool(rescales)
        assert this.counts.preprocessing_inside is (name in INSIDE)

    @pytest.mark.parametrize("name", NAMES)
    def test_graphs_are_sound(self, described: Callable[[str], Described], name: str) -> None:
        graph, model = described(name).graph, MODELS[name]
        assert graph.inputs[0].shape == (1, *model.input_shape)
        assert graph.outputs[0].shape == (1, model.labels.classes)
        known = {tensor.name for tensor in graph.inputs}
        for node in graph.nodes:
            assert known.issuperset(node.inputs), node.name
            known.update(node.outputs)
        assert set(graph.tensors) == known
        assert min(n for tensor in graph.tensors.values() for n in tensor.shape) > 0
        assert len({node.name for node in graph.nodes}) == len(graph.nodes)
        assert Graph.from_json(graph.to_json()) == graph

    def test_describing_again_gives_the_same_graph(
        self, backend: Any, described: Callable[[str], Described]
    ) -> None:
        # Keras numbers its layers through the process; names must not depend on what came before.
        for name in ("InceptionV3", "MobileNetV3Small"):
            assert backend.describe(name, "imagenet") == described(name).graph

    def test_efficientnet_differs_between_random_and_published_weights(
        self, backend: Any, described: Callable[[str], Described]
    ) -> None:
        random = {node.name for node in backend.describe("EfficientNetB0", "random").nodes}
        published = {node.name: node for node in described("EfficientNetB0").graph.nodes}
        assert set(published) - random == {"rescaling_1/mul"}
        np.testing.assert_allclose(
            published["rescaling_1/mul"].attributes["value"],  # type: ignore[arg-type]
            [0.229**-0.5, 0.224**-0.5, 0.225**-0.5],
        )
        assert "rescaling_1/mul" in (MODELS["EfficientNetB0"].note or "")
        assert "rescaling" not in (MODELS["EfficientNetV2B0"].note or "")

    def test_unknown_names_are_refused_with_what_there_is(self, backend: Any) -> None:
        with pytest.raises(UnknownNameError, match=r"no entry `keras:ResNet5`; did you mean ResN"):
            backend.describe("ResNet5", None)
        with pytest.raises(UnknownNameError, match=r'no weights "v2"; there are imagenet'):
            backend.describe("ResNet50", "v2")


TORCHVISION_GMACS = {
    "ConvNeXtBase": 15.355,
    "ConvNeXtLarge": 34.361,
    "ConvNeXtTiny": 4.456,
    "DenseNet121": 2.834,
    "DenseNet169": 3.360,
    "DenseNet201": 4.291,
    "EfficientNetB0": 0.386,
    "EfficientNetB7": 37.746,
    "EfficientNetV2L": 56.080,
    "EfficientNetV2S": 8.366,
    "InceptionV3": 5.713,
    "MobileNetV2": 0.301,
    "MobileNetV3Large": 0.217,
    "VGG16": 15.470,
    "VGG19": 19.632,
}
"""GMACs that torchvision publishes (``weights.meta["_ops"]``) for networks of the same MACs."""


@pytest.mark.keras
@needs_keras
class TestMacs:
    @pytest.mark.parametrize(
        ("name", "gmacs"), [known(*case) for case in TORCHVISION_GMACS.items()]
    )
    def test_macs_are_those_torchvision_publishes(
        self, described: Callable[[str], Described], name: str, gmacs: float
    ) -> None:
        assert round(described(name).counts.macs / 10**9, 3) == gmacs

    @pytest.mark.parametrize(
        "name",
        [
            *("MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ResNet50", "ResNet50V2"),
            *("Xception", pytest.param("NASNetMobile", marks=pytest.mark.slow)),
        ],
    )
    def test_macs_are_half_of_tensorflows_float_operations(
        self, described: Callable[[str], Described], name: str
    ) -> None:
        assert 2 * described(name).counts.macs == _float_operations(name)


def _float_operations(name: str) -> int:
    """TensorFlow's registered cost of the products in the network's own graph.

    Not for ConvNeXt: Keras hides grouped convolutions in functions of their own.
    """
    import keras
    import tensorflow as tf
    from tensorflow.python.framework import ops
    from tensorflow.python.profiler.internal import flops_registry  # noqa: F401 - registers

    channels, height, width = MODELS[name].input_shape
    with tf.Graph().as_default() as graph:
        with keras.StatelessScope(initialize_variables=False):
            model = getattr(keras.applications, name)(
                weights=None, input_shape=(height, width, channels)
            )
        values = [
            (variable, tf.zeros(variable.shape, variable.dtype)) for variable in model.weights
        ]
        with keras.StatelessScope(values):
            model(tf.zeros((1, height, width, channels)), training=False)
    return sum(
        ops.get_stats_for_node_def(graph, operation.node_def, "flops").value or 0
        for operation in graph.get_operations()
        if operation.type in {"Conv2D", "DepthwiseConv2dNative", "MatMul"}
    )


@pytest.mark.keras
@needs_keras
class TestPublished:
    @pytest.mark.parametrize("name", NAMES)
    def test_preprocessing_is_what_preprocess_input_does(self, backend: Any, name: str) -> None:
        import keras

        from zoodiff.zoos.keras.backend import preprocess_input

        pixels = np.random.default_rng(0).uniform(0, 255, (2, 5, 4, 3))
        expected = preprocess_input(keras, name)(pixels.copy())
        np.testing.assert_allclose(_as_published(MODELS[name], pixels), expected, atol=1e-4)

    @pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
    @pytest.mark.parametrize("name", NAMES)
    def test_address_checksum_and_input_size_are_what_keras_asks_for(
        self, backend: Any, name: str
    ) -> None:
        import keras

        from zoodiff.zoos.keras.backend import without_weights

        asked: list[tuple[str, str | None]] = []
        with (
            keras.StatelessScope(initialize_variables=False),
            without_weights(keras, lambda url, checksum: asked.append((url, checksum))),
        ):
            shape = getattr(keras.applications, name)().input_shape
        model = MODELS[name]
        (weights,), ((url, checksum),) = model.weights, asked
        assert weights.url == url
        if checksum is None:
            assert weights.sha256 is None and "no checksum" in (model.note or "")
        else:
            assert checksum in {weights.sha256, *(model.note or "").replace(",", "").split()}
        assert tuple(n or 224 for n in shape[1:]) == (*model.input_shape[1:], model.input_shape[0])


def _as_published(model: Model, pixels: Any) -> Any:
    """The catalogue's preprocessing by its own definition: order, range, mean, std."""
    spec = model.preprocessing
    assert spec.value_range is not None
    low, high = spec.value_range
    ordered = pixels if spec.channel_order == "RGB" else pixels[..., ::-1]
    return (low + ordered / 255 * (high - low) - (spec.mean or 0)) / (spec.std or 1)


# In a process of its own: memory, threads, loading. TensorFlow fixes its threads at its start.

WORKER = """
import json, os, pathlib, resource, statistics, sys, time, urllib.error
import numpy as np
begin = time.perf_counter()
from zoodiff.errors import ZoodiffError
from zoodiff.zoos.keras import ZOO
from zoodiff.zoos.keras.backend import KerasBackend
backend = KerasBackend()
said = {"import": time.perf_counter() - begin, "describe": {}}
for name in ("NASNetLarge", "VGG19", "ConvNeXtXLarge", "EfficientNetV2L"):
    begin = time.perf_counter()
    backend.describe(name, None)
    said["describe"][name] = time.perf_counter() - begin
status = pathlib.Path("/proc/self/status")
if status.exists():  # ru_maxrss would start from the parent's peak: Linux keeps it over exec
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    said["peak_bytes"] = int(lines["VmHWM"].split()[0]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said["peak_bytes"] = peak if sys.platform == "darwin" else peak * 1024

def failure(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except ZoodiffError as error:
        return [type(error).__name__, str(error)]

import keras, tensorflow as tf
images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
first = backend.load("ResNet50V2", "random", seed=1, threads=1)
said["threads"] = tf.config.threading.get_intra_op_parallelism_threads()
said["state"] = [first.weights_state, first.weights_sha256, first.input_shape, first.layout]
before = images.copy()
batch = first.prepare(images)
said["range"] = [float(batch.min()), float(batch.max()), str(batch.dtype)]
said["untouched"] = bool((images == before).all())
output = first.run(batch)
said["rows"] = [list(output.shape), str(output.dtype), output.sum(axis=1).tolist()]
backend.describe("VGG16", None)
again = backend.load("ResNet50V2", "random", seed=1, threads=1)
other = backend.load("ResNet50V2", "random", seed=2, threads=1)
said["same after others"] = bool((first.run(batch) == output).all())
said["same seed"] = float(abs(again.run(batch) - output).max())
said["other seed"] = float(abs(other.run(batch) - output).max())
said["small"] = failure(first.prepare, images[:, :100])
said["other threads"] = failure(backend.load, "MobileNet", "random", seed=1, threads=2)

loader = sys.modules[keras.utils.get_file.__module__]
def refuse(origin, *_):
    raise urllib.error.URLError("no route")
loader.urlretrieve = refuse
begin = time.perf_counter()
said["no network"] = failure(backend.load, "MobileNet", None, seed=1, threads=1)
def corrupt(origin, path, *_):
    pathlib.Path(path).write_bytes(b"not the weights")
loader.urlretrieve = corrupt
said["corrupted"] = failure(backend.load, "VGG16", None, seed=1, threads=1)
said["seconds to fail"] = time.perf_counter() - begin

cache = pathlib.Path(os.environ["KERAS_HOME"]) / "models"
said["damaged"] = failure(backend.load, "MobileNet", None, seed=1, threads=1)
(cache / "mobilenet_1_0_224_tf.h5").unlink()
keras.utils.set_random_seed(7)
saved = keras.applications.MobileNet(weights=None)
saved.save(cache / "mobilenet_1_0_224_tf.h5")
published = backend.load("MobileNet", None, seed=1, threads=1)
said["published"] = [published.weights_state, published.weights_sha256]
said["published error"] = float(abs(published.run(batch) - saved(batch).numpy()).max())
print("SAID" + json.dumps(said))
"""


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("keras_home")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORKER],
        env={**os.environ, "KERAS_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    said: dict[str, Any] = json.loads(result.stdout.rpartition("SAID")[2])
    file = home / "models" / "mobilenet_1_0_224_tf.h5"
    said["sha256 of the file"] = hashlib.sha256(file.read_bytes()).hexdigest()
    said["stderr"] = result.stderr
    return said


@pytest.mark.keras
@needs_keras
class TestWorker:
    def test_describing_the_largest_allocates_no_weights(self, worker: dict[str, Any]) -> None:
        # Their weights alone are 0.36 + 0.57 + 1.40 + 0.48 GB.
        assert worker["peak_bytes"] < 1500 * MILLION

    def test_describing_leaves_the_threads_open(self, worker: dict[str, Any]) -> None:
        assert worker["threads"] == 1
        kind, message = worker["other threads"]
        assert kind == "MeasurementError"
        assert message == (
            "TensorFlow fixed its threads at 1 when it started in this worker; "
            "start another worker to use 2"
        )

    def test_tensorflow_is_quiet(self, worker: dict[str, Any]) -> None:
        assert "oneDNN" not in worker["stderr"]

    def test_random_weights_follow_the_seed(self, worker: dict[str, Any]) -> None:
        assert worker["state"] == ["random", None, [1, 224, 224, 3], "NHWC"]
        assert worker["same seed"] == 0.0
        assert worker["other seed"] > 1e-7
        assert worker["same after others"]

    def test_a_row_of_probabilities_an_image(self, worker: dict[str, Any]) -> None:
        shape, dtype, sums = worker["rows"]
        assert (shape, dtype) == ([2, 1000], "float32")
        assert sums == pytest.approx([1.0, 1.0], abs=1e-4)

    def test_prepare_is_preprocess_input_and_leaves_the_images(
        self, worker: dict[str, Any]
    ) -> None:
        assert worker["range"] == [-1.0, 1.0, "float32"]
        assert worker["untouched"]
        kind, message = worker["small"]
        assert kind == "UsageError"
        assert "takes images of shape (224, 224, 3), not (100, 224, 3)" in message

    def test_weights_that_cannot_be_had_fail_at_once_in_one_sentence(
        self, worker: dict[str, Any]
    ) -> None:
        kind, message = worker["no network"]
        assert kind == "WeightsUnavailableError"
        assert message.startswith("the published weights of keras:MobileNet could not be had (URL")
        assert message.endswith("use keras:MobileNet@random")
        kind, message = worker["corrupted"]
        assert kind == "WeightsUnavailableError"
        assert "Incomplete or corrupted file detected" in message
        assert worker["seconds to fail"] < 3
        kind, message = worker["damaged"]
        assert kind == "WeightsUnavailableError"
        assert "mobilenet_1_0_224_tf.h5 does not hold the published weights of" in message

    def test_published_weights_come_through_keras_and_its_cache(
        self, worker: dict[str, Any]
    ) -> None:
        assert worker["published"] == ["published", worker["sha256 of the file"]]
        assert worker["published error"] < 1e-6
