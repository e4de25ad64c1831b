"""timm: the catalogue and its networks, against timm's own modules."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph
from zoodiff.zoos.timm.catalogue import ZOO

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not importlib.util.find_spec("timm"), reason="needs timm"),
]

ALL = [model.name for model in ZOO.models()]
SOME = [
    *("test_resnet", "test_vit", "test_convnext", "test_efficientnet", "test_nfnet"),
    *("resnet18", "mobilenetv3_small_050", "regnety_002", "tf_efficientnet_lite0"),
    *("deit_tiny_patch16_224", "xcit_nano_12_p16_224", "ghostnet_050", "test_mambaout"),
]
"""Families of small networks; the slow tests take all architectures."""


def test_the_catalogue_is_timms_own() -> None:
    tool = Path(__file__).parents[3] / "tools" / "refresh_timm.py"
    done = subprocess.run(
        [sys.executable, tool, "--check"], check=False, capture_output=True, timeout=600
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]


@pytest.mark.parametrize(
    "names", [pytest.param(SOME, id="some"), pytest.param(ALL, id="all", marks=pytest.mark.slow)]
)
def test_parameters_are_those_of_timms_module(describe, names: list[str]) -> None:
    different = {}
    reasons = {}
    for name in names:
        try:
            graph, facts = describe(name)
        except MeasurementError as error:
            reasons[name] = str(error)
            continue
        counts = count(graph)
        if counts.parameters != facts.parameters:
            different[name] = (counts.parameters, facts.parameters)
    assert different == {}
    assert len(reasons) < max(1, 0.01 * len(names)), reasons


def test_weights_of_other_classes_make_another_classifier(describe) -> None:
    graph, _ = describe("vit_tiny_patch16_224", "augreg_in21k")
    assert graph.outputs[0].shape == (1, 21843)
    graph, _ = describe("vit_tiny_patch16_224", "augreg_in21k_ft_in1k")
    assert graph.outputs[0].shape == (1, 1000)


def test_resnet18_is_torchvisions_network(describe, engine) -> None:
    from zoodiff.graph.fingerprint import fingerprint
    from zoodiff.zoos.torchvision.catalogue import ZOO as TORCHVISION

    answer = engine.worker(TORCHVISION.worker).call(
        "describe", doing="describing resnet18", model="resnet18", weights="random"
    )
    graph, _ = describe("resnet18")
    assert fingerprint(graph) == fingerprint(Graph.from_dict(answer["graph"]))


def test_random_weights_come_from_the_seed_and_run(backend) -> None:
    pixels = np.random.default_rng(0).random((2, 3, 160, 160), dtype=np.float32)
    first, same, other = (
        backend.load("test_resnet", "random", seed=seed, threads=1) for seed in (3, 3, 4)
    )
    assert first.weights_state == "random"
    assert first.run(pixels).shape == (2, 1000)
    assert np.array_equal(first.run(pixels), same.run(pixels))
    assert not np.array_equal(first.run(pixels), other.run(pixels))


def test_images_are_prepared_by_timms_transforms(backend) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 200, 300, 3), dtype=np.uint8)
    network = backend.load("test_resnet", "random", seed=0, threads=1)
    assert network.prepare(images).shape == (2, *network.input_shape[1:])


def test_a_checkpoint_with_its_own_number_of_classes(backend, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    module = backend._timm.create_model("test_resnet", num_classes=7).eval()
    file = tmp_path / "seven.safetensors"
    save_file(module.state_dict(), file)
    network = backend.load("test_resnet", str(file), seed=0, threads=1)
    assert network.weights_state == "file"
    pixels = np.random.default_rng(0).random((1, 3, 160, 160), dtype=np.float32)
    with torch.inference_mode():
        expected = module(torch.from_numpy(pixels)).numpy()
    assert np.array_equal(network.run(pixels), expected)
    assert backend.describe("test_resnet", str(file)).outputs[0].shape == (1, 7)


def test_weights_that_cannot_be_had_are_one_sentence(backend, monkeypatch, tmp_path) -> None:
    from zoodiff.zoos.runtime import hub

    def offline(repository: str, name: str) -> Path:
        raise ConnectionError("no network")

    monkeypatch.setattr(hub, "fetch", offline)
    with pytest.raises(WeightsUnavailableError, match=r"timm:resnet18@a1_in1k cannot be had from"):
        backend.load("resnet18", None, seed=0, threads=1)


def test_a_file_of_the_hub_is_loaded_by_timm(backend, monkeypatch, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from zoodiff.zoos.runtime import hub

    torch.manual_seed(5)
    module = backend._timm.create_model("test_resnet").eval()
    file = tmp_path / "model.safetensors"
    save_file(module.state_dict(), file)
    asked = []
    monkeypatch.setattr(hub, "fetch", lambda *where: asked.append(where) or file)
    network = backend.load("test_resnet", "r160_in1k", seed=0, threads=1)
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    assert network.weights_state == "published"
    assert network.weights_sha256
    pixels = np.random.default_rng(0).random((1, 3, 160, 160), dtype=np.float32)
    with torch.inference_mode():
        assert np.array_equal(network.run(pixels), module(torch.from_numpy(pixels)).numpy())


def test_a_repository_without_safetensors_is_refused(backend, monkeypatch) -> None:
    from huggingface_hub.errors import EntryNotFoundError

    from zoodiff.zoos.runtime import hub

    def missing(repository: str, name: str) -> Path:
        raise EntryNotFoundError("404")

    monkeypatch.setattr(hub, "fetch", missing)
    with pytest.raises(WeightsUnavailableError, match=r"no model.safetensors.*pickles"):
        backend.load("resnet18", "a1_in1k", seed=0, threads=1)


def test_unknown_names_are_one_sentence(backend) -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        backend.describe("resnet5", None)
    with pytest.raises(UnknownNameError, match='no weights "nothing_in1k"'):
        backend.describe("resnet18", "nothing_in1k")


def test_a_model_that_this_timm_does_not_have_names_the_version(backend, monkeypatch) -> None:
    monkeypatch.setattr(backend._timm, "is_model", lambda name: False)
    with pytest.raises(MeasurementError, match=r"has no resnet18; the catalogue is that of timm"):
        backend.describe("resnet18", None)
