"""Report which zoos are usable, and manage the virtual environments that some of them need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.display import Displayed, Shown

if TYPE_CHECKING:
    from zoodiff.workers.sandbox.available import Protection
    from zoodiff.zoos.base import Environment
    from zoodiff.zoos.company import CompanyZoo

__all__ = [
    "EnvironmentState",
    "ZooState",
    "ZoosReport",
    "add_zoo",
    "create_environment",
    "environments",
    "find_environment",
    "remove_environment",
    "remove_zoo",
    "zoo_names",
    "zoo_problems",
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
    definition: str | None = None
    """The TOML file that describes it; None for a zoo of a package."""
    homepage: str | None = None
    problems: tuple[str, ...] = ()
    """What is wrong with single entries, for example a missing file; the others are usable."""


@dataclass(frozen=True, repr=False)
class ZoosReport(Displayed):
    """All zoos, and the protections against model files."""

    zoos: tuple[ZooState, ...]
    broken: Mapping[str, str]
    """Plugins and TOML files that cannot be used, with the reason."""
    sandbox: str
    """One sentence on what an untrusted file can do here."""
    protections: tuple[Protection, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "zoos": [vars(zoo) for zoo in self.zoos],
            "sandbox": self.sandbox,
            "protections": [asdict(protection) for protection in self.protections],
            "broken": dict(self.broken),
        }

    def _shown(self) -> Shown:
        usable = sum(zoo.usable for zoo in self.zoos)
        return Shown(
            f"{usable} of {len(self.zoos)} zoos are usable here",
            [("sandbox", self.sandbox), *self.broken.items()],
            [vars(zoo) for zoo in self.zoos],
            ("zoo", "title", "entries", "usable", "reason", "versions"),
        )


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
            "requirements": list(self.environment.packages),
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
    from zoodiff.zoos.company import CompanyZoo

    states = []
    for zoo in registry.zoos().values():
        reason = usable(zoo.worker)
        state = ZooState(
            zoo=zoo.name,
            title=zoo.title,
            entries=len(zoo.models()),
            usable=reason is None,
            reason=reason,
            environment=zoo.worker.environment.name if zoo.worker.environment else None,
            versions=virtual.versions(zoo.worker),
        )
        states.append(_described(state, zoo) if isinstance(zoo, CompanyZoo) else state)
    in_force = protections()
    return ZoosReport(tuple(states), registry.broken(), summary(in_force), tuple(in_force))


def _described(state: ZooState, zoo: CompanyZoo) -> ZooState:
    """Return the state of a zoo with what its TOML file says."""
    return replace(
        state,
        definition=str(zoo.read.path),
        homepage=zoo.homepage,
        problems=tuple(zoo.problems),
    )


def add_zoo(file: str | Path) -> ZooState:
    """Add the zoo that a TOML file describes; return its state.

    zoodiff keeps a reference to the file, so edits take effect. Raises UsageError if the file is
    invalid or its name is taken.
    """
    from zoodiff.engines.pool import usable
    from zoodiff.workers import environments as virtual
    from zoodiff.zoos import company, registry

    zoo = company.add(Path(file), registry.installed())
    reason = usable(zoo.worker)
    versions = virtual.versions(zoo.worker)
    state = ZooState(zoo.name, zoo.title, len(zoo.models()), reason is None, reason, None, versions)
    return _described(state, zoo)


def remove_zoo(name: str) -> str:
    """Forget a zoo that was added; return the path of its TOML file, which is kept.

    Raises UnknownNameError if no zoo of that name was added.
    """
    from zoodiff.zoos import company

    return company.remove(name)


def zoo_problems(zoos: Collection[str] | None = None) -> list[str]:
    """Return what is wrong with entries of zoos that TOML files describe, one sentence each.

    ``zoos`` None means all; then files that cannot be used are among them.
    """
    from zoodiff.zoos import registry
    from zoodiff.zoos.company import CompanyZoo

    names = registry.zoos() if zoos is None else {registry.find_zoo(name).name for name in zoos}
    described = [zoo for zoo in map(registry.find_zoo, names) if isinstance(zoo, CompanyZoo)]
    problems = [problem for zoo in described for problem in zoo.problems]
    return problems + (list(registry.broken().values()) if zoos is None else [])


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
