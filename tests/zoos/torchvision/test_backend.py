"""torchvision: the catalogue and every network, against the framework's own figures."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import UnknownNameError, UsageError, WeightsUnavailableError
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph
from zoodiff.zoos.torchvision.catalogue import ZOO

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not importlib.util.find_spec("torchvision"), reason="needs torchvision"),
]

ROUNDING = 0.0005e9
"""torchvision publishes operations as G with three decimals."""
ENTRIES = [(model.name, weights.name) for model in ZOO.models() for weights in model.weights]
SOME = [
    ("alexnet", "IMAGENET1K_V1"),
    ("convnext_tiny", "IMAGENET1K_V1"),
    ("densenet121", "IMAGENET1K_V1"),
    ("efficientnet_b1", "IMAGENET1K_V2"),
    ("efficientnet_v2_s", "IMAGENET1K_V1"),
    ("googlenet", "IMAGENET1K_V1"),
    ("inception_v3", "IMAGENET1K_V1"),
    ("maxvit_t", "IMAGENET1K_V1"),
    ("mnasnet0_5", "IMAGENET1K_V1"),
    ("mobilenet_v2", "IMAGENET1K_V2"),
    ("mobilenet_v3_small", "IMAGENET1K_V1"),
    ("regnet_x_400mf", "IMAGENET1K_V1"),
    ("regnet_y_16gf", "IMAGENET1K_SWAG_E2E_V1"),
    ("resnet18", "IMAGENET1K_V1"),
    ("resnext50_32x4d", "IMAGENET1K_V1"),
    ("shufflenet_v2_x0_5", "IMAGENET1K_V1"),
    ("squeezenet1_1", "IMAGENET1K_V1"),
    ("swin_t", "IMAGENET1K_V1"),
    ("swin_v2_t", "IMAGENET1K_V1"),
    ("vgg11_bn", "IMAGENET1K_V1"),
    ("vit_b_16", "IMAGENET1K_SWAG_E2E_V1"),
    ("vit_b_16", "IMAGENET1K_SWAG_LINEAR_V1"),
    ("wide_resnet50_2", "IMAGENET1K_V1"),
]
"""One of each family, small ones; the slow tests take all entries."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SOME, id="some"),
        pytest.param(ENTRIES, id="all", marks=pytest.mark.slow),
    ],
)
def described(describe, request) -> dict[tuple[str, str], tuple[Graph, dict]]:
    """Some networks with a set of weights; with the slow tests, every network with every set."""
    return {entry: describe(*entry) for entry in request.param}


def test_some_entries_are_one_of_each_family() -> None:
    def family(name: str) -> str:
        """``resnext50_32x4d`` -> ``resnext``."""
        return re.findall(r"^[a-z]+", name)[0]

    assert {family(model) for model, _ in SOME} == {family(model) for model, _ in ENTRIES}


def test_the_catalogue_is_the_frameworks_own() -> None:
    tool = Path(__file__).parents[3] / "tools" / "refresh_torchvision.py"
    done = subprocess.run(
        [sys.executable, tool, "--check"], check=False, capture_output=True, timeout=600
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    assert len(ZOO.models()) == 80
    assert len(ENTRIES) == 115


def test_architectures_agree_with_the_claims(shared: Path) -> None:
    import csv

    with (shared / "claims" / "claims.csv").open(newline="") as file:
        expected = {
            row["model"]: row["architecture_family"]
            for row in csv.DictReader(file)
            if row["zoo"] == "torchvision"
        }
    assert {m.name: m.architecture for m in ZOO.models()} == {
        m.name: expected[m.name] for m in ZOO.models()
    }


def test_parameters_equal_what_torchvision_publishes(described) -> None:
    published = {(m.name, w.name): w.parameters for m in ZOO.models() for w in m.weights}
    counted = {key: count(graph).parameters for key, (graph, _) in described.items()}
    assert counted == {key: published[key] for key in described}


def test_parameters_and_statistics_equal_the_modules_own(described) -> None:
    for graph, facts in described.values():
        counts = count(graph)
        assert counts.parameters == facts.parameters
        assert counts.statistics == facts.statistics


def test_macs_equal_what_torchvision_publishes_under_the_name_of_flops(described) -> None:
    published = {(m.name, w.name): w.macs for m in ZOO.models() for w in m.weights}
    for key, (graph, _) in described.items():
        off = abs(count(graph).macs - published[key])
        assert off <= max(0.005 * published[key], ROUNDING), key
        # Beyond rounding nothing is off by as much as one part in a thousand.
        assert off <= max(0.001 * published[key], ROUNDING), key


def test_every_network_gives_a_thousand_logits(described) -> None:
    for graph, _ in described.values():
        assert [t.shape for t in graph.outputs] == [(1, 1000)]
        assert not count(graph).softmax_inside


def test_only_the_networks_with_transform_input_scale_pixels_inside(described) -> None:
    """Told by the module's own flag, which published weights switch on."""
    inside = {key for key, (graph, _) in described.items() if count(graph).preprocessing_inside}
    assert inside == {("googlenet", "IMAGENET1K_V1"), ("inception_v3", "IMAGENET1K_V1")}


def test_structure_depends_on_the_weights(engine) -> None:
    worker = engine.worker(ZOO.worker)

    def counts(model: str, weights: str):
        answer = worker.call("describe", doing="", model=model, weights=weights)
        return count(Graph.from_dict(answer["graph"]))

    published, fresh = (counts("googlenet", w) for w in ("IMAGENET1K_V1", "random"))
    assert published.unused_parameters == 0
    assert fresh.unused_parameters > 0  # the auxiliary heads, that published weights lose
    assert not fresh.preprocessing_inside
    assert counts("vit_b_16", "IMAGENET1K_SWAG_E2E_V1").macs > counts("vit_b_16", "random").macs


def test_the_largest_networks_are_described_in_little_memory() -> None:
    for model, weights in (
        ("regnet_y_128gf", None),
        ("vit_h_14", "IMAGENET1K_SWAG_E2E_V1"),
        ("vgg19", None),
    ):
        with WorkerPool() as fresh:
            answer = fresh.worker(ZOO.worker).call(
                "describe", doing="", model=model, weights=weights
            )
        assert answer["peak_rss_bytes"] < 1.5e9


def test_random_weights_come_from_the_seed(engine) -> None:
    worker = engine.worker(ZOO.worker)
    images = np.random.default_rng(0).integers(0, 255, (2, 80, 100, 3), dtype=np.uint8)

    def outputs(seed: int):
        worker.call(
            "load",
            doing="",
            handle="h",
            model="squeezenet1_1",
            weights="random",
            seed=seed,
            threads=1,
        )
        answer = worker.call(
            "predict", doing="", handle="h", images=worker.put_array(images), batch=1
        )
        return np.array(worker.get_array(answer["outputs"]))

    first = outputs(1)
    np.testing.assert_array_equal(first, outputs(1))
    assert np.abs(first - outputs(2)).max() > 0
    assert first.shape == (2, 1000)


def test_weights_that_cannot_be_fetched_are_one_sentence(engine, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with (
        WorkerPool() as offline,
        pytest.raises(WeightsUnavailableError, match=r"cannot be had from https.*use @random"),
    ):
        offline.worker(ZOO.worker).call(
            "load", doing="", handle="h", model="squeezenet1_1", weights=None, seed=0, threads=1
        )


def test_bad_names_and_images_are_usage_errors(engine) -> None:
    worker = engine.worker(ZOO.worker)
    with pytest.raises(UnknownNameError, match="did you mean resnet50"):
        worker.call("describe", doing="", model="resnet5", weights=None)
    with pytest.raises(UnknownNameError, match="did you mean IMAGENET1K_V"):
        worker.call("describe", doing="", model="resnet50", weights="IMAGENET1K_V9")
    worker.call(
        "load", doing="", handle="h", model="squeezenet1_1", weights="random", seed=0, threads=1
    )
    grey = worker.put_array(np.zeros((1, 8, 8, 1), dtype=np.uint8))
    with pytest.raises(UsageError, match="expected images"):
        worker.call("predict", doing="", handle="h", images=grey, batch=1)
