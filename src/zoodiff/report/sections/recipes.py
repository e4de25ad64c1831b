"""Format the audit of recipes: a row per name, with the sizes of differences in pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff.report.words import numbers
from zoodiff.report.words.numbers import Number
from zoodiff.rules.catalogue import find
from zoodiff.store.recipe_values import (
    RecipeCauseValues,
    RecipePairValues,
    RecipesValues,
    RecipeValues,
)
from zoodiff.study.result import AuditedName

_TWICE = {"slow", "fast"}


@dataclass(frozen=True)
class CodeCell:
    """A step in which recipes of a name differ."""

    code: str
    most: Number
    """The largest effect of this step alone, in levels; empty for another size of the input."""
    detail: str
    """The steps with both values, one per line."""


@dataclass(frozen=True)
class RecipesLine:
    """A formatted row."""

    name: str
    different: Number
    """Recipes that differ in pixels, of all."""
    zoos: str
    detail: str
    """The recipes with their letters, one per line."""
    mean: Number
    most: Number
    """Of the two recipes whose mean difference is the largest, and the largest of any two."""
    codes: tuple[CodeCell, ...]
    unlike: Number
    """Recipes whose zoo's code makes other pixels than are stated."""


@dataclass(frozen=True)
class CodeLine:
    """A kind of difference, over all names."""

    code: str
    rule: str
    names: int
    most: Number


@dataclass(frozen=True)
class RecipesPart:
    """The formatted audit."""

    lead: str
    lines: tuple[RecipesLine, ...]
    has_unlike: bool
    """Whether the code of any recipe makes other pixels than are stated."""
    codes: tuple[CodeLine, ...]
    """The commonest first."""
    findings: tuple[tuple[str, str], ...]
    """Code and sentence of recipes that are not as stated."""
    absent: tuple[str, ...]
    failures: tuple[str, ...]
    counts: tuple[str, ...]


def part(audited: Sequence[AuditedName]) -> RecipesPart:
    """Return the formatted audit of all names, the largest differences first."""
    lines = sorted(map(_line, audited), key=lambda line: (-(line.mean.sort or 0.0), line.name))
    findings = {
        (finding.code, finding.sentence): None
        for name in audited
        for finding in name.values.findings
    }
    absent = {what: why for name in audited for what, why in name.values.absent.items()}
    failed = {what: why for name in audited for what, why in name.values.failures.items()}
    return RecipesPart(
        lead=_lead(audited),
        lines=tuple(lines),
        has_unlike=any(line.unlike.text for line in lines),
        codes=_codes(lines),
        findings=tuple(findings),
        absent=tuple(f"{what}: {why}" for what, why in sorted(absent.items())),
        failures=tuple(f"{what}: {why}" for what, why in sorted(failed.items())),
        counts=_counts(audited),
    )


def largest(audited: Iterable[AuditedName]) -> tuple[float, str] | None:
    """Return the largest mean difference of two recipes of a name, and the name; None without."""
    sizes = [
        (pair.whole.mean_levels, name.name)
        for name in audited
        for pair in _sized(name.values)
        if pair.whole is not None
    ]
    return max(sizes, default=None)


def _lead(audited: Sequence[AuditedName]) -> str:
    images = max((name.values.images for name in audited), default=0)
    return (
        "The preprocessings that zoos publish for a name were run on "
        f"{numbers.plural(images, 'image')} by the zoos' own code, and compared pixel by pixel. "
        "Sizes are in levels of a pixel, of 0 to 255; beside a code is the largest effect of that "
        "step alone. What a zoo does not state is not compared."
    )


def _line(audited: AuditedName) -> RecipesLine:
    values = audited.values
    sized = [pair.whole for pair in _sized(values) if pair.whole is not None]
    shapes = any(pair.whole is None for pair in values.pairs)
    mean = max((whole.mean_levels for whole in sized), default=None)
    most = max((whole.max_levels for whole in sized), default=None)
    unlike = [r for r in values.recipes if r.own_code in ("other step", "other pixels")]
    return RecipesLine(
        name=audited.name,
        different=Number(different_words(values), sort=float(values.different)),
        zoos=_zoos(values.recipes),
        detail="\n".join(map(_recipe_words, values.recipes)),
        mean=_levels(mean, shapes=shapes),
        most=_levels(most, shapes=shapes),
        codes=_cells(values),
        unlike=Number(str(len(unlike) or ""), sort=float(len(unlike))),
    )


def different_words(values: RecipesValues) -> str:
    """Return how many of a name's recipes differ in pixels, ``5 of 6``; a dash without recipes."""
    return f"{values.different} of {len(values.recipes)}" if values.recipes else "-"


def _sized(values: RecipesValues) -> list[RecipePairValues]:
    return [pair for pair in values.pairs if pair.whole is not None and not pair.same]


def _levels(value: float | None, *, shapes: bool) -> Number:
    """Return a size in levels; a word where only inputs of other shapes differ."""
    if value is None:
        return Number("other size" if shapes else "", sort=None)
    return Number(numbers.significant(value, 2 if value < 100 else 3), f"{value:.4g}", value)


def _zoos(recipes: Sequence[RecipeValues]) -> str:
    counts = Counter(recipe.zoo for recipe in recipes)
    return ", ".join(f"{zoo} {count}" if count > 1 else zoo for zoo, count in counts.items())


def _recipe_words(recipe: RecipeValues) -> str:
    who = f"{recipe.zoo} {recipe.processor}".strip()
    entries = recipe.entries[0] + (
        f" and {len(recipe.entries) - 1} more" if len(recipe.entries) > 1 else ""
    )
    left_open = " (leaves steps open)" if recipe.partial else ""
    return f"{recipe.letter} {who} ({entries}): {recipe.sentence}{left_open}"


def _cells(values: RecipesValues) -> tuple[CodeCell, ...]:
    causes: dict[str, list[RecipeCauseValues]] = {}
    for pair in values.pairs:
        for cause in pair.causes:
            for code in cause.codes:
                causes.setdefault(code, []).append(cause)
    return tuple(_cell(code, causes[code]) for code in sorted(causes))


def _cell(code: str, causes: Sequence[RecipeCauseValues]) -> CodeCell:
    sizes = [cause.alone.max_levels for cause in causes if cause.alone is not None]
    steps = dict.fromkeys(f"{cause.step}: {cause.first} | {cause.second}" for cause in causes)
    return CodeCell(code, _levels(max(sizes, default=None), shapes=False), "\n".join(steps))


def _codes(lines: Sequence[RecipesLine]) -> tuple[CodeLine, ...]:
    names: Counter[str] = Counter()
    most: dict[str, Number] = {}
    for line in lines:
        for cell in line.codes:
            names[cell.code] += 1
            known = most.get(cell.code)
            if known is None or (cell.most.sort or 0.0) > (known.sort or 0.0):
                most[cell.code] = cell.most
    return tuple(
        CodeLine(code, find(code).name, count, most[code])
        for code, count in sorted(names.items(), key=lambda item: (-item[1], item[0]))
    )


def _counts(audited: Sequence[AuditedName]) -> tuple[str, ...]:
    recipes = [recipe for name in audited for recipe in name.values.recipes]
    own = Counter(recipe.own_code for recipe in recipes)
    run = len(recipes) - own["words only"] - own["not run"]
    pairs = [pair for name in audited for pair in name.values.pairs]
    named = sum(bool(pair.causes) for pair in pairs if not pair.same)
    different = sum(not pair.same for pair in pairs)
    more = f", {own['code only']:,} with steps that nobody states" if own["code only"] else ""
    sentences = [
        f"{numbers.plural(len(audited), 'name')} with {numbers.plural(len(recipes), 'recipe')}, of "
        f"which {run:,} were run by their zoo's own code: {own['same']:,} as stated{more}.",
        f"Of {numbers.plural(different, 'difference')} between two recipes, {named:,} "
        f"{'has' if named == 1 else 'have'} a named step.",
    ]
    processors = {recipe.processor for recipe in recipes}
    if processors >= _TWICE:
        sentences.append(
            "slow and fast are the two image processors that transformers has for one checkpoint."
        )
    return tuple(sentences)
