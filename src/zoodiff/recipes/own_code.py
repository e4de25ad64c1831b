"""A zoo's own code against zoodiff's specification of the same recipe, image by image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

from zoodiff.errors import ImageError
from zoodiff.preprocessing.completed import CROP, completed
from zoodiff.preprocessing.conventions import NORMALISATIONS
from zoodiff.preprocessing.spec import Interpolation, Preprocessing
from zoodiff.recipes.difference import Accumulator, Difference, unit_of
from zoodiff.recipes.images import AuditImage
from zoodiff.recipes.published import Recipe, Source
from zoodiff.recipes.rendering import Renderer
from zoodiff.recipes.steps import (
    STEPS,
    Step,
    can_run,
    differing_steps,
    exchanged,
    explicit,
    words,
    written_alike,
)

_TRIED_ON = 6
"""Images on which another value of a step is tried, before it is tried on all."""


@dataclass(frozen=True)
class Correction:
    """A step that the specification states otherwise than the zoo's code does it."""

    step: Step
    stated: str
    done: str
    spec: Preprocessing
    """The specification with this step exchanged, whose pixels are those of the code."""


@dataclass(frozen=True)
class OwnCheck:
    """What the comparison of a zoo's own code with the specification gave."""

    images: int
    """Images that both can prepare."""
    difference: Difference | None
    """Of the code and the specification; None if shapes differ, or no image could be prepared."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Images that only one of the two can prepare, with the reason."""
    correction: Correction | None = None

    @property
    def agrees(self) -> bool:
        """Whether the specification gives the pixels of the code."""
        return self.difference is not None and self.difference.same

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> OwnCheck:
        """Read what ``to_dict`` wrote."""
        correction = raw["correction"]
        difference = raw["difference"]
        if correction is not None:
            spec = Preprocessing.from_dict(correction["spec"])
            correction = Correction(**{**correction, "spec": spec})
        return cls(
            raw["images"],
            Difference.from_dict(difference) if difference else None,
            raw["failed"],
            correction,
        )


def check(
    recipe: Recipe,
    source: Source,
    images: Sequence[AuditImage],
    renderer: Renderer,
    values: Sequence[Preprocessing] = (),
) -> OwnCheck:
    """Compare the zoo's own code with the specification.

    If they differ, each step is tried with the values of ``values``, the other recipes of the
    audit, and of the usual conventions; a step is a correction if it alone gives the pixels of the
    code.
    """
    spec = complete(recipe.spec)
    result = _compared(recipe, source, images, renderer, spec, spec)
    if result.agrees or not result.images:
        return result
    for step, candidate in _candidates(spec, values):
        few = _compared(recipe, source, images[:_TRIED_ON], renderer, candidate, spec)
        if few.agrees and _compared(recipe, source, images, renderer, candidate, spec).agrees:
            stated, done = written_alike(spec, candidate)
            corrected = Correction(step, words(stated, step), words(done, step), candidate)
            return replace(result, correction=corrected)
    return result


def complete(spec: Preprocessing) -> Preprocessing:
    """Return a recipe with every step stated, by the usual values where the zoo states none."""
    return explicit(completed(spec, spec.input_size or (224, 224))[0])


def _compared(
    recipe: Recipe,
    source: Source,
    images: Sequence[AuditImage],
    renderer: Renderer,
    spec: Preprocessing,
    stated: Preprocessing,
) -> OwnCheck:
    total, failed, count = Accumulator(unit_of(stated, spec)), dict[str, str](), 0
    for image in images:
        ours = renderer.by_specification(image, [spec]).get(spec)
        try:
            own = renderer.by_own_code(image, recipe, source, spec)
        except ImageError as error:
            if ours is not None:
                failed[image.name] = str(error)
            continue
        if ours is None:
            failed[image.name] = "the specification cannot prepare it"
            continue
        total.add(own, ours)
        count += 1
    return OwnCheck(count, total.result(), failed)


def _candidates(
    spec: Preprocessing, values: Sequence[Preprocessing]
) -> Iterator[tuple[Step, Preprocessing]]:
    """Yield the recipe with one step changed, each once."""
    sources = [*(complete(value) for value in values), *_conventions(spec)]
    seen = {spec}
    for step in STEPS:
        for source in sources:
            first, second = written_alike(spec, source)
            if step not in differing_steps(first, second):
                continue
            candidate = exchanged(first, second, (step,))
            if candidate not in seen and can_run(candidate):
                seen.add(candidate)
                yield step, candidate


def _conventions(spec: Preprocessing) -> Iterator[Preprocessing]:
    """Yield recipes with other values of single steps than any zoo may have stated."""
    assert spec.input_size is not None
    short = {"resize": round(min(spec.input_size) / CROP), "crop_fraction": None}
    whole = {"resize": spec.input_size, "crop_fraction": None}
    share = {"resize": None, "crop_fraction": CROP}
    changes: list[dict[str, Any]] = [
        *({"interpolation": value} for value in get_args(Interpolation)),
        *({name: not getattr(spec, name)} for name in ("antialias", "rounded", "exif")),
        *({"channel_order": value} for value in ("RGB", "BGR", "grey")),
        {"resize_policy": "short_side", **short},
        {"resize_policy": "squash", **whole},
        {"resize_policy": "central_square", **share},
        {"resize_policy": "central_fraction_then_squash", **share},
    ]
    for numbers in NORMALISATIONS.values():
        values: dict[str, Any] = {key: numbers[key] for key in ("value_range", "mean", "std")}
        if spec.channel_order == "BGR":
            values |= {key: values[key] and values[key][::-1] for key in ("mean", "std")}
        changes.append(values)
    for change in changes:
        yield explicit(replace(spec, **change))
