"""The environment of a measurement, and whether two measurements share one.

Latencies of two environments are two different quantities: a digest tells them apart, and
``comparable`` names what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from zoodiff.engines.pool import WorkerPool
from zoodiff.host.machine import Machine, machine
from zoodiff.zoos.base import WorkerSpec

_STATE = frozenset({"affinity", "frequency_now", "memory"})
"""Facts of a machine that change from minute to minute, or do not matter."""


@dataclass(frozen=True)
class RuntimeInfo:
    """What the workers of one zoo run with; see ``zoodiff.workers.inside.runtime_info``."""

    python: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    threading: tuple[Mapping[str, Any], ...] | None = None
    """Thread pools of BLAS and OpenMP libraries; None where they cannot be asked."""
    frameworks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Threads within and between operators that a framework says it uses."""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """A machine, and the runtime info of each zoo's workers on it."""

    machine: Machine
    workers: Mapping[str, RuntimeInfo] = field(default_factory=dict)
    """By the zoo's name."""

    @property
    def digest(self) -> str:
        """16 hex digits over everything that makes two environments comparable."""
        text = json.dumps(_compared(self), sort_keys=True, default=list)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ``Environment.from_dict(e.to_dict()) == e``, also through JSON."""
        return {"digest": self.digest, **asdict(self)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Environment:
        """Read the output of ``to_dict``; ignore facts that this version does not know."""
        known = {one.name for one in fields(Machine)}
        facts = {k: _frozen(v) for k, v in raw["machine"].items() if k in known}
        workers = {name: runtime_info_of(one) for name, one in raw["workers"].items()}
        return cls(Machine(**facts), workers)


def environment(
    engine: WorkerPool, specs: Iterable[WorkerSpec] = (), *, threads: int = 1
) -> Environment:
    """Return the environment of measurements in some workers at a number of threads.

    Raises the ZoodiffError of a worker that cannot start.
    """
    workers: dict[str, RuntimeInfo] = {}
    for spec in specs:
        if spec.name not in workers:
            worker = engine.worker(spec, threads=threads)
            answer = worker.runtime_info(doing="asking what it runs with")
            workers[spec.name] = runtime_info_of(asdict(answer))
    return Environment(machine(), workers)


def runtime_info_of(answer: Mapping[str, Any]) -> RuntimeInfo:
    """Return a worker's runtime info from its answer."""
    pools = answer.get("threading")
    return RuntimeInfo(
        str(answer.get("python", "")),
        dict(answer.get("libraries") or {}),
        None if pools is None else tuple(pools),
        dict(answer.get("frameworks") or {}),
        dict(answer.get("variables") or {}),
    )


def comparable(a: Environment, b: Environment) -> list[str]:
    """Return the differences that make two environments incomparable; empty if there are none.

    Of workers, those of zoos that both have are compared: an entry of one zoo may stand beside
    an entry of another.
    """
    one, other = _compared(a), _compared(b)
    found = _differences("", one["machine"], other["machine"])
    for name in sorted(one["workers"].keys() & other["workers"].keys()):
        mine, theirs = one["workers"][name], other["workers"][name]
        for key in mine:
            if isinstance(mine[key], dict) and isinstance(theirs[key], dict):
                found += _differences(f"{name}: ", mine[key], theirs[key])
            elif mine[key] != theirs[key]:
                found.append(f"{name}: {key} {_shown(mine[key])} | {_shown(theirs[key])}")
    return found


def oversubscribed(found: Environment, threads: int) -> list[str]:
    """Return thread pools with more threads than requested or than processors."""
    room = found.machine.quota or found.machine.allowed or found.machine.processors
    problems = []
    if room is not None and threads > room:
        problems.append(f"{threads} threads are asked for on {room:g} processors")
    for name, one in found.workers.items():
        pools = [(str(p.get("internal_api")), p.get("num_threads")) for p in one.threading or ()]
        pools += [(kind, sizes.get("intra")) for kind, sizes in one.frameworks.items()]
        for kind, size in dict.fromkeys(pools):
            if isinstance(size, int) and size > threads:
                problems.append(f"{name}: {kind} uses {size} threads, {threads} are asked for")
    return problems


def _compared(found: Environment) -> dict[str, Any]:
    facts = {key: value for key, value in asdict(found.machine).items() if key not in _STATE}
    workers = {name: json.loads(json.dumps(asdict(one))) for name, one in found.workers.items()}
    return {"machine": json.loads(json.dumps(facts)), "workers": workers}


def _differences(prefix: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return [
        f"{prefix}{key.replace('_', ' ') if not prefix else key} "
        f"{_shown(a.get(key))} | {_shown(b.get(key))}"
        for key in dict.fromkeys((*a, *b))
        if a.get(key) != b.get(key)
    ]


def _shown(value: object) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else json.dumps(value)


def _frozen(value: object) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
