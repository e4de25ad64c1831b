"""The answers of a study about graphs: which entries have one graph, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.architecture.distinct_graphs import distinct_graphs, pairs_of_graphs
from zoodiff.errors import StoreError
from zoodiff.results import Comparison
from zoodiff.store.comparisons import ordered
from zoodiff.store.records import DifferenceValues, FindingValues, Record
from zoodiff.study.result import ComparedGraphs, Difference, GraphsVerdict

_LARGEST = 32 * 2**20
"""Characters of all differences: a pair may be in many comparisons of an untrusted manifest."""
_NAMED = 6
"""Findings that an answer names; of the others it gives the number."""
_ENTRIES = 6
"""Entries that a sentence names; of the others it gives the number."""


def graph_answers(
    described: Sequence[Record], compared: Iterable[Record], comparisons: Sequence[Comparison]
) -> tuple[list[ComparedGraphs], list[Difference]]:
    """Return the graphs of each comparison and the differences between them.

    ``described`` are the records of architectures, ``compared`` those of differences. Comparisons
    with less than two entries, and those whose entries have no fingerprints because an older
    version described them, are left out. Raises StoreError if there is more than a report holds.
    """
    stored = {
        (record.entry, record.values.other): record
        for record in compared
        if isinstance(record.values, DifferenceValues)
    }
    lengths = {pair: len(record.values.model_dump_json()) for pair, record in stored.items()}
    answers: list[ComparedGraphs] = []
    differences: list[Difference] = []
    characters = 0
    for name, members in ordered("architecture", described, comparisons):
        graphs = distinct_graphs(members)
        pairs = [(first.entry, second.entry) for first, second in pairs_of_graphs(graphs)]
        known = [stored[pair] for pair in pairs if pair in stored]
        unfingerprinted = not any(record.fingerprint for record in members)
        if len(members) < 2 or (unfingerprinted and not known):
            continue
        characters += sum(lengths[pair] for pair in pairs if pair in stored)
        if characters > _LARGEST:
            raise StoreError(
                f"the differences between graphs have more than {_LARGEST:,} characters, and are "
                "not reported; compare fewer entries with each other in one study"
            )
        of_comparison = [_difference(name, record) for record in known]
        missing = [list(pair) for pair in pairs if pair not in stored]
        differences += of_comparison
        answers.append(
            ComparedGraphs(
                comparison=name,
                graphs=[[record.entry for record in graph] for graph in graphs],
                verdict=_verdict(of_comparison, bool(missing)),
                same=_same(graphs),
                not_compared=missing,
            )
        )
    return answers, differences


def _verdict(differences: Sequence[Difference], incomplete: bool) -> GraphsVerdict:
    if any(difference.has_effect for difference in differences):
        return "mismatch"
    if incomplete:
        return "not decided"
    return "harmless" if differences else "same"


def _same(graphs: Sequence[Sequence[Record]]) -> str | None:
    shared = [[record.entry for record in graph] for graph in graphs if len(graph) > 1]
    if not shared:
        return None
    return "; ".join(f"{_listing(entries)}: the same architecture" for entries in shared)


def _listing(entries: Sequence[str]) -> str:
    """The names of some entries; of many the first, and the number of the others."""
    if len(entries) > _ENTRIES:
        return f"{', '.join(entries[:_ENTRIES])} and {len(entries) - _ENTRIES} more"
    return f"{', '.join(entries[:-1])} and {entries[-1]}"


def _difference(comparison: str, record: Record) -> Difference:
    values = record.values
    assert isinstance(values, DifferenceValues)
    return Difference(
        comparison=comparison,
        first=record.entry,
        second=values.other,
        answer=answer_line(values),
        has_effect=values.has_effect,
        values=values,
        record=record.digest,
    )


def answer_line(values: DifferenceValues) -> str:
    """Return the answer of a comparison of graphs as one line, with its findings."""
    of_effect = [finding for finding in values.findings if finding.has_effect]
    if values.relation == "different functions":
        because = [finding for finding in of_effect if finding.code in values.because]
        return f"{values.sentence}, because {_findings(because)}" if because else values.sentence
    if values.sameness == "different":
        # Those with an effect come first: what a record does not hold may be of them or not.
        more = values.more_findings if len(of_effect) == len(values.findings) else 0
        return f"different architectures, because {_findings(of_effect, more)}"
    if values.sameness == "same up to":
        effect = ", which changes the outputs" if of_effect else ""
        listed = _findings(values.findings, values.more_findings)
        return f"the same architecture up to {listed}{effect}"
    return "the same architecture"


def _findings(findings: Sequence[FindingValues], more: int = 0) -> str:
    shown = [f"{f.code} {f.name} ({_size(f)})" for f in findings[:_NAMED]]
    more += len(findings) - len(shown)
    return f"{', '.join(shown)} and {more} more" if more else ", ".join(shown)


def _size(finding: FindingValues) -> str:
    """The number of places, or the place if there is one."""
    return finding.places if finding.count == 1 else f"{finding.count} {finding.noun}"
