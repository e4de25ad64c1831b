"""What must hold after every fault: nothing wrong, nothing lost, nothing done twice.

Two runs are the same where all is equal but times (``started``, ``finished``, ``seconds``), memory
(``peak_rss_bytes``), measured latencies, and the hashes that follow from these.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from support.faults.world import IMAGES, PAIRS, Run
from zoodiff.accuracy.checkpoints import Parts
from zoodiff.store.collect import remove, waste
from zoodiff.store.files import LocalFiles
from zoodiff.store.folder import Store
from zoodiff.store.records import DifferenceValues, Record
from zoodiff.store.verify import Problem, verify

_TIMES = ("started", "finished")
_MEASURED = ("seconds", "peak_rss_bytes")


class Wrong(AssertionError):
    """Something that must never be."""


def comparable(record: Record) -> dict[str, Any]:
    """A record without what differs between two measurements of the same thing."""
    found = record.model_dump(mode="json")
    for name in _TIMES:
        found.pop(name)
    values = found["values"]
    for name in _MEASURED:
        values.pop(name, None)
    if values["kind"] == "latency":
        found["values"] = {"kind": "latency", "repeat": values.get("repeat")}
        found["conditions"] = sorted(found["conditions"])
    return found


def comparable_report(path: Path) -> dict[str, Any]:
    """A report without what differs between two runs of the same study."""
    found: dict[str, Any] = json.loads((path / "discrepancies.json").read_text())
    for name in (*_TIMES, "records"):
        found.pop(name)
    rows = []
    for row in found["discrepancies"]:
        if row["metric"] == "latency":
            pair = sorted([row["high_entry"], row["low_entry"]])
            rows.append({"metric": "latency", "architecture": row["architecture"], "pair": pair})
        else:
            rows.append(row)
    found["discrepancies"] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
    for one in found["differences"]:
        one.pop("record")
        one["values"].pop("seconds")
    found["controls"] = sorted(one["entry"] for one in found["controls"])
    return found


def by_key(results: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """All intact records of a store, comparable, by kind and key."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in Store(results):
        found.setdefault((record.kind, record.key), []).append(comparable(record))
    return found


def problems(results: Path) -> list[Problem]:
    """What ``zoodiff store verify`` says."""
    return list(verify(LocalFiles(results)).problems)


def _is_control(record: dict[str, Any]) -> bool:
    return record["values"]["kind"] == "latency" and record["values"]["repeat"] == 1


def _is_of_known_graphs(
    record: dict[str, Any], truth: dict[tuple[str, str], list[dict[str, Any]]]
) -> bool:
    """Whether a record compares two graphs that an undisturbed run compares too."""
    known = [
        sorted(records[0]["values"]["fingerprints"])
        for (kind, _), records in truth.items()
        if kind == "difference"
    ]
    values = record["values"]
    return values["kind"] == "difference" and sorted(values["fingerprints"]) in known


def no_wrong_record(results: Path, truth: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    """Raise Wrong where an intact record says something else than an undisturbed run's."""
    for key, records in by_key(results).items():
        if key not in truth and (_is_control(records[0]) or _is_of_known_graphs(records[0], truth)):
            continue  # of the second entry, where the first could not be measured
        if key not in truth:
            raise Wrong(f"a record of something that was not asked: {records[0]}")
        for record in records:
            if record != truth[key][0]:
                raise Wrong(f"a wrong record: {record} for {truth[key][0]}")


def nothing_doubled(results: Path) -> None:
    """Raise Wrong where something was recorded twice that one schedule does not tie together."""
    for (kind, _), records in by_key(results).items():
        if kind != "latency" and len(records) > 1:
            raise Wrong(f"measured {len(records)} times: {kind} of {records[0]['entry']}")


class Before:
    """What a store has when a run is resumed: from it follows what is left to do."""

    def __init__(self, results: Path) -> None:
        store = Store(results)
        self.files = {
            p: p.read_bytes() for p in (results / "records").rglob("*.json") if p.name[0] != "."
        }
        records = list(store) if self.files else []
        self.described = {r.entry for r in records if r.kind == "architecture"}
        compared = {
            (r.entry, r.values.other) for r in records if isinstance(r.values, DifferenceValues)
        }
        self.to_compare = {name for pair in PAIRS if pair not in compared for name in pair}
        recorded = {r.model for r in records if r.kind == "accuracy" and Store(results).intact(r)}
        self.left = dict.fromkeys(("small", "wide", "deep"), IMAGES)
        for folder in sorted((results / "unfinished").glob("*")):
            parts = Parts(store.files, f"unfinished/{folder.name}")
            for number in range(3):
                if parts.has(number):
                    part = parts.get(number)
                    for name in part.predictions:
                        self.left[name.partition(":")[2].partition("@")[0]] -= len(part.images)
        for model in recorded:
            self.left[model] = 0

    def check(self, run: Run) -> None:
        """Raise Wrong where a resumed run did more or less than was left to do."""
        lines = run.calls.read_text().splitlines() if run.calls.exists() else []
        described = sum(line.startswith("describe") for line in lines)
        left = 5 - len(self.described) + len(self.to_compare)
        if described != left:
            raise Wrong(f"described {described} networks, {left} were left")
        seen: Counter[str] = Counter()
        for line in lines:
            if line.startswith("classify"):
                _, model, count = line.split()
                seen[model] += int(count)
        for model, left in self.left.items():
            if seen[model] != left:
                raise Wrong(f"ran {model} on {seen[model]} images, {left} were left")
        for path, content in self.files.items():
            if path.exists() and path.read_bytes() != content:
                raise Wrong(f"the record {path.name} was changed")


def tidy(results: Path) -> None:
    """Collecting garbage takes nothing away that is needed; raise Wrong otherwise."""
    store = Store(results)
    kept = by_key(results)
    remove(store, waste(store, older=-1e9))
    if by_key(results) != kept or problems(results):
        raise Wrong("store gc removed what is needed")
    left = [p for p in results.rglob("*") if p.is_file() and p.name.endswith(".tmp")]
    if left:
        raise Wrong(f"store gc left {left}")
