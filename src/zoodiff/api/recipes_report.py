"""What zoos publish for the names that they share, run on images and compared in pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.errors import UnknownNameError

if TYPE_CHECKING:
    from zoodiff.recipes.attribution import Attribution
    from zoodiff.recipes.audit import Audit, PairResult
    from zoodiff.recipes.findings import RecipeFinding
    from zoodiff.recipes.own_code import OwnCheck
    from zoodiff.recipes.published import Recipe
    from zoodiff.workers.limits import Limits
    from zoodiff.zoos.registry import Entry

__all__ = ["AuditedRecipe", "NameRecipes", "RecipePair", "RecipesReport", "audit_recipes"]

OwnCode = Literal["same", "other step", "other pixels", "not run", "words only"]
"""What the zoo's own code makes: the pixels of the catalogue's specification; those of it with one
other step; others. ``not run``: it failed on all images. ``words only``: the zoo has no code."""


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


@dataclass(frozen=True)
class RecipesReport:
    """The audit of all recipes."""

    zoos: tuple[str, ...]
    images: int
    names: tuple[NameRecipes, ...]
    findings: tuple[RecipeFinding, ...]
    """Recipes that are not what is stated of them."""
    failures: Mapping[str, str]
    """What could not be run, with the reason."""

    @property
    def different(self) -> bool:
        """Whether any two recipes of a name differ in pixels."""
        return any(not pair.attribution.same for name in self.names for pair in name.pairs)

    def exit_code(self, fail_on: str | None = None) -> int:
        """Return the exit code of the command: 1 for what ``fail_on`` names, 3 for failures."""
        if (fail_on == "different" and self.different) or (fail_on == "stated" and self.findings):
            return 1
        return 3 if self.failures else 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "zoos": list(self.zoos),
            "images": self.images,
            "names": [name.to_dict() for name in self.names],
            "findings": [asdict(finding) for finding in self.findings],
            "failures": dict(self.failures),
        }

    def to_csv(self) -> str:
        """Return a line per pair of recipes and cause, with values that no spreadsheet runs."""
        import csv
        import io

        from zoodiff.text import csv_cell

        header = (
            *("name", "first", "second", "first_entries", "second_entries", "same"),
            *("codes", "steps", "first_value", "second_value"),
            *("mean_levels", "p99_levels", "max_levels", "left_percent"),
            *("whole_mean_levels", "whole_p99_levels", "whole_max_levels", "unstated"),
        )
        lines = [line for name in self.names for pair in name.pairs for line in _lines(name, pair)]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([map(csv_cell, line) for line in (header, *lines)])
        return buffer.getvalue()


def _lines(name: NameRecipes, pair: RecipePair) -> list[list[object]]:
    first, second = name.recipes[pair.first], name.recipes[pair.second]
    same = "yes" if pair.attribution.same else "no"
    start = [
        *(name.name, first.letter, second.letter),
        *(" ".join(first.entries), " ".join(second.entries), same),
    ]
    end = [*_sizes(pair.attribution.whole), ", ".join(pair.unstated)]
    causes: list[list[object]] = [
        [
            *(" ".join(cause.codes), cause.name, cause.first, cause.second),
            *(*_sizes(cause.alone), cause.left_percent),
        ]
        for cause in pair.attribution.causes
    ]
    return [[*start, *cause, *end] for cause in causes or [[None] * 8]]


def _sizes(difference: Any) -> list[object]:
    if difference is None:
        return [None] * 3
    return [difference.mean_levels, difference.p99_levels, difference.max_levels]


def audit_recipes(
    names: Iterable[str] = (),
    *,
    zoos: Collection[str] | None = None,
    images: str | Path | None = None,
    jobs: int = 2,
    limits: Limits | None = None,
    step: Callable[[str, int, int], None] | None = None,
) -> RecipesReport:
    """Run the recipes that zoos publish for shared names, and compare them in pixels.

    Each zoo's own code is held against zoodiff's specification of the recipe, and each two recipes
    of a name against each other; steps are named if their exchange makes the difference vanish.
    ``names`` are names in any spelling of any zoo; without them, those that two or more of the zoos
    have. ``images`` is a folder of images, None for 45 awkward ones. Finished parts are cached, and
    a stopped audit goes on where it stopped. ``step`` is called with what is being done, the number
    done, and of how many. Raises UnknownNameError for an unknown name or zoo, UsageError for a
    folder without images.
    """
    from zoodiff.recipes.audit import audit
    from zoodiff.recipes.images import audit_images
    from zoodiff.recipes.options import AuditOptions
    from zoodiff.zoos import registry

    by_name = registry.by_architecture(list(zoos) if zoos else None)
    chosen = _chosen(list(names), by_name)
    pictures = audit_images(Path(images) if images is not None else None)
    shown = {} if step is None else {"step": step}
    options = AuditOptions(pictures, jobs, limits, **shown)
    result = audit({name: by_name[name] for name in chosen}, options)
    searched = sorted({entry.zoo.name for group in by_name.values() for entry in group})
    return RecipesReport(
        tuple(searched),
        len(pictures),
        tuple(_of_name(name, result) for name in chosen),
        tuple(_findings(result)),
        dict(result.failures),
    )


def _chosen(spelled: Sequence[str], by_name: Mapping[str, Sequence[Entry]]) -> list[str]:
    """Return the canonical names that spellings mean, or the shared ones."""
    from zoodiff.entry import did_you_mean
    from zoodiff.zoos.names.resolver import canonical_name

    if not spelled:
        return [
            name
            for name, entries in by_name.items()
            if len({entry.zoo.name for entry in entries}) > 1
        ]
    chosen: dict[str, None] = {}
    for spelling in spelled:
        name = spelling if spelling in by_name else canonical_name(spelling)
        if name is None or name not in by_name:
            hint = did_you_mean(spelling, by_name) or "; see zoodiff list"
            raise UnknownNameError(f'none of these zoos has a network "{spelling}"{hint}')
        chosen[name] = None
    return list(chosen)


def _findings(result: Audit) -> list[RecipeFinding]:
    from zoodiff.claims.recipes import recipe_claims
    from zoodiff.recipes.findings import claim_findings, own_code_findings

    entries: dict[Recipe, dict[str, None]] = {}
    for recipes in result.published.names.values():
        for recipe, members in recipes.items():
            entries.setdefault(recipe, {}).update(dict.fromkeys(members))
    published = {recipe: list(members) for recipe, members in entries.items()}
    return [
        *own_code_findings(published, result.checks),
        *claim_findings(published, result.checks, recipe_claims()),
    ]


def _of_name(name: str, result: Audit) -> NameRecipes:
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
    if check is not None and check.images:
        own = "same" if check.agrees else "other step" if check.correction else "other pixels"
    spec = recipe.spec
    needed = (spec.input_size, spec.library, spec.resize_policy, spec.interpolation)
    return AuditedRecipe(
        letter,
        recipe.zoo,
        recipe.processor,
        tuple(entries),
        spec.sentence(),
        None in needed,
        own,
        len(check.failed) if check is not None else 0,
    )


def _letter(place: int) -> str:
    """Return A to Z, then AA, AB, ..."""
    return (_letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)
