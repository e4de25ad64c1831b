"""Report which zoos are usable, and manage the virtual environments that some of them need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoodiff.workers.sandbox.available import Protection
    from zoodiff.zoos.base import Environment

__all__ = [
    "EnvironmentState",
    "ZooState",
    "ZoosReport",
    "create_environment",
    "environments",
    "find_environment",
    "remove_environment",
    "zoo_names",
    "zoos_report",
]


@dataclass(frozen=True)
class ZooState:
    """A zoo, and whether its workers can be started here."""

    zoo: str
    title: str
    entries: int
    usable: bool
    reason: str | None
    """Why it is not usable, and what to do."""
    environment: str | None
    """The virtual environment that it needs; None if it uses zoodiff's own."""
    versions: Mapping[str, str | None]
    """Installed versions of the packages that it needs; None for a missing package."""


@dataclass(frozen=True)
class ZoosReport:
    """All zoos, and the protections against model files."""

    zoos: tuple[ZooState, ...]
    broken: Mapping[str, str]
    """Plugins that cannot be loaded, with the reason."""
    sandbox: str
    """One sentence on what an untrusted file can do here."""
    protections: tuple[Protection, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "zoos": [vars(zoo) for zoo in self.zoos],
            "sandbox": self.sandbox,
            "protections": [asdict(protection) for protection in self.protections],
        }


@dataclass(frozen=True)
class EnvironmentState:
    """A virtual environment that zoos need, and its interpreter if it exists."""

    environment: Environment
    zoos: tuple[str, ...]
    python: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "environment": self.environment.name,
            "zoos": list(self.zoos),
            "python": str(self.python or ""),
            "requirements": list(self.environment.requirements),
        }


def zoo_names() -> list[str]:
    """Return the names of all zoos."""
    from zoodiff.zoos import registry

    return list(registry.zoos())


def zoos_report() -> ZoosReport:
    """Return the zoos, their versions, missing packages, and the protections.

    A separate process tries each protection.
    """
    from zoodiff.engines.pool import usable
    from zoodiff.workers import environments as virtual
    from zoodiff.workers.sandbox.available import protections, summary
    from zoodiff.zoos import registry

    states = []
    for zoo in registry.zoos().values():
        reason = usable(zoo.worker)
        states.append(
            ZooState(
                zoo=zoo.name,
                title=zoo.title,
                entries=len(zoo.models()),
                usable=reason is None,
                reason=reason,
                environment=zoo.worker.environment.name if zoo.worker.environment else None,
                versions=virtual.versions(zoo.worker),
            )
        )
    in_force = protections()
    return ZoosReport(tuple(states), registry.broken(), summary(in_force), tuple(in_force))


def environments() -> list[EnvironmentState]:
    """Return the virtual environments that zoos need, existing or not."""
    from zoodiff.workers import environments as virtual
    from zoodiff.zoos import registry

    needed: dict[str, tuple[Environment, list[str]]] = {}
    for zoo in registry.zoos().values():
        environment = zoo.worker.environment
        if environment is not None:
            needed.setdefault(environment.name, (environment, []))[1].append(zoo.name)
    return [
        EnvironmentState(environment, tuple(zoos), virtual.interpreter(environment.name))
        for environment, zoos in needed.values()
    ]


def find_environment(name: str) -> EnvironmentState:
    """Return an environment by its name; raise UnknownNameError if no zoo needs it."""
    from zoodiff.entry import did_you_mean
    from zoodiff.errors import UnknownNameError

    known = {state.environment.name: state for state in environments()}
    if name not in known:
        hint = did_you_mean(name, known) or f"; there are {', '.join(known) or 'none'}"
        raise UnknownNameError(f'no zoo has an environment "{name}"{hint}')
    return known[name]


def create_environment(
    name: str, *, again: bool = False, say: Callable[[str], None] = lambda line: None
) -> Path:
    """Create the environment of a zoo and return its interpreter; report progress to ``say``.

    An environment that is complete and current is kept unless ``again``. Raises UnknownNameError if
    no zoo needs it, MeasurementError if its packages cannot be installed.
    """
    from zoodiff.workers import environments as virtual

    return virtual.create(find_environment(name).environment, say, again=again)


def remove_environment(name: str) -> bool:
    """Delete an environment; return False if it does not exist.

    Raises UnknownNameError if no zoo needs it.
    """
    from zoodiff.workers import environments as virtual

    return virtual.remove(find_environment(name).environment.name)
