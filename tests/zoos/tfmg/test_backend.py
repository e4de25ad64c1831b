"""The zoo ``tfmg`` against the packages of its own environment, which run in processes apart."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from zoodiff.workers import environments
from zoodiff.zoos.tfmg.catalogue import ZOO

REPOSITORY = Path(__file__).resolve().parents[3]
PATHS = os.pathsep.join(str(REPOSITORY / name) for name in ("src", "tests"))
PROBE = Path(__file__).with_name("tfmg_probe.py")
MODELS = {model.name: model for model in ZOO.models()}
LARGEST = ("vit_e14", "slim/vgg_19")
"""By parameters, of each kind."""
SOME = (
    # the largest first: its memory is measured in a fresh process
    "vit_e14",
    "dilated_resnet_50",
    "efficientnet_b0",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v4_conv_small",
    "mobilenet_v4_hybrid_large",
    "resnet_18",
    "resnet_50",
    "resnet_rs_50",
    "revnet_38",
    "vit_b16",
    "slim/alexnet_v2",
    "slim/inception_v1",
    "slim/inception_v3",
    "slim/overfeat",
    "slim/resnet_v1_50",
    "slim/resnet_v2_50",
    "slim/vgg_a",
)
"""One of each family at least, and those of which a test below knows something of its own."""
RUN = ("mobilenet_v3_small", "revnet_38", "vit_ti16", "slim/alexnet_v2")
RUN_SLOWLY = ("mobilenet_v4_hybrid_medium", "slim/inception_v2")
GIGABYTE = 10**9


# The environment


@pytest.fixture(scope="session")
def python() -> Path:
    found = environments.interpreter("tfmg")
    if found is None or not found.exists():
        pytest.skip("the environment tfmg is not there; zoodiff env create tfmg")
    return found


def ask(python: Path, home: Path, kind: str, *names: str) -> Any:
    """Run the probe in a process of its own and return what it says."""
    environment = {
        **os.environ,
        "PYTHONPATH": PATHS,
        "ZOODIFF_HOME": str(home),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
    }
    done = subprocess.run(
        [str(python), str(PROBE), kind, *names],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


class Answers:
    """What the probe says, each question asked once and two at a time."""

    def __init__(self, python: Path, home: Path, pool: ThreadPoolExecutor) -> None:
        def later(kind: str, *names: str) -> Future[Any]:
            return pool.submit(ask, python, home / f"{kind}{len(names)}", kind, *names)

        self._later = later
        self._counts = {"some": [later("counts", *SOME)]}
        self._others = {kind: later(kind) for kind in ("rest", "checkpoints")}
        self._outputs = {RUN: later("outputs", *RUN)}

    def counts(self, which: str) -> dict[str, Any]:
        """Of ``some`` networks, or of ``all``, which are described only if they are asked for."""
        if which not in self._counts:
            self._counts[which] = [self._later("counts", *names) for names in halves()]
        return {name: it for one in self._counts[which] for name, it in one.result().items()}

    def outputs(self, name: str) -> tuple[float, float]:
        """Difference and spread of a network's outputs; those that run slowly if asked for."""
        names = RUN if name in RUN else RUN_SLOWLY
        if names not in self._outputs:
            self._outputs[names] = self._later("outputs", *names)
        difference, spread = self._outputs[names].result()[name]
        return difference, spread

    def checkpoints(self) -> Any:
        return self._others["checkpoints"].result()

    def rest(self) -> Any:
        return self._others["rest"].result()


def halves() -> tuple[list[str], list[str]]:
    """All networks in two processes; the first of each is measured in a fresh one."""
    others = [name for name in MODELS if name not in LARGEST]
    return [LARGEST[0], *others[::2]], [LARGEST[1], *others[1::2]]


@pytest.fixture(scope="module")
def answers(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    with ThreadPoolExecutor(2) as pool:
        yield Answers(python, tmp_path_factory.mktemp("tfmg"), pool)
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module", params=["some", pytest.param("all", marks=pytest.mark.slow)])
def described(answers: Answers, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Some networks; with the slow tests, all of them as well."""
    return answers.counts(request.param)


def known(name: str, *values: object) -> Any:
    """A case of one network, slow where only the whole matrix describes it."""
    if name in SOME:
        return pytest.param("some", name, *values, id=name)
    return pytest.param("all", name, *values, id=name, marks=pytest.mark.slow)


@pytest.mark.tfmg
def test_the_catalogue_is_what_the_packages_know(answers: Answers) -> None:
    found = answers.rest()
    assert found["names"] == list(MODELS)
    assert found["versions"]["tensorflow"].startswith("2.20.")


@pytest.mark.tfmg
def test_the_catalogue_is_up_to_date(python: Path) -> None:
    tool = REPOSITORY / "tools" / "refresh_tfmg.py"
    environment = {**os.environ, "PYTHONPATH": PATHS}
    done = subprocess.run(
        [str(python), str(tool), "--check"],
        env=environment,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, "run tools/refresh_tfmg.py again"


def test_some_networks_are_one_of_each_family_at_least() -> None:
    def family(name: str) -> str:
        """``slim/resnet_v1_50`` -> ``slim/resnet``, ``resnet_rs_50`` -> ``resnet_rs``."""
        return re.findall(r"^(?:slim/)?[a-z]+(?:_rs)?", name)[0]

    assert {family(name) for name in SOME} == {family(name) for name in MODELS}


@pytest.mark.tfmg
def test_every_network_is_described_with_the_frameworks_own_counts(
    described: dict[str, Any],
) -> None:
    assert set(described) in (set(SOME), set(MODELS))
    for name, found in described.items():
        counts = found["counts"]
        facts = {key: counts[key] for key in ("parameters", "statistics")}
        assert facts == found["facts"], name
        assert found["open"] == 0, f"{name}: a shape is not known"
        assert found["inputs"] == [[1, *MODELS[name].input_shape]], name
        (output,) = found["outputs"]
        assert output[1] == MODELS[name].labels.classes, name
        assert set(output[2:]) <= {1}, name
        assert not counts["softmax_inside"], name
        assert not counts["preprocessing_inside"], name


@pytest.mark.tfmg
def test_no_operation_is_left_unread_but_one(described: dict[str, Any]) -> None:
    opaque = {
        (name, op) for name, found in described.items() for op in found["operators"] if "::" in op
    }
    # ONNX has no complementary error function; MobileNetV4's exact GELU is spelled with it.
    assert opaque == {("mobilenet_v4_hybrid_large", "tf::Erfc")}


@pytest.mark.tfmg
@pytest.mark.parametrize(
    ("described", "name", "parameters", "statistics"),
    [
        # torchvision 0.28's num_params of the same structure, with 1000 classes
        known("slim/resnet_v1_50", 25_557_032, 53_120),
        known("slim/resnet_v1_101", 44_549_160, 105_344),
        known("slim/resnet_v1_152", 60_192_808, 151_424),
        known("slim/vgg_a", 132_863_336, 0),
        known("slim/vgg_16", 138_357_544, 0),
        known("slim/vgg_19", 143_667_240, 0),
        # the same and one class more: 2048 + 1, 1280 + 1, 768 + 1
        known("resnet_50", 25_557_032 + 2049, 53_120),
        known("resnet_101", 44_549_160 + 2049, 105_344),
        known("resnet_152", 60_192_808 + 2049, 151_424),
        known("mobilenet_v2", 3_504_872 + 1281, 34_112),
        known("vit_b16", 86_567_656 + 769, 0),
        known("vit_b32", 88_224_232 + 769 + 768 * 768 + 768, 0),
        # Keras's MobileNet: 4,253,864 in all, 21,888 of them statistics
        known("mobilenet_v1", 4_253_864 - 21_888 + 1025, 21_888),
        # Model Garden projects the first shortcut of residual networks: 64 x 64, and its norm
        known("resnet_18", 11_689_512 + 513 + 64 * 64 + 128, 9_600 + 128),
        known("resnet_34", 21_797_672 + 513 + 64 * 64 + 128, 17_024 + 128),
        # by hand: (11 x 11 x 3 + 1) x 64, 5 x 5 x 64, 3 x 3 x 192, 3 x 3 x 384 twice,
        # 5 x 5 x 256, 4096 twice
        known(
            "slim/alexnet_v2",
            364 * 64
            + 1601 * 192
            + 1729 * 384
            + 3457 * 384
            + 3457 * 256
            + 6401 * 4096
            + 4097 * 4096
            + 4097 * 1000,
            0,
        ),
    ],
    indirect=["described"],
)
def test_counts_known_from_elsewhere(
    described: dict[str, Any], name: str, parameters: int, statistics: int
) -> None:
    counts = described[name]["counts"]
    assert (counts["parameters"], counts["statistics"]) == (parameters, statistics)


@pytest.mark.tfmg
def test_parameters_that_the_readme_publishes(described: dict[str, Any], shared: Path) -> None:
    path = shared / "claims" / "claims.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["zoo"] == "tf_model_garden" and r["params"]]
    residual = [row for row in rows if row["model"].startswith("ResNet-RS")]
    assert len(residual) == 10
    named = {row["model"].lower().replace("-", "_"): row for row in residual}
    found = named.keys() & described.keys()
    assert found
    for name in found:
        row, counts = named[name], described[name]["counts"]
        # The README counts the statistics in, as Keras does, in millions with one decimal.
        total = counts["parameters"] + counts["statistics"]
        assert abs(total - float(row["params"])) <= 0.1 * 10**6, row["model"]


@pytest.mark.tfmg
def test_macs_are_half_of_what_tensorflows_profiler_counts(
    described: dict[str, Any], answers: Answers
) -> None:
    operations = answers.rest()["operations"]
    assert len(operations) == 2
    for name, twice in operations.items():
        assert 2 * described[name]["counts"]["macs"] == twice, name


@pytest.mark.tfmg
@pytest.mark.parametrize(
    "name", [*RUN, *(pytest.param(name, marks=pytest.mark.slow) for name in RUN_SLOWLY)]
)
def test_the_graph_computes_what_tensorflow_computes(answers: Answers, name: str) -> None:
    difference, spread = answers.outputs(name)
    assert spread > 0.1
    assert difference < 1e-4


@pytest.mark.tfmg
def test_the_stride_of_slims_resnets_sits_in_the_last_unit(described: dict[str, Any]) -> None:
    strided = [n for n, s in described["slim/resnet_v1_50"]["strides"] if s == [2, 2]]
    assert [name.split("/")[-3:-1] for name in strided[1:]] == [["bottleneck_v1", "conv2"]] * 3
    assert [name.split("/")[-4] for name in strided[1:]] == ["unit_3", "unit_4", "unit_6"]


@pytest.mark.tfmg
def test_the_stride_of_the_official_resnet_sits_in_the_first_3x3(
    described: dict[str, Any],
) -> None:
    strided = [n for n, s in described["resnet_50"]["strides"] if s == [2, 2]]
    # The stem; then, in three stages, the projection and the block's second convolution.
    assert len(strided) == 7


@pytest.mark.tfmg
def test_the_official_efficientnet_has_no_squeeze_and_excitation(
    described: dict[str, Any],
) -> None:
    operators = described["efficientnet_b0"]["operators"]
    assert operators["GlobalAveragePool"] == 1
    assert "Sigmoid" not in operators and "Mul" not in operators


@pytest.mark.tfmg
def test_dilation_is_read_through_the_batch(described: dict[str, Any]) -> None:
    assert described["dilated_resnet_50"]["dilations"] == [1, 2]
    assert described["resnet_50"]["dilations"] == [1]


@pytest.mark.tfmg
def test_epsilons_are_those_of_the_experiments(described: dict[str, Any]) -> None:
    assert described["resnet_50"]["epsilons"] == [1e-5]
    assert described["mobilenet_v2"]["epsilons"] == [1e-3]
    assert described["mobilenet_v4_conv_small"]["epsilons"] == [1e-6]
    assert described["vit_b16"]["epsilons"] == [1e-6]


@pytest.mark.tfmg
def test_inceptions_auxiliary_classifier_is_owned_and_unused(described: dict[str, Any]) -> None:
    found = described["slim/inception_v3"]
    assert found["counts"]["unused_parameters"] > 3 * 10**6
    assert all("AuxLogits" in name for name in found["unused"])


@pytest.mark.tfmg
def test_describing_allocates_no_weights(described: dict[str, Any]) -> None:
    """vit_e14 would take 15 GB; importing TensorFlow alone takes about 0.7."""
    sizes = {name: found["counts"]["parameters"] for name, found in described.items()}
    assert max(sizes.values()) == sizes["vit_e14"] > 3.8 * 10**9
    for name in described.keys() & LARGEST:
        assert described[name]["peak"] < 1.5 * GIGABYTE, name
    # A worker that describes one after the other does not grow either.
    assert max(found["peak"] for found in described.values()) < 1.5 * GIGABYTE


@pytest.mark.tfmg
def test_published_checkpoints_are_restored(answers: Answers) -> None:
    found = answers.checkpoints()
    for kind in ("official", "slim"):
        state, difference, spread, digits = found[kind]
        assert (state, difference, digits) == ("published", 0.0, 64)
        assert spread > 0.0


@pytest.mark.tfmg
def test_checkpoints_that_cannot_be_used_are_errors_of_one_sentence(answers: Answers) -> None:
    found = answers.checkpoints()
    for key, says in (
        ("wrong slim/inception_v2", "does not fit the network"),
        ("wrong resnet_101", "does not fit the network"),
        ("torn", "cannot be unpacked"),
        ("missing", "could not be fetched"),
    ):
        kind, message = found[key]
        assert kind == "WeightsUnavailableError", key
        assert says in message and "\n" not in message, key
    assert found["missing seconds"] < 60
    assert found["left"] == []


@pytest.mark.tfmg
def test_unknown_names_are_errors_with_a_way_out(answers: Answers) -> None:
    found = answers.checkpoints()
    assert found["unknown"][0] == found["unknown weights"][0] == "UnknownNameError"
    assert "did you mean resnet_50" in found["unknown"][1]
    assert "there are resnet-50-i224, random" in found["unknown weights"][1]


@pytest.mark.tfmg
def test_a_seed_gives_the_same_network_again(answers: Answers) -> None:
    found = answers.checkpoints()
    assert found["seeds mobilenet_v3_small"] == [True, False, [2, 1001]]
    assert found["seeds slim/alexnet_v2"] == [True, False, [2, 1000]]
    assert found["threads"][0] == "MeasurementError"


@pytest.mark.tfmg
def test_preprocessing_is_applied_as_published(answers: Answers) -> None:
    """Of a ramp 0..255.5 over 512 columns and 256 rows."""
    found = answers.rest()["prepared"]
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    official = found["resnet_18"]
    # A square of 224 in the middle: columns 144 to 367, pixel values 72 to 183.
    for end, pixel in (("left", 72), ("right", 183)):
        wanted = [(pixel / 255 - m) / s for m, s in zip(mean, std, strict=True)]
        assert official[end] == pytest.approx(wanted, abs=1e-4)
    vgg = found["slim/vgg_a"]
    assert vgg["left"] == pytest.approx([72 - 123.68, 72 - 116.78, 72 - 103.94], abs=1e-3)
    inception = found["slim/resnet_v2_50"]
    # The middle 0.875 of both sides: columns 32 to 479, squashed to 299.
    assert inception["left"] == pytest.approx([16 / 127.5 - 1] * 3, abs=1e-4)
    assert [f["shape"][1] for f in (official, vgg, inception)] == [224, 224, 299]
    assert {f["dtype"] for f in (official, vgg, inception)} == {"float32"}
