"""The table of names of a study: one record per entry, and the table made of the records."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from zoodiff.architecture import describe as architecture
from zoodiff.architecture import structures
from zoodiff.architecture.names_table import NamesTable, shared, table_of
from zoodiff.architecture.structures import Fingerprints
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, StudyError, UnknownNameError, UsageError, ZoodiffError
from zoodiff.graph.cost import count
from zoodiff.host.provenance import hardware, installed_versions, now
from zoodiff.store.records import Failure, NamesValues, Record, WeightsInfo
from zoodiff.study import config as studies
from zoodiff.study.config import LoadedStudy, NamesSection, OfNames
from zoodiff.zoos import registry
from zoodiff.zoos.names.resolver import chosen_names
from zoodiff.zoos.registry import Entry


def entries_of(
    loaded: LoadedStudy, table: str, section: OfNames, selected: Sequence[Entry]
) -> list[Entry]:
    """Return the entries of the names in a section's table, by zoo and then by name.

    ``selected`` are those of the table [select]. Raises StudyError for a name or a zoo that does
    not exist.
    """
    if section.entries is not None:
        return sorted(selected, key=lambda entry: entry.zoo.name)
    try:
        zoos = [registry.find_zoo(name).name for name in section.zoos] or None
    except (UnknownNameError, ZoodiffError) as error:
        raise studies.key_error(loaded, (table, "zoos"), error) from None
    by_name = registry.by_architecture(zoos)
    try:
        names = chosen_names(section.names, by_name)
    except UnknownNameError as error:
        raise studies.key_error(loaded, (table, "names"), error) from None
    if not section.names:
        names = _all_or_shared(by_name, section)
    if not names:
        nothing = StudyError("no two of these zoos share a name")
        raise studies.key_error(loaded, (table, "zoos"), nothing)
    entries = [entry for name in names for entry in by_name[name]]
    return sorted(entries, key=lambda entry: entry.zoo.name)


def _all_or_shared(by_name: Mapping[str, Sequence[Entry]], section: OfNames) -> list[str]:
    if not isinstance(section, NamesSection):
        return shared(by_name)
    return list(by_name) if section.all else shared(by_name, elsewhere=section.elsewhere)


def measure(pool: WorkerPool, entry: Entry, key: str) -> Record:
    """Return the record of an entry's network; raise a ZoodiffError if it cannot be built."""
    started, clock = now(), time.monotonic()
    graph = architecture.graph_of(pool, entry)
    prints, counts = structures.fingerprints_of(graph), count(graph)
    if prints is None:
        raise MeasurementError(structures.TOO_ALIKE)
    values = NamesValues(
        network=prints.network,
        parameters=counts.parameters,
        macs=counts.macs,
        input_shape=list(entry.model.input_shape),
        classes=entry.labels.classes,
        seconds=time.monotonic() - clock,
    )
    return Record(
        key=key,
        entry=str(entry.ref),
        zoo=entry.zoo.name,
        model=entry.model.name,
        architecture=entry.model.architecture,
        weights=WeightsInfo(name=entry.weights_name, state="none"),
        preprocessing=entry.preprocessing.to_dict(),
        labels=entry.labels.name,
        fingerprint=prints.exact,
        conditions={},
        versions=installed_versions(entry),
        hardware=hardware(),
        started=started,
        finished=now(),
        values=values,
    )


def names_table(
    records: Sequence[Record], failures: Sequence[Failure], section: NamesSection | None
) -> NamesTable | None:
    """Return the table of a study's names; None if no record is of a name.

    What is published is taken from the catalogues of this machine. Entries that were not built are
    in it without a network, entries of a zoo that is not installed here are left out.
    """
    prints = {
        record.entry: Fingerprints(record.values.network, record.fingerprint)
        for record in records
        if isinstance(record.values, NamesValues) and record.fingerprint is not None
    }
    if not prints:
        return None
    failed = [failure.entry for failure in failures if failure.kind == "names"]
    by_name: dict[str, list[Entry]] = {}
    for name in dict.fromkeys([*prints, *failed]):
        try:
            entry = registry.resolve(name)
        except (UnknownNameError, UsageError, ZoodiffError):
            continue
        by_name.setdefault(entry.model.architecture, []).append(entry)
    zoos = {entry.zoo.name for entries in by_name.values() for entry in entries}
    elsewhere = section is not None and section.elsewhere
    return table_of(dict(sorted(by_name.items())), prints, zoos=zoos, elsewhere=elsewhere)
