"""Plan the tasks of a study, each with the key of its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff.addresses import is_address
from zoodiff.data.labels import LabelSpace
from zoodiff.data.labels import find as label_space
from zoodiff.data.layouts import open_images
from zoodiff.data.places import place
from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import StudyError, UnknownNameError, UnreadableFileError, UsageError
from zoodiff.latency.conditions import Conditions
from zoodiff.latency.record_keys import fixed_budget, task_of
from zoodiff.store.records import Failure
from zoodiff.study import config as studies
from zoodiff.study.config import AccuracyTable, Entries, LoadedStudy
from zoodiff.tasks import Kind, Task
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry

TOGETHER = 12
"""Entries that see the same decoded images in one pass, all of whose networks are in memory."""


@dataclass(frozen=True)
class Plan:
    """The tasks of a study, and the entries omitted.

    They are files that cannot be opened, and those whose download is not allowed.
    """

    tasks: tuple[Task, ...]
    left_out: tuple[Failure, ...]


def plan(loaded: LoadedStudy) -> Plan:
    """All tasks of a study, grouped by zoo; raise StudyError for a name that does not exist."""
    study = loaded.study
    tasks: list[Task] = []
    left_out: list[Failure] = []

    def select(table: Kind, wanted: Entries) -> list[Entry]:
        named, others, unreadable = _select(loaded, table, wanted)
        left_out.extend(unreadable)
        if not study.download:
            left_out.extend(_left_out(table, e) for e in others if e.model.needs_file)
            others = [e for e in others if not e.model.needs_file]
        return [*named, *others]

    if study.architecture is not None:
        chosen = select("architecture", study.architecture)
        chosen.sort(key=lambda e: e.zoo.name)
        tasks += [Task("architecture", (entry,), ()) for entry in chosen]
    if study.accuracy is not None:
        chosen = select("accuracy", study.accuracy)
        if chosen:
            asked = _on_images(loaded, study.accuracy)
            tasks += [Task("accuracy", group, asked) for group in _together(chosen)]
            if study.accuracy.explain:
                groups = _by_architecture(chosen)
                tasks += [Task("explanation", g, asked) for g in groups if len(g) > 1]
    if study.latency is not None:
        timing = study.latency
        entries = [_weighted(entry, timing.weights) for entry in select("latency", timing)]
        conditions = Conditions(batch=timing.batch, threads=timing.threads)
        budget = fixed_budget(
            processes=timing.processes,
            rounds=timing.rounds,
            block_ms=1000 * timing.block_seconds,
            seconds=timing.max_seconds,
            seed=study.seed,
        )
        groups = _by_architecture(entries)
        tasks += [task_of(group, conditions, budget) for group in groups]
    return Plan(tuple(tasks), tuple(left_out))


def _on_images(loaded: LoadedStudy, table: AccuracyTable) -> tuple[tuple[str, Any], ...]:
    """Return the conditions of accuracy on a data set; raise StudyError if it cannot be opened."""
    folder = Path(loaded.path).parent if Path(loaded.path).is_file() else Path()
    data = table.data if table.built_in else _absolute(folder, table.data)
    truth = _absolute(folder, table.truth) if table.truth else None
    labels, data_labels = (
        str((folder / one).absolute()) if one and (folder / one).is_file() else one
        for one in (table.labels, table.data_labels)
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
    """Raise UsageError for images that cannot be opened, or have no labels."""
    images = open_images(data, space=space, truth=place(truth) if truth else None, split=split)
    if not images.labelled:
        raise UsageError(f"the images of {images.name} have no labels; name the file with them")


def _by_architecture(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Entries in groups of one architecture, both in order."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.model.architecture, []).append(entry)
    return [tuple(group) for group in groups.values()]


def _together(chosen: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Divide entries into passes that fit into memory, by zoo if necessary."""
    if len(chosen) <= TOGETHER:
        return [tuple(chosen)]
    ordered = sorted(chosen, key=lambda entry: entry.zoo.name)
    return [tuple(ordered[k : k + TOGETHER]) for k in range(0, len(ordered), TOGETHER)]


def _absolute(folder: Path, name: str) -> str:
    """A path from the study's folder; an address as it is."""
    return name if is_address(name) else str((folder / name).absolute())


def _left_out(kind: Kind, entry: Entry) -> Failure:
    size = sum(w.bytes or 0 for w in entry.model.weights) / 1e6
    return Failure(
        kind=kind,
        entry=str(entry.ref),
        architecture=entry.model.architecture,
        reason=f"needs the zoo's own file of {size:,.0f} MB; allow fetching it with --download, "
        "or name the entry",
        declined=True,
    )


def _select(
    loaded: LoadedStudy, table: Kind, wanted: Entries
) -> tuple[list[Entry], list[Entry], list[Failure]]:
    """Entries of one table, in order, without repetition: those named, and by architecture.

    The failures are files that cannot be opened.
    """
    chosen: dict[str, Entry] = {}
    unreadable: list[Failure] = []
    for reference in wanted.entries:
        try:
            entry = registry.resolve(reference)
        except UnreadableFileError as error:
            unreadable.append(
                Failure(kind=table, entry=reference, architecture=None, reason=str(error))
            )
            continue
        except (UnknownNameError, UsageError) as error:
            raise studies.key_error(loaded, (table, "entries"), error) from None
        chosen.setdefault(str(entry.ref), entry)
    try:
        zoo_names = [registry.find_zoo(name).name for name in wanted.zoos] or None
    except UnknownNameError as error:
        raise studies.key_error(loaded, (table, "zoos"), error) from None
    named = list(chosen.values())
    groups = registry.by_architecture(zoo_names) if wanted.architectures else {}
    names = list(groups) if wanted.architectures == "all" else list(wanted.architectures)
    for name in names:
        if name not in groups:
            raise studies.key_error(
                loaded,
                (table, "architectures"),
                StudyError(f'no architecture "{name}" in these zoos{did_you_mean(name, groups)}'),
            )
        for entry in groups[name]:
            chosen.setdefault(str(entry.ref), entry)
    return named, list(chosen.values())[len(named) :], unreadable


def _weighted(entry: Entry, weights: str) -> Entry:
    """Random weights take no download; graphs that only have placeholders keep them."""
    default = entry.model.default_weights
    if weights == "random" and (default is None or default.url is not None):
        return registry.resolve(entry.ref.with_weights(RANDOM))
    return entry
