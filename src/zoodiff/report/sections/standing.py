"""Answers about entries that are compared with each other, by their graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from zoodiff.store.records import ArchitectureValues, Record
from zoodiff.study.result import Difference, StudyResult

Level = Literal["same", "but", "unknown", "other"]
"""An answer about two networks.

``same``: one graph. ``but``: one architecture but for named differences, such as a softmax at its
end or biases before norms. ``unknown``: not compared. ``other``: two architectures, or one whose
function is known to differ.
"""
ORDER: tuple[Level, ...] = ("same", "but", "unknown", "other")
"""The worst last."""


def worst(levels: Iterable[Level]) -> Level | None:
    """Return the worst of some answers; None for none."""
    return max(levels, key=ORDER.index, default=None)


def model_of(entry: str) -> str:
    """Return ``zoo:model`` of ``zoo:model@weights``.

    >>> model_of("timm:resnet50@a1_in1k"), model_of("mini-torch:digits")
    ('timm:resnet50', 'mini-torch:digits')
    """
    return entry.rpartition("@")[0] or entry


def zoo_of(entry: str) -> str:
    """Return the zoo of an entry."""
    return entry.partition(":")[0]


def level_of(difference: Difference) -> Level:
    """Return the answer that a difference of two graphs gives."""
    values = difference.values
    if values.sameness == "different" or values.relation not in ("same function", "not decided"):
        return "other"
    return "but" if values.findings or values.more_findings else "same"


@dataclass(frozen=True)
class Standing:
    """The graphs of one comparison, and what is known of each two of them."""

    name: str
    graphs: tuple[tuple[str, ...], ...]
    """Entries by graph."""
    without_graph: tuple[str, ...]
    """Entries that are compared and have no graph, since they could not be described."""
    differences: Mapping[tuple[int, int], Difference]
    """By the numbers of both graphs, the smaller first."""

    def graph_of(self, entry: str) -> int | None:
        """Return the number of an entry's graph, also of the model with other weights."""
        for number, entries in enumerate(self.graphs):
            if entry in entries:
                return number
        model = model_of(entry)
        numbers = {
            number
            for number, entries in enumerate(self.graphs)
            for each in entries
            if model_of(each) == model
        }
        return numbers.pop() if len(numbers) == 1 else None

    def level(self, first: int | None, second: int | None) -> Level:
        """Return the answer about the graphs of two entries."""
        if first is None or second is None:
            return "unknown"
        if first == second:
            return "same"
        difference = self.differences.get((min(first, second), max(first, second)))
        return "unknown" if difference is None else level_of(difference)

    @property
    def entries(self) -> tuple[str, ...]:
        """All entries, by graph."""
        return (*(entry for entries in self.graphs for entry in entries), *self.without_graph)

    @property
    def numbers(self) -> tuple[int | None, ...]:
        """The graph of each entry."""
        described = [number for number, entries in enumerate(self.graphs) for _ in entries]
        return (*described, *(None for _ in self.without_graph))


def standings(result: StudyResult) -> dict[str, Standing]:
    """Return the standing of each comparison of at least two entries, in the study's order."""
    stated = {
        comparison.name: comparison.entries
        for comparison in result.comparisons
        if comparison.kind == "architecture"
    }
    grouped = {each.comparison: [tuple(names) for names in each.graphs] for each in result.graphs}
    if not result.graphs:
        grouped = _by_fingerprint(result, stated)
    by_comparison: dict[str, list[Difference]] = {}
    for difference in result.differences:
        by_comparison.setdefault(difference.comparison, []).append(difference)
    by_name = {}
    for name in dict.fromkeys([*grouped, *stated]):
        graphs = grouped.get(name, [])
        described = {entry for entries in graphs for entry in entries}
        # The study names entries as they are asked for, graphs as they were resolved.
        models = {model_of(entry) for entry in described}
        missing = tuple(
            entry
            for entry in stated.get(name, ())
            if entry not in described and model_of(entry) not in models
        )
        if len(described) + len(missing) > 1:
            by_name[name] = Standing(
                name, tuple(graphs), missing, _numbered(graphs, by_comparison.get(name, ()))
            )
    return by_name


def _by_fingerprint(
    result: StudyResult, stated: Mapping[str, Sequence[str]]
) -> dict[str, list[tuple[str, ...]]]:
    """Group entries by fingerprint, for runs whose graphs were not compared."""
    counted: dict[str, dict[str, Record]] = {}
    for record in result.records:
        if isinstance(record.values, ArchitectureValues) and record.fingerprint:
            names = [name for name, entries in stated.items() if record.entry in entries]
            for name in names or ([] if stated else [record.architecture]):
                counted.setdefault(name, {})[record.entry] = record
    grouped = {}
    for name, records in counted.items():
        graphs: dict[str | None, list[str]] = {}
        for entry, record in records.items():
            graphs.setdefault(record.fingerprint, []).append(entry)
        grouped[name] = [tuple(entries) for entries in graphs.values()]
    return grouped


def _numbered(
    graphs: Sequence[Sequence[str]], differences: Iterable[Difference]
) -> dict[tuple[int, int], Difference]:
    number = {entry: index for index, entries in enumerate(graphs) for entry in entries}
    numbered: dict[tuple[int, int], Difference] = {}
    for difference in differences:
        first, second = number.get(difference.first), number.get(difference.second)
        if first is not None and second is not None and first != second:
            numbered.setdefault((min(first, second), max(first, second)), difference)
    return numbered
