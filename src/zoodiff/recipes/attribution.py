"""The steps in which two recipes differ in pixels, found by exchanging one step at a time.

Words are candidates only. With a and b for the recipes and S for the steps that differ in words:

1. If the pixels of a and b are the same, nothing differs.
2. A step without which the rest of S still leads from a to b is dropped, seen from b and from a;
   of the two, the side that drops more. This repeats until every step left is needed.
3. A step is named if its exchange alone changes pixels: b with this step of a against b, or a with
   this step of b against a. Some exchanges no library can run (Pillow without antialiasing). Such
   a step is exchanged on a path from a to b on which every recipe can be run; steps for which
   there is none are named together.

So with all other named steps exchanged, the exchange of a named step makes the difference vanish.
The generator asks for differences and is sent them, so that many pairs share one pass over images.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from zoodiff.preprocessing.spec import Preprocessing, Triple
from zoodiff.recipes.difference import Difference, unit_of
from zoodiff.recipes.steps import (
    CODES,
    NUMBERS,
    Step,
    can_run,
    differing_steps,
    exchanged,
    words,
    written_alike,
)


class Ask(NamedTuple):
    """Two explicit recipes whose difference is asked for."""

    first: Preprocessing
    second: Preprocessing
    unit: Triple
    without: frozenset[str] = frozenset()
    """Names of images that are left out."""


Answers = Mapping[Ask, Difference | None]
"""None where the inputs have other shapes."""


@dataclass(frozen=True)
class Cause:
    """A step, or steps that can only be exchanged together, and the size of its effect."""

    steps: tuple[Step, ...]
    codes: tuple[str, ...]
    first: str
    second: str
    """The values of the two recipes in words."""
    alone: Difference | None
    """The effect of its exchange, all other steps being equal; None if shapes differ."""
    left_percent: float | None
    """Mean difference that is left after this exchange in the first recipe, in percent of the
    whole; None if it cannot be run or compared."""

    @property
    def name(self) -> str:
        """The steps as text."""
        return " and ".join(self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Cause:
        """Read what ``to_dict`` wrote."""
        alone = raw["alone"]
        values = {**raw, "steps": tuple(raw["steps"]), "codes": tuple(raw["codes"])}
        return cls(**{**values, "alone": Difference.from_dict(alone) if alone else None})


@dataclass(frozen=True)
class Attribution:
    """The difference of two recipes in pixels, and its causes."""

    whole: Difference | None
    """None if the inputs have other shapes."""
    causes: tuple[Cause, ...]
    in_words_only: tuple[Step, ...]
    """Steps that differ in words, and not in pixels."""

    @property
    def same(self) -> bool:
        """Whether the pixels are the same."""
        return self.whole is not None and self.whole.same

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "whole": None if self.whole is None else self.whole.to_dict(),
            "causes": [cause.to_dict() for cause in self.causes],
            "in_words_only": list(self.in_words_only),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Attribution:
        """Read what ``to_dict`` wrote."""
        whole = raw["whole"]
        return cls(
            Difference.from_dict(whole) if whole else None,
            tuple(Cause.from_dict(cause) for cause in raw["causes"]),
            tuple(raw["in_words_only"]),
        )


Search = Generator[Sequence[Ask], Answers, Attribution]
"""Asks for differences, is sent them, and returns the attribution."""


def attribution(
    first: Preprocessing, second: Preprocessing, without: frozenset[str] = frozenset()
) -> Search:
    """Find the steps in which two explicit recipes differ in pixels.

    ``without`` names images that are left out.
    """
    unit = unit_of(first, second)
    whole_ask = Ask(first, second, unit, without)
    first, second = written_alike(first, second)
    steps = differing_steps(first, second)
    pair = _Pair(first, second, unit, without)
    # Most pairs need these and no more, so that one pass over the images is enough.
    whole = (yield [whole_ask, *_likely(pair, steps)])[whole_ask]
    if whole is not None and whole.same:
        return Attribution(whole, (), steps)
    needed = yield from _needed(pair, steps)
    causes = yield from _causes(needed.pair, needed.steps, whole)
    named = {step for cause in causes for step in cause.steps}
    return Attribution(whole, causes, tuple(step for step in steps if step not in named))


class _Pair(NamedTuple):
    first: Preprocessing
    second: Preprocessing
    unit: Triple
    without: frozenset[str]

    def ask(self, first: Preprocessing, second: Preprocessing) -> Ask | None:
        """Return the question for a difference; None if a recipe cannot be run."""
        runs = can_run(first) and can_run(second)
        return Ask(first, second, self.unit, self.without) if runs else None

    def alone(self, step: Step) -> Ask | None:
        """Return the exchange of one step with all others equal, in a recipe that can run."""
        return self.alone_in_second(step) or self.alone_in_first(step)

    def alone_in_second(self, step: Step) -> Ask | None:
        return self.ask(exchanged(self.second, self.first, (step,)), self.second)

    def alone_in_first(self, step: Step) -> Ask | None:
        return self.ask(self.first, exchanged(self.first, self.second, (step,)))

    def left(self, steps: Sequence[Step]) -> Ask | None:
        """Return what is left after exchanging steps in the first recipe."""
        return self.ask(exchanged(self.first, self.second, steps), self.second)


def _likely(pair: _Pair, steps: tuple[Step, ...]) -> list[Ask]:
    asks = [
        ask(step)
        for step in steps
        for ask in (
            pair.alone_in_second,
            pair.alone_in_first,
            lambda step: pair.left((step,)),
        )
    ]
    asks += _path(pair, steps).values() if None in map(pair.alone, steps) else []
    return [ask for ask in asks if ask is not None]


class _Needed(NamedTuple):
    pair: _Pair
    steps: tuple[Step, ...]


def _needed(pair: _Pair, steps: tuple[Step, ...]) -> Generator[Sequence[Ask], Answers, _Needed]:
    """Drop steps until each that is left is needed to lead from the first recipe to the second."""
    while len(steps) > 1:
        in_second = {step: pair.alone_in_second(step) for step in steps}
        in_first = {step: pair.alone_in_first(step) for step in steps}
        answers = yield [ask for ask in (*in_second.values(), *in_first.values()) if ask]
        idle_second = tuple(s for s, ask in in_second.items() if ask and _same(answers[ask]))
        idle_first = tuple(s for s, ask in in_first.items() if ask and _same(answers[ask]))
        if not idle_second and not idle_first:
            break
        if len(idle_first) > len(idle_second):
            reduced = yield from _without(pair, pair.first, pair.second, idle_first)
            pair = pair._replace(first=reduced)
        else:
            reduced = yield from _without(pair, pair.second, pair.first, idle_second)
            pair = pair._replace(second=reduced)
        steps = differing_steps(pair.first, pair.second)
    return _Needed(pair, steps)


def _without(
    pair: _Pair, recipe: Preprocessing, source: Preprocessing, idle: tuple[Step, ...]
) -> Generator[Sequence[Ask], Answers, Preprocessing]:
    """Return the recipe with idle steps of ``source``, as many as leave its pixels as they are."""
    together = exchanged(recipe, source, idle)
    ask = pair.ask(together, recipe)
    if ask is not None and len(idle) > 1 and _same((yield [ask])[ask]):
        return together
    return exchanged(recipe, source, idle[:1])


def _causes(
    pair: _Pair, steps: tuple[Step, ...], whole: Difference | None
) -> Generator[Sequence[Ask], Answers, tuple[Cause, ...]]:
    alone = {step: pair.alone(step) for step in steps}
    left = {step: pair.left((step,)) for step in steps}
    path = _path(pair, steps) if None in alone.values() else {}
    alone = {step: ask or path.get(step) for step, ask in alone.items()}
    together = tuple(step for step, ask in alone.items() if ask is None)
    rest = pair.left([step for step in steps if step not in together]) if together else None
    asks = [*alone.values(), *left.values(), rest]
    answers = yield list(dict.fromkeys(ask for ask in asks if ask is not None))
    causes = [
        _cause((step,), pair, answers[ask], _share(left[step], answers, whole))
        for step, ask in alone.items()
        if ask is not None and not _same(answers[ask])
    ]
    if together:
        size = answers[rest] if rest is not None else None
        causes.append(_cause(together, pair, size, None))
    return tuple(causes)


def _cause(
    steps: tuple[Step, ...], pair: _Pair, alone: Difference | None, left: float | None
) -> Cause:
    first, second = (
        ", ".join(words(recipe, step) for step in steps) for recipe in (pair.first, pair.second)
    )
    codes = tuple(dict.fromkeys(CODES[step] for step in steps))
    return Cause(steps, codes, first, second, alone, left)


def _path(pair: _Pair, steps: tuple[Step, ...]) -> dict[Step, Ask]:
    """Return each step's exchange on a path from the first recipe to the second, if there is one.

    Numbers can always be exchanged, so they are left for the end.
    """
    order = sorted(steps, key=lambda step: step in NUMBERS)

    def search(recipe: Preprocessing, left: tuple[Step, ...]) -> dict[Step, Ask] | None:
        if not left:
            return {}
        for step in left:
            after = exchanged(recipe, pair.second, (step,))
            ask = pair.ask(recipe, after)
            if ask is None:
                continue
            rest = search(after, tuple(other for other in left if other != step))
            if rest is not None:
                return {step: ask, **rest}
        return None

    return search(pair.first, tuple(order)) or {}


def _share(ask: Ask | None, answers: Answers, whole: Difference | None) -> float | None:
    left = answers[ask] if ask is not None else None
    if left is None or whole is None or not whole.mean_levels:
        return None
    return 100 * left.mean_levels / whole.mean_levels


def _same(difference: Difference | None) -> bool:
    return difference is not None and difference.same
