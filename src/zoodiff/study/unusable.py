"""Name the zoos whose entries a run on this machine cannot measure, before it starts."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.engines.pool import usable
from zoodiff.tasks import Task
from zoodiff.zoos.base import WorkerSpec

_BUILT = ("architecture", "names", "accuracy", "latency")
"""Kinds of tasks that run in a worker of each entry's zoo."""


def unusable_zoos(tasks: Iterable[Task]) -> list[str]:
    """Return a sentence per zoo that has no package or environment here, with what installs it.

    Starts no process.
    """
    specs: dict[str, WorkerSpec] = {}
    entries: dict[str, set[str]] = {}
    for task in tasks:
        for entry in task.entries if task.kind in _BUILT else ():
            specs.setdefault(entry.zoo.name, entry.zoo.worker)
            entries.setdefault(entry.zoo.name, set()).add(str(entry.ref))
    sentences = []
    for zoo, spec in sorted(specs.items()):
        reason = usable(spec)
        if reason is not None:
            number = len(entries[zoo])
            noun = "1 entry" if number == 1 else f"{number:,} entries"
            sentences.append(f"{noun} of {zoo} cannot be measured here: {reason}")
    return sentences
