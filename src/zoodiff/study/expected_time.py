"""Estimate how long the tasks of a run will take, before it starts.

The figures are those of two cores of a virtual machine without other load. They are no promise:
what counts is whether a run takes minutes or hours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from zoodiff.latency.attribution.layer_profile import BLOCKS, RUNS
from zoodiff.latency.budget import Budget
from zoodiff.latency.records.keys import budget_of, has_layers, has_references
from zoodiff.tasks import Kind, Task
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry

_START_SECONDS = {"torchvision": 2.0, "timm": 2.2, "keras": 2.2, "tfmg": 3.5, "onnx": 0.7}
"""Seconds to start a process of a zoo and load a network, with two starting at a time."""
_OTHER_START = 2.2
_DESCRIBE_SECONDS = {"torchvision": 1.1, "timm": 1.1, "keras": 0.6, "tfmg": 2.5, "onnx": 0.1}
_OTHER_DESCRIBE = 1.5
_COMPARE_SECONDS = 0.6
"""Seconds to compare two graphs that were described before."""
_FINGERPRINT_SECONDS = 0.3
"""Seconds to fingerprint a graph that was described before."""
_AUDIT_SECONDS = 1.0
"""Seconds to run the recipe of one set of weights and to compare it with the others of its name."""
_MACS_PER_SECOND = 40e9
"""Multiply-accumulates of one thread per second, for a network of usual layers."""
_OTHER_MACS = 4e9
"""Multiply-accumulates of a network of which no zoo publishes the number."""
_CALLS_BESIDE_ROUNDS = 9
"""Calls per process beside those in rounds: warming up, fitting blocks, calls after pauses."""
_REFERENCE_SECONDS = 4.0
"""Seconds to bring a network to the reference runtime, beside its runs."""
_PROFILE_SECONDS = 1.0
"""Seconds to align a pair of networks and to start a profile of each, beside its runs."""
_ORDER: tuple[tuple[Kind, str], ...] = (
    ("architecture", "describing"),
    ("difference", "comparing graphs"),
    ("names", "fingerprinting for the table of names"),
    ("recipes", "recipes"),
    ("latency", "latency"),
)


def expected_time(
    tasks: Iterable[Task], max_seconds: Mapping[str, float], jobs: int | None = None
) -> str:
    """Return in words how long tasks will take; empty without a task whose time is estimated.

    ``max_seconds`` limits kinds of tasks; ``jobs`` run at a time, except latency. The time of
    accuracy and its explanations depends on the images and is not estimated.
    """
    tasks = list(tasks)
    seconds: dict[str, float] = {}
    macs = published_macs()
    described = {str(t.entries[0].ref) for t in tasks if t.kind == "architecture"}
    for task in tasks:
        own = seconds_of(task, macs)
        if task.kind == "names" and str(task.entries[0].ref) in described:
            own = _FINGERPRINT_SECONDS  # its graph is in the cache then
        seconds[task.kind] = seconds.get(task.kind, 0.0) + own
    for kind in ("architecture", "difference", "names", "recipes"):
        if kind in seconds:
            seconds[kind] /= max(jobs or 1, 1)
    for kind, most in max_seconds.items():
        if kind in seconds:
            seconds[kind] = min(seconds[kind], most)
    parts = [f"{words} {_minutes(seconds[kind])}" for kind, words in _ORDER if kind in seconds]
    if not parts:
        return ""
    whole = _minutes(sum(seconds[kind] for kind, _ in _ORDER if kind in seconds))
    untold = {task.kind for task in tasks} & {"accuracy", "explanation"}
    more = "; accuracy comes on top" if untold else ""
    listed = f" ({', '.join(parts)})" if len(parts) > 1 else ""
    about = "" if whole.startswith("less") else "about "
    return f"this will take {about}{whole}{listed}{more}"


def seconds_of(task: Task, macs: Mapping[str, float]) -> float:
    """Return the expected seconds of a task; 0 for kinds that are not estimated.

    ``macs`` are multiply-accumulates by architecture, as ``published_macs`` returns them.
    """
    if task.kind == "recipes":
        published = sum(max(len(entry.model.weights), 1) for entry in task.entries)
        return _AUDIT_SECONDS * published
    if task.kind in ("architecture", "names"):
        return sum(_DESCRIBE_SECONDS.get(e.zoo.name, _OTHER_DESCRIBE) for e in task.entries)
    if task.kind == "difference":
        return _COMPARE_SECONDS * math.comb(len(task.entries), 2)
    if task.kind == "latency":
        return _latency(task, macs)
    return 0.0


def _latency(task: Task, macs: Mapping[str, float]) -> float:
    budget, batch = budget_of(task.settings), int(task.settings["batch"])
    per_second = _MACS_PER_SECOND * int(task.settings["threads"])
    counts = [macs.get(entry.model.architecture, _OTHER_MACS) for entry in task.entries]
    calls = [batch * count / per_second for count in counts]
    starts = [_START_SECONDS.get(e.zoo.name, _OTHER_START) for e in task.entries]
    prepared = 0.0
    if has_references(task):
        prepared = sum(_REFERENCE_SECONDS + 5 * seconds for seconds in calls)
        if has_layers(task):
            prepared += _PROFILE_SECONDS * math.comb(len(calls), 2)
            prepared += BLOCKS * RUNS * (len(calls) - 1) * sum(calls)  # each with every other
        calls, starts = calls * 2, [*starts, *(_START_SECONDS["onnx"] for _ in starts)]
    calls, starts = [*calls, calls[0]], [*starts, starts[0]]  # the control
    loading = sum(starts) + _CALLS_BESIDE_ROUNDS * sum(calls)
    one_round = sum(max(seconds, budget.block_ms / 1000) for seconds in calls)
    processes = (budget.processes + max(budget.processes, budget.most_processes)) / 2
    return prepared + processes * loading + _measuring(budget, one_round, loading, processes)


def _measuring(budget: Budget, one_round: float, loading: float, processes: float) -> float:
    """Return the seconds of all rounds of all processes."""
    if budget.rounds is None:
        return budget.seconds
    rounds = float(budget.rounds)
    if budget.least_rounds is not None:
        rounds = min(rounds, max(budget.least_rounds, loading / one_round))
    return min(processes * rounds * one_round, max(budget.seconds, 2 * rounds * one_round))


def published_macs() -> dict[str, float]:
    """Return the multiply-accumulates that zoos publish, the fewest per architecture."""
    known: dict[str, float] = {}
    for architecture, entries in registry.by_architecture().items():
        macs = [number for entry in entries if (number := _macs_of(entry)) is not None]
        if macs:
            known[architecture] = float(min(macs))
    return known


def _macs_of(entry: Entry) -> int | None:
    return next((w.macs for w in entry.model.weights if w.macs is not None), None)


def _minutes(seconds: float) -> str:
    if seconds < 60:
        return "a minute" if seconds > 40 else "less than a minute"
    if seconds < 5400:
        minutes = round(seconds / 60)
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    return f"{seconds / 3600:.1f} hours"
