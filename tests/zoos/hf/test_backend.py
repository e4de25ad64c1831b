"""hf: networks of transformers against transformers' own modules."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.graph.cost import count
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.ir import Graph
from zoodiff.zoos.hf import networks, snapshots
from zoodiff.zoos.hf.catalogue import ZOO

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not importlib.util.find_spec("transformers"), reason="needs transformers"),
]

ALL = [model.name for model in ZOO.models() if not model.needs_file]
SOME = [
    *("microsoft/resnet-18", "facebook/regnet-y-002", "facebook/levit-128S"),
    *("facebook/deit-tiny-patch16-224", "facebook/convnextv2-atto-1k-224", "nvidia/mit-b0"),
    "PPLCNetBackbone",
]
"""Families of small networks; the slow tests take all entries."""


@pytest.mark.slow
def test_the_catalogue_is_transformers_own() -> None:
    tool = Path(__file__).parents[3] / "tools" / "refresh_hf.py"
    done = subprocess.run(
        [sys.executable, tool, "--check"], check=False, capture_output=True, timeout=900
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]


@pytest.mark.parametrize(
    "names", [pytest.param(SOME, id="some"), pytest.param(ALL, id="all", marks=pytest.mark.slow)]
)
def test_parameters_are_transformers_own_count(describe, names: list[str]) -> None:
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


def test_small_networks_have_no_opaque_operators(describe) -> None:
    for name in SOME:
        graph, _ = describe(name)
        assert not [node.op for node in graph.nodes if "::" in node.op], name


def test_resnet18_is_torchvisions_network(describe, engine) -> None:
    from zoodiff.zoos.torchvision.catalogue import ZOO as TORCHVISION

    answer = engine.worker(TORCHVISION.worker).call(
        "describe", doing="describing resnet18", model="resnet18", weights="random"
    )
    graph, _ = describe("microsoft/resnet-18")
    assert fingerprint(graph) == fingerprint(Graph.from_dict(answer["graph"]))


def test_the_graph_computes_what_transformers_computes(backend) -> None:
    """Exports differ from runs in the attention: a run masks nothing."""
    from zoodiff.graph.interpreter.run import evaluate

    for model in ("facebook/deit-tiny-patch16-224", "facebook/levit-128S"):
        network = backend.load(model, "random", seed=1, threads=1)
        pixels = np.random.default_rng(0).random(network.input_shape, dtype=np.float32)
        graph = backend.describe(model, "random")
        (found,) = evaluate(graph, {graph.inputs[0].name: pixels}, network.weights()).values()
        expected = network.run(pixels)
        assert np.abs(found - expected).max() <= 1e-4 * np.ptp(expected)


def test_random_weights_come_from_the_seed_and_run(backend) -> None:
    first, same, other = (
        backend.load("microsoft/resnet-18", "random", seed=seed, threads=1) for seed in (3, 3, 4)
    )
    pixels = np.random.default_rng(0).random(first.input_shape, dtype=np.float32)
    assert first.weights_state == "random"
    assert first.run(pixels).shape == (1, 1000)
    assert np.array_equal(first.run(pixels), same.run(pixels))
    assert not np.array_equal(first.run(pixels), other.run(pixels))


def test_images_are_prepared_by_both_of_transformers_processors(backend) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 200, 300, 3), dtype=np.uint8)
    source = backend.source("ViTForImageClassification")
    fast, slow = (backend.transform(source, b)(images) for b in ("torchvision", "pil"))
    assert fast.shape == slow.shape == (2, 3, 224, 224)
    assert 0 < float((fast - slow).abs().max()) <= 4 / 255 / 0.5  # a few levels of 255


def test_a_backbone_returns_its_last_features(backend) -> None:
    network = backend.load("PPLCNetBackbone", "random", seed=0, threads=1)
    assert network.run(np.zeros(network.input_shape, np.float32)).ndim == 4


def test_tables_of_whole_numbers_are_known_without_weights(backend) -> None:
    config = networks.configuration("SwinForImageClassification", None)
    module, tables = networks.without_values("SwinForImageClassification", config)
    assert all(parameter.is_meta for parameter in module.parameters())
    table = next(t for name, t in tables.items() if "relative_position_index" in name)
    assert table.size == 49 * 49
    assert len(np.unique(table)) == 13 * 13


def test_weights_that_cannot_be_had_are_one_sentence(backend, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsUnavailableError, match=r"hf download microsoft/resnet-50") as error:
        backend.load("microsoft/resnet-50", "main", seed=0, threads=1)
    assert "\n" not in str(error.value)
    with pytest.raises(WeightsUnavailableError, match="no published weights; use @random"):
        backend.load("ViTForImageClassification", None, seed=0, threads=1)
    with pytest.raises(WeightsUnavailableError, match=r"hf download facebook/data2vec-vision-base"):
        backend.describe("facebook/data2vec-vision-base-ft1k", None)


def test_a_known_checkpoint_is_loaded_from_its_snapshot(backend, monkeypatch, tmp_path) -> None:
    import torch

    torch.manual_seed(5)
    source = backend.source("nvidia/mit-b0")
    config = networks.configuration(source.architecture.name, source.values)
    module = networks.class_named(source.architecture.name)(config).eval()
    module.save_pretrained(tmp_path)
    asked = []
    snapshot = snapshots.Snapshot("nvidia/mit-b0", "a" * 40, tmp_path)
    monkeypatch.setattr(snapshots, "find", lambda *where: asked.append(where) or snapshot)
    network = backend.load("nvidia/mit-b0", "main", seed=0, threads=1)
    assert asked[0][:3] == ("nvidia/mit-b0", "main", ("config.json", "model.safetensors"))
    assert (network.weights_state, len(str(network.weights_sha256))) == ("published", 64)
    pixels = np.random.default_rng(0).random(network.input_shape, dtype=np.float32)
    with torch.inference_mode():
        expected = module(torch.from_numpy(pixels)).logits.numpy()
    assert np.array_equal(network.run(pixels), expected)


def test_a_class_that_this_transformers_does_not_have_names_the_version(backend) -> None:
    class Older:
        __version__ = "4.0.0"

    real, backend._transformers = backend._transformers, Older
    try:
        with pytest.raises(MeasurementError, match=r"transformers 4\.0\.0 has no ViTFor"):
            backend.describe("ViTForImageClassification", "random")
    finally:
        backend._transformers = real


def test_unknown_names_are_one_sentence(backend) -> None:
    with pytest.raises(UnknownNameError, match="did you mean microsoft/resnet-50"):
        backend.describe("microsoft/resnet-5", None)


def test_the_cache_is_where_the_hubs_client_has_it(monkeypatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    script = "from huggingface_hub import constants as c; print(c.HF_HUB_CACHE)"
    for more in ({}, {"HF_HOME": "/a/b"}, {"HF_HUB_CACHE": "/c"}, {"XDG_CACHE_HOME": "/d"}):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")} | more
        out = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        with monkeypatch.context() as patch:
            for name, value in more.items():
                patch.setenv(name, value)
            assert str(snapshots.cache_folder()) == out.stdout.strip()
