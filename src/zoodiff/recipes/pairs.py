"""Each pair of distinct recipes once, for all names that have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import ZoodiffError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes import cache
from zoodiff.recipes.attribution import Ask, Attribution, Search, attribution
from zoodiff.recipes.difference import Difference
from zoodiff.recipes.images import AuditImage
from zoodiff.recipes.options import AuditOptions
from zoodiff.recipes.parallel import Counter, chunks, in_threads, turned
from zoodiff.recipes.rendering import Renderer
from zoodiff.zoos.decoding import decoding

_AT_ONCE = 48
"""Pairs that share a pass over the images: the resized pixels of one image are in memory together.
Each geometry of them is resized once."""


class SpecPair(NamedTuple):
    """Two explicit recipes that are compared."""

    first: Preprocessing
    second: Preprocessing
    without: frozenset[str]
    """Names of images that are left out, because a zoo's code cannot prepare them."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """The libraries of both, sorted."""
        return tuple(sorted({str(self.first.library), str(self.second.library)}))


def compare_all(
    pairs: Sequence[SpecPair], options: AuditOptions, failures: dict[str, str]
) -> dict[SpecPair, Attribution]:
    """Return the attribution of pairs, from the cache where it has them.

    ``failures`` gets the reasons for pairs that could not be compared.
    """
    keys = {pair: _key(pair, options.images_hash) for pair in pairs}
    results: dict[SpecPair, Attribution] = {}

    def read(some: Sequence[SpecPair]) -> list[SpecPair]:
        """Take results from the cache; return the pairs that it lacks."""
        stored = {pair: cache.load(keys[pair]) for pair in some}
        results.update((p, Attribution.from_dict(raw)) for p, raw in stored.items() if raw)
        return [pair for pair, raw in stored.items() if not raw]

    missing = read(list(keys))
    count = Counter("pairs", len(results), len(keys), options.step)

    def work(part: Sequence[SpecPair]) -> None:
        with WorkerPool(options.limits) as pool:
            left = read(part)  # without those of another audit at the same time
            try:
                compared = attributions(left, options.images, Renderer(pool)) if left else {}
            except ZoodiffError as error:
                failures.setdefault(" and ".join(part[0].libraries), str(error))
                compared = {}
            for pair, result in compared.items():
                results[pair] = result
                cache.save(keys[pair], result.to_dict())
            count.advance(len(part))

    groups: dict[object, list[SpecPair]] = {}
    # In this order pairs that share a recipe, and so geometries, are compared together.
    for pair in sorted(missing, key=lambda pair: pair.first.sentence()):
        groups.setdefault(pair.libraries, []).append(pair)
    in_threads(work, turned(chunks(groups, _AT_ONCE), options.begin_at), options.jobs)
    return results


def attributions(
    pairs: Sequence[SpecPair], images: Sequence[AuditImage], renderer: Renderer
) -> dict[SpecPair, Attribution]:
    """Return the attribution of each pair; all of them share the passes over the images."""
    searches: dict[SpecPair, Search] = {pair: attribution(*pair) for pair in pairs}
    questions = {pair: next(search) for pair, search in searches.items()}
    answers: dict[Ask, Difference | None] = {}
    results: dict[SpecPair, Attribution] = {}
    while questions:
        asks = [ask for group in questions.values() for ask in group if ask not in answers]
        answers |= renderer.differences(asks, images)
        following: dict[SpecPair, Sequence[Ask]] = {}
        for pair in questions:
            try:
                following[pair] = searches[pair].send(answers)
            except StopIteration as end:
                results[pair] = end.value
        questions = following
    return results


def _key(pair: SpecPair, images_hash: str) -> cache.Key:
    workers = [
        decoding([library]) for library in (pair.first.library, pair.second.library) if library
    ]
    return {
        "kind": "pair",
        "specs": [pair.first.to_dict(), pair.second.to_dict()],
        "without": sorted(pair.without),
        "versions": cache.versions_of(workers),
        "images": images_hash,
        "code": cache.code(),
    }
