"""Explanations against networks whose answers follow from arithmetic, and real files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from zoodiff.accuracy.attribution.inference import infer
from zoodiff.accuracy.attribution.preprocessing import adds_up, explain
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.preprocessing_runs import Meaning, Recipe, Trials
from zoodiff.accuracy.subject import evaluated_entry
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.conventions import alternatives, differing, same, with_factor
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos import registry

REAL = Path(__file__).resolve().parents[4] / "shared" / "real"
SPEC = Preprocessing(
    input_size=(8, 8),
    resize=9,
    resize_policy="short_side",
    library="pillow",
    interpolation="bilinear",
    channel_order="RGB",
    value_range=(0.0, 1.0),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
IMAGES, CLASSES = 400, 40
NOISE = np.random.default_rng(1).uniform(size=IMAGES)


@dataclass
class Invented:
    """A network that is right on a share of the images that depends on its preprocessing.

    ``lost`` says how much each factor costs that is not as it was trained with.
    """

    name: str
    spec: Preprocessing
    trained: Preprocessing
    base: float
    lost: dict[str, float]
    input_stage: InputStage | None = None
    label_mapping: np.ndarray | None = None
    labels: np.ndarray = field(default_factory=lambda: np.arange(IMAGES) % CLASSES)

    def share(self, spec: Preprocessing) -> float:
        return self.base - sum(self.lost.get(factor, 0) for factor in differing(spec, self.trained))

    @property
    def meaning(self) -> Meaning | None:
        return (
            None if self.label_mapping is None else Meaning(self.name, CLASSES, self.label_mapping)
        )

    def right(self, recipes: Sequence[Recipe]) -> list[np.ndarray]:
        found = [self.share(spec) > NOISE for spec, _ in recipes]
        own = np.arange(CLASSES)
        read = [self.label_mapping if x.label_mapping is None else x.label_mapping for x in recipes]
        known = [own if x is None else x for x in read]
        return [one & (x == own)[self.labels] for one, x in zip(found, known, strict=True)]

    def __call__(self, specs: Sequence[Preprocessing]) -> list[np.ndarray]:
        found = []
        for spec, right in zip(specs, self.right([Recipe(x) for x in specs]), strict=True):
            best = np.where(right, self.labels, (self.labels + 7) % CLASSES)
            sure = 0.3 + 0.6 * self.share(spec)
            answers = np.full((IMAGES, CLASSES), (1 - sure) / (CLASSES - 1))
            answers[np.arange(IMAGES), best] = sure
            found.append(answers)
        return found


LOST = {"channel order": 0.25, "normalisation": 0.125, "crop": 0.05}


def test_one_network_and_two_faults() -> None:
    faulty = replace(SPEC, channel_order="BGR", value_range=(-1.0, 1.0), mean=None, std=None)
    a = Invented("a", SPEC, SPEC, 0.9, LOST)
    b = Invented("b", faulty, SPEC, 0.9, LOST)
    found = explain(a, b)
    assert adds_up(found)
    effects = {part.what: part.points.value for part in found.parts if part.kind == "factor"}
    assert effects["channel order"] == pytest.approx(25, abs=3)
    assert effects["normalisation"] == pytest.approx(12.5, abs=3)
    named = {part.code for part in found.parts if part.kind == "factor" and part.shown}
    assert named == {"PRE101", "PRE102"}
    (network,) = [part for part in found.parts if part.kind == "network"]
    assert network.points.value == 0
    assert found.confirmation is not None
    assert found.confirmation.code == "PRE101"
    assert found.confirmation.confirmed


def test_two_networks_each_with_its_own_preprocessing() -> None:
    other = replace(SPEC, value_range=(-1.0, 1.0), mean=None, std=None)
    a = Invented("a", SPEC, SPEC, 0.9, LOST)
    b = Invented("b", other, other, 0.7, LOST)
    found = explain(a, b)
    assert adds_up(found)
    parts = {part.kind: part for part in found.parts if part.kind != "factor"}
    assert parts["network"].points.value == pytest.approx(20, abs=3)
    assert not parts["preprocessing"].shown
    assert parts["interaction"].points.value == pytest.approx(12.5, abs=3)
    assert [part.shown for part in found.parts if part.kind == "factor"] == [False]


def test_equal_preprocessings_leave_the_network() -> None:
    found = explain(
        Invented("a", SPEC, SPEC, 0.9, LOST), Invented("b", replace(SPEC), SPEC, 0.8, LOST)
    )
    assert [part.kind for part in found.parts] == ["preprocessing", "network", "interaction"]
    assert found.confirmation is None
    assert adds_up(found)


def test_what_cannot_be_swapped_counts_as_the_networks() -> None:
    larger = replace(SPEC, input_size=(16, 16), resize=18, inside_network=True, mean=None, std=None)
    found = explain(Invented("a", SPEC, SPEC, 0.9, LOST), Invented("b", larger, larger, 0.9, LOST))
    assert not [part for part in found.parts if part.kind == "factor"]
    assert len(found.notes) == 2


def test_labels_that_one_side_reads_wrongly_are_a_factor() -> None:
    half = np.arange(CLASSES)
    half[: CLASSES // 2] = half[: CLASSES // 2][::-1]  # half of the classes are permuted
    a = Invented("a", SPEC, SPEC, 0.9, LOST, label_mapping=np.arange(CLASSES))
    b = Invented("b", replace(SPEC, channel_order="BGR"), SPEC, 0.9, LOST, label_mapping=half)
    found = explain(a, b)
    assert adds_up(found)
    effects = {part.what: part for part in found.parts if part.kind == "factor"}
    assert set(effects) == {"labels", "channel order"}
    # Averaged over both ways to make the swap: half of 90 % and half of 65 %.
    assert effects["labels"].points.value == pytest.approx(100 * (0.45 + 0.325) / 2, abs=4)
    assert effects["labels"].code == "LAB103"
    (network,) = [part for part in found.parts if part.kind == "network"]
    assert network.points.value == 0
    assert found.confirmation is not None
    assert (found.confirmation.what, found.confirmation.confirmed) == ("labels", True)


def test_what_a_network_does_by_itself_is_no_difference() -> None:
    scaled = replace(SPEC, value_range=(-1.0, 1.0), mean=None, std=None)
    raw = replace(SPEC, value_range=(0.0, 255.0), mean=None, std=None, inside_network=True)
    inside = InputStage((1 / 127.5,) * 3, (-1.0,) * 3, (0, 1, 2), ("rescaling",))
    found = explain(
        Invented("a", scaled, scaled, 0.9, LOST), Invented("b", raw, raw, 0.8, LOST, inside)
    )
    assert not [part for part in found.parts if part.kind == "factor"]
    assert found.notes == ()
    assert adds_up(found)


def test_normalisations_are_swapped_as_the_first_layers_see_them() -> None:
    raw = replace(SPEC, value_range=(0.0, 255.0), mean=None, std=None, inside_network=True)
    inside = InputStage((1 / 127.5,) * 3, (-1.0,) * 3, (0, 1, 2), ("rescaling",))
    seen: list[Preprocessing] = []

    class Noting(Invented):
        def right(self, recipes: Sequence[Recipe]) -> list[np.ndarray]:
            seen.extend(one.spec for one in recipes)
            return super().right(recipes)

    found = explain(Invented("a", SPEC, SPEC, 0.9, LOST), Noting("b", raw, raw, 0.8, LOST, inside))
    (part,) = [part for part in found.parts if part.kind == "factor"]
    assert (part.what, part.second) == ("normalisation", "[-1, 1]")
    # ImageNet's mean and std behind a network's own x / 127.5 - 1, by hand, for the first channel:
    # (p / 255 - 0.485) / 0.229 = (p - mean) / std / 127.5 - 1
    swapped = next(spec for spec in seen if spec.mean)
    assert swapped.mean is not None
    assert swapped.std is not None
    for p in (0.0, 255.0):
        expected = (p / 255 - 0.485) / 0.229
        assert (p - swapped.mean[0]) / swapped.std[0] / 127.5 - 1 == pytest.approx(expected)
    assert adds_up(found)


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("crop", ["short_side", "squash"])
@pytest.mark.parametrize("numbers", [{}, {"value_range": (-1.0, 1.0), "mean": None, "std": None}])
@pytest.mark.parametrize("shift", [0, 1, -1, None])
def test_planted_faults_are_named_and_nothing_else(channels, crop, numbers, shift) -> None:
    given = replace(SPEC, channel_order=channels, **numbers)
    if crop == "squash":
        given = replace(given, resize_policy="squash", resize=(8, 8))
    network = Invented("a", given, SPEC, 0.9, LOST)
    expected = {
        code
        for code, planted in (
            ("PRE101", channels == "BGR"),
            ("PRE102", bool(numbers)),
            ("PRE103", crop == "squash"),
            ("LAB101", shift in {1, -1}),
            ("LAB103", shift is None),
        )
        if planted
    }
    if shift is None:
        labels = np.random.default_rng(3).permutation(CLASSES)[network.labels]
    else:
        labels = np.clip(network.labels + shift, 0, CLASSES - 1)
    found = infer(network, given, labels, np.arange(CLASSES))
    assert {one.code for one in found.suggestions} == expected
    assert same(found.fits, replace(SPEC, resize=found.fits.resize))


def test_labels_in_the_order_of_strings_are_named() -> None:
    """Folders 0, 1, 10, 11, ..., 2, 20, ... counted in that order."""
    strings = np.array(sorted(range(CLASSES), key=str))
    network = Invented("a", SPEC, SPEC, 0.9, LOST)
    place = np.argsort(strings)  # where each class stands among the sorted names
    found = infer(network, SPEC, place[network.labels], np.arange(CLASSES))
    assert [one.code for one in found.suggestions] == ["LAB102"]


@dataclass
class Sharpened:
    """Logits that move with the interpolation: a little for the true class, for all with bicubic.

    Every preprocessing adds its own noise, larger than the effect.
    """

    trained: str
    effect: float = 0.15
    bits: int = 0
    seed: int = 0
    labels: np.ndarray = field(default_factory=lambda: np.arange(IMAGES) % CLASSES)

    def __call__(self, specs: Sequence[Preprocessing]) -> list[np.ndarray]:
        return [self.answers(spec) for spec in specs]

    def answers(self, spec: Preprocessing) -> np.ndarray:
        logits = np.random.default_rng(self.seed).normal(size=(IMAGES, CLASSES))
        logits[np.arange(IMAGES), self.labels] += 4
        if spec.interpolation == self.trained:
            logits[np.arange(IMAGES), self.labels] += self.effect
        noise = np.random.default_rng([self.seed, *repr(spec).encode()])
        logits += noise.normal(scale=0.3, size=logits.shape)
        logits *= {"nearest": 0.9, "bicubic": 1.1}.get(str(spec.interpolation), 1.0)
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return np.round(shares * 2**self.bits) / 2**self.bits if self.bits else shares


@pytest.mark.parametrize("trained", ["bilinear", "bicubic"])
@pytest.mark.parametrize("given", ["bilinear", "bicubic"])
def test_the_interpolation_is_named_however_sure_sharper_images_make(trained, given) -> None:
    network = Sharpened(trained)
    spec = replace(SPEC, interpolation=given)
    found = infer(network, spec, network.labels, np.arange(CLASSES))
    assert [one.code for one in found.suggestions] == ([] if trained == given else ["PRE104"])
    assert found.fits.interpolation == trained


def test_no_interpolation_is_named_of_a_network_that_does_not_mind() -> None:
    named = 0
    for seed in range(20):
        network = Sharpened("none", seed=seed)
        named += len(infer(network, SPEC, network.labels, np.arange(CLASSES)).suggestions)
    assert named == 0


def test_no_interpolation_is_named_where_answers_are_too_coarse() -> None:
    network = Sharpened("bicubic", effect=1.0, bits=5)
    suggestions = infer(network, SPEC, network.labels, np.arange(CLASSES)).suggestions
    assert "PRE104" not in {one.code for one in suggestions}


def test_no_interpolation_is_named_where_nothing_is_resized() -> None:
    network = Sharpened("bicubic", effect=1.0)

    def of_the_size_of_the_input(specs: Sequence[Preprocessing]) -> list[np.ndarray]:
        """Images that are resized only where another size than their own is asked for."""
        own = [
            replace(one, interpolation=None) if one.resize == SPEC.resize else one for one in specs
        ]
        return network(own)

    found = infer(of_the_size_of_the_input, SPEC, network.labels, np.arange(CLASSES))
    assert found.suggestions == ()


def test_alternatives_change_one_factor_each() -> None:
    for (factor, _), spec in alternatives(SPEC).items():
        assert list(differing(SPEC, spec)) == [factor]
        assert same(with_factor(SPEC, spec, factor), spec)
        assert same(with_factor(spec, SPEC, factor), SPEC)


def test_nothing_said_and_the_usual_value_are_the_same() -> None:
    assert same(SPEC, replace(SPEC, antialias=True))
    assert not same(SPEC, replace(SPEC, antialias=False))
    assert same(replace(SPEC, mean=None), replace(SPEC, mean=(0.0, 0.0, 0.0)))
    assert same(replace(SPEC, library="opencv"), replace(SPEC, library="opencv", exif=True))


@pytest.mark.tflite
@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")
def test_a_real_file_with_two_planted_faults() -> None:
    """In full: ``python benchmarks/planted.py``."""
    usual = {
        "resize": 256,
        "resize_policy": "short_side",
        "interpolation": "bilinear",
        "library": "pillow",
        "value_range": (-1.0, 1.0),
    }
    images = open_images(str(REAL / "images"))
    path = str(REAL / "models" / "mobilenet_v2_1.0_224_quant.edgetpu.tflite")
    with WorkerPool() as engine:
        one = evaluated_entry(engine, registry.resolve(path), changes=usual)
        trials = Trials(engine, one, images, PassOptions(pipelines=2, numbers=range(0, 250, 2)))
        trials([one.spec])
        assert trials.labels is not None
        label_mapping = np.arange(1000) + 1
        assert infer(trials, one.spec, trials.labels, label_mapping).suggestions == ()
        faulty = replace(one.spec, channel_order="BGR")
        found = infer(trials, faulty, (trials.labels + 1) % 1000, label_mapping)
    assert {suggestion.code for suggestion in found.suggestions} == {"PRE101", "LAB101"}
    assert found.top1_fits > found.top1_given + 50
