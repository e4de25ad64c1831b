"""How each kind of number on the page came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoodiff.report.sections.rankings import Ranking
from zoodiff.store.records import ArchitectureValues
from zoodiff.study.result import StudyResult


@dataclass(frozen=True)
class Way:
    """A kind of number, and how it was found."""

    what: str
    how: str
    conditions: tuple[str, ...] = ()


def ways(result: StudyResult, rankings: Sequence[Ranking]) -> tuple[Way, ...]:
    """Return how the numbers came about that this study has."""
    ways_used = [
        Way(ranking.heading, ranking.lead, ranking.conditions)
        for ranking in rankings
        if not ranking.empty
    ]
    if result.explanations:
        ways_used.append(
            Way(
                "Parts of a difference in accuracy",
                "Each network was run with its own preprocessing, with the other's and with every "
                "single factor of the other's; what remains on the same pixels was divided among "
                "runtime, weights and graph. Lines that are set in by one step add up to the line "
                "above them, in percentage points of top-1.",
            )
        )
    if any(isinstance(record.values, ArchitectureValues) for record in result.records):
        ways_used.append(
            Way(
                "Counts",
                "Parameters, MACs and layers are counted on the network's canonical graph, which "
                "is built without weights, and compared with the framework's own count.",
            )
        )
    if result.graphs or result.differences:
        ways_used.append(
            Way(
                "Is it one network?",
                "Each two distinct graphs of a comparison are aligned layer by layer, and every "
                "difference gets a code. S: one graph. B: one architecture but for what its codes "
                "name. O: another architecture, or a function that is known to differ. ?: not "
                "compared. Nothing was run: what two networks compute with their weights is "
                "what zoodiff diff says.",
            )
        )
    if result.choice is not None:
        ways_used.append(
            Way(
                "Accuracy and cost",
                "Measured numbers count, and where there are none what the zoos claim. A network "
                "is on the Pareto front if no other is as good in all and better in one; measured "
                "and claimed accuracies have separate fronts, since they are of other images.",
            )
        )
    return tuple(ways_used)
