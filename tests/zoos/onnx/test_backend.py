"""The ONNX Model Zoo: catalogue, light graphs, and the fetching of published files."""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import UnknownNameError, WeightsUnavailableError
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph
from zoodiff.zoos.base import Model, Weights
from zoodiff.zoos.onnx.catalogue import ZOO

pytestmark = [
    pytest.mark.onnx,
    pytest.mark.skipif(not importlib.util.find_spec("onnx"), reason="needs onnx"),
]
LIGHT = [m.name for m in ZOO.models() if not m.needs_file]


@pytest.fixture(scope="module")
def described(engine):
    worker = engine.worker(ZOO.worker)
    found = {}
    for name in LIGHT:
        answer = worker.call("describe", doing="", model=name, weights="placeholder")
        found[name] = (Graph.from_dict(answer["graph"]), answer["facts"])
    return found


def test_nine_light_graphs_and_every_file_of_the_manifest(shared: Path, tmp_path: Path) -> None:
    assert len(LIGHT) == 9
    assert len(ZOO.models()) == 9 + 119
    tool = Path(__file__).parents[3] / "tools" / "refresh_onnx.py"
    claims = shared / "claims"
    target = tmp_path / "onnx.json"
    subprocess.run(
        [
            sys.executable,
            tool,
            claims / "onnx_model_zoo_files.csv",
            claims / "claims.csv",
            "--output",
            target,
        ],
        check=True,
        timeout=600,
    )
    data = Path(__file__).parents[3] / "src/zoodiff/zoos/data/onnx.json"
    assert target.read_text() == data.read_text()


def test_the_catalogue_lists_the_installed_light_graphs(engine) -> None:
    assert sorted(engine.worker(ZOO.worker).call("models", doing="")["names"]) == sorted(LIGHT)


def test_parameters_equal_a_plain_count_of_the_files_tensors(described) -> None:
    for name, (graph, facts) in described.items():
        counts = count(graph)
        assert (counts.parameters, counts.statistics) == (
            facts["parameters"],
            facts["statistics"],
        ), name


def alexnet_macs() -> int:
    """By layer, from Caffe's bvlc_alexnet/deploy.prototxt at 224: extents 54, 26, 12, then 6."""
    convolutions = (
        54 * 54 * 96 * 3 * 121,
        26 * 26 * 256 * 48 * 25,
        12 * 12 * 384 * 256 * 9,
        12 * 12 * 384 * 192 * 9,
        12 * 12 * 256 * 192 * 9,
    )
    return sum(convolutions) + 9216 * 4096 + 4096 * 4096 + 4096 * 1000


# Learned weights and MACs of the same networks elsewhere: VGG-19, ResNet-50 (v1.5, its stride on
# the 3x3), SqueezeNet 1.1 and DenseNet-121 as torchvision publishes them (num_params, _ops);
# AlexNet with groups and GoogLeNet without auxiliary heads as in Caffe's model zoo, by layer:
# 60,965,224 and 6,998,552.
KNOWN = {
    "light_vgg19": (143_667_240, 19.632e9),
    "light_resnet50": (25_557_032, 4.089e9),
    "light_squeezenet": (1_235_496, 0.349e9),
    "light_bvlc_alexnet": (60_965_224, alexnet_macs()),
    "light_densenet121": (None, 2.834e9),
    "light_inception_v1": (6_998_552, None),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_networks_have_their_known_size(described, name: str) -> None:
    parameters, macs = KNOWN[name]
    counts = count(described[name][0])
    if parameters is not None:
        assert counts.parameters == parameters
    if isinstance(macs, int):
        assert counts.macs == macs
    elif macs is not None:
        assert counts.macs == pytest.approx(macs, rel=0.002)


def test_caffes_scale_layers_are_parameters_beside_the_batch_norms(described) -> None:
    """DenseNet-121: Caffe splits a batch norm in two, so its scale and shift exist twice."""
    counts = count(described["light_densenet121"][0])
    assert counts.parameters - 7_978_856 == counts.statistics


@pytest.mark.parametrize("name", LIGHT)
def test_the_light_graphs_compute_the_outputs_that_onnx_ships_for_them(name: str) -> None:
    """For the input of ONNX's own backend tests: n numbers that rise evenly from 0 to below 1."""
    pytest.importorskip("onnxruntime")
    import onnx
    from onnx import numpy_helper

    from zoodiff.zoos.onnx.backend import OnnxBackend, light_folder

    network = OnnxBackend().load(name, None, seed=0, threads=1)
    assert network.weights_state == "placeholder"
    size = int(np.prod(network.input_shape))
    image = (np.arange(size) / size).astype(np.float32).reshape(network.input_shape)
    shipped = onnx.TensorProto.FromString((light_folder() / f"{name}_output_0.pb").read_bytes())
    expected = numpy_helper.to_array(shipped).reshape(1, 1000)
    np.testing.assert_allclose(network.run(image), expected, rtol=1e-3, atol=1e-7)


def test_the_light_graphs_run_with_random_weights_in_their_worker(engine, described) -> None:
    worker = engine.worker(ZOO.worker)
    for name in LIGHT:
        if count(described[name][0]).parameters > 30_000_000:
            continue  # a minute of drawing numbers that shows nothing new
        loaded = worker.call(
            "load", doing="", handle="h", model=name, weights="random", seed=0, threads=1
        )
        assert (loaded["weights_state"], loaded["weights_sha256"]) == ("random", None)
        answer = worker.call("time", doing="", handle="h", calls=1, batch=2, seed=0)
        assert answer["milliseconds"][0] > 0
    worker.call("unload", doing="", handle="h")


def test_unknown_names_come_with_suggestions(engine) -> None:
    worker = engine.worker(ZOO.worker)
    with pytest.raises(UnknownNameError, match="did you mean light_resnet50"):
        worker.call("describe", doing="", model="light_resnet5", weights=None)
    with pytest.raises(UnknownNameError, match="there are placeholder, random"):
        worker.call("describe", doing="", model="light_vgg19", weights="published")


def a_published(content: bytes) -> Model:
    digest = hashlib.sha256(content).hexdigest()
    url = "https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/validated/x/model.onnx"
    weights = Weights("published", default=True, url=url, sha256=digest, bytes=len(content))
    return Model("x", "x", weights=(weights,), needs_file=True)


class Hub:
    """Hugging Face's client with a cache, a network or neither."""

    def __init__(self, monkeypatch, *, cached=None, remote=None) -> None:
        import huggingface_hub

        self.calls: list[dict] = []
        self._cached, self._remote = cached, remote
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", self._download)
        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", self._ask)

    def _download(self, **arguments):
        from huggingface_hub.errors import LocalEntryNotFoundError

        self.calls.append(arguments)
        if arguments.get("local_files_only"):
            if self._cached is None:
                raise LocalEntryNotFoundError("not in the cache")
            return str(self._cached)
        assert self._remote is not None, "downloads without a network take half a minute to fail"
        return str(self._remote)

    def _ask(self, url, **arguments):
        assert url.endswith("/onnxmodelzoo/legacy_models/resolve/main/validated/x/model.onnx")
        assert arguments["timeout"] <= 10
        if self._remote is None:
            raise ConnectionError("Name or service\nnot known")


def test_a_published_file_is_fetched_by_its_path_and_checked(monkeypatch, tmp_path: Path) -> None:
    from zoodiff.zoos.onnx.backend import fetch

    (tmp_path / "model.onnx").write_bytes(b"the right file")
    hub = Hub(monkeypatch, remote=tmp_path / "model.onnx")
    assert fetch(a_published(b"the right file")) == tmp_path / "model.onnx"
    assert len(hub.calls) == 2
    for call in hub.calls:
        assert call["repo_id"] == "onnxmodelzoo/legacy_models"
        assert call["filename"] == "validated/x/model.onnx"


def test_a_file_in_the_cache_needs_no_network(monkeypatch, tmp_path: Path) -> None:
    from zoodiff.zoos.onnx.backend import fetch

    (tmp_path / "model.onnx").write_bytes(b"the right file")
    Hub(monkeypatch, cached=tmp_path / "model.onnx")
    assert fetch(a_published(b"the right file")) == tmp_path / "model.onnx"


@pytest.mark.parametrize("content", [b"the wrong file", b"the right file and more"])
def test_another_file_under_the_same_name_is_refused(monkeypatch, tmp_path, content) -> None:
    from zoodiff.zoos.onnx.backend import fetch

    (tmp_path / "model.onnx").write_bytes(content)
    Hub(monkeypatch, cached=tmp_path / "model.onnx")
    with pytest.raises(WeightsUnavailableError, match=r"not the file of the zoo's manifest") as e:
        fetch(a_published(b"the right file"))
    for one in (b"the right file", content):
        assert f"{hashlib.sha256(one).hexdigest()}" in str(e.value)
        assert f"{len(one)}" in str(e.value)


def test_no_network_is_one_sentence_and_no_download(monkeypatch) -> None:
    from zoodiff.zoos.onnx.backend import fetch

    hub = Hub(monkeypatch)
    with pytest.raises(WeightsUnavailableError, match=r"cannot be had from https.*try again") as e:
        fetch(a_published(b""))
    assert "\n" not in str(e.value)
    assert len(hub.calls) == 1


def test_without_a_network_the_real_client_says_so_within_seconds(tmp_path) -> None:
    """In its own process, with the real client; the address answers nobody."""
    script = (
        "import time; from zoodiff.zoos.onnx.backend import OnnxBackend as B; t = time.time()\n"
        "try: B().describe('squeezenet1.1-7', None)\n"
        "except Exception as e: print(type(e).__name__, time.time() - t < 12)"
    )
    variables = dict(os.environ, HF_HOME=str(tmp_path), HF_ENDPOINT="http://127.0.0.1:9")
    out = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=variables,
        check=True,
        timeout=600,
    )
    assert out.stdout.split() == ["WeightsUnavailableError", "True"]


def test_preparing_follows_the_published_normalisation(engine) -> None:
    """By hand, for the files whose README gives ImageNet's mean and deviation."""
    from zoodiff.zoos.onnx.backend import OnnxNetwork

    model = next(m for m in ZOO.models() if m.name == "resnet50-v1-12")
    network = OnnxNetwork(
        "published", None, (1, 3, 224, 224), "NCHW", lambda x: x, model.preprocessing, {}
    )
    image = np.full((1, 224, 224, 3), 51, dtype=np.uint8)
    out = network.prepare(image)
    assert out.shape == (1, 3, 224, 224)
    np.testing.assert_allclose(
        out[0, :, 0, 0],
        (0.2 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
        rtol=1e-5,
    )


def test_blue_comes_first_where_the_zoo_swaps_channels_after_the_mean() -> None:
    """GoogLeNet's README subtracts an RGB mean and then swaps: red has 123.68 taken away."""
    from zoodiff.zoos.onnx.backend import OnnxNetwork

    model = next(m for m in ZOO.models() if m.name == "googlenet-12")
    assert (model.preprocessing.resize, model.preprocessing.resize_policy) == ((224, 224), "squash")
    network = OnnxNetwork(
        "published", None, (1, 3, 224, 224), "NCHW", lambda x: x, model.preprocessing, {}
    )
    image = np.broadcast_to(np.array([200, 100, 50], dtype=np.uint8), (1, 224, 224, 3))
    np.testing.assert_allclose(
        network.prepare(image)[0, :, 0, 0], [50 - 103.939, 100 - 116.779, 200 - 123.68], rtol=1e-5
    )


def test_a_link_to_another_project_is_no_published_preprocessing() -> None:
    by_name = {model.name: model for model in ZOO.models()}
    assert by_name["bvlcalexnet-12"].preprocessing.published == "no"
    assert by_name["squeezenet1.0-9"].preprocessing.published == "partial"
    assert by_name["vgg16-7"].preprocessing.published == "yes"
    assert by_name["rcnn-ilsvrc13-9"].labels.classes == 200


@pytest.fixture(scope="module")
def quantised(tmp_path_factory) -> dict[str, Path]:
    """SqueezeNet 1.1 as ONNX Runtime quantises it, in both forms that the zoo publishes."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    import onnx

    from zoodiff.zoos.onnx.backend import light_folder
    from zoodiff.zoos.runtime.onnx_session import content

    folder = tmp_path_factory.mktemp("quantised")
    given = onnx.load_from_string(content(light_folder() / "light_squeezenet.onnx", "random", 0))
    given = onnx.version_converter.convert_version(given, 13)
    onnx.save(given, folder / "real.onnx")
    held = {tensor.name for tensor in given.graph.initializer}
    (name,) = [i.name for i in given.graph.input if i.name not in held and "SHAPE" not in i.name]
    image = np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32)

    class Images(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [{name: image}]

        def get_next(self):
            return self.left.pop() if self.left else None

    found = {"real": folder / "real.onnx"}
    for form in ("QOperator", "QDQ"):
        found[form] = folder / f"{form}.onnx"
        quantization.quantize_static(
            found["real"],
            found[form],
            Images(),
            quant_format=quantization.QuantFormat[form],
            per_channel=form == "QDQ",
            weight_type=quantization.QuantType.QInt8,
        )
    return found


@pytest.mark.parametrize("form", ["real", "QOperator", "QDQ"])
def test_a_quantised_network_counts_like_the_real_one(quantised, form: str) -> None:
    import onnx

    from zoodiff.frontends.onnx.file import graph_from_file
    from zoodiff.zoos.runtime.onnx_weights import counts

    graph = graph_from_file(quantised[form])
    found = count(graph)
    assert (found.parameters, found.macs, found.convolutions) == (1_235_496, 349_151_936, 26)
    assert counts(onnx.load(str(quantised[form])).graph) == {
        "parameters": found.parameters,
        "statistics": found.statistics,
    }
    # Before the passes, a QDQ network has layers on real numbers with weights of integers.
    states = {n.attributes.get("quantized") for n in graph.nodes if "Conv" in n.op}
    assert states == {{"QOperator": True, "QDQ": "weights", "real": None}[form]}


@pytest.mark.parametrize("form", ["real", "QOperator", "QDQ"])
def test_random_weights_leave_no_weight_of_the_file(quantised, form: str) -> None:
    import onnx
    from onnx import numpy_helper

    from zoodiff.zoos.runtime.onnx_session import content
    from zoodiff.zoos.runtime.onnx_weights import weights

    def arrays(model) -> dict[str, np.ndarray]:
        return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}

    given = onnx.load(str(quantised[form]))
    first, again, other = (
        arrays(onnx.load_from_string(content(quantised[form], "random", s))) for s in (3, 3, 4)
    )
    before, names = arrays(given), weights(given.graph)
    assert sum(before[name].size for name in names) == 1_235_496
    for name in names:
        assert first[name].dtype == before[name].dtype
        assert not np.array_equal(first[name], before[name]), name
        assert np.array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name]), name


def test_random_variances_are_positive_and_kernels_scaled_by_what_they_sum() -> None:
    import onnx
    from onnx import numpy_helper

    from zoodiff.zoos.onnx.backend import light_folder
    from zoodiff.zoos.runtime.onnx_session import content
    from zoodiff.zoos.runtime.onnx_weights import weights

    path = light_folder() / "light_resnet50.onnx"
    roles = weights(onnx.load(str(path)).graph)
    made = onnx.load_from_string(content(path, "random", 0))
    values = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
    for name, one in roles.items():
        if one.role in {"scale", "variance"}:
            assert values[name].min() > 0
        if one.role == "kernel":
            inputs = one.shape[1] * int(np.prod(one.shape[2:]))  # Conv, and Gemm with transB
            assert values[name].std() == pytest.approx(np.sqrt(2 / inputs), rel=0.05), name
