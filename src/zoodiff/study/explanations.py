"""A study's differences in accuracy taken apart, each a record of its own.

An explanation costs many passes over the images, so it is kept like every other measurement: found
again by what was asked, the records of both entries, and listed in the manifest of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zoodiff._version import __version__
from zoodiff.accuracy.attribution.inference import sentences
from zoodiff.accuracy.attribution.preprocessing import Explanation
from zoodiff.accuracy.attribution.session import EXPLAINED, UNTRAINED, Reasons
from zoodiff.accuracy.discrepancies import compare
from zoodiff.accuracy.sharding import contestant_of, images_of, settings_of
from zoodiff.engines.local import LocalEngine
from zoodiff.errors import ZoodiffError
from zoodiff.host.provenance import hardware, now
from zoodiff.results import Interval
from zoodiff.stats.intervals import Estimate
from zoodiff.store.folder import Store
from zoodiff.store.records import (
    ConfirmationValues,
    ExplanationValues,
    NamedValues,
    PartValues,
    Record,
    key_of,
)
from zoodiff.study.config import LoadedStudy
from zoodiff.study.plan import plan
from zoodiff.study.run import Observer, Outcome
from zoodiff.tasks import Task
from zoodiff.workers.process import Limits


def explain_run(
    loaded: LoadedStudy,
    outcome: Outcome,
    store: Store,
    observer: Observer,
    *,
    fresh: bool = False,
    limits: Limits | None = None,
) -> Outcome:
    """The outcome with explanations among its records, where the study asks for them.

    Explained are entries of one architecture that differ; of two entries alone, whatever they do.
    What the store has is taken from there unless ``fresh``.
    """
    table = loaded.study.accuracy
    if table is None or not table.explain:
        return outcome
    passes = [one for one in plan(loaded).tasks if one.kind == "accuracy"]
    if not passes:
        return outcome
    task = replace(passes[0], entries=tuple(entry for one in passes for entry in one.entries))
    pairs = _pairs(task, outcome, store)
    found: list[str] = []
    waiting: list[tuple[str, Record, Record]] = []
    for first, second in pairs:
        key = key_of(
            kind="explanation",
            records=[first.key, second.key],
            images=EXPLAINED,
            zoodiff=__version__,
        )
        known = None if fresh else store.find("explanation", key)
        if known is None:
            waiting.append((key, first, second))
        else:
            found.append(store.name_of(known))
    if waiting:
        with LocalEngine(limits) as engine:
            label = ""

            def step(done: int, of: int) -> None:
                observer.step(label, done, of)

            reasons = Reasons(engine, images_of(task), settings_of(task), step)
            for key, first, second in waiting:
                label = f"why {first.entry} and {second.entry} differ"
                observer.task(label)
                record = _explained(engine, task, reasons, key, (first, second))
                found.append(store.put(record))
    records = [name for name in outcome.manifest.records if name not in found]
    manifest = outcome.manifest.model_copy(
        update={
            "records": [*records, *found],
            "updated": now() if waiting else outcome.manifest.updated,
        }
    )
    store.write_manifest(manifest)
    return replace(
        outcome,
        manifest=manifest,
        measured=outcome.measured + len(waiting),
        reused=outcome.reused + len(found) - len(waiting),
    )


def _pairs(task: Task, outcome: Outcome, store: Store) -> list[tuple[Record, Record]]:
    """Records of the pairs that are to be explained, the better entry first."""
    names = {str(entry.ref) for entry in task.entries}
    records = {
        record.entry: record
        for name in outcome.manifest.records
        if (record := store.get(name)) is not None
        if record.kind == "accuracy" and record.entry in names
    }
    every = compare(records.values(), store).pairs
    wanted = [one for one in every if one.verdict == "discrepancy" or len(every) == 1]
    return [(records[one.high_entry], records[one.low_entry]) for one in wanted]


def _explained(
    engine: LocalEngine, task: Task, reasons: Reasons, key: str, records: tuple[Record, Record]
) -> Record:
    """The explanation of a pair as a record."""
    begun = now()
    first, second = records
    said = len(reasons.problems)
    explanation: Explanation | None = None
    untrained = [one for one in records if one.weights.state in UNTRAINED]
    for one in untrained:
        reasons.untrained(one.entry, one.weights.state)
    if not untrained:
        entries = {str(entry.ref): entry for entry in task.entries}
        try:
            sides = [contestant_of(engine, task, entries[one.entry]) for one in records]
            explanation = reasons.explain_pair(*sides)
        except ZoodiffError as error:
            reasons.problems.append(str(error))
    names = [one.entry for one in records]
    values = ExplanationValues(
        other=second.entry,
        images=explanation.images if explanation else 0,
        total=_interval(explanation.total) if explanation else None,
        parts=[
            PartValues(
                kind=part.kind,
                what=part.what,
                code=part.code,
                first=part.first,
                second=part.second,
                points=_interval(part.points),
            )
            for part in (explanation.parts if explanation else ())
        ],
        confirmation=_confirmation(explanation),
        named=_named(reasons, names),
        notes=list(explanation.notes) if explanation else [],
        problems=_problems(reasons, said, names),
    )
    return first.model_copy(
        update={
            "key": key,
            "hardware": hardware(),
            "started": begun,
            "finished": now(),
            "conditions": {**first.conditions, "other": second.key},
            "values": values,
        }
    )


def _problems(reasons: Reasons, said: int, names: Sequence[str]) -> list[str]:
    """What was said of this pair, and before of one of its entries."""
    before = [one for one in reasons.problems[:said] if one.startswith(tuple(names))]
    return list(dict.fromkeys([*before, *reasons.problems[said:]]))


def _named(reasons: Reasons, names: Sequence[str]) -> list[NamedValues]:
    found = []
    for name in names:
        if name in reasons.inferences:
            found += [
                NamedValues(code=code, entry=name, words=words)
                for code, words in sentences(reasons.inferences[name])
            ]
        if name in reasons.doubts:
            code, words = reasons.doubts[name]
            found.append(NamedValues(code=code, entry=name, words=words))
    return found


def _confirmation(explanation: Explanation | None) -> ConfirmationValues | None:
    found = explanation.confirmation if explanation else None
    if found is None:
        return None
    return ConfirmationValues(
        what=found.what,
        code=found.code,
        points=_interval(found.points),
        confirmed=found.confirmed,
    )


def _interval(value: Estimate) -> Interval:
    return Interval(value=value.value, low=value.low, high=value.high, level=value.level)
