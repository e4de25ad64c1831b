"""What is said of preprocessings that fit better: findings, choices, and near recipes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from support.colours import network, painted
from zoodiff.accuracy.attribution.inference import infer
from zoodiff.accuracy.attribution.preprocessing import explain
from zoodiff.accuracy.attribution.session import Attribution
from zoodiff.accuracy.attribution.suggestions import Inference, Origins, notes, sentences
from zoodiff.accuracy.measure import Settings
from zoodiff.accuracy.preprocessing_runs import Recipe
from zoodiff.accuracy.subject import evaluated_entry, from_plain, to_plain
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.preprocessing.conventions import differing
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos import registry

SPEC = Preprocessing(
    input_size=(224, 224),
    resize=256,
    resize_policy="short_side",
    library="pillow",
    interpolation="bilinear",
    channel_order="RGB",
    value_range=(-1.0, 1.0),
)
BY_128 = replace(SPEC, value_range=(0.0, 255.0), mean=(127.0,) * 3, std=(128.0,) * 3)
SQUARE = replace(SPEC, resize=None, resize_policy="central_square", crop_fraction=0.875)
BGR = replace(SPEC, channel_order="BGR")
ALL = ("channel_order", "mean", "resize", "resize_policy", "std", "value_range")
IMAGES, CLASSES = 400, 40
LABELS = np.arange(IMAGES) % CLASSES
NOISE = np.random.default_rng(0).uniform(size=IMAGES)

Share = Callable[[Preprocessing], float]
"""The share of images that a network is right on with a preprocessing."""


@dataclass
class Network:
    """A network that is right, and sure, as a function of its preprocessing says."""

    right_share: Share
    sureness: Share
    name: str = "a"
    spec: Preprocessing = SPEC
    input_stage: None = None
    meaning: None = None

    def right(self, recipes: Sequence[Recipe]) -> list[np.ndarray]:
        return [self.right_share(recipe.spec) > NOISE for recipe in recipes]

    def __call__(self, specs: Sequence[Preprocessing]) -> list[np.ndarray]:
        every = []
        for spec in specs:
            best = np.where(self.right_share(spec) > NOISE, LABELS, (LABELS + 7) % CLASSES)
            sure = self.sureness(spec)
            answers = np.full((IMAGES, CLASSES), (1 - sure) / (CLASSES - 1))
            answers[np.arange(IMAGES), best] = sure
            every.append(answers)
        return every

    def inferred(self, given: Preprocessing, origins: Origins) -> Inference:
        return infer(self, given, LABELS, np.arange(CLASSES), origins)


def trained_with(spec: Preprocessing, loss: float = 0.2) -> Network:
    """A network that loses a share of its right answers per factor that is another."""

    def share(given: Preprocessing) -> float:
        return 0.9 - loss * sum(not _near(given, spec, factor) for factor in differing(given, spec))

    return Network(share, lambda given: 0.3 + 0.6 * share(given))


def _near(given: Preprocessing, spec: Preprocessing, factor: str) -> bool:
    """The recipes of this file that a network cannot tell apart, written down by hand."""
    pair = {differing(given, spec)[factor], differing(spec, given)[factor]}  # type: ignore[index]
    near = {"[-1, 1]", "[0, 255], mean 127 127 127, std 128 128 128"}
    crops = {"short side to 256, central crop", "central 0.875 of the square of the short side"}
    return any(set(both) in (near, crops) for both in pair)


def test_only_what_the_user_stated_can_be_wrong() -> None:
    stated = trained_with(SPEC).inferred(BGR, Origins(stated=ALL))
    ((code, words),) = sentences(stated)
    assert code == "PRE101"
    assert words.startswith(
        "the preprocessing is not the one that it was trained with: channel order RGB instead of "
        "BGR gives +23.2 [+19.0, +27.3] points"
    )
    assert notes(stated) == []


@pytest.mark.parametrize(
    ("origins", "chosen"),
    [
        (Origins(), "the published one"),
        (Origins(stated=("value_range",)), "the published one"),
        (Origins(defaulted=("channel_order",)), "zoodiff's default"),
        (Origins(stated=("resize",), defaulted=("channel_order",)), "zoodiff's default"),
    ],
)
def test_another_value_than_a_default_or_a_published_one_is_a_choice(origins, chosen) -> None:
    inference = trained_with(SPEC).inferred(BGR, origins)
    assert sentences(inference) == []
    (note,) = notes(inference)
    assert note.startswith(f"channel order RGB fits better than BGR, {chosen}: +23.2")
    assert note.endswith("points on 400 images")
    assert inference.to_dict()["suggestions"][0]["finding"] is False


@pytest.mark.parametrize("loss", [0.0, -0.002])
def test_no_gain_is_no_finding(loss) -> None:
    """Probabilities fit better, and top-1 is the same or lower."""
    network = Network(
        lambda given: 0.9 + loss * (given.channel_order == "RGB"),
        lambda given: 0.9 if given.channel_order == "RGB" else 0.6,
    )
    inference = network.inferred(BGR, Origins(stated=ALL))
    said = sentences(inference), notes(inference)
    assert said[0] == []
    assert "points" not in str(said)
    assert "top-1 does not rise" in str(said)


def test_what_makes_top1_significantly_worse_is_not_suggested() -> None:
    network = Network(
        lambda given: 0.8 if given.channel_order == "RGB" else 0.9,
        lambda given: 0.99 if given.channel_order == "RGB" else 0.2,
    )
    inference = network.inferred(BGR, Origins(stated=ALL))
    assert inference.suggestions == ()
    assert inference.fits.channel_order == "BGR"


def test_nothing_is_invented_of_networks_that_do_not_mind() -> None:
    """Every preprocessing moves probabilities by chance; 120 networks, all fields stated.

    Of 840 such networks 8 got a finding, about one in a hundred. More than 4 of 120 have a
    probability of 0.8 % at that rate.
    """
    invented = 0
    for seed in range(120):
        base = np.random.default_rng(seed).normal(size=(IMAGES, CLASSES))
        base[np.arange(IMAGES), LABELS] += 4

        def run(specs: Sequence[Preprocessing], seed=seed, base=base) -> list[np.ndarray]:
            every = []
            for spec in specs:
                noise = np.random.default_rng([seed, *str(spec.to_dict()).encode()])
                logits = base + noise.normal(scale=0.5, size=base.shape)
                every.append(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
            return every

        inference = infer(run, SPEC, LABELS, np.arange(CLASSES), Origins(stated=ALL))
        invented += bool(sentences(inference))
    assert invented <= 4


@pytest.mark.parametrize("trained", [SPEC, BY_128])
@pytest.mark.parametrize("given", [SPEC, BY_128])
def test_near_normalisations_are_one_recipe(trained, given) -> None:
    inference = trained_with(trained).inferred(given, Origins(stated=ALL))
    assert inference.suggestions == ()
    assert sentences(inference) == []
    near = next(item for item in inference.near if item.factor == "normalisation")
    assert near.apart == "inputs differ by up to 0.39 % of their range"
    assert (near.changed, near.better) == (0, None)


def test_the_near_recipe_is_named_beside_the_one_that_fits() -> None:
    raw = replace(SPEC, value_range=(0.0, 255.0))
    inference = trained_with(SPEC).inferred(raw, Origins(stated=ALL))
    assert [code for code, _ in sentences(inference)] == ["PRE102"]
    (note,) = notes(inference)
    assert "are nearly one: inputs differ by up to 0.39 % of their range" in note
    assert note.endswith("these 400 images do not tell them apart")


def test_near_recipes_that_images_tell_apart_are_told_apart() -> None:
    def share(given: Preprocessing) -> float:
        return 0.9 if given == BY_128 else 0.7 if given == SPEC else 0.3

    network = Network(share, lambda given: 0.3 + 0.6 * share(given))
    inference = network.inferred(SPEC, Origins(stated=ALL))
    (note,) = notes(inference)
    assert note.endswith("[0, 255], mean 127 127 127, std 128 128 128 fits these 400 images better")


def test_near_recipes_of_two_entries_have_no_code() -> None:
    """Two entries that differ in the last percent of a range, and in how a crop is written."""
    first = trained_with(SPEC)
    second = replace(trained_with(BY_128), name="b", spec=replace(BY_128, resize=None))
    second.spec = replace(
        second.spec, resize_policy=SQUARE.resize_policy, crop_fraction=SQUARE.crop_fraction
    )
    explanation = explain(first, second)
    factors = [part for part in explanation.parts if part.kind == "factor"]
    assert {part.what for part in factors} == {"normalisation", "crop"}
    assert {part.code for part in factors} == {None}
    assert sum("do not tell them apart" in note for note in explanation.notes) == 2


@pytest.mark.onnx
def test_stated_fields_keep_their_values(tmp_path: Path) -> None:
    """Inferred values replace those of fields that nobody stated, and no others."""
    data = painted(tmp_path / "data")
    path = Path(network(tmp_path / "one.onnx"))
    path.with_name("one.onnx.toml").write_text('[preprocessing]\nchannel_order = "BGR"\n')
    with WorkerPool() as engine:
        entry = registry.resolve(str(path))
        subject = evaluated_entry(engine, entry, changes={"interpolation": "bilinear"})
        assert subject.stated == ("channel_order", "interpolation")
        assert from_plain(to_plain(subject)).stated == subject.stated
        reasons = Attribution(engine, open_images(str(data)), Settings(), lambda done, of: None)
        fits = replace(
            subject.spec,
            channel_order="RGB",
            interpolation="bicubic",
            value_range=(-1.0, 1.0),
            mean=None,
            std=None,
        )
        reasons.inferences[subject.name] = Inference(subject.spec, fits, (), 50.0, 90.0, 100, 9)
        fitted = reasons.fitted(subject)
    assert fitted.spec.channel_order == "BGR"
    assert fitted.spec.interpolation == "bilinear"
    assert (fitted.spec.value_range, fitted.spec.mean) == ((-1.0, 1.0), None)
