"""pytorchcv: the catalogue and its networks, against the package's own modules."""

import hashlib
import importlib.util
import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import (
    MeasurementError,
    MissingFrameworkError,
    UnknownNameError,
    WeightsUnavailableError,
)
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.pixels import pixels
from zoodiff.zoos.pytorchcv.catalogue import RELEASES, VERSION, ZOO, published

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not importlib.util.find_spec("pytorchcv"), reason="needs pytorchcv"),
]

ALL = [model.name for model in ZOO.models()]
SOME = [
    *("resnet18", "preresnet10", "seresnet10", "regnetx002", "mobilenetv2b_wd4", "squeezenet_v1_1"),
    *("efficientnet_b0b", "mnasnet_small", "condensenet74_c8_g8", "shufflenetv2_wd2"),
    *("resnet20_cifar10", "mobilenet_wd4_cub"),
]
"""Families of small networks; the slow tests take all."""
UNTRACED = {"ntsnet_cub", "revnet38", "revnet110", "revnet164"}
"""A network that chooses regions in numpy, and those that free tensors while they compute."""


def test_the_catalogue_is_pytorchcvs_own() -> None:
    tool = Path(__file__).parents[3] / "tools" / "refresh_pytorchcv.py"
    done = subprocess.run(
        [sys.executable, tool, "--check"], check=False, capture_output=True, timeout=600
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]


def test_version_and_place_are_those_of_the_package(backend) -> None:
    from pytorchcv.models.common import model_store

    assert backend.versions()["pytorchcv"] == VERSION
    assert f"{model_store.imgclsmob_repo_url}/releases/download" == RELEASES
    assert backend.models() == ALL


@pytest.mark.parametrize(
    "names", [pytest.param(SOME, id="some"), pytest.param(ALL, id="all", marks=pytest.mark.slow)]
)
def test_parameters_are_those_of_the_module_and_those_published(describe, names) -> None:
    different = {}
    reasons = {}
    for name in names:
        try:
            graph, facts = describe(name)
        except MeasurementError as error:
            reasons[name] = str(error)
            continue
        counted = count(graph).parameters
        if {counted, published()[name].parameters or counted} != {facts.parameters}:
            different[name] = (counted, facts.parameters, published()[name].parameters)
    assert different == {}
    assert set(reasons) <= UNTRACED, reasons


def test_tables_of_channels_are_known_where_the_module_computes_them(describe) -> None:
    """CondenseNet builds its tables on the CPU everywhere; published ones come with the weights."""
    graph, _ = describe("condensenet74_c8_g8")
    assert not [node.op for node in graph.nodes if "::" in node.op]
    published_graph, _ = describe("condensenet74_c8_g8", None)
    assert [node.op for node in published_graph.nodes if "::" in node.op]


def test_resnet50b_is_torchvisions_network_and_resnet50_is_not(describe, engine) -> None:
    from zoodiff.graph.fingerprint import fingerprint
    from zoodiff.zoos.torchvision.catalogue import ZOO as TORCHVISION

    answer = engine.worker(TORCHVISION.worker).call(
        "describe", doing="describing resnet50", model="resnet50", weights="random"
    )
    expected = fingerprint(Graph.from_dict(answer["graph"]))
    assert fingerprint(describe("resnet50b")[0]) == expected
    assert fingerprint(describe("resnet50")[0]) != expected


def test_random_weights_come_from_the_seed_and_run(backend) -> None:
    pixels = np.random.default_rng(0).random((2, 3, 224, 224), dtype=np.float32)
    first, same, other = (
        backend.load("squeezenet_v1_1", "random", seed=seed, threads=1) for seed in (3, 3, 4)
    )
    assert first.weights_state == "random"
    assert first.run(pixels).shape == (2, 1000)
    assert np.array_equal(first.run(pixels), same.run(pixels))
    assert not np.array_equal(first.run(pixels), other.run(pixels))


def test_images_are_prepared_as_the_specification_says(backend) -> None:
    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    network = backend.load("squeezenet_v1_1", "random", seed=0, threads=1)
    spec = ZOO.models()[ALL.index("squeezenet_v1_1")].preprocessing
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    (cropped,) = pixels(file.getvalue(), [geometry_of(spec)])
    expected = (cropped / np.float32(255) - np.float32(spec.mean)) / np.float32(spec.std)
    prepared = network.prepare(image[None])
    assert prepared.shape == (1, 3, 224, 224)
    assert prepared[0].transpose(1, 2, 0) == pytest.approx(expected, abs=1e-6)


def test_preprocessing_that_is_not_published_is_one_sentence(backend) -> None:
    images = np.zeros((1, 32, 32, 3), np.uint8)
    network = backend.load("resnet20_cifar10", "random", seed=0, threads=1)
    with pytest.raises(MeasurementError, match="does not publish the preprocessing of pytorchcv:"):
        network.prepare(images)


@pytest.fixture
def stored(
    backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, object]], None]:
    """Store a state as the published file of resnet20_cifar10 in the package's own place."""
    import torch

    from zoodiff.zoos.pytorchcv import backend as module

    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".torch/models"
    folder.mkdir(parents=True)

    def store(state: dict[str, object]) -> None:
        file = tmp_path / "state.pth"
        torch.save(state, file, _use_new_zipfile_serialization=False)
        sha1 = hashlib.sha1(file.read_bytes()).hexdigest()
        known = replace(published()["resnet20_cifar10"], sha1=sha1)
        file.rename(folder / str(known.file))
        monkeypatch.setattr(module, "published", lambda: {"resnet20_cifar10": known})

    return store


def test_published_weights_are_put_into_the_network(backend, stored) -> None:
    import torch

    torch.manual_seed(5)
    module = backend._build("resnet20_cifar10")
    stored({**module.state_dict(), "of.training": torch.zeros(3)})
    network = backend.load("resnet20_cifar10", None, seed=0, threads=1)
    assert network.weights_state == "published"
    assert network.weights_sha256
    pixels = np.random.default_rng(0).random((1, 3, 32, 32), dtype=np.float32)
    with torch.inference_mode():
        assert np.array_equal(network.run(pixels), module(torch.from_numpy(pixels)).numpy())


def test_published_weights_of_another_network_are_refused(backend, stored) -> None:
    import torch

    stored({"features.weight": torch.zeros(3)})
    with pytest.raises(MeasurementError, match="does not fit pytorchcv:resnet20_cifar10: it lacks"):
        backend.load("resnet20_cifar10", None, seed=0, threads=1)


def test_weights_that_cannot_be_had_are_one_sentence(backend, tmp_path, monkeypatch) -> None:
    from zoodiff.zoos.pytorchcv import catalogue

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(catalogue, "RELEASES", "http://127.0.0.1:9")
    with pytest.raises(WeightsUnavailableError, match=r"pytorchcv:resnet18 cannot be had from"):
        backend.load("resnet18", None, seed=0, threads=1)


def test_a_checkpoint_with_its_own_number_of_classes(backend, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    module = backend._build("resnet18_wd4", 7)
    file = tmp_path / "seven.safetensors"
    save_file(module.state_dict(), file)
    network = backend.load("resnet18_wd4", str(file), seed=0, threads=1)
    assert network.weights_state == "file"
    pixels = np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32)
    with torch.inference_mode():
        expected = module(torch.from_numpy(pixels)).numpy()
    assert np.array_equal(network.run(pixels), expected)
    assert backend.describe("resnet18_wd4", str(file)).outputs[0].shape == (1, 7)


def test_unknown_names_are_one_sentence(backend) -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        backend.describe("resnet5", None)
    with pytest.raises(
        UnknownNameError, match=r'no weights "nothing"; there are 0896-\w{8}, random'
    ):
        backend.describe("resnet18", "nothing")


def test_a_model_that_this_version_does_not_have_names_the_version(backend, monkeypatch) -> None:
    monkeypatch.delitem(backend._provider._models, "resnet18")
    with pytest.raises(
        MeasurementError, match=f"has no resnet18; the catalogue is that of pytorchcv {VERSION}"
    ):
        backend.describe("resnet18", None)


def test_without_the_package_one_sentence_names_the_extra(monkeypatch) -> None:
    from zoodiff.workers import environments

    installed = environments._installed
    monkeypatch.setattr(environments, "_installed", lambda n: n != "pytorchcv" and installed(n))
    with pytest.raises(MissingFrameworkError, match=r'pip install "zoodiff\[pytorchcv\]"'):
        environments.interpreter_for(ZOO.worker)
