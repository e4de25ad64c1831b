"""Compares the order of networks by published times on two machines.

Only times of one zoo, measure, batch, precision, layout, mode and runtime are compared. Times that
are marked as doubtful are left out.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff.claims.filters import names_part
from zoodiff.claims.times import LatencyClaim
from zoodiff.entry import did_you_mean, folded
from zoodiff.errors import UnknownNameError, UsageError
from zoodiff.stats import log_linear, ranks
from zoodiff.stats.ranks import Agreement

FEWEST = 5
"""Networks that two machines must share."""
MOST_LISTED = 10


@dataclass(frozen=True, order=True)
class Conditions:
    """What all compared times have in common; an empty text is not stated."""

    zoo: str
    measure: str
    batch: int
    """Images per step; 0 where the zoo does not state it."""
    precision: str
    layout: str
    compile_mode: str
    runtime: str

    def __str__(self) -> str:
        words = (self.precision, self.layout, self.compile_mode)
        stated = " ".join(word for word in words if word)
        batch = f"batch {self.batch or 'not stated'}"
        parts = [self.zoo, f"{self.measure}, {batch}", stated, self.runtime]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, order=True)
class Setup:
    """A machine as a zoo used it."""

    machine: str
    compute_unit: str
    threads: int

    def __str__(self) -> str:
        threads = f" {self.threads} thread{'s' * (self.threads > 1)}" if self.threads else ""
        return f"{self.machine} {self.compute_unit}".strip() + threads


@dataclass(frozen=True, order=True)
class Network:
    """A network as it was timed."""

    model: str
    weights: str
    image_size: int

    def __str__(self) -> str:
        return f"{self.model} {self.image_size} px" if self.image_size else self.model


@dataclass(frozen=True)
class ExchangedPair:
    """Two networks whose order is opposite on the two machines."""

    faster_on_first: Network
    faster_on_second: Network
    first_factor: float
    """How many times as fast the former is on the first machine."""
    second_factor: float
    """How many times as fast the latter is on the second machine."""
    macs_ratio: float | None
    """MACs of the former over those of the latter; None if the zoo publishes none."""
    activations_ratio: float | None
    """Elements of the outputs of layers, which are moved through memory."""


@dataclass(frozen=True)
class Outlier:
    """A network whose time is far from what its MACs, activations and parameters suggest."""

    network: Network
    layout: str
    compile_mode: str
    factor: float
    """Its time over the time that the regression expects."""


@dataclass(frozen=True)
class TimeModel:
    """A log-linear regression of the times on one machine."""

    setup: Setup
    rows: int
    exponents: dict[str, float]
    factors: dict[str, float]
    r_squared: float
    typical_factor: float
    outliers: tuple[Outlier, ...]


@dataclass(frozen=True)
class MachineRanking:
    """How far two machines order networks alike."""

    first: Setup
    second: Setup
    conditions: Conditions
    runtime_versions: tuple[tuple[str, ...], tuple[str, ...]]
    agreement: Agreement
    exchanged: tuple[ExchangedPair, ...]
    models: tuple[TimeModel, ...]
    """Of each machine; none where the zoo publishes no MACs and activations."""
    alternatives: tuple[tuple[Conditions, int], ...]
    """Other conditions that the machines share, with the number of networks."""
    doubtful: int
    """Times that were left out."""


Group = dict[Network, list[LatencyClaim]]
Shared = tuple[Setup, Setup, Conditions, int]


def compare(
    claims: Iterable[LatencyClaim], first: str, second: str, *, most: int = MOST_LISTED
) -> MachineRanking:
    """Return how far two machines agree on the order of networks.

    Of the conditions that both share, those with the most networks are taken. Raises
    UnknownNameError for an unknown machine, UsageError if they share too few networks.
    """
    usable = [claim for claim in claims if claim.machine and claim.milliseconds]
    machines = (named_machine(usable, first), named_machine(usable, second))
    if machines[0] == machines[1]:
        raise UsageError(f"both names mean {machines[0]}; name two machines")
    doubtful = [claim for claim in usable if claim.doubtful and claim.machine in machines]
    usable = [claim for claim in usable if not claim.doubtful]
    groups = grouped(usable)
    options = sorted(_shared(groups, *machines), key=lambda shared: (-shared[3], shared[:3]))
    if not options or options[0][3] < FEWEST:
        raise UsageError(
            f"{machines[0]} and {machines[1]} share fewer than {FEWEST} networks of one zoo, "
            "measure, batch, precision, layout, mode and runtime, so their orders are not compared"
            + _also_meant(usable, (first, second), machines)
        )
    left, right, conditions, _ = options[0]
    timed = (groups[left, conditions], groups[right, conditions])
    networks = sorted(timed[0].keys() & timed[1].keys())
    times = [[_time(group[network]) for network in networks] for group in timed]
    names = [network.model for network in networks]
    pairs = ranks.exchanges(times[0], times[1], most, names)
    fits = [_time_model(usable, setup, conditions, most) for setup in (left, right)]
    return MachineRanking(
        first=left,
        second=right,
        conditions=conditions,
        runtime_versions=(_versions(timed[0], networks), _versions(timed[1], networks)),
        agreement=ranks.agreement(times[0], times[1], names),
        exchanged=tuple(_pair(timed[0], networks, pair) for pair in pairs),
        models=tuple(fit for fit in fits if fit is not None),
        alternatives=_alternatives(options),
        doubtful=len(doubtful),
    )


def named_machine(claims: Sequence[LatencyClaim], name: str) -> str:
    """Return the machine that a name or a part of it means; raise UnknownNameError otherwise."""
    machines = sorted({claim.machine for claim in claims if claim.machine})
    same = [machine for machine in machines if folded(machine) == folded(name)]
    matching = same or [machine for machine in machines if names_part(name, machine)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        hint = did_you_mean(name, machines) or f"; there are {', '.join(machines[:8])}, ..."
        raise UnknownNameError(f'no times of a machine "{name}"{hint}')
    raise UnknownNameError(f'"{name}" may mean {", ".join(matching[:8])}; name one of them')


def _pair(group: Group, networks: Sequence[Network], pair: ranks.Exchange) -> ExchangedPair:
    faster, slower = networks[pair.faster], networks[pair.slower]
    first, second = group[faster][0], group[slower][0]
    return ExchangedPair(
        faster_on_first=faster,
        faster_on_second=slower,
        first_factor=pair.first_factor,
        second_factor=pair.second_factor,
        macs_ratio=_ratio(first.macs_giga, second.macs_giga),
        activations_ratio=_ratio(first.activations_millions, second.activations_millions),
    )


def _ratio(first: float | None, second: float | None) -> float | None:
    return first / second if first and second else None


def _also_meant(
    claims: Iterable[LatencyClaim], names: Sequence[str], machines: Sequence[str]
) -> str:
    """Return a hint at the other machines whose names have the part that was given."""
    others = {
        claim.machine
        for claim in claims
        for name in names
        if claim.machine and names_part(name, claim.machine) and claim.machine not in machines
    }
    return f"; or do you mean {', '.join(sorted(others)[:4])}?" if others else ""


def _conditions(claim: LatencyClaim) -> Conditions:
    precision = (claim.precision or "").removesuffix(" (assumed)")
    return Conditions(
        zoo=claim.zoo,
        measure=claim.measure,
        batch=claim.batch or 0,
        precision=precision,
        layout=claim.layout or "",
        compile_mode=claim.compile_mode or "",
        runtime=claim.runtime or "",
    )


def _setup(claim: LatencyClaim) -> Setup:
    return Setup(claim.machine or "", claim.compute_unit or "", claim.threads or 0)


def _network(claim: LatencyClaim) -> Network:
    return Network(claim.model, claim.weights, claim.image_size or 0)


def grouped(claims: Iterable[LatencyClaim]) -> dict[tuple[Setup, Conditions], Group]:
    """Return comparable times by machine and conditions, and by network."""
    groups: dict[tuple[Setup, Conditions], Group] = defaultdict(lambda: defaultdict(list))
    for claim in claims:
        groups[_setup(claim), _conditions(claim)][_network(claim)].append(claim)
    return groups


def _shared(
    groups: dict[tuple[Setup, Conditions], Group], first: str, second: str
) -> Iterable[Shared]:
    for (left, conditions), group in groups.items():
        if left.machine != first:
            continue
        for (right, others), other in groups.items():
            if right.machine == second and others == conditions:
                yield left, right, conditions, len(group.keys() & other.keys())


def _alternatives(options: Sequence[Shared]) -> tuple[tuple[Conditions, int], ...]:
    most: Counter[Conditions] = Counter()
    for _, _, conditions, count in options[1:]:
        if conditions != options[0][2]:
            most[conditions] = max(most[conditions], count)
    return tuple((conditions, count) for conditions, count in most.items() if count >= FEWEST)


def _time(claims: Sequence[LatencyClaim]) -> float:
    """The median, where a zoo publishes several times for the same conditions."""
    return statistics.median(claim.milliseconds for claim in claims if claim.milliseconds)


def _versions(group: Group, networks: Iterable[Network]) -> tuple[str, ...]:
    versions = {claim.runtime_version for network in networks for claim in group[network]}
    return tuple(sorted(version for version in versions if version))


def _time_model(
    claims: Iterable[LatencyClaim], setup: Setup, conditions: Conditions, most: int
) -> TimeModel | None:
    """Return the regression of a machine's times, over all layouts and modes of the conditions."""
    chosen = conditions.zoo, conditions.measure, conditions.batch, conditions.precision
    rows = [
        claim
        for claim in claims
        if _setup(claim) == setup
        and (claim.zoo, claim.measure, claim.batch or 0, claim.precision) == chosen
        and claim.runtime == conditions.runtime
        and claim.macs_giga
        and claim.activations_millions
        and claim.parameters_millions
    ]
    if not rows:
        return None
    fit = log_linear.fit(
        [claim.milliseconds or 1.0 for claim in rows],
        {
            "MACs": [claim.macs_giga or 1.0 for claim in rows],
            "activations": [claim.activations_millions or 1.0 for claim in rows],
            "parameters": [claim.parameters_millions or 1.0 for claim in rows],
        },
        {
            "nhwc": [claim.layout == "nhwc" for claim in rows],
            "compile": [claim.compile_mode == "compile" for claim in rows],
        },
    )
    if fit is None:
        return None
    outliers = [
        Outlier(_network(claim), claim.layout or "", claim.compile_mode or "", factor)
        for claim, factor in zip(rows, fit.residual_factors, strict=True)
    ]
    outliers.sort(key=lambda each: -max(each.factor, 1 / each.factor))
    return TimeModel(
        setup=setup,
        rows=fit.rows,
        exponents=dict(fit.exponents),
        factors=dict(fit.factors),
        r_squared=fit.r_squared,
        typical_factor=fit.typical_factor,
        outliers=tuple(outliers[:most]),
    )
