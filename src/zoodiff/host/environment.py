"""The environment of a measurement: the machine, and the runtime info of its workers.

Latencies are only comparable within one environment: a digest identifies it, and ``comparable``
lists the differences of two.
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
"""Facts of a machine that change from minute to minute or do not affect latency."""


@dataclass(frozen=True)
class RuntimeInfo:
    """Libraries, threads and environment variables of the workers of one zoo.

    ``zoodiff.workers.inside.runtime_info`` reads them.
    """

    python: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    threading: tuple[Mapping[str, Any], ...] | None = None
    """Thread pools of BLAS and OpenMP libraries; None if they cannot be read."""
    frameworks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By framework, the numbers of threads within and between operators that it reports."""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """A machine, and the runtime info of each zoo's workers on it."""

    machine: Machine
    workers: Mapping[str, RuntimeInfo] = field(default_factory=dict)
    """Runtime info by the zoo's name."""

    @property
    def digest(self) -> str:
        """Hash of every fact that must agree for latencies to be comparable, 16 hex digits."""
        text = json.dumps(_comparable_facts(self), sort_keys=True, default=list)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, from which ``from_dict`` restores an equal environment."""
        return {"digest": self.digest, **asdict(self)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Environment:
        """Return the environment from the output of ``to_dict``; unknown facts are ignored.

        Raises AttributeError, LookupError, TypeError or ValueError for other input.
        """
        known = {fact.name for fact in fields(Machine)}
        facts = {k: _frozen(v) for k, v in raw["machine"].items() if k in known}
        workers = {name: runtime_info_of(info) for name, info in raw["workers"].items()}
        return cls(Machine(**facts), workers)


def environment(
    pool: WorkerPool, specs: Iterable[WorkerSpec] = (), *, threads: int = 1
) -> Environment:
    """Return the environment of measurements in the workers of ``specs`` at a number of threads.

    Raises the ZoodiffError of a worker that cannot start.
    """
    workers: dict[str, RuntimeInfo] = {}
    for spec in specs:
        if spec.name not in workers:
            worker = pool.worker(spec, threads=threads)
            answer = worker.runtime_info(doing="asking what it runs with")
            workers[spec.name] = runtime_info_of(asdict(answer))
    return Environment(machine(), workers)


def runtime_info_of(answer: Mapping[str, Any]) -> RuntimeInfo:
    """Return the runtime info from a worker's answer, in which keys may be missing."""
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

    Workers are compared for the zoos that both environments have, so that entries of different
    zoos can be compared.
    """
    left, right = _comparable_facts(a), _comparable_facts(b)
    unlike = _differences("", left["machine"], right["machine"])
    for name in sorted(left["workers"].keys() & right["workers"].keys()):
        left_info, right_info = left["workers"][name], right["workers"][name]
        for key in left_info:
            if isinstance(left_info[key], dict) and isinstance(right_info[key], dict):
                unlike += _differences(f"{name}: ", left_info[key], right_info[key])
            elif left_info[key] != right_info[key]:
                unlike.append(f"{name}: {key} {_text(left_info[key])} | {_text(right_info[key])}")
    return unlike


def oversubscribed(host: Environment, threads: int) -> list[str]:
    """Return thread pools with more threads than requested or than processors."""
    room = host.machine.quota or host.machine.allowed or host.machine.processors
    problems = []
    if room is not None and threads > room:
        problems.append(f"{threads} threads are asked for on {room:g} processors")
    for name, info in host.workers.items():
        pools = [(str(p.get("internal_api")), p.get("num_threads")) for p in info.threading or ()]
        pools += [(kind, sizes.get("intra")) for kind, sizes in info.frameworks.items()]
        for kind, size in dict.fromkeys(pools):
            if isinstance(size, int) and size > threads:
                problems.append(f"{name}: {kind} uses {size} threads, {threads} are asked for")
    return problems


def _comparable_facts(host: Environment) -> dict[str, Any]:
    facts = {key: value for key, value in asdict(host.machine).items() if key not in _STATE}
    workers = {name: json.loads(json.dumps(asdict(info))) for name, info in host.workers.items()}
    return {"machine": json.loads(json.dumps(facts)), "workers": workers}


def _differences(prefix: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return [
        f"{prefix}{key.replace('_', ' ') if not prefix else key} "
        f"{_text(a.get(key))} | {_text(b.get(key))}"
        for key in dict.fromkeys((*a, *b))
        if a.get(key) != b.get(key)
    ]


def _text(value: object) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else json.dumps(value)


def _frozen(value: object) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
