"""The recipes of each name, with a letter per recipe that differs in pixels, of an audit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoodiff.claims.recipes import recipe_claims
from zoodiff.recipes import cache
from zoodiff.recipes.attribution import Attribution
from zoodiff.recipes.audit import Audit, PairResult
from zoodiff.recipes.claimed import of_installed
from zoodiff.recipes.findings import RecipeFinding, claim_findings, own_code_findings
from zoodiff.recipes.own_code import OwnCheck
from zoodiff.recipes.published import Recipe

OwnCode = Literal["same", "other step", "other pixels", "not run", "words only", "code only"]
"""What the zoo's own code makes: the pixels of the catalogue's specification; those of it with one
other step; others. ``not run``: it failed on all images. ``words only``: the zoo has no code.
``code only``: no specification says what the code does."""


@dataclass(frozen=True)
class AuditedRecipe:
    """A distinct recipe of one zoo under a name."""

    letter: str
    """The same letter means the same pixels; A is that of the most weights."""
    zoo: str
    processor: str
    entries: tuple[str, ...]
    """References of the weights that publish it."""
    sentence: str
    partial: bool
    """Whether the zoo leaves a step open; such steps are not compared."""
    own_code: OwnCode
    failed_images: int
    """Images that the zoo's code or the specification cannot prepare."""


@dataclass(frozen=True)
class RecipePair:
    """Two recipes of a name, by their places in its list."""

    first: int
    second: int
    attribution: Attribution
    unstated: tuple[str, ...]
    """Steps that one of them does not state, which are not compared."""
    explained: bool
    """Whether causes were searched; not if the specification misses a zoo's code."""


@dataclass(frozen=True)
class NameRecipes:
    """The recipes of all weights under a name."""

    name: str
    recipes: tuple[AuditedRecipe, ...]
    pairs: tuple[RecipePair, ...]
    unpublished: int
    """Number of weights without any published preprocessing."""

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of recipes that differ in pixels, in order."""
        return tuple(dict.fromkeys(recipe.letter for recipe in self.recipes))

    @property
    def different(self) -> int:
        """The number of recipes that differ in pixels, in what they state; partial ones that agree
        with the first are not counted again."""
        agree = {
            self.recipes[place].letter
            for pair in self.pairs
            if 0 in (pair.first, pair.second) and pair.attribution.same
            for place in (pair.first, pair.second)
        }
        return len([letter for letter in self.letters[1:] if letter not in agree]) + bool(
            self.recipes
        )

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all steps in which recipes differ, sorted."""
        codes = {
            code for pair in self.pairs for cause in pair.attribution.causes for code in cause.codes
        }
        return tuple(sorted(codes))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        pairs = [
            {
                "first": pair.first,
                "second": pair.second,
                "same": pair.attribution.same,
                **pair.attribution.to_dict(),
                "unstated": list(pair.unstated),
                "explained": pair.explained,
            }
            for pair in self.pairs
        ]
        return {
            "name": self.name,
            "recipes": [asdict(recipe) for recipe in self.recipes],
            "pairs": pairs,
            "unpublished": self.unpublished,
        }


def findings_of(result: Audit, names: Collection[str] | None = None) -> list[RecipeFinding]:
    """Return the recipes that are not what is stated of them, of some names or of all."""
    entries: dict[Recipe, dict[str, None]] = {}
    by_name = result.published.names
    for recipes in (by_name[name] for name in (by_name if names is None else names)):
        for recipe, members in recipes.items():
            entries.setdefault(recipe, {}).update(dict.fromkeys(members))
    published = {recipe: list(members) for recipe, members in entries.items()}
    workers = {source.worker for source in result.published.sources.values()}
    claims = of_installed(recipe_claims(), cache.versions_of(workers))
    return [
        *own_code_findings(published, result.checks),
        *claim_findings(published, result.checks, claims),
    ]


def of_name(name: str, result: Audit) -> NameRecipes:
    """Return the recipes of one name of an audit."""
    recipes = result.published.names[name]
    groups = _groups(list(recipes), result.pairs)
    weights: dict[int, int] = {}
    for recipe, members in recipes.items():
        weights[groups[recipe]] = weights.get(groups[recipe], 0) + len(members)
    order = sorted(weights, key=lambda group: -weights[group])
    ordered = sorted(recipes, key=lambda recipe: order.index(groups[recipe]))
    places = {recipe: place for place, recipe in enumerate(ordered)}
    audited = [
        _audited(
            recipe, _letter(order.index(groups[recipe])), recipes[recipe], result.checks.get(recipe)
        )
        for recipe in ordered
    ]
    pairs = [
        RecipePair(places[a], places[b], pair.attribution, pair.unstated, pair.explained)
        for (a, b), pair in result.pairs.items()
        if a in places and b in places
    ]
    pairs.sort(key=lambda pair: sorted((pair.first, pair.second)))
    return NameRecipes(name, tuple(audited), tuple(pairs), result.published.unpublished[name])


def _groups(
    recipes: Sequence[Recipe], pairs: Mapping[tuple[Recipe, Recipe], PairResult]
) -> dict[Recipe, int]:
    """Return the group of each recipe; those of equal pixels that state the same share one."""
    groups = {recipe: number for number, recipe in enumerate(recipes)}
    for (first, second), pair in pairs.items():
        if first in groups and second in groups and pair.attribution.same and not pair.unstated:
            old, new = groups[second], groups[first]
            groups = {r: new if group == old else group for r, group in groups.items()}
    return groups


def _audited(
    recipe: Recipe, letter: str, entries: Sequence[str], check: OwnCheck | None
) -> AuditedRecipe:
    own: OwnCode = "words only" if not recipe.has_code else "not run"
    if not recipe.is_specified:
        own = "code only"
    elif check is not None and check.images:
        own = "same" if check.agrees else "other step" if check.correction else "other pixels"
    spec = recipe.spec
    needed = (spec.input_size, spec.library, spec.resize_policy, spec.interpolation)
    return AuditedRecipe(
        letter,
        recipe.zoo,
        recipe.processor,
        tuple(entries),
        spec.sentence(),
        recipe.is_specified and None in needed,
        own,
        len(check.failed) if check is not None else 0,
    )


def _letter(place: int) -> str:
    """Return A to Z, then AA, AB, ..."""
    return (_letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)
