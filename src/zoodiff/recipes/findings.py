"""Findings of the audit, each a rule's code and a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zoodiff.claims.recipes import RecipeClaim
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes.attribution import Cause
from zoodiff.recipes.claimed import keys_of
from zoodiff.recipes.difference import Difference
from zoodiff.recipes.own_code import OwnCheck
from zoodiff.recipes.published import Recipe
from zoodiff.rules.catalogue import find

_NOT_AS_STATED = "PRE112"
_DIGITS = 5e-5
"""Numbers are printed with at least four digits."""


@dataclass(frozen=True)
class RecipeFinding:
    """A recipe that is not what is said of it."""

    code: str
    entries: tuple[str, ...]
    """References of the weights that have this recipe."""
    sentence: str

    @property
    def line(self) -> str:
        """Code, name of the rule and sentence, as they are printed."""
        return f"{self.code}  {find(self.code).name}  {self.sentence}"


def levels(difference: Difference | None) -> str:
    """Return the size of a difference in words.

    >>> levels(Difference(45, 33.0, 1.597, 8.125))
    'mean 1.6, 99 % 8.1, at most 33 levels'
    """
    if difference is None:
        return "inputs of other shapes"
    mean, p99, most = difference.mean_levels, difference.p99_levels, difference.max_levels
    return f"mean {mean:.2g}, 99 % {p99:.2g}, at most {most:.3g} levels"


def line_of(cause: Cause) -> str:
    """Return a cause as one line: codes, steps, both values, and the size of its effect."""
    return (
        f"{', '.join(cause.codes)}  {cause.name}  {cause.first} | {cause.second}: "
        f"{levels(cause.alone)}"
    )


def own_code_findings(
    published: Mapping[Recipe, Sequence[str]], checks: Mapping[Recipe, OwnCheck]
) -> list[RecipeFinding]:
    """Return the recipes whose zoo's code does something else than the catalogue states."""
    findings = []
    for recipe, entries in published.items():
        result = checks.get(recipe)
        if result is None or result.agrees or not result.images:
            continue
        who = _who(entries, recipe)
        size = levels(result.difference)
        if result.correction is None:
            said = f"{who}: its code makes other pixels than the catalogue states ({size}); "
            sentence = said + "no single step explains them, so no cause is named"
        else:
            step, stated, done = (
                result.correction.step,
                result.correction.stated,
                result.correction.done,
            )
            sentence = f"{who}: {step} is stated as {stated}, its code does {done} ({size})"
        findings.append(RecipeFinding(_NOT_AS_STATED, tuple(entries), sentence))
    return findings


def claim_findings(
    published: Mapping[Recipe, Sequence[str]],
    checks: Mapping[Recipe, OwnCheck],
    claims: Iterable[RecipeClaim],
) -> list[RecipeFinding]:
    """Return collected recipes whose words are not what the installed package does.

    Only recipes whose specification gives the pixels of the code count, and only words that say a
    number, a size or a kernel.
    """
    audited = {
        (entry, recipe.processor): recipe
        for recipe, entries in published.items()
        if recipe in checks and checks[recipe].agrees
        for entry in entries
    }
    findings = []
    for claim in claims:
        for entry, processor in keys_of(claim):
            recipe = audited.get((entry, processor))
            if recipe is None:
                continue
            who = _who([entry], recipe)
            for what, stated, done in _disagreements(claim, recipe.spec):
                sentence = f"{who}: {what} is collected as {stated}, the installed code does {done}"
                findings.append(RecipeFinding(_NOT_AS_STATED, (entry,), sentence))
    return findings


def _disagreements(claim: RecipeClaim, spec: Preprocessing) -> list[tuple[str, str, str]]:
    compared: list[tuple[str, object, object]] = []
    size, resize = _extents(claim.input_size), _extents(claim.resize_size)
    if size is not None and spec.input_size is not None:
        compared.append(("input size", size[-2:], spec.input_size))
    if resize is not None and spec.resize is not None:
        done = spec.resize if isinstance(spec.resize, tuple) else (spec.resize,)
        if len(set(done)) == len(set(resize)) == 1:
            done, resize = done[:1], resize[:1]
        compared.append(("resize", resize, done))
    kernel = (claim.interpolation or "").split()[:1]
    if kernel and spec.interpolation is not None:
        compared.append(("interpolation", kernel[0], spec.interpolation))
    for name, text, values in (("mean", claim.mean, spec.mean), ("std", claim.std, spec.std)):
        stated = _numbers(text)
        if stated is None or values is None:
            continue
        if any(abs(a - b) > _DIGITS for a, b in zip(stated, values, strict=True)):
            compared.append((name, stated, values))
    return [(what, _text(stated), _text(done)) for what, stated, done in compared if stated != done]


def _who(entries: Sequence[str], recipe: Recipe) -> str:
    more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    processor = f" ({recipe.processor})" if recipe.processor else ""
    return f"{entries[0]}{processor}{more}"


def _extents(text: str | None) -> tuple[int, ...] | None:
    parts = (text or "").split("x")
    return tuple(map(int, parts)) if all(part.isdigit() for part in parts) else None


def _numbers(text: str | None) -> tuple[float, ...] | None:
    try:
        values = tuple(float(part) for part in (text or "").split())
    except ValueError:
        return None
    return values if len(values) == 3 else None


def _text(value: object) -> str:
    if isinstance(value, tuple):
        between = "x" if all(isinstance(part, int) for part in value) else " "
        return between.join(f"{part:g}" for part in value)
    return str(value)
