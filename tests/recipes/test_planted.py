"""Of two recipes that differ in one step, this step is named, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from support import awkward, planted_recipes
from support.planted_recipes import AREA, BASE, PLANTED, Planted
from zoodiff.errors import ImageError
from zoodiff.preprocessing.geometry import Geometry
from zoodiff.preprocessing.pixels import pixels
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes import own_code
from zoodiff.recipes.attribution import Ask, Attribution
from zoodiff.recipes.images import AuditImage
from zoodiff.recipes.pairs import SpecPair, attributions
from zoodiff.recipes.published import Recipe, Source
from zoodiff.recipes.rendering import Renderer
from zoodiff.recipes.steps import CODES, differing_steps, exchanged, explicit, written_alike
from zoodiff.recipes.unstated import comparable
from zoodiff.rules.catalogue import find
from zoodiff.zoos import registry

NAMES = ("rotated.jpg", "grey.png", "cmyk.jpg", "30x31.png", "341x257.jpg", "223x225.png")


class InProcess(Renderer):
    """Prepares images in this process; the zoo's own code is a function."""

    def __init__(self, code: Callable[[bytes], np.ndarray] | None = None) -> None:
        self._code = code

    def pixels(
        self, image: AuditImage, geometries: Iterable[Geometry]
    ) -> dict[Geometry, np.ndarray]:
        return {each: pixels(image.data, [each])[0][None] for each in dict.fromkeys(geometries)}

    def by_own_code(
        self, image: AuditImage, recipe: Recipe, source: Source, spec: Preprocessing
    ) -> np.ndarray:
        assert self._code is not None
        return self._code(image.data)


@pytest.fixture(scope="module")
def images() -> list[AuditImage]:
    return [AuditImage(name, awkward.awkward()[name]) for name in NAMES]


def marked(name: str) -> Any:
    needs = PLANTED[name].needs
    return pytest.param(name, marks=[getattr(pytest.mark, needs)] if needs else [])


def loaded(planted: Planted) -> None:
    if planted.needs == "torch":
        from zoodiff.torch_compat import import_torchvision

        import_torchvision()
    if planted.needs == "opencv":
        pytest.importorskip("cv2")


def compared(
    first: Preprocessing, second: Preprocessing, images: Sequence[AuditImage]
) -> Attribution:
    pair = comparable(first, second)
    assert pair is not None
    key = SpecPair(pair.first, pair.second, frozenset())
    return attributions([key], images, InProcess())[key]


def checked(
    code: Callable[[bytes], np.ndarray], spec: Preprocessing, images: Sequence[AuditImage]
) -> own_code.OwnCheck:
    recipe = Recipe("zoo", spec, "words", "file", "NHWC")
    source = Source(registry.find_zoo("timm").worker, "model", "weights")
    values = [BASE, *(planted.spec for planted in PLANTED.values())]
    return own_code.check(recipe, source, images, InProcess(code), values)


@pytest.mark.parametrize("name", map(marked, PLANTED))
def test_the_changed_step_is_named_and_nothing_else(name: str, images: list[AuditImage]) -> None:
    planted = PLANTED[name]
    loaded(planted)
    assert checked(planted.code, planted.spec, images).agrees
    assert checked(planted.base_code or planted_recipes.plain, planted.base, images).agrees
    for first, second in ((planted.base, planted.spec), (planted.spec, planted.base)):
        result = compared(first, second, images)
        assert [cause.steps for cause in result.causes] == [(planted.step,)]
        assert not result.same
        assert result.in_words_only == ()
        (cause,) = result.causes
        assert [find(code).code for code in cause.codes] == [CODES[planted.step]]  # type: ignore[index]
        if result.whole is not None:
            assert cause.alone == result.whole
            assert cause.left_percent == 0


@pytest.mark.torch
@pytest.mark.parametrize("name", map(marked, PLANTED))
def test_code_that_does_not_do_what_its_zoo_says_is_corrected_by_one_step(
    name: str, images: list[AuditImage]
) -> None:
    planted = PLANTED[name]
    loaded(planted)
    result = checked(planted.code, planted.base, images)
    assert not result.agrees
    assert result.correction is not None
    assert result.correction.step == planted.step
    assert explicit(result.correction.spec) == explicit(planted.spec)


@pytest.mark.torch
def test_code_of_another_kind_is_not_explained(images: list[AuditImage]) -> None:
    def flipped(data: bytes) -> np.ndarray:
        return planted_recipes.plain(data)[:, ::-1]

    result = checked(flipped, BASE, images)
    assert not result.agrees
    assert result.correction is None


def test_code_that_fails_for_an_image_leaves_it_out(images: list[AuditImage]) -> None:
    class Failing(InProcess):
        def by_own_code(self, image: AuditImage, *rest: Any) -> np.ndarray:
            if image.name == "30x31.png":
                raise ImageError("too small")
            return planted_recipes.plain(image.data)

    recipe = Recipe("zoo", BASE, "words", "file", "NHWC")
    source = Source(registry.find_zoo("timm").worker, "model", "weights")
    result = own_code.check(recipe, source, images, Failing())
    assert result.agrees
    assert result.failed == {"30x31.png": "too small"}
    assert result.images == len(images) - 1
    assert own_code.OwnCheck.from_dict(result.to_dict()) == result


def same_words() -> Mapping[str, tuple[Preprocessing, Preprocessing]]:
    """Pairs that differ in words, and not in pixels."""
    half = replace(BASE, mean=(0.5,) * 3, std=(0.5,) * 3)
    levels: dict[str, Any] = {
        "value_range": (0.0, 255.0),
        "mean": tuple(255 * value for value in planted_recipes.MEAN),
        "std": tuple(255 * value for value in planted_recipes.STD),
    }
    rounded = {**levels, "mean": (123.68, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
    squash = replace(BASE, resize_policy="squash", resize=None)
    central: Any = {"resize_policy": "central_fraction_then_squash", "crop_fraction": 1.0}
    return {
        "half": (half, replace(BASE, value_range=(-1.0, 1.0), mean=None, std=None)),
        "levels": (BASE, replace(BASE, **levels)),
        "rounded": (BASE, replace(BASE, **rounded)),
        "box": (AREA, replace(AREA, interpolation="box")),
        "default": (squash, replace(squash, resize=(32, 32))),
        "one": (replace(BASE, std=None), replace(BASE, std=(1.0,) * 3)),
        "whole": (squash, replace(squash, **central)),
        "antialias": (
            replace(BASE, interpolation="nearest", antialias=True),
            replace(BASE, interpolation="nearest"),
        ),
        "source": (BASE, replace(BASE, source="a page", layout="NHWC", published="partial")),
    }


@pytest.mark.parametrize("name", same_words())
def test_other_words_for_the_same_pixels_are_the_same(name: str, images: list[AuditImage]) -> None:
    result = compared(*same_words()[name], images)
    assert result.same
    assert result.causes == ()


def test_steps_in_words_only_are_told(images: list[AuditImage]) -> None:
    first, second = same_words()["whole"]
    assert compared(first, second, images).in_words_only == ("order of resize and crop",)


@pytest.mark.parametrize(
    ("one", "two"), combinations(["bicubic", "crop", "squash", "crop first", "BGR", "mean"], 2)
)
def test_two_changed_steps_are_both_named(one: str, two: str, images: list[AuditImage]) -> None:
    base, second = explicit(BASE), explicit(PLANTED[two].spec)
    steps = differing_steps(base, second)
    both = exchanged(explicit(PLANTED[one].spec), second, steps)
    result = compared(base, both, images)
    assert {step for cause in result.causes for step in cause.steps} == {
        PLANTED[one].step,
        PLANTED[two].step,
    }


def test_a_step_without_effect_beside_one_with_effect_is_not_named(
    images: list[AuditImage],
) -> None:
    first, second = same_words()["whole"]
    result = compared(first, replace(second, interpolation="bicubic"), images)
    assert [cause.steps for cause in result.causes] == [("interpolation",)]
    assert result.in_words_only == ("order of resize and crop",)


def test_what_one_recipe_does_not_state_is_not_compared(images: list[AuditImage]) -> None:
    silent = replace(
        BASE, library=None, interpolation=None, resize=None, resize_policy=None, std=(0.5,) * 3
    )
    pair = comparable(silent, replace(BASE, interpolation="bicubic"))
    assert pair is not None
    assert pair.unstated == ("library", "interpolation", "crop")
    result = compared(silent, replace(BASE, interpolation="bicubic"), images)
    assert [cause.steps for cause in result.causes] == [("std",)]


def test_numbers_inside_a_network_are_not_compared(images: list[AuditImage]) -> None:
    inside = replace(BASE, value_range=(0.0, 255.0), mean=None, std=None, inside_network=True)
    reversed_mean = replace(BASE, **planted_recipes.REVERSED)
    for other in (BASE, reversed_mean):
        pair = comparable(inside, other)
        assert pair is not None
        steps = differing_steps(*written_alike(pair.first, pair.second))
        assert steps == (("channel order",) if other is reversed_mean else ())


def test_exchanging_every_step_leads_from_any_recipe_to_any_other() -> None:
    specs = [explicit(p.spec) for p in PLANTED.values()] + [explicit(BASE), explicit(AREA)]
    for first, second in combinations(specs, 2):
        one, two = written_alike(first, second)
        assert exchanged(one, two, differing_steps(one, two)) == two


def test_results_are_read_as_they_were_written(images: list[AuditImage]) -> None:
    result = compared(BASE, PLANTED["bicubic"].spec, images)
    assert Attribution.from_dict(result.to_dict()) == result


def test_a_difference_is_the_same_from_both_sides(images: list[AuditImage]) -> None:
    ask = Ask(explicit(BASE), explicit(PLANTED["range"].spec), (1 / 58.4,) * 3)
    forth = InProcess().differences([ask], images)[ask]
    back = ask._replace(first=ask.second, second=ask.first)
    assert InProcess().differences([back], images)[back] == forth
