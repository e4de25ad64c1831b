"""The audit of recipes as tables of 80 columns: all names, or the recipes of some names."""

from __future__ import annotations

import textwrap
from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.recipes_report import AuditedRecipe, NameRecipes, RecipePair, RecipesReport

_NAME, _ZOOS, _CODES, _RECIPE, _STEP = 22, 20, 16, 38, 30
"""Widths of the columns that are wrapped."""
_NONE = "-"
_LINE = 80
_LISTED = 10
"""Findings that are printed of an audit of all names."""


def print_recipes(report: RecipesReport, *, every_recipe: bool) -> None:
    """Print all names in one table, or with ``every_recipe`` the recipes and pairs of each."""
    if every_recipe:
        for name in report.names:
            _print_name(name)
    else:
        _print_names(report)
    for line in textwrap.wrap(_summary(report), _LINE):
        print_line(line)
    if any(recipe.partial for name in report.names for recipe in name.recipes):
        print_line("* leaves steps open, which are taken from the other recipe, not compared.")
    shown = report.findings if every_recipe else report.findings[:_LISTED]
    for finding in shown:
        print_line(finding.line)
    if len(shown) < len(report.findings):
        print_line(f"{len(report.findings) - len(shown)} more findings: --json has them all.")
    for line in _absent_lines(report, every=every_recipe):
        print_line(line)
    if not every_recipe:
        print_line("zoodiff audit-recipes NAME prints each recipe and step of a name.")


def _absent_lines(report: RecipesReport, *, every: bool) -> list[str]:
    """Return sentences about recipes that are not on this machine, or one about all of them."""
    lines = [f"{what}: {reason}." for what, reason in report.absent.items()]
    if every or len(lines) < 2:
        return lines
    return textwrap.wrap(
        f"The recipes of {len(lines)} weights are not on this machine, and --json lists what gets "
        f"them; {lines[0]}",
        _LINE,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _print_names(report: RecipesReport) -> None:
    rows = []
    for name in report.names:
        counts = Counter(recipe.zoo for recipe in name.recipes)
        zoos = ", ".join(f"{zoo} {count}" for zoo, count in sorted(counts.items()))
        different = str(name.different) if name.recipes else _NONE
        first = [different, str(len(name.recipes)) if name.recipes else _NONE]
        columns = (
            textwrap.wrap(name.name, _NAME) or [""],
            textwrap.wrap(zoos, _ZOOS),
            textwrap.wrap(" ".join(code[3:] for code in name.codes), _CODES),
        )
        for number, (title, zoo, codes) in enumerate(zip_longest(*columns, fillvalue="")):
            rows.append([title, *(first if number == 0 else ["", ""]), zoo, codes])
    print_table(["name", ("different", "right"), ("of", "right"), "recipes by zoo", "PRE..."], rows)


def _print_name(name: NameRecipes) -> None:
    print_line(f"{name.name}: {_counts(name)}")
    if not name.recipes:
        return
    rows = []
    for recipe in name.recipes:
        letter = recipe.letter + ("*" if recipe.partial else "")
        words = textwrap.wrap(recipe.sentence, _RECIPE)
        who = [
            f"{recipe.zoo} ({len(recipe.entries)})",
            *([recipe.processor] * bool(recipe.processor)),
        ]
        for number, (line, zoo) in enumerate(zip_longest(words, who, fillvalue="")):
            rows.append(
                [letter, line, zoo, recipe.own_code] if number == 0 else ["", line, zoo, ""]
            )
    print_table(["", "recipe", "zoo (weights)", "own code"], rows)
    pairs = _shown_pairs(name)
    if pairs:
        first = name.recipes[0].letter
        rows = [row for pair, letter in pairs for row in _pair_rows(pair, letter)]
        print_table(
            [
                "",
                f"differs from {first} by",
                *((title, "right") for title in ("mean", "99 %", "most", "left")),
            ],
            rows,
        )


def _shown_pairs(name: NameRecipes) -> list[tuple[RecipePair, str]]:
    """Return the pairs of the first recipe with the first recipe of every other letter."""
    shown: dict[str, RecipePair] = {}
    for pair in name.pairs:
        if 0 in (pair.first, pair.second):
            recipe = name.recipes[pair.second if pair.first == 0 else pair.first]
            if recipe.letter != name.recipes[0].letter:
                shown.setdefault(recipe.letter + ("*" if recipe.partial else ""), pair)
    return [(pair, letter) for letter, pair in shown.items()]


def _pair_rows(pair: RecipePair, letter: str) -> list[list[str]]:
    attribution = pair.attribution
    whole = attribution.whole
    if attribution.same:
        return [[letter, "nothing that both state", *[""] * 4]]
    sizes = [f"{value:.3g}" for value in _sizes(whole)] if whole else ["other", "shapes", ""]
    rows = [[letter, "all steps" if pair.explained else "no step named", *sizes, ""]]
    for cause in attribution.causes:
        alone = [f"{value:.3g}" for value in _sizes(cause.alone)] if cause.alone else ["", "", ""]
        left = _NONE if cause.left_percent is None else f"{cause.left_percent:.0f} %"
        values = (cause.second, cause.first) if pair.first == 0 else (cause.first, cause.second)
        codes = " ".join(cause.codes)
        lines = [
            *textwrap.wrap(f"{codes} {cause.name}", _STEP),
            *textwrap.wrap(
                f"{values[0]}, not {values[1]}", _STEP, initial_indent="  ", subsequent_indent="  "
            ),
        ]
        rows.append(["", lines[0], *alone, left])
        rows += [["", line, *[""] * 4] for line in lines[1:]]
    return rows


def _sizes(difference: object) -> tuple[float, float, float]:
    mean, p99, most = (
        getattr(difference, field) for field in ("mean_levels", "p99_levels", "max_levels")
    )
    return mean, p99, most


def _counts(name: NameRecipes) -> str:
    if not name.recipes:
        return f"no recipe is published with its {name.unpublished} weights"
    text = f"{_number(len(name.recipes), 'recipe')}, {name.different} different in pixels"
    silent = f"; {name.unpublished} weights publish none" if name.unpublished else ""
    return text + silent


def _summary(report: RecipesReport) -> str:
    recipes: list[AuditedRecipe] = [r for name in report.names for r in name.recipes]
    pairs = [pair for name in report.names for pair in name.pairs]
    same = sum(pair.attribution.same for pair in pairs)
    own = Counter(recipe.own_code for recipe in recipes)
    run = len(recipes) - own["words only"] - own["not run"]
    return (
        f"{_number(len(report.names), 'name')}, {_number(len(recipes), 'recipe')} of "
        f"{_number(len(report.zoos), 'zoo')} on {_number(report.images, 'image')}; {run} by the "
        f"zoo's own code, {own['same']} of them as specified. {_number(len(pairs), 'pair')}, "
        f"{same} the same. Differences in levels of 0 to 255; left: mean that is left when only "
        "this step is exchanged."
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
