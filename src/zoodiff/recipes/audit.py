"""The audit: every published recipe of shared names against its zoo's code and against the others.

Each distinct recipe runs once per zoo, each pair of distinct recipes once for all names. Results
are cached as they are made, so that a stopped audit goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import ZoodiffError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes import cache, own_code
from zoodiff.recipes.attribution import Attribution
from zoodiff.recipes.difference import Accumulator, unit_of
from zoodiff.recipes.options import AuditOptions
from zoodiff.recipes.own_code import OwnCheck
from zoodiff.recipes.pairs import SpecPair, compare_all
from zoodiff.recipes.parallel import Counter, chunks, in_threads, turned
from zoodiff.recipes.published import Published, Recipe, collect
from zoodiff.recipes.rendering import Renderer
from zoodiff.recipes.unstated import Comparable, comparable
from zoodiff.zoos.decoding import decoding
from zoodiff.zoos.registry import Entry

_AT_ONCE = 24
"""Recipes of one zoo for which a thread starts its workers."""


@dataclass(frozen=True)
class PairResult:
    """Two recipes of a name, compared in what both state."""

    attribution: Attribution
    unstated: tuple[str, ...] = ()
    explained: bool = True
    """Whether causes were searched; not if the specification misses the code of one of them."""


@dataclass(frozen=True)
class Audit:
    """All results."""

    published: Published
    checks: Mapping[Recipe, OwnCheck]
    """Of the recipes whose zoo has code, and of which a specification says what it does."""
    pairs: Mapping[tuple[Recipe, Recipe], PairResult]
    """By both recipes in the order in which their name has them."""
    failures: Mapping[str, str]
    """What could not be run, with the reason."""


def audit(by_name: Mapping[str, Sequence[Entry]], options: AuditOptions) -> Audit:
    """Run and compare all recipes of the entries under each name."""
    published = collect(by_name, options.limits)
    failures = dict(published.failures)
    checks = _checks(published, options, failures)
    pairs = _pairs(published, checks, options, failures)
    cache.prune()
    return Audit(published, checks, pairs, failures)


def _checks(
    published: Published, options: AuditOptions, failures: dict[str, str]
) -> dict[Recipe, OwnCheck]:
    """Hold each recipe's code against the specification."""
    specified = [recipe for recipe in published.sources if recipe.is_specified]
    recipes = [recipe for recipe in specified if recipe.has_code]
    values = list(dict.fromkeys(recipe.spec for recipe in specified))
    keys = {recipe: _key(recipe, published, options.images_hash) for recipe in recipes}
    stored = {recipe: cache.load(key) if key else None for recipe, key in keys.items()}
    checks = {recipe: OwnCheck.from_dict(raw) for recipe, raw in stored.items() if raw}
    count = Counter("recipes", len(checks), len(recipes), options.step)

    def work(part: Sequence[Recipe]) -> None:
        with WorkerPool(options.limits) as pool:
            renderer = Renderer(pool)
            for recipe in part:
                key = keys[recipe]
                known = cache.load(key) if key else None  # of another audit at the same time
                if known is not None:
                    checks[recipe] = OwnCheck.from_dict(known)
                    count.advance()
                    continue
                try:
                    source = published.sources[recipe]
                    result = own_code.check(recipe, source, options.images, renderer, values)
                except ZoodiffError as error:
                    failures.setdefault(recipe.zoo, str(error))
                else:
                    checks[recipe] = result
                    if key:
                        cache.save(key, result.to_dict())
                count.advance()

    by_zoo: dict[object, list[Recipe]] = {}
    for recipe in recipes:
        if recipe not in checks:
            by_zoo.setdefault(recipe.zoo, []).append(recipe)
    in_threads(work, turned(chunks(by_zoo, _AT_ONCE), options.begin_at), options.jobs)
    return checks


def _key(recipe: Recipe, published: Published, images_hash: str) -> cache.Key | None:
    """Return the key of a check; None for a zoo of a third party, whose code may lie anywhere."""
    worker = published.sources[recipe].worker
    if not worker.backend.startswith("zoodiff."):
        return None
    library = own_code.complete(recipe.spec).library
    assert library is not None
    return {
        "kind": "own code",
        "zoo": recipe.zoo,
        "words": recipe.words,
        "processor": recipe.processor,
        "spec": recipe.spec.to_dict(),
        "versions": cache.versions_of([worker, decoding([library])]),
        "images": images_hash,
        "code": cache.code(),
    }


def _pairs(
    published: Published,
    checks: Mapping[Recipe, OwnCheck],
    options: AuditOptions,
    failures: dict[str, str],
) -> dict[tuple[Recipe, Recipe], PairResult]:
    """Compare each two recipes of a name."""
    wanted: dict[tuple[Recipe, Recipe], tuple[Comparable, SpecPair]] = {}
    for name, recipes in published.names.items():
        for first, second in combinations(recipes, 2):
            pair = comparable(_effective(first, checks), _effective(second, checks))
            if pair is None:
                failures[f"{name}: {first.zoo} and {second.zoo}"] = (
                    "no library can run both recipes, one of which leaves its library open"
                )
                continue
            left_out = {name for r in (first, second) if r in checks for name in checks[r].failed}
            wanted[first, second] = (pair, SpecPair(pair.first, pair.second, frozenset(left_out)))
    unexplained = {both for both in wanted if any(_is_unexplained(r, checks) for r in both)}
    specs = [pair for both, (_, pair) in wanted.items() if both not in unexplained]
    compared = compare_all(list(dict.fromkeys(specs)), options, failures)
    results: dict[tuple[Recipe, Recipe], PairResult] = {}
    for both, (pair, key) in wanted.items():
        if both in unexplained:
            whole = _by_own_code(published, both, pair, options)
            results[both] = PairResult(whole, pair.unstated, explained=False)
        elif key in compared:
            results[both] = PairResult(compared[key], pair.unstated)
    return results


def _effective(recipe: Recipe, checks: Mapping[Recipe, OwnCheck]) -> Preprocessing:
    """Return the specification whose pixels are those of the zoo's code."""
    result = checks.get(recipe)
    if result is None or result.agrees or result.correction is None:
        return recipe.spec
    return result.correction.spec


def _is_unexplained(recipe: Recipe, checks: Mapping[Recipe, OwnCheck]) -> bool:
    result = checks.get(recipe)
    unlike = bool(result and result.images and not result.agrees and not result.correction)
    return unlike or not recipe.is_specified


def _by_own_code(
    published: Published,
    recipes: tuple[Recipe, Recipe],
    pair: Comparable,
    options: AuditOptions,
) -> Attribution:
    """Return the difference of what the zoos' own code makes, without causes."""
    total = Accumulator(unit_of(pair.first, pair.second))
    with WorkerPool(options.limits) as pool:
        renderer = Renderer(pool)
        for image in options.images:
            inputs = []
            for recipe, spec in zip(recipes, (pair.first, pair.second), strict=True):
                try:
                    if recipe.has_code:
                        source = published.sources[recipe]
                        inputs.append(renderer.by_own_code(image, recipe, source, spec))
                    else:
                        inputs += renderer.by_specification(image, [spec]).values()
                except ZoodiffError:
                    break
            if len(inputs) == len(recipes):
                total.add(*inputs)
    return Attribution(total.result(), (), ())
