"""The zoo ``paddle`` against Paddle, which runs in workers of its own environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.zoos import Describe
from zoodiff import api
from zoodiff.engines.pool import WorkerPool, usable
from zoodiff.errors import UnknownNameError, WeightsUnavailableError
from zoodiff.graph.cost import count
from zoodiff.workers import environments
from zoodiff.zoos import registry
from zoodiff.zoos.paddle.catalogue import ZOO

UNUSABLE = usable(ZOO.worker)
pytestmark = [pytest.mark.paddle, pytest.mark.skipif(UNUSABLE is not None, reason=str(UNUSABLE))]

REPOSITORY = Path(__file__).resolve().parents[3]
ALL = [model.name for model in ZOO.models()]
SOME = ["LeNet", "googlenet", "mobilenet_v3_small", "resnet50", "shufflenet_v2_x0_25"]


@pytest.mark.parametrize(
    "names", [pytest.param(SOME, id="some"), pytest.param(ALL, id="all", marks=pytest.mark.slow)]
)
def test_parameters_are_paddles_own_and_no_operator_is_opaque(
    describe: Describe, names: list[str]
) -> None:
    for name in names:
        graph, facts = describe(name)
        counted = count(graph)
        assert counted.parameters == facts.parameters, name
        assert not [node.op for node in graph.nodes if "::" in node.op], name


def test_moving_statistics_are_no_parameters(describe: Describe) -> None:
    """Paddle counts 25,610,152 parameters of ResNet-50, of which 53,120 are not trained."""
    _, facts = describe("resnet50")
    assert (facts.parameters, facts.statistics) == (25_557_032, 53_120)


def test_multiply_accumulates_are_those_that_torchvision_publishes(describe: Describe) -> None:
    """torchvision publishes 4.089 G for ResNet-50, and 0.057 G for the small MobileNetV3."""
    assert count(describe("resnet50")[0]).macs == 4_089_184_256
    assert round(count(describe("mobilenet_v3_small")[0]).macs / 1e9, 3) == 0.057


def test_googlenet_returns_its_auxiliary_classifiers_too(describe: Describe) -> None:
    graph, _ = describe("googlenet")
    assert [tensor.shape for tensor in graph.outputs] == [(1, 1000)] * 3


def test_published_weights_and_unknown_names_are_one_sentence(engine: WorkerPool) -> None:
    worker = engine.worker(ZOO.worker)
    request = {"handle": "h", "seed": 0, "threads": 1}
    with pytest.raises(WeightsUnavailableError, match=r"as a pickle \(https://.*paddle:resnet18@r"):
        worker.call("load", doing="x", model="resnet18", weights="imagenet", **request)
    with pytest.raises(UnknownNameError, match='has no weights "imagnet"; did you mean imagenet'):
        worker.call("load", doing="x", model="resnet18", weights="imagnet", **request)
    with pytest.raises(UnknownNameError, match="no entry `paddle:resnet5`; did you mean resnet50"):
        worker.describe("resnet5", "random", doing="x")


@pytest.mark.slow
def test_the_catalogue_is_that_of_the_package() -> None:
    python = environments.interpreter("paddle")
    if python is None:
        pytest.skip("the environment paddle is not there; zoodiff env create paddle")
    done = subprocess.run(
        [str(python), str(REPOSITORY / "tools" / "refresh_paddle.py"), "--check"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        check=False,
        capture_output=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("mobilenet_v2", set()),
        ("resnet50", set()),
        # Paddle halves what its dropout passes, at inference.
        ("alexnet", {"ARC190"}),
        ("squeezenet1_1", {"ARC107", "ARC190"}),
    ],
)
def test_networks_are_torchvisions_or_differ_for_a_reason(
    engine: WorkerPool, name: str, codes: set[str]
) -> None:
    registry.resolve(f"paddle:{name}")
    comparison = api.diff(f"paddle:{name}@random", f"torchvision:{name}@random")
    assert {finding.code for finding in comparison.findings} == codes
