"""Summarise what a study measured, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.report.sections import mismatches, recipes
from zoodiff.report.words import numbers
from zoodiff.results import Discrepancy
from zoodiff.store.records import Record
from zoodiff.study.result import StudyResult

_ORDINALS = {3: "third", 4: "fourth", 5: "fifth", 10: "tenth", 20: "twentieth"}


def sentences(result: StudyResult) -> tuple[str, ...]:
    """Return the summary sentences about the parts that the study has."""
    candidates = [
        result.not_compared,
        _measured(result),
        _claims(result),
        _accuracy(result.measured_accuracy),
        _latency(result),
        _architecture(result),
        _recipes(result),
        _weights(result.records),
        _missing(result),
    ]
    return tuple(sentence for sentence in candidates if sentence)


def entry_count(records: Sequence[Record]) -> int:
    """Return the number of measured models, each counted once for all its weights."""
    return len({(record.zoo, record.model) for record in records})


def _beyond(rows: Sequence[Discrepancy]) -> list[Discrepancy]:
    return [row for row in rows if row.verdict == "discrepancy"]


def _measured(result: StudyResult) -> str:
    records = result.records
    if not records and (result.names or result.recipes):
        return ""
    if not records:
        claims_alone = "; the study compares claims" if result.claimed else ""
        return f"Nothing was measured{claims_alone}."
    architectures = len({record.architecture for record in records})
    zoos = len({record.zoo for record in records})
    entries = entry_count(records)
    return (
        f"{numbers.plural(entries, 'entry', 'entries').capitalize()} of "
        f"{numbers.plural(architectures, 'architecture')} from {numbers.plural(zoos, 'zoo')} "
        f"{'was' if entries == 1 else 'were'} measured."
    )


def _claims(result: StudyResult) -> str | None:
    claimed = result.claimed
    if claimed is None:
        return None
    about = (
        f"the claims of {numbers.plural(claimed.entries, 'entry', 'entries')} of "
        f"{numbers.plural(claimed.architectures, 'architecture')}"
    )
    if not claimed.rows:
        return f"Among {about}, no two can be compared."
    shown = [row for row in claimed.rows if not row.doubtful][: result.top]
    if not shown:
        return f"Among {about}, every difference rests on a doubtful number."
    text = f"Among {about}, the largest difference in top-1 accuracy is {_points(shown[0])}"
    if len(shown) > 2:
        rank = _ORDINALS.get(len(shown), f"{len(shown)}th")
        text += f" and the {rank} largest {_points(shown[-1])}"
    return text + "; a claim carries no uncertainty."


def _points(row: Discrepancy) -> str:
    return f"{numbers.fixed(row.difference, 2)} percentage points ({row.architecture})"


def _accuracy(rows: Sequence[Discrepancy]) -> str | None:
    if not rows:
        return None
    pairs = _pairs(rows, "run on the same images")
    beyond = _beyond(rows)
    if not beyond:
        return f"{pairs}, none differs in accuracy beyond noise."
    return (
        f"{pairs}, {_differ(len(beyond))} in accuracy beyond noise, "
        f"at most by {_points(beyond[0])}."
    )


def _latency(result: StudyResult) -> str | None:
    rows = result.latency
    if not rows:
        return None
    pairs = _pairs(rows, "timed in one run")
    noises = [control.noise_percent for control in result.controls]
    beyond = _beyond(rows)
    if not noises:
        return f"{pairs}, none counts, because no control shows the noise of the run."
    noise = numbers.noise_in_words(noises)
    if not beyond:
        return f"{pairs}, none differs in latency beyond {noise}."
    largest = beyond[0]
    decimals = min(numbers.decimals_for(largest.difference), 2)
    return (
        f"{pairs}, {_differ(len(beyond))} in latency beyond {noise}, at most "
        f"by {numbers.fixed(largest.difference, decimals)} % ({largest.architecture})."
    )


def _pairs(rows: Sequence[Discrepancy], how: str) -> str:
    return f"Of {numbers.plural(len(rows), 'pair')} of entries {how}"


def _differ(number: int) -> str:
    return f"{number:,} differs" if number == 1 else f"{number:,} differ"


def _architecture(result: StudyResult) -> str | None:
    several = mismatches.compared(result)
    if not several:
        return None
    tally = mismatches.tally(result)
    sorted_by_name = mismatches.are_architectures(result)
    noun = "architecture" if sorted_by_name else "group"
    among = f"{numbers.plural(several, noun)} with at least two entries"
    if not (tally.with_effect or tally.harmless or tally.undecided):
        return f"In {among}, all {'graphs' if result.graphs else 'counted properties'} agree."
    verb = "is" if tally.with_effect == 1 else "are"
    what = "the same network in every zoo" if sorted_by_name else "one network"
    parts = [f"{tally.with_effect:,} {verb} not {what}"]
    if tally.harmless:
        differ = "differs" if tally.harmless == 1 else "differ"
        how = (
            "only in ways that change no function"
            if result.graphs
            else "in parameters or norms alone, which may change no answer"
        )
        parts.append(f"{tally.harmless:,} {differ} {how}")
    if tally.undecided:
        verb = "was" if tally.undecided == 1 else "were"
        parts.append(f"{tally.undecided:,} {verb} not decided")
    shown = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
    return f"Of {among}, {shown}."


def _recipes(result: StudyResult) -> str | None:
    audited = [name for name in result.recipes if name.values.recipes]
    if not audited:
        return None
    several = sum(name.values.different > 1 for name in audited)
    text = (
        f"Of {numbers.plural(len(audited), 'name')} with published preprocessings, {several:,} "
        f"{'has' if several == 1 else 'have'} several that differ in pixels"
    )
    largest = recipes.largest(audited)
    if largest is None:
        return f"{text}."
    size, name = largest
    return f"{text}, at most by {numbers.significant(size, 2)} levels of 255 in the mean ({name})."


def _weights(records: Sequence[Record]) -> str | None:
    marked = {
        state: len({r.entry for r in records if r.weights.state == state})
        for state in ("random", "placeholder")
    }
    phrases = [
        f"{numbers.plural(number, 'entry', 'entries')} with {state} weights"
        for state, number in marked.items()
        if number
    ]
    if not phrases:
        return None
    return f"{numbers.listing(phrases)} are marked †; they say nothing about accuracy."


def _missing(result: StudyResult) -> str:
    left = len(result.not_run)
    phrases = []
    failed = sum(not failure.declined for failure in result.failures)
    later = len(result.failures) - failed
    if failed:
        phrases.append(f"{numbers.plural(failed, 'measurement')} could not be made")
    if later:
        verb = "waits" if later == 1 else "wait"
        phrases.append(
            f"{numbers.plural(later, 'measurement')} {verb} for a download or a later run"
        )
    absent = len({what for name in result.recipes for what in name.values.absent})
    not_run = len({what for name in result.recipes for what in name.values.failures})
    if absent:
        verb = "is" if absent == 1 else "are"
        phrases.append(f"{numbers.plural(absent, 'recipe')} {verb} not on the machine of this run")
    if not_run:
        phrases.append(f"recipes of {not_run:,} {'source' if not_run == 1 else 'sources'} failed")
    if left:
        phrases.append(
            f"{numbers.plural(left, 'part')} {'was' if left == 1 else 'were'} left out on purpose"
        )
    if not phrases and result.not_compared is not None:
        return ""
    if not phrases:
        return "Nothing that was asked for is missing."
    text = numbers.listing(phrases)
    return f"{text[0].upper()}{text[1:]}; the reasons are listed."
