"""The ONNX Model Zoo: catalogue, light graphs, and the fetching of published files."""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoodiff.engines.local import LocalEngine
from zoodiff.errors import UnknownNameError, WeightsUnavailableError
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph
from zoodiff.zoos.base import Model, Weights
from zoodiff.zoos.onnx import ZOO

pytestmark = [
    pytest.mark.onnx,
    pytest.mark.skipif(not importlib.util.find_spec("onnx"), reason="needs onnx"),
]
LIGHT = [m.name for m in ZOO.models() if not m.needs_file]


@pytest.fixture(scope="module")
def engine():
    with LocalEngine() as found:
        yield found


@pytest.fixture(scope="module")
def described(engine):
    worker = engine.worker(ZOO)
    found = {}
    for name in LIGHT:
        answer = worker.call("describe", doing="", model=name, weights="placeholder")
        found[name] = (Graph.from_dict(answer["graph"]), answer["facts"])
    return found


def test_nine_light_graphs_and_every_file_of_the_manifest(shared: Path, tmp_path: Path) -> None:
    assert len(LIGHT) == 9
    assert len(ZOO.models()) == 9 + 119
    tool = Path(__file__).parents[2] / "tools" / "refresh_onnx.py"
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
    )
    data = Path(__file__).parents[2] / "src/zoodiff/zoos/data/onnx.json"
    assert target.read_text() == data.read_text()


def test_the_catalogue_lists_the_installed_light_graphs(engine) -> None:
    assert sorted(engine.worker(ZOO).call("models", doing="")) == sorted(LIGHT)


def test_parameters_equal_a_plain_count_of_the_files_tensors(described) -> None:
    for name, (graph, facts) in described.items():
        counts = count(graph)
        assert (counts.parameters, counts.statistics) == (
            facts["parameters"],
            facts["statistics"],
        ), name


# Learned weights of the same networks elsewhere: VGG-19 and ResNet-50 and SqueezeNet 1.1 as
# torchvision publishes them (weights.meta["num_params"]); AlexNet with groups and GoogLeNet
# without auxiliary heads as in Caffe's model zoo (bvlc_alexnet, bvlc_googlenet), by layer:
# 60,965,224 and 6,998,552.
KNOWN = {
    "light_vgg19": (143_667_240, 19.632e9),
    "light_resnet50": (25_557_032, 4.089e9),
    "light_squeezenet": (1_235_496, 0.349e9),
    "light_bvlc_alexnet": (60_965_224, None),
    "light_inception_v1": (6_998_552, None),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_networks_have_their_known_size(described, name: str) -> None:
    parameters, macs = KNOWN[name]
    counts = count(described[name][0])
    assert counts.parameters == parameters
    if macs is not None:
        assert counts.macs == pytest.approx(macs, rel=0.002)


def test_caffes_scale_layers_are_parameters_beside_the_batch_norms(described) -> None:
    """DenseNet-121: Caffe splits a batch norm in two, so its scale and shift exist twice."""
    counts = count(described["light_densenet121"][0])
    assert counts.parameters - 7_978_856 == counts.statistics


def test_the_light_graphs_run_and_random_weights_differ(engine) -> None:
    worker = engine.worker(ZOO)
    for name in LIGHT:
        for weights in ("placeholder", "random"):
            loaded = worker.call(
                "load", doing="", handle="h", model=name, weights=weights, seed=0, threads=1
            )
            assert loaded["weights_state"] == weights
            answer = worker.call("time", doing="", handle="h", calls=1, batch=1, seed=0)
            assert answer["milliseconds"][0] > 0
        worker.call("unload", doing="", handle="h")


def test_unknown_names_come_with_suggestions(engine) -> None:
    worker = engine.worker(ZOO)
    with pytest.raises(UnknownNameError, match="did you mean light_resnet50"):
        worker.call("describe", doing="", model="light_resnet5", weights=None)
    with pytest.raises(UnknownNameError, match="there are placeholder, random"):
        worker.call("describe", doing="", model="light_vgg19", weights="published")


def a_published(content: bytes) -> Model:
    digest = hashlib.sha256(content).hexdigest()
    url = "https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/validated/x/model.onnx"
    weights = Weights("published", default=True, url=url, sha256=digest, bytes=len(content))
    return Model("x", "x", weights=(weights,), needs_file=True)


def hub(monkeypatch: pytest.MonkeyPatch, answer) -> list[dict]:
    import huggingface_hub

    calls: list[dict] = []

    def download(**arguments):
        calls.append(arguments)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return calls


def test_a_published_file_is_fetched_by_its_path_and_checked(monkeypatch, tmp_path: Path) -> None:
    from zoodiff.zoos.onnx_backend import fetch

    (tmp_path / "model.onnx").write_bytes(b"the right file")
    calls = hub(monkeypatch, tmp_path / "model.onnx")
    assert fetch(a_published(b"the right file")) == tmp_path / "model.onnx"
    assert calls[0]["repo_id"] == "onnxmodelzoo/legacy_models"
    assert calls[0]["filename"] == "validated/x/model.onnx"


def test_another_file_under_the_same_name_is_refused(monkeypatch, tmp_path: Path) -> None:
    from zoodiff.zoos.onnx_backend import fetch

    (tmp_path / "model.onnx").write_bytes(b"another file")
    hub(monkeypatch, tmp_path / "model.onnx")
    with pytest.raises(
        WeightsUnavailableError, match=r"not the file of the zoo's manifest: sha256"
    ):
        fetch(a_published(b"the right file"))


def test_no_network_is_one_sentence(monkeypatch) -> None:
    from zoodiff.zoos.onnx_backend import fetch

    hub(monkeypatch, ConnectionError("Name or service\nnot known"))
    with pytest.raises(WeightsUnavailableError, match=r"cannot be had from https.*try again") as e:
        fetch(a_published(b""))
    assert "\n" not in str(e.value)


def test_preparing_follows_the_published_normalisation(engine) -> None:
    """By hand, for the files whose README gives ImageNet's mean and deviation."""
    from zoodiff.zoos.onnx_backend import OnnxNetwork

    model = next(m for m in ZOO.models() if m.name == "resnet50-v1-12")
    network = OnnxNetwork(
        "published", None, (1, 3, 224, 224), "NCHW", lambda x: x, model.preprocessing
    )
    image = np.full((1, 224, 224, 3), 51, dtype=np.uint8)
    out = network.prepare(image)
    assert out.shape == (1, 3, 224, 224)
    np.testing.assert_allclose(
        out[0, :, 0, 0],
        (0.2 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
        rtol=1e-5,
    )
