"""Name what differs between the two entries of a ranked row: their recipes and their graphs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from zoodiff.accuracy.attribution.inference import CODES
from zoodiff.errors import ZoodiffError
from zoodiff.preprocessing.conventions import Factor, differing
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.results import Cause, Discrepancy, Interval
from zoodiff.store.records import DifferenceValues, Record
from zoodiff.study.result import ComparedGraphs, Difference, Explained
from zoodiff.zoos import registry

_DECIDING: dict[Factor, str] = {
    "normalisation": "value_range",
    "channel order": "channel_order",
    "crop": "resize_policy",
    "interpolation": "interpolation",
    "library": "library",
    "input size": "input_size",
}
"""The field of a specification without which a factor is not published."""
_MOST = 6
"""Causes of a row; what a pair has beyond them is under its graphs."""


class RowCauses:
    """The differences between described entries, to be put beside ranked rows."""

    def __init__(
        self,
        records: Iterable[Record],
        graphs: Iterable[ComparedGraphs],
        differences: Iterable[Difference],
        explanations: Iterable[Explained] = (),
    ) -> None:
        self._recipes: dict[str, dict[str, Any]] = {}
        for record in records:
            self._recipes.setdefault(record.entry, record.preprocessing)
        self._explained = {frozenset((e.entry, e.values.other)): e.values for e in explanations}
        self._same: dict[str, set[tuple[str, int]]] = {}
        """Comparison and number of the graph, by the network's name without weights."""
        for answer in graphs:
            for number, entries in enumerate(answer.graphs):
                for entry in entries:
                    self._same.setdefault(_network(entry), set()).add((answer.comparison, number))
        self._values: dict[frozenset[tuple[str, int]], DifferenceValues] = {}
        for difference in differences:
            for first in self._places(difference.first, difference.comparison):
                for second in self._places(difference.second, difference.comparison):
                    self._values[frozenset((first, second))] = difference.values

    def _places(self, entry: str, comparison: str = "") -> list[tuple[str, int]]:
        places = self._same.get(_network(entry), set())
        return sorted(place for place in places if comparison in ("", place[0]))

    def of_graphs(self, row: Discrepancy) -> list[Cause]:
        """Return the differences of both graphs that may change the function."""
        for first in self._places(row.high_entry):
            for second in self._places(row.low_entry):
                values = self._values.get(frozenset((first, second)))
                if values is not None:
                    return _causes_of(values)
        return []

    def have_one_graph(self, row: Discrepancy) -> bool:
        """Return whether both entries were described and have one graph."""
        return bool(set(self._places(row.high_entry)) & set(self._places(row.low_entry)))

    def of_explanation(self, row: Discrepancy) -> list[Cause]:
        """Return the measured parts of a difference in accuracy whose intervals exclude zero."""
        values = self._explained.get(frozenset((row.high_entry, row.low_entry)))
        if values is None or row.metric != "measured_top1":
            return []
        parts = [part for part in values.parts if part.code and _is_shown(part.points)]
        parts.sort(key=lambda part: -abs(part.points.value))
        return [
            Cause(code=str(part.code), words=f"{part.what}: {abs(part.points.value):.2f} points")
            for part in parts
        ]

    def of_recipes(self, row: Discrepancy) -> list[Cause]:
        """Return the factors in which the published preprocessing of both entries differs.

        A factor that one of the two does not publish is no difference.
        """
        both = [self._recipe(entry) for entry in (row.high_entry, row.low_entry)]
        if both[0] is None or both[1] is None:
            return []
        factors = differing(both[0], both[1]).items()
        return sorted(
            (
                Cause(code=CODES[factor], words=f"{factor}: {left} | {right}")
                for factor, (left, right) in factors
                if _is_published(both[0], both[1], factor)
            ),
            key=lambda cause: cause.code,
        )

    def _recipe(self, entry: str) -> Preprocessing | None:
        try:
            if entry in self._recipes:
                return Preprocessing.from_dict(self._recipes[entry])
            return registry.resolve(entry).preprocessing
        except (ZoodiffError, LookupError, TypeError, ValueError):
            return None  # a claim about a network that no zoo lists, or an edited record


def with_causes(rows: Sequence[Discrepancy], known: RowCauses) -> list[Discrepancy]:
    """Return ranked rows with what differs between their entries, after what was measured.

    Recipes are compared where they can matter: for accuracy, claimed and measured.
    """
    return [_with_causes(row, known) for row in rows]


def _with_causes(row: Discrepancy, known: RowCauses) -> Discrepancy:
    if row.verdict != "discrepancy":
        return row
    explained = known.of_explanation(row)
    recipes = [] if row.metric == "latency" or explained else known.of_recipes(row)
    causes = [*row.causes, *explained, *recipes, *known.of_graphs(row)][:_MOST]
    note = row.note
    if known.have_one_graph(row):
        note = "; ".join(filter(None, (note, "both have one graph")))
    return row.model_copy(update={"causes": causes, "note": note})


def _is_published(first: Preprocessing, second: Preprocessing, factor: Factor) -> bool:
    """Return whether both specifications publish what they differ in."""
    if any(getattr(spec, _DECIDING[factor]) is None for spec in (first, second)):
        return False
    if factor in ("normalisation", "channel order"):
        # A network that prepares pixels itself is fed other numbers by the same recipe.
        return not (first.inside_network or second.inside_network)
    if factor == "interpolation" and None in (first.antialias, second.antialias):
        return first.interpolation != second.interpolation
    return True


def _is_shown(points: Interval) -> bool:
    return points.low > 0 or points.high < 0


def _causes_of(values: DifferenceValues) -> list[Cause]:
    return [
        Cause(code=finding.code, words=f"{finding.name}: {finding.left} | {finding.right}")
        for finding in values.findings
        if finding.has_effect
    ]


def _network(entry: str) -> str:
    """Return ``zoo:model`` of ``zoo:model@weights``."""
    return entry.rpartition("@")[0] or entry
