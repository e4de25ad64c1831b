"""Fingerprints of many entries, kept beside the cache of graphs.

Computing them takes a tenth of a second or more, so one file holds the fingerprints of all graphs
in the cache, by the graph's file. A fingerprint is as valid as its graph; those whose graph
was removed are dropped when the file is written. If it cannot be read or written, fingerprints are
computed again, without a message.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from zoodiff.architecture import graph_cache
from zoodiff.architecture.survey import describe_all
from zoodiff.errors import MeasurementError
from zoodiff.graph import boundary, fingerprint
from zoodiff.graph.canonical import canonical
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph
from zoodiff.workers.limits import Limits
from zoodiff.zoos.registry import Entry

_FILE = "structures.json"
_CHUNK = 48
"""Entries that are described before their fingerprints are written: what a stop may lose."""


TOO_ALIKE = "it has too many parts that are alike to be fingerprinted"
"""Why an entry that is built has no fingerprint."""


class Fingerprints(NamedTuple):
    """The two fingerprints of a network."""

    network: str
    """Structure fingerprint without the pre- and post-processing inside, equal for a network and
    its exports; batch norms and biases are left out."""
    exact: str
    """Equal exactly for the same network."""
    parameters: int | None = None
    macs: int | None = None
    """Number of parameters and of MACs per image; None if an older version wrote them."""


def known(
    entries: Sequence[Entry], *, done: Callable[[Entry, str | None], None] | None = None
) -> dict[str, Fingerprints]:
    """Return the fingerprints of the entries whose graph is cached, by entry.

    No network is built. ``done`` is called with each entry whose fingerprint is computed.
    """
    known_prints = stored()
    there = _files()
    result: dict[str, Fingerprints] = {}
    computed: dict[str, Fingerprints] = {}
    for entry, key in zip(entries, graph_cache.keys_of(entries), strict=True):
        file = graph_cache.file_name(key) if key is not None else ""
        if key is None or file not in there:
            continue
        prints = known_prints.get(file)
        if prints is None:
            graph = graph_cache.load(key)
            prints = None if graph is None else fingerprints_of(graph)
            if prints is None:
                continue
            computed[file] = prints
            if done is not None:
                done(entry, None)
        result[str(entry.ref)] = prints
    if computed:
        _write({**known_prints, **computed})
    return result


def build(
    entries: Sequence[Entry],
    *,
    jobs: int = 2,
    limits: Limits | None = None,
    begin: Callable[[int], None] | None = None,
    done: Callable[[Entry, str | None], None] | None = None,
) -> tuple[dict[str, Fingerprints], dict[str, str]]:
    """Return the fingerprints of entries, and the reasons for those without one.

    What the cache lacks is described; if that is interrupted, the next call goes on where it
    stopped. ``begin`` is called with the number of networks to describe, then ``done`` with each
    entry and the reason why it has none, or None.
    """
    fingerprints = known(entries, done=done)
    missing = [entry for entry in entries if str(entry.ref) not in fingerprints]
    if begin is not None:
        begin(len(missing))
    keys = dict(zip(map(_name, missing), graph_cache.keys_of(missing), strict=True))
    lock = threading.Lock()
    unwritten: dict[str, Fingerprints] = {}

    def take(entry: Entry, graph: Graph) -> str | None:
        prints, key = fingerprints_of(graph), keys[_name(entry)]
        if prints is None:
            return TOO_ALIKE
        with lock:
            fingerprints[_name(entry)] = prints
            if key is not None:
                unwritten[graph_cache.file_name(key)] = prints
            if len(unwritten) >= _CHUNK:
                add(unwritten)
                unwritten.clear()
        return None

    try:
        _, failures = describe_all(missing, jobs=jobs, limits=limits, done=done, take=take)
    finally:
        if unwritten:
            add(unwritten)
    return fingerprints, failures


def _name(entry: Entry) -> str:
    return str(entry.ref)


def fingerprints_of(graph: Graph) -> Fingerprints | None:
    """Return the fingerprints; None for a graph with too many symmetries to be searched."""
    clean = canonical(graph)
    bare = boundary.without(clean, boundary.parts_inside(clean))
    try:
        exact = fingerprint.fingerprint(clean, is_canonical=True)
        counts = count(graph)
        network = fingerprint.structure(bare, is_canonical=True)
        return Fingerprints(network, exact, counts.parameters, counts.macs)
    except MeasurementError:
        return None


def _files() -> frozenset[str]:
    try:
        return frozenset(path.name for path in graph_cache.folder().iterdir())
    except OSError:
        return frozenset()


def add(prints: Mapping[str, Fingerprints]) -> None:
    """Keep the fingerprints of graphs that were put into the cache, by the graph's file."""
    _write({**stored(), **prints})


def is_current(prints: Fingerprints) -> bool:
    """Return whether fingerprints are of the schemes of this version."""
    schemes = [text.partition(":")[0] for text in prints[:2]]
    return schemes == [fingerprint.STRUCTURE_SCHEME, fingerprint.SCHEME]


def stored() -> Mapping[str, Fingerprints]:
    """Return the stored fingerprints by the graph's file; none of other schemes."""
    try:
        raw = json.loads((graph_cache.folder().parent / _FILE).read_text(encoding="utf-8"))
        prints = {file: Fingerprints(*texts) for file, texts in raw.items()}
        return {file: texts for file, texts in prints.items() if is_current(texts)}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write(fingerprints: Mapping[str, Fingerprints]) -> None:
    there = _files()
    kept = {file: prints for file, prints in fingerprints.items() if file in there}
    path = graph_cache.folder().parent / _FILE
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        partial.write_text(json.dumps(kept), encoding="utf-8")
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
