"""Plan the tasks of a study: select its entries, group them, and collect their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zoodiff.addresses import is_address
from zoodiff.data.labels import LabelSpace
from zoodiff.data.labels import find as label_space
from zoodiff.data.layouts import open_images
from zoodiff.data.places import place
from zoodiff.entry import RANDOM, did_you_mean, meant
from zoodiff.errors import StudyError, UnknownNameError, UnreadableFileError, UsageError
from zoodiff.latency.benchmark import Budget
from zoodiff.latency.conditions import Conditions
from zoodiff.latency.records.keys import fixed_budget, task_of, with_references
from zoodiff.results import Comparison
from zoodiff.store.records import Failure
from zoodiff.study import config as studies
from zoodiff.study import names as name_table
from zoodiff.study.config import (
    AccuracyTable,
    Entries,
    LatencyTable,
    LoadedStudy,
    Section,
    Study,
)
from zoodiff.study.groups import Group, by_architecture, groups_of, named_group, without_parts
from zoodiff.study.selection import select as select_entries
from zoodiff.tasks import Kind, Task
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry

TOGETHER = 12
"""Maximum number of entries per pass over the images; all their networks are in memory."""


@dataclass(frozen=True)
class Plan:
    """The tasks and comparisons of a study, and the entries that are left out."""

    tasks: tuple[Task, ...]
    left_out: tuple[Failure, ...]
    """Files that cannot be opened, and entries whose download is not allowed."""
    comparisons: tuple[Comparison, ...]
    """Which entries are compared with each other."""
    max_seconds: Mapping[str, float] = field(default_factory=dict)
    """By kind of task: seconds after which a run starts no further task of this kind."""


def plan(loaded: LoadedStudy) -> Plan:
    """Return the plan of a study; raise StudyError for a name that does not exist."""
    study = loaded.study
    tasks: list[Task] = []
    left_out: dict[tuple[str, str], Failure] = {}
    comparisons: list[Comparison] = []
    selected = select_entries(loaded)
    left_out.update({("architecture", absent.entry): absent for absent in selected.absent})

    def select(kind: Kind, section: Section) -> list[Group]:
        groups, missing = _groups(loaded, kind, section, selected.entries)
        left_out.update({(kind, failure.entry): failure for failure in missing})
        return groups

    if study.architecture is not None:
        groups = select("architecture", study.architecture)
        comparisons += [group.comparison("architecture") for group in groups]
        chosen = sorted(_members(groups), key=lambda e: e.zoo.name)
        tasks += [Task("architecture", (entry,), ()) for entry in chosen]
        several = [group.entries for group in groups if len(group.entries) > 1]
        tasks += [Task("difference", entries, ()) for entries in several]
    if study.names is not None:
        chosen = name_table.entries_of(loaded, "names", study.names, selected.entries)
        built = [entry for entry in chosen if study.download or not entry.model.needs_file]
        declined = [_declined_download("names", entry) for entry in chosen if entry not in built]
        left_out.update({("names", failure.entry): failure for failure in declined})
        tasks += [Task("names", (entry,), ()) for entry in built]
    if study.recipes is not None:
        chosen = name_table.entries_of(loaded, "recipes", study.recipes, selected.entries)
        tasks += [Task("recipes", tuple(chosen), ())] if chosen else []
    if study.accuracy is not None:
        groups = select("accuracy", study.accuracy)
        comparisons += [group.comparison("accuracy") for group in groups]
        if groups:
            settings = _accuracy_settings(loaded, study.accuracy)
            tasks += [Task("accuracy", part, settings) for part in _passes(_members(groups))]
            if study.accuracy.explain:
                several = [group.entries for group in groups if len(group.entries) > 1]
                tasks += [Task("explanation", entries, settings) for entries in several]
    if study.latency is not None:
        groups = _timed_groups(study.latency, select("latency", study.latency))
        comparisons += [group.comparison("latency") for group in groups]
        tasks += _latency_tasks(study, study.latency, groups)
    return Plan(
        tuple(tasks), tuple(left_out.values()), tuple(comparisons), _max_seconds(study.latency)
    )


def _max_seconds(timing: LatencyTable | None) -> dict[str, float]:
    if timing is None or timing.max_minutes is None:
        return {}
    return {"latency": 60 * timing.max_minutes}


def _latency_tasks(study: Study, timing: LatencyTable, groups: Sequence[Group]) -> list[Task]:
    conditions, budget = _latency_settings(study, timing)
    tasks = [task_of(group.entries, conditions, budget) for group in groups]
    if not timing.why:
        return tasks
    return [with_references(task, layers=timing.layers) for task in tasks]


def _latency_settings(study: Study, timing: LatencyTable) -> tuple[Conditions, Budget]:
    budget = fixed_budget(
        processes=timing.processes,
        rounds=timing.rounds,
        block_ms=1000 * timing.block_seconds,
        seconds=timing.max_seconds,
        seed=study.seed,
    )
    if timing.least_processes is not None:
        budget = replace(
            budget,
            processes=min(timing.least_processes, timing.processes),
            target_percent=timing.target_percent,
        )
    if timing.least_rounds is not None:
        budget = replace(budget, least_rounds=timing.least_rounds)
    return Conditions(batch=timing.batch, threads=timing.threads), budget


def _timed_groups(timing: LatencyTable, groups: Sequence[Group]) -> list[Group]:
    """Return the groups with the weights that are timed, without duplicate entries."""
    timed: list[Group] = []
    for group in groups:
        weighted = [_with_timed_weights(entry, timing.weights) for entry in group.entries]
        unique = {str(entry.ref): entry for entry in weighted}
        timed.append(Group(group.name, tuple(unique.values())[: timing.per_name]))
    return timed


def _members(groups: Sequence[Group]) -> list[Entry]:
    """Return the entries of all groups without duplicates."""
    return list({str(entry.ref): entry for group in groups for entry in group.entries}.values())


def _groups(
    loaded: LoadedStudy, kind: Kind, section: Section, selected: Sequence[Entry]
) -> tuple[list[Group], list[Failure]]:
    """Return the groups of a section and of the study, and the entries that are left out.

    ``selected`` are the entries of the table [select].
    """
    omitted: list[Failure] = []

    def select(listed: Entries, where: str) -> tuple[list[Entry], list[Entry]]:
        named, others, unreadable = _select(loaded, kind, listed, where)
        omitted.extend(unreadable)
        return named, _allowed(loaded, kind, others, omitted)

    if section.entries == "described" and loaded.study.architecture is not None:
        described = loaded.study.architecture
        section = section.model_copy(
            update={
                "entries": described.entries,
                "architectures": described.architectures,
                "zoos": described.zoos,
                "compare": described.compare,
            }
        )
    by_rule = section.entries == "selected"
    if by_rule:
        section = section.model_copy(update={"entries": []})
    named, others = select(section, kind)
    if by_rule:
        known = {str(entry.ref) for entry in (*named, *others)}
        # What needs a download is said once, where the entries are described.
        said = omitted if kind == "architecture" or loaded.study.architecture is None else []
        others += _allowed(loaded, kind, [e for e in selected if str(e.ref) not in known], said)
    if section.compare == "by architecture" or by_rule:
        groups = by_architecture([*named, *others])
    else:
        groups = groups_of(named, others)
    for group in loaded.study.group:
        named, others = select(group, "group")
        groups.append(named_group([*named, *others], group.name))
    groups = [
        group
        for group in groups
        if group.entries and len({entry.zoo.name for entry in group.entries}) >= section.min_zoos
    ]
    return without_parts(groups), omitted


def _allowed(
    loaded: LoadedStudy, kind: Kind, entries: Sequence[Entry], omitted: list[Failure]
) -> list[Entry]:
    """Return the entries that the study may describe; add the others to ``omitted``."""
    if loaded.study.download:
        return list(entries)
    omitted.extend(_declined_download(kind, entry) for entry in entries if entry.model.needs_file)
    return [entry for entry in entries if not entry.model.needs_file]


def _accuracy_settings(loaded: LoadedStudy, table: AccuracyTable) -> tuple[tuple[str, Any], ...]:
    """Return the conditions of accuracy on a data set; raise StudyError if it cannot be opened."""
    folder = Path(loaded.path).parent if Path(loaded.path).is_file() else Path()
    data = table.data if table.built_in else _absolute(folder, table.data)
    truth = _absolute(folder, table.truth) if table.truth else None
    labels, data_labels = (
        str((folder / space).absolute()) if space and (folder / space).is_file() else space
        for space in (table.labels, table.data_labels)
    )
    try:
        space = label_space(data_labels) if data_labels else None
        if not table.built_in:
            _check_labelled(data, space, truth, table.split or "")
    except UsageError as error:
        raise studies.key_error(loaded, ("accuracy", "data"), error) from None
    return (
        ("data", data),
        ("truth", truth),
        ("labels", labels),
        ("data_labels", data_labels),
        ("split", table.split),
        ("limit", table.limit),
        ("max_bad_percent", table.max_bad_percent),
        ("batch", table.batch),
        ("seed", loaded.study.seed),
    )


def _check_labelled(data: str, space: LabelSpace | None, truth: str | None, split: str) -> None:
    """Raise UsageError if the images cannot be opened or have no labels."""
    images = open_images(data, space=space, truth=place(truth) if truth else None, split=split)
    if not images.labelled:
        raise UsageError(f"the images of {images.name} have no labels; name the file with them")


def _passes(chosen: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Divide entries into passes that fit into memory; with several passes, sort them by zoo."""
    if len(chosen) <= TOGETHER:
        return [tuple(chosen)]
    ordered = sorted(chosen, key=lambda entry: entry.zoo.name)
    return [tuple(ordered[k : k + TOGETHER]) for k in range(0, len(ordered), TOGETHER)]


def _absolute(folder: Path, name: str) -> str:
    """Return a path relative to the study's folder as absolute; leave an address unchanged."""
    return name if is_address(name) else str((folder / name).absolute())


def _declined_download(kind: Kind, entry: Entry) -> Failure:
    size = sum(w.bytes or 0 for w in entry.model.weights) / 1e6
    of_size = f" of {size:,.0f} MB" if size else ""
    return Failure(
        kind=kind,
        entry=str(entry.ref),
        architecture=entry.model.architecture,
        reason=f"needs the zoo's own file{of_size}; allow fetching it with --download, "
        "or name the entry",
        declined=True,
    )


def _select(
    loaded: LoadedStudy, kind: Kind, listed: Entries, table: str
) -> tuple[list[Entry], list[Entry], list[Failure]]:
    """Return the entries of a table: the named ones, those by architecture, and failures.

    Both lists keep the order of the table and have no duplicates. The failures are files that
    cannot be opened. Raises StudyError for a name that does not exist.
    """
    chosen: dict[str, Entry] = {}
    unreadable: list[Failure] = []
    for reference in listed.entries:
        try:
            entry = registry.resolve(reference)
        except UnreadableFileError as error:
            unreadable.append(
                Failure(kind=kind, entry=reference, architecture=None, reason=str(error))
            )
            continue
        except (UnknownNameError, UsageError) as error:
            raise studies.key_error(loaded, (table, "entries"), error) from None
        chosen.setdefault(str(entry.ref), entry)
    try:
        zoo_names = [registry.find_zoo(name).name for name in listed.zoos] or None
    except UnknownNameError as error:
        raise studies.key_error(loaded, (table, "zoos"), error) from None
    named = list(chosen.values())
    groups = registry.by_architecture(zoo_names) if listed.architectures else {}
    names = list(groups) if listed.architectures == "all" else list(listed.architectures)
    for name in names:
        architecture = meant(name, groups)
        if architecture is None:
            raise studies.key_error(
                loaded,
                (table, "architectures"),
                StudyError(f'no architecture "{name}" in these zoos{did_you_mean(name, groups)}'),
            )
        for entry in groups[architecture]:
            chosen.setdefault(str(entry.ref), entry)
    return named, list(chosen.values())[len(named) :], unreadable


def _with_timed_weights(entry: Entry, weights: str) -> Entry:
    """Return the entry with the weights to time.

    Random weights replace published ones to avoid a download; an entry whose default weights have
    no download keeps these, such as the placeholder weights of a graph file.
    """
    default = entry.model.default_weights
    if weights == "random" and (default is None or default.url is not None):
        return registry.resolve(entry.ref.with_weights(RANDOM))
    return entry
