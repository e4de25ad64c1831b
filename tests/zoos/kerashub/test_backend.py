"""The zoo ``kerashub`` against KerasHub in its own environment, which runs in processes apart."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zoodiff.architecture.describe import describe
from zoodiff.engines.pool import WorkerPool
from zoodiff.entry import RANDOM
from zoodiff.errors import UnknownNameError, WeightsUnavailableError
from zoodiff.graph.cost import count
from zoodiff.workers import environments
from zoodiff.zoos import registry
from zoodiff.zoos.base import Entry
from zoodiff.zoos.kerashub.catalogue import ZOO, presets

REPOSITORY = Path(__file__).resolve().parents[3]
PROBE = Path(__file__).with_name("kerashub_probe.py")
PYTHON = environments.interpreter("kerashub")
MODELS = {model.name: model for model in ZOO.models()}
SOME = (
    "resnet_18_imagenet",
    "csp_darknet_53_ra_imagenet",
    "densenet_121_imagenet",
    "vgg_11_imagenet",
    "mobilenet_v3_small_050_imagenet",
    "efficientnet_b0_ra_imagenet",
    "hgnetv2_b4_ssld_stage2_ft_in1k",
    "xception_41_imagenet",
    "deit_tiny_distilled_patch16_224_imagenet",
    "vit_base_patch32_224_imagenet21k",
    "dinov2_small",
    "swin_tiny_patch4_window7_224",
)
"""One of each family that is built without files."""

pytestmark = [
    pytest.mark.keras,
    pytest.mark.skipif(
        PYTHON is None or not PYTHON.exists(),
        reason="no environment kerashub; make it with: zoodiff env create kerashub",
    ),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> Any:
    """What the probe says in the environment's interpreter, with this repository's code."""
    paths = os.pathsep.join(str(REPOSITORY / name) for name in ("src", "tests"))
    folder = str(tmp_path_factory.mktemp("presets"))
    out = subprocess.run(
        [str(PYTHON), str(PROBE), folder, "resnet_18_imagenet", "resnet_vd_18_imagenet"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert out.returncode == 0, out.stderr[-3000:]
    return json.loads(out.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def engine() -> Iterator[WorkerPool]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTPS_PROXY", "https_proxy"):
            patch.setenv(name, "http://127.0.0.1:9")  # nobody answers there
        with WorkerPool() as pool:
            yield pool


@pytest.mark.parametrize("name", SOME)
def test_parameters_are_those_that_kerashub_counts(engine, name: str) -> None:
    graph, answer = describe(engine, Entry(ZOO, MODELS[name], None))
    counted = count(graph)
    assert counted.parameters == answer.facts.parameters
    published = presets()[name]
    if published.counted == "classifier trainable":
        assert counted.parameters == published.published
    inputs = graph.inputs[0].shape
    assert inputs == (1, *MODELS[name].input_shape)


def test_every_preset_of_the_catalogue_is_one_of_the_installed_kerashub(answers) -> None:
    assert answers["models"] == sorted(MODELS)


def test_graphs_compute_what_tensorflow_computes(answers) -> None:
    for name, (difference, largest) in answers["outputs"].items():
        assert largest > 0, name
        assert difference < 1e-4 * largest, (name, difference, largest)


def test_published_weights_are_loaded_by_kerashubs_own_loader(answers) -> None:
    answer = answers["published"]
    assert answer["state"] == "published"
    assert answer["equal"]
    assert answer["difference"] < 1e-4 * answer["largest"]
    assert (
        "it has 939,120 values, and KerasHub publishes 278,784"
        in (answer["mobilenet_v3_small_100_imagenet"])
    )
    assert "cannot be had from https://www.kaggle.com/models/keras/" in answer["nowhere"]


def test_without_a_network_weights_and_configurations_are_one_sentence(engine) -> None:
    entry = registry.resolve("kerashub:resnet_v2_50_imagenet")
    with pytest.raises(
        WeightsUnavailableError,
        match=r"the configuration of kerashub:resnet_v2_50_imagenet cannot be had from "
        r"https://www\.kaggle\.com/models/keras/resnetv2/keras/resnet_v2_50_imagenet/3 \(",
    ):
        describe(engine, entry)


def test_unknown_weights_come_with_those_that_there_are() -> None:
    with pytest.raises(UnknownNameError, match="preset"):
        registry.resolve("kerashub:resnet_18_imagenet@imagenet")
    assert registry.resolve(f"kerashub:resnet_18_imagenet@{RANDOM}").weights is None
