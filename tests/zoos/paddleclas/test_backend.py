"""The zoo ``paddleclas`` against PaddleClas, which runs in workers of the environment paddle."""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from support.zoos import Describe
from zoodiff.claims import catalogue
from zoodiff.engines.pool import WorkerPool, usable
from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.graph.cost import count
from zoodiff.workers import environments
from zoodiff.zoos.names import table
from zoodiff.zoos.paddleclas.catalogue import ZOO

UNUSABLE = usable(ZOO.worker)
pytestmark = [pytest.mark.paddle, pytest.mark.skipif(UNUSABLE is not None, reason=str(UNUSABLE))]

REPOSITORY = Path(__file__).resolve().parents[3]
MODELS = {model.name: model for model in ZOO.models()}
SOME = [
    *("MobileNetV3_small_x0_35", "PPLCNet_x0_25", "ResNet18_vd", "SE_ResNet18_vd", "TinyNet_E"),
    "MobileViTV2_x0_75",  # its builder looks for an address that PaddleClas has not
    "UniFormer_small",  # its builder fetches weights unless it is told not to
    "ConvNeXt_tiny",  # its builder scales an initial value
    "VAN_B0",  # its code reads a tensor, so that Paddle has to rewrite it
]


BROKEN = {
    "CLIP_large_patch14_224_aesthetic": "In operator matmul",
    "MAE_vit_huge_patch14": "Given normalized_shape is",
    "SwinTransformerV2_tiny_patch4_window8_256": "name 'output_dimensions' is not defined",
}
"""Networks whose own code cannot run them, and Paddle's reason."""


@pytest.mark.parametrize(
    "names",
    [pytest.param(SOME, id="some"), pytest.param(list(MODELS), id="all", marks=pytest.mark.slow)],
)
def test_parameters_are_paddles_own_and_classes_are_the_catalogues(
    describe: Describe, names: list[str]
) -> None:
    for name in names:
        if MODELS[name].note == "PaddleClas 2.6.0 cannot run it":
            continue
        graph, facts = describe(name)
        assert count(graph).parameters == facts.parameters, name
        classes = MODELS[name].labels.classes
        if classes:
            assert graph.outputs[0].shape[-1] == classes, name


def test_parameters_are_those_of_the_same_network_elsewhere(describe: Describe) -> None:
    """A deep stem has 19,232 more, and PaddleClas's first shortcut has a convolution."""
    assert describe("ResNet18_vd")[1].parameters == 11_689_512 + 19_232 + 64 * 64 + 2 * 64
    assert describe("ConvNeXt_tiny")[1].parameters == 28_589_128
    assert count(describe("MobileNetV3_small_x0_35")[0]).macs < 20e6


def test_transformers_of_some_families_are_understood_whole(describe: Describe) -> None:
    for name in ("ConvNeXt_tiny", "DeiT_tiny_patch16_224"):
        assert not [node.op for node in describe(name)[0].nodes if "::" in node.op], name


@pytest.mark.slow
def test_a_number_that_becomes_a_tensor_leaves_no_extent_open(describe: Describe) -> None:
    """Microsoft publishes 4.3 G for CSWin-T; windows are merged by a computed batch."""
    graph, _ = describe("CSWinTransformer_tiny_224")
    assert round(count(graph).macs / 1e9, 1) == 4.3
    assert all(min(tensor.shape, default=1) > 0 for tensor in graph.tensors.values())


@pytest.mark.parametrize(("name", "reason"), BROKEN.items())
def test_a_network_that_cannot_run_is_one_sentence(
    engine: WorkerPool, name: str, reason: str
) -> None:
    with pytest.raises(MeasurementError, match=rf"make a program of paddleclas:{name} .*{reason}"):
        engine.worker(ZOO.worker).describe(name, "random", doing=name)


def test_published_weights_and_unknown_names_are_one_sentence(engine: WorkerPool) -> None:
    worker = engine.worker(ZOO.worker)
    request = {"handle": "h", "seed": 0, "threads": 1}
    sentence = r"PaddleClas publishes .* as a pickle \(https://.*_vd_ssld_pretrained.pdparams\)"
    with pytest.raises(WeightsUnavailableError, match=sentence):
        worker.call("load", doing="x", model="ResNet50_vd", weights="ssld", **request)
    with pytest.raises(UnknownNameError, match='has no weights "sslt"; did you mean ssld'):
        worker.call("load", doing="x", model="ResNet50_vd", weights="sslt", **request)
    with pytest.raises(UnknownNameError, match="no entry `paddleclas:ResNet51`; did you mean"):
        worker.describe("ResNet51", "random", doing="x")


def test_equal_seeds_give_equal_weights(engine: WorkerPool) -> None:
    worker = engine.worker(ZOO.worker)
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    outputs = []
    for seed in (0, 0, 1):
        options = {"model": "PPLCNet_x0_25", "weights": "random", "seed": seed, "threads": 1}
        worker.call("load", doing="x", handle="h", **options)
        ran = worker.call("run", doing="x", handle="h", image=worker.put_array(image))
        outputs.append(np.array(worker.get_array(ran["outputs"])))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


@pytest.mark.slow
def test_the_catalogue_is_that_of_the_package() -> None:
    python = environments.interpreter("paddle")
    if python is None:
        pytest.skip("the environment paddle is not there; zoodiff env create paddle")
    done = subprocess.run(
        [str(python), str(REPOSITORY / "tools" / "refresh_paddleclas.py"), "--check"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        check=False,
        capture_output=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]


@pytest.mark.slow
def test_networks_of_a_name_have_the_parameters_of_other_zoos(describe: Describe) -> None:
    """A count of other zoos is rounded to tens of thousands where it is published so."""
    elsewhere: dict[str, set[int]] = defaultdict(set)
    for claim in catalogue.load():
        if claim.parameters and claim.zoo in {"timm", "torchvision", "keras"}:
            elsewhere[claim.architecture].add(claim.parameters)
    compared = 0
    for row in table.rows():
        counts = elsewhere.get(row.name)
        certain = row.zoo == "paddleclas" and row.checked == "parameters" and row.entry in MODELS
        if not certain or not counts:
            continue
        own = describe(row.entry)[1].parameters
        assert own is not None
        assert min(abs(own - count) for count in counts) <= 0.03 * own + 50_000, row
        compared += 1
    assert compared > 150
