"""The zoo ``kecam`` against the package in its own environment, which runs in processes apart."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from zoodiff.architecture.describe import describe
from zoodiff.engines.pool import WorkerPool
from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.graph.cost import count
from zoodiff.workers import environments
from zoodiff.zoos import registry
from zoodiff.zoos.kecam.catalogue import ZOO, published

REPOSITORY = Path(__file__).resolve().parents[3]
PROBE = Path(__file__).with_name("kecam_probe.py")
TOOL = REPOSITORY / "tools" / "refresh_kecam.py"
PYTHON = environments.interpreter("kecam")
ALL = [model.name for model in ZOO.models()]
SOME = [
    *("AotNet50", "BotNet26T", "CAFormerS18", "CMTXS_torch", "CoaTLiteTiny", "ConvNeXtV2Atto"),
    *("DaViT_T", "EdgeNeXt_XX_Small", "EfficientFormerL1", "EfficientNetV1B0", "EfficientViT_M0"),
    *("FastViT_T8", "GhostNet_050", "HaloNet26T", "LeViT128S", "MaxViT_Tiny", "MLPMixerS32"),
    *("MobileNetV3Small050", "MobileViT_XXS", "NFNetL0", "PVT_V2B0", "RegNetY032", "ResNet50D"),
    *("SwinTransformerV2Tiny_window8", "ViTTinyPatch16", "VOLO_d1"),
]
"""Small networks of many families; the slow tests take all."""

pytestmark = [
    pytest.mark.keras,
    pytest.mark.skipif(
        PYTHON is None or not PYTHON.exists(),
        reason="no environment kecam; make it with: zoodiff env create kecam",
    ),
]


def ran(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(REPOSITORY / name) for name in ("src", "tests"))
    return subprocess.run(
        [str(PYTHON), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
        capture_output=True,
        text=True,
        timeout=3600,
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the probe says in the environment's interpreter, with this repository's code."""
    done = ran(PROBE, tmp_path_factory.mktemp("files"))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_catalogue_has_every_classifier_of_the_package(answers: Any) -> None:
    assert answers["models"] == ALL
    assert answers["versions"]["keras-cv-attention-models"] == published().version


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["DiNAT_Large", "MobileNetV3Large100", "TinyViT_21M"], id="some"),
        pytest.param([], id="all", marks=pytest.mark.slow),
    ],
)
def test_the_catalogue_is_the_packages_own(names: list[str]) -> None:
    done = ran(TOOL, "--check", *names)
    assert done.returncode == 0, done.stderr[-1000:]


@pytest.mark.parametrize(
    "names", [pytest.param(SOME, id="some"), pytest.param(ALL, id="all", marks=pytest.mark.slow)]
)
def test_parameters_are_keras_own_count(engine: WorkerPool, names: list[str]) -> None:
    different, reasons = {}, {}
    for name in names:
        try:
            graph, answer = describe(engine, registry.resolve(f"kecam:{name}@{RANDOM}"))
        except MeasurementError as error:
            reasons[name] = str(error)
            continue
        counts = count(graph)
        if counts.parameters != answer.facts.parameters:
            different[name] = (counts.parameters, answer.facts.parameters)
    assert different == {}
    assert reasons == {}


def test_weights_of_other_classes_make_another_classifier(engine: WorkerPool) -> None:
    graph, _ = describe(engine, registry.resolve("kecam:MLPMixerB16@imagenet21k"))
    assert graph.outputs[0].shape == (1, 21843)


def test_weights_of_another_input_size_make_a_network_of_this_size(engine: WorkerPool) -> None:
    graph, _ = describe(engine, registry.resolve("kecam:TinyViT_21M@384_imagenet21k-ft1k"))
    assert graph.inputs[0].shape == (1, 3, 384, 384)


def test_random_weights_come_from_the_seed(answers: Any) -> None:
    assert answers["seeds"] == [True, False]


@pytest.mark.parametrize("name", ["MobileNetV3Small050", "EdgeNeXt_XX_Small"])
def test_a_complete_file_is_loaded_by_the_packages_own_loader(answers: Any, name: str) -> None:
    assert answers["published"][name] == ["published", True, True]


def test_a_layer_is_found_whose_name_in_the_file_has_a_slash(answers: Any) -> None:
    assert answers["slashed"] == [True, True, True]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("a layer less", "it lacks 1 of its layers, predictions among them; use @random"),
        ("another shape", "does not hold the published weights of this network"),
        ("offline", "MobileNetV3Small050@imagenet could not be had (no network)"),
    ],
)
def test_what_the_package_would_leave_random_is_refused(
    answers: Any, case: str, words: str
) -> None:
    sentence = answers["published"][case]
    assert sentence.startswith("WeightsUnavailableError: ")
    assert words in sentence


def test_a_file_that_is_not_hdf5_is_one_sentence(answers: Any) -> None:
    sentence = answers["published"]["no HDF5"]
    assert sentence.startswith("MeasurementError: text.h5 is not a valid HDF5 file")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("model", "no entry `kecam:MobileNetV3Small51`; did you mean MobileNetV3Small050"),
        ("weights", 'kecam:MobileNetV3Small050 has no weights "imagenet21k"'),
        ("version", "has no MobileNetV3Small050; the catalogue is that of 1.4.3: install that"),
    ],
)
def test_unknown_names_and_another_version_are_one_sentence(
    answers: Any, case: str, words: str
) -> None:
    assert words in answers["refused"][case]
    assert "\n" not in answers["refused"][case]
