"""The audit: every published recipe of shared names against its zoo's code and against the others.

Each distinct recipe runs once per zoo, each pair of distinct recipes once for all names. Results
are cached as they are made, so that a stopped audit goes on where it stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import ZoodiffError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes import cache, own_code
from zoodiff.recipes.attribution import Ask, Attribution, Search, attribution
from zoodiff.recipes.difference import Accumulator, unit_of
from zoodiff.recipes.images import AuditImage, hash_of
from zoodiff.recipes.own_code import OwnCheck
from zoodiff.recipes.published import Published, Recipe, collect
from zoodiff.recipes.rendering import Renderer
from zoodiff.recipes.unstated import Comparable, comparable
from zoodiff.workers.limits import Limits
from zoodiff.zoos.decoding import decoding
from zoodiff.zoos.registry import Entry

_CHUNK = 12
"""Recipes or pairs for which one thread starts its workers."""
Step = Callable[[str, int, int], None]
"""Called with what is being done, the number done, and of how many."""


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
    pairs: Mapping[tuple[Recipe, Recipe], PairResult]
    """By both recipes in the order in which their name has them."""
    failures: Mapping[str, str]


@dataclass(frozen=True)
class AuditOptions:
    """How an audit is run."""

    images: tuple[AuditImage, ...]
    jobs: int = 2
    limits: Limits | None = None
    step: Step = lambda activity, done, total: None


def audit(by_name: Mapping[str, Sequence[Entry]], options: AuditOptions) -> Audit:
    """Run and compare all recipes of the entries under each name."""
    with WorkerPool(options.limits) as pool:
        published = collect(by_name, pool)
    failures = dict(published.failures)
    checks = _checks(published, options, failures)
    pairs = _pairs(published, checks, options, failures)
    cache.prune()
    return Audit(published, checks, pairs, failures)


# The zoos' own code


def _checks(
    published: Published, options: AuditOptions, failures: dict[str, str]
) -> dict[Recipe, OwnCheck]:
    recipes = [recipe for recipe in published.sources if recipe.has_code]
    values = list(dict.fromkeys(recipe.spec for recipe in published.sources))
    images_hash = hash_of(options.images)
    keys = {recipe: _check_key(recipe, published, images_hash) for recipe in recipes}
    checks: dict[Recipe, OwnCheck] = {}
    for recipe, key in keys.items():
        stored = cache.load(key) if key else None
        if stored is not None:
            checks[recipe] = OwnCheck.from_dict(stored)
    missing = sorted((r for r in recipes if r not in checks), key=lambda recipe: recipe.zoo)
    count = _Counter("recipes", len(checks), len(recipes), options.step)

    def work(chunk: Sequence[Recipe]) -> None:
        with WorkerPool(options.limits) as pool:
            renderer = Renderer(pool)
            for recipe in chunk:
                try:
                    source = published.sources[recipe]
                    result = own_code.check(recipe, source, options.images, renderer, values)
                except ZoodiffError as error:
                    failures.setdefault(recipe.zoo, str(error))
                else:
                    checks[recipe] = result
                    key = keys[recipe]
                    if key:
                        cache.save(key, result.to_dict())
                count.advance()

    by_zoo: dict[str, list[Recipe]] = {}
    for recipe in missing:
        by_zoo.setdefault(recipe.zoo, []).append(recipe)
    _in_threads(work, [c for members in by_zoo.values() for c in _chunks(members)], options.jobs)
    return checks


def _check_key(recipe: Recipe, published: Published, images_hash: str) -> cache.Key | None:
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


# Pairs


def _pairs(
    published: Published,
    checks: Mapping[Recipe, OwnCheck],
    options: AuditOptions,
    failures: dict[str, str],
) -> dict[tuple[Recipe, Recipe], PairResult]:
    """Return the comparison of each two recipes of a name; one per pair of specifications."""
    wanted: dict[tuple[Recipe, Recipe], Comparable] = {}
    for name, recipes in published.names.items():
        for first, second in combinations(recipes, 2):
            pair = comparable(_effective(first, checks), _effective(second, checks))
            if pair is None:
                failures[f"{name}: {first.zoo} and {second.zoo}"] = (
                    "no library can run both recipes, one of which leaves its library open"
                )
            else:
                wanted[first, second] = pair
    results: dict[tuple[Recipe, Recipe], PairResult] = {}
    by_specs = _attributions(list(dict.fromkeys(map(_specs, wanted.values()))), options, failures)
    for (first, second), pair in wanted.items():
        unexplained = [r for r in (first, second) if _is_unexplained(r, checks)]
        if unexplained:
            whole = _by_own_code(published, (first, second), pair, options)
            results[first, second] = PairResult(whole, pair.unstated, explained=False)
        elif _specs(pair) in by_specs:
            results[first, second] = PairResult(by_specs[_specs(pair)], pair.unstated)
    return results


def _specs(pair: Comparable) -> tuple[Preprocessing, Preprocessing]:
    return pair.first, pair.second


def _effective(recipe: Recipe, checks: Mapping[Recipe, OwnCheck]) -> Preprocessing:
    """Return the specification whose pixels are those of the zoo's code."""
    result = checks.get(recipe)
    if result is None or result.agrees or result.correction is None:
        return recipe.spec
    return result.correction.spec


def _is_unexplained(recipe: Recipe, checks: Mapping[Recipe, OwnCheck]) -> bool:
    result = checks.get(recipe)
    return result is not None and result.images > 0 and not result.agrees and not result.correction


def _attributions(
    pairs: Sequence[tuple[Preprocessing, Preprocessing]],
    options: AuditOptions,
    failures: dict[str, str],
) -> dict[tuple[Preprocessing, Preprocessing], Attribution]:
    images_hash = hash_of(options.images)
    keys = {pair: _pair_key(pair, images_hash) for pair in pairs}
    results: dict[tuple[Preprocessing, Preprocessing], Attribution] = {}
    for pair, key in keys.items():
        stored = cache.load(key)
        if stored is not None:
            results[pair] = Attribution.from_dict(stored)
    count = _Counter("pairs", len(results), len(pairs), options.step)

    def work(chunk: Sequence[tuple[Preprocessing, Preprocessing]]) -> None:
        with WorkerPool(options.limits) as pool:
            try:
                found = attributions(chunk, options.images, Renderer(pool))
            except ZoodiffError as error:
                libraries = sorted({str(spec.library) for pair in chunk for spec in pair})
                failures.setdefault(f"recipes of {' and '.join(libraries)}", str(error))
                found = {}
            for pair, result in found.items():
                results[pair] = result
                cache.save(keys[pair], result.to_dict())
            count.advance(len(chunk))

    missing = sorted((pair for pair in pairs if pair not in results), key=_libraries)
    by_libraries: dict[tuple[str, ...], list[tuple[Preprocessing, Preprocessing]]] = {}
    for pair in missing:
        by_libraries.setdefault(_libraries(pair), []).append(pair)
    chunks = [chunk for members in by_libraries.values() for chunk in _chunks(members)]
    _in_threads(work, chunks, options.jobs)
    return results


def _libraries(pair: tuple[Preprocessing, Preprocessing]) -> tuple[str, ...]:
    return tuple(sorted({str(spec.library) for spec in pair}))


def _pair_key(pair: tuple[Preprocessing, Preprocessing], images_hash: str) -> cache.Key:
    libraries = {spec.library for spec in pair}
    return {
        "kind": "pair",
        "specs": [spec.to_dict() for spec in pair],
        "versions": cache.versions_of(decoding([library]) for library in libraries if library),
        "images": images_hash,
        "code": cache.code(),
    }


def attributions(
    pairs: Sequence[tuple[Preprocessing, Preprocessing]],
    images: Sequence[AuditImage],
    renderer: Renderer,
) -> dict[tuple[Preprocessing, Preprocessing], Attribution]:
    """Return the attribution of pairs of explicit recipes, which share passes over the images."""
    searches: dict[tuple[Preprocessing, Preprocessing], Search] = {
        pair: attribution(*pair) for pair in pairs
    }
    results: dict[tuple[Preprocessing, Preprocessing], Attribution] = {}
    questions = {pair: next(search) for pair, search in searches.items()}
    while questions:
        asks: list[Ask] = [ask for group in questions.values() for ask in group]
        answers = renderer.differences(asks, images)
        following: dict[tuple[Preprocessing, Preprocessing], Sequence[Ask]] = {}
        for pair in questions:
            try:
                following[pair] = searches[pair].send(answers)
            except StopIteration as end:
                results[pair] = end.value
        questions = following
    return results


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


# Threads


class _Counter:
    """Counts finished work of several threads."""

    def __init__(self, activity: str, done: int, total: int, step: Step) -> None:
        self._activity, self._done, self._total, self._step = activity, done, total, step
        self._lock = threading.Lock()
        self.advance(0)

    def advance(self, number: int = 1) -> None:
        with self._lock:
            self._done += number
            self._step(self._activity, self._done, self._total)


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[first : first + _CHUNK] for first in range(0, len(items), _CHUNK)]


def _in_threads(work: Callable[[Any], None], chunks: Sequence[Any], jobs: int) -> None:
    """Run chunks in threads; workers must not outlive the thread that started them."""
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as threads:
        futures = [threads.submit(work, chunk) for chunk in chunks]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise
