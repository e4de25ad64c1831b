"""Assemble the result of a run from its manifest and the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.accuracy import discrepancies
from zoodiff.architecture import mismatches
from zoodiff.architecture.distinct_graphs import distinct_graphs, pairs_of_graphs
from zoodiff.claims.ranking import rank
from zoodiff.errors import StoreError
from zoodiff.latency import verdicts
from zoodiff.results import ClaimedRanking, Comparison, Mismatch
from zoodiff.store.comparisons import KINDS, by_architecture, grouped, ordered
from zoodiff.store.explanation_values import ExplanationValues
from zoodiff.store.folder import Store
from zoodiff.store.manifest import Manifest
from zoodiff.store.recipe_values import RecipesValues
from zoodiff.store.records import AccuracyValues, ArchitectureValues, Failure, Record
from zoodiff.study import config as studies
from zoodiff.study.candidates import choice_of
from zoodiff.study.config import Study
from zoodiff.study.graph_answers import graph_answers
from zoodiff.study.names import names_table
from zoodiff.study.result import AuditedName, ComparedGraphs, Explained, StudyResult
from zoodiff.study.row_causes import RowCauses, with_causes

_ELSEWHERE = ("difference", "explanation", "names", "recipes")
"""Kinds of records that a result has in fields of their own."""


def assemble(store: Store, manifest: Manifest, study: Study | None = None) -> StudyResult:
    """Return the result of a run, with all comparisons of its records.

    Without ``study``, the study is read from the manifest. A record of the manifest that is missing
    or damaged in the store is listed as a failure. Raises StudyError if the study in the manifest
    is invalid, StoreError if there are too many records, or too many pairs to compare.
    """
    if study is None:
        study = studies.parse(manifest.study_text, f"{manifest.study} (in its run)").study
    records, lost = _read(store, manifest)
    explanations = _explained(records)
    compared = [record for record in records if record.kind == "difference"]
    names = names_table(records, [*manifest.failures, *lost], study.names)
    audited = _audited(records)
    records = [record for record in records if record.kind not in _ELSEWHERE]
    comparisons = manifest.comparisons
    if comparisons is None:
        comparisons = by_architecture(records)
    _check_pairs(records, comparisons, manifest.study)
    pairs, controls = verdicts.compare(records, comparisons)
    accuracy = discrepancies.compare(records, store, comparisons)
    lost += _unread(records, accuracy.unread)
    graphs, differences = graph_answers(records, compared, comparisons)
    claimed = None if study.claims is None else rank(study.claims)
    known = RowCauses(records, graphs, differences, explanations)
    if claimed is not None:
        claimed = claimed.model_copy(update={"rows": with_causes(claimed.rows, known)})
    return StudyResult(
        study=manifest.study,
        title=study.title,
        question=study.question,
        complete=manifest.complete and not lost,
        started=manifest.started,
        finished=manifest.updated,
        top=study.top,
        claimed=claimed,
        comparisons=comparisons,
        not_compared=None if names or audited else _not_compared(records, comparisons, claimed),
        measured_accuracy=with_causes(accuracy.pairs, known),
        latency=with_causes(pairs, known),
        controls=controls,
        mismatches=_with_effect(mismatches.mismatches(records, comparisons), graphs),
        differences=differences,
        graphs=graphs,
        explanations=explanations,
        names=names,
        recipes=audited,
        choice=choice_of(records),
        records=records,
        failures=[*manifest.failures, *lost],
        not_run=list(study.not_run),
        zoodiff_version=manifest.zoodiff_version,
        versions=manifest.versions,
        hardware=manifest.hardware,
        study_text=manifest.study_text,
        study_sha256=manifest.study_sha256,
        notes=_notes(records),
    )


def _explained(records: Iterable[Record]) -> list[Explained]:
    """Return the decomposed differences in accuracy among the records."""
    return [
        Explained(
            architecture=record.architecture,
            entry=record.entry,
            values=record.values,
            record=record.digest,
        )
        for record in records
        if isinstance(record.values, ExplanationValues)
    ]


def _audited(records: Iterable[Record]) -> list[AuditedName]:
    """Return the audited recipes among the records, sorted by the name of the network."""
    audited = [
        AuditedName(name=record.architecture, values=record.values, record=record.digest)
        for record in records
        if isinstance(record.values, RecipesValues)
    ]
    return sorted(audited, key=lambda network: network.name)


def _read(store: Store, manifest: Manifest) -> tuple[list[Record], list[Failure]]:
    """Return the records of a run, and a failure per record that is missing or damaged."""
    records: list[Record] = []
    lost: list[Failure] = []
    for name, record in store.get_all(manifest.records).items():
        if record is not None:
            records.append(record)
            continue
        kind, _, file = name.partition("/")
        lost.append(
            Failure(
                kind=kind,  # type: ignore[arg-type]
                entry=file,
                architecture=None,
                reason="its record is missing or damaged; run the study again to measure it",
            )
        )
    return records, lost


def _with_effect(counted: list[Mismatch], graphs: Sequence[ComparedGraphs]) -> list[Mismatch]:
    """Return mismatches of counts with an effect where the graphs differ with one.

    Counts decide where the graphs were not compared.
    """
    verdicts: dict[str, set[str]] = {}
    for answer in graphs:
        verdicts.setdefault(answer.comparison, set()).add(answer.verdict)
    return [
        mismatch.model_copy(update={"has_effect": "mismatch" in verdicts[mismatch.architecture]})
        if "not decided" not in verdicts.get(mismatch.architecture, {"not decided"})
        else mismatch
        for mismatch in counted
    ]


def _unread(records: list[Record], reasons: dict[str, str]) -> list[Failure]:
    """Return a failure per record whose predictions cannot be compared."""
    return [
        Failure(
            kind="accuracy",
            entry=record.entry,
            architecture=record.architecture,
            reason=reasons[record.key],
        )
        for record in records
        if record.key in reasons
    ]


_MOST_PAIRS = {"accuracy": 15_000, "latency": 4_000}
"""Limits of the pairs of entries per kind, about those of 170 and of 90 entries."""
_MOST_GRAPH_PAIRS = 5_000
"""Limit of the pairs of distinct graphs in all comparisons."""


def _check_pairs(records: list[Record], comparisons: list[Comparison], study: str) -> None:
    for kind, most in _MOST_PAIRS.items():
        own = [record for record in records if record.kind == kind]
        sizes = [len(members) for _, members in grouped(kind, own, comparisons)]
        _check_number(sum(n * (n - 1) // 2 for n in sizes), most, kind, study)
    graphs = (
        distinct_graphs(members) for _, members in ordered("architecture", records, comparisons)
    )
    pairs = sum(len(pairs_of_graphs(distinct)) for distinct in graphs)
    _check_number(pairs, _MOST_GRAPH_PAIRS, "architecture", study)


def _check_number(pairs: int, most: int, kind: str, study: str) -> None:
    if pairs > most:
        raise StoreError(
            f"the run {study} has {pairs:,} pairs of entries to compare in {kind}, and a "
            f"report holds {most:,}; compare fewer entries with each other in one study"
        )


def _not_compared(
    records: list[Record], comparisons: list[Comparison], claimed: ClaimedRanking | None
) -> str | None:
    """Return a sentence that says why nothing was compared; None if something was."""
    if claimed is not None and claimed.rows:
        return None
    for kind in KINDS:
        own = [record for record in records if record.kind == kind]
        for _, members in grouped(kind, own, comparisons):
            if len({record.entry for record in members}) > 1:
                return None
    measured = len({(record.zoo, record.model) for record in records})
    if measured == 0:
        reason = "no entry was measured"
    elif measured == 1:
        reason = "one entry alone was measured"
    else:
        reason = (
            f"{measured} entries were measured, and no two of them in one comparison; "
            "name them together, or in one [[group]]"
        )
    return f"Nothing was compared: {reason}."


def _notes(records: list[Record]) -> list[str]:
    """Return notes on the records as a whole."""
    notes = []
    off = [
        r.entry
        for r in records
        if isinstance(r.values, ArchitectureValues)
        and (
            r.values.parameters != r.values.framework_parameters
            # The number that Keras publishes includes the statistics of normalisations.
            or r.values.published_parameters
            not in (None, r.values.parameters, r.values.parameters + r.values.statistics)
        )
    ]
    if off:
        notes.append(
            "The parameters counted on the graph disagree with the framework's or the zoo's own "
            f"figure for: {', '.join(off)}."
        )
    notes += [
        f"Warning: {r.entry}: {check}."
        for r in records
        if isinstance(r.values, AccuracyValues)
        for check in r.values.failed_checks
    ]
    machines = {r.hardware.model_dump_json() for r in records if r.kind == "latency"}
    if len(machines) > 1:
        notes.append("Latencies come from more than one machine and are compared within each.")
    return notes
