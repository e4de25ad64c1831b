"""Print why networks differ in latency: parts of a ratio, layers, rooflines, environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table
from zoodiff.cli.render.entry_names import EntryNames
from zoodiff.quantities import billions

if TYPE_CHECKING:
    from zoodiff.api.values.latency import (
        Environment,
        Estimate,
        LatencyProfile,
        Peaks,
        RatioParts,
        Roofline,
        Row,
    )

_WIDEST = 40
_OWN = "its own choice"
"""Shown for 0 threads, which TensorFlow reports until its runtime starts with the first network."""
_LEAST_DIFFERENCE = 0.05
"""Least difference of two networks, relative to the slower, that is shared out to layers."""
_VISIBLE = 5e-4
"""Least relative deviation that three decimals show."""


def print_parts(parts: RatioParts, a: str, b: str) -> None:
    """Print the ratio of A's latency to B's as a product, one line per part."""
    rows = []
    named = (
        ("architecture", parts.architecture, "both in one reference runtime, without what differs"),
        ("framework", parts.framework, "the own framework against the reference runtime"),
        ("inside", parts.inside, _inside(parts)),
    )
    for name, part, note in named:
        if part is not None:
            rows.append([name, *_factor(part), _percent(parts.share(part)), note])
    if rows and abs(parts.rest - 1) > _VISIBLE:
        rows.append(["rest", f"{parts.rest:.3f}", "", "", "medians do not multiply exactly"])
    rows.append(["ratio", *_factor(parts.total), "", "as measured"])
    print_table(
        ["part", ("factor", "right"), "interval", ("of the log ratio", "right"), ""],
        rows,
        title=f"{a} takes {parts.total.value:.3f} times as long as {b}",
    )
    if parts.reason:
        print_line(f"not taken apart: {parts.reason}")


def _inside(ratio_parts: RatioParts) -> str:
    sides = [
        f"only in {side}: {', '.join(parts)}"
        for side, parts in (("A", ratio_parts.inside_a), ("B", ratio_parts.inside_b))
        if parts
    ]
    return "; ".join(sides) or "nothing is inside one of them only"


def _factor(part: Estimate) -> list[str]:
    return [f"{part.value:.3f}", f"[{part.low:.3f}, {part.high:.3f}]"]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def print_profile(profile: LatencyProfile, first: str, second: str, *, top: int = 12) -> None:
    """Print the latency of A and B by kind of difference, then the ``top`` layers."""
    whole = difference_of(profile)
    columns = [("A ms", "right"), ("B ms", "right"), ("A - B", "right")]
    columns += [("share", "right")] if whole is not None else []
    rows = [[name, *_times(a, b, whole)] for name, a, b in profile.grouped()]
    rows.append(["all", *_times(profile.a_ms, profile.b_ms, whole)])
    print_table(
        ["layers with", *columns],
        rows,
        title=f"A {first} | B {second}, in ONNX Runtime, medians of {profile.runs} runs",
    )
    shown, left = profile.largest[:top], profile.largest[top:]
    rows = [_layer(row, whole) for row in shown]
    if left:
        times = _times(sum(row.a_ms for row in left), sum(row.b_ms for row in left), whole)
        macs = [sum(row.a_macs for row in left), sum(row.b_macs for row in left)]
        rows.append([f"{len(left)} more", "", "", *times, *map(billions, macs), ""])
    print_table(
        ["A", "B", "operator", *columns, ("A MACs", "right"), ("B MACs", "right"), "findings"],
        rows,
    )


def difference_of(profile: LatencyProfile) -> float | None:
    """Return the milliseconds by which A takes longer, of which layers have shares.

    None if A and B differ by less than a twentieth: shares of so small a difference are noise.
    """
    whole = profile.a_ms - profile.b_ms
    return whole if abs(whole) >= _LEAST_DIFFERENCE * max(profile.a_ms, profile.b_ms) else None


def _times(a: float, b: float, whole: float | None) -> list[str]:
    share = [] if whole is None else [_percent((a - b) / whole)]
    return [f"{a:.3f}", f"{b:.3f}", f"{a - b:+.3f}", *share]


def _layer(row: Row, whole: float | None) -> list[str]:
    names = [_short(name) for name in (row.a, row.b)]
    macs = [billions(n) if n else "" for n in (row.a_macs, row.b_macs)]
    return [*names, row.op, *_times(row.a_ms, row.b_ms, whole), *macs, ", ".join(row.codes)]


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST else f"...{name[3 - _WIDEST :]}"


def print_roofline(
    rooflines: Sequence[Roofline], peaks: Peaks, names: EntryNames, *, layers: int = 0
) -> None:
    """Print networks against the measured peaks, and per network the ``layers`` highest roofs."""
    rates = [f"{name} {rate / 1e9:.1f}" for name, rate in peaks.macs_by.items()]
    bandwidths = [f"{name} {rate / 1e9:.1f}" for name, rate in peaks.bytes_by.items()]
    rows = [
        [
            names.of(roofline.entry),
            str(roofline.batch),
            billions(roofline.macs),
            f"{(roofline.weights_bytes + roofline.activations_bytes) / 1e6:,.1f}",
            f"{roofline.intensity:.1f}",
            f"{roofline.roof_ms:.2f}",
            _percent(roofline.memory_share),
            _reached(roofline, roofline.native_ms),
            _reached(roofline, roofline.reference_ms),
        ]
        for roofline in rooflines
    ]
    right = ("batch", "MACs", "MB", "MACs/byte", "roof ms", "by memory", "own", "reference runtime")
    print_table(
        ["entry", *((name, "right") for name in right)],
        rows,
        title=(
            f"peaks with {peaks.threads} thread(s): {', '.join(rates)} G MACs/s; "
            f"{', '.join(bandwidths)} GB/s; memory limits below {peaks.ridge:.1f} MACs/byte"
        ),
    )
    for roofline in rooflines if layers else ():
        highest = sorted(roofline.layers, key=lambda layer: -layer.roof_ms)[:layers]
        print_table(
            [
                names.of(roofline.entry),
                "operator",
                ("MACs/byte", "right"),
                ("roof ms", "right"),
                "limit",
            ],
            [
                [_short(x.name), x.op, f"{x.intensity:.1f}", f"{x.roof_ms:.3f}", x.bound]
                for x in highest
            ],
        )


def _reached(roofline: Roofline, milliseconds: float | None) -> str:
    """Return the shares of the roofline and of peak arithmetic, ``55 % (41 % of peak)``."""
    if milliseconds is None:
        return ""
    share, peak = (
        _percent(roofline.attained(milliseconds)),
        _percent(roofline.arithmetic(milliseconds)),
    )
    return f"{share} ({peak} of peak)"


def print_environment(environment: Environment) -> None:
    """Print the known facts about the machine and the workers."""
    m = environment.machine
    caches = [f"{kind} {size / 1024:,.0f} KiB" for kind, size in m.caches or ()]
    frequency = [f"{f:,.0f}" for f in (m.frequency_min, m.frequency_max) if f is not None]
    facts = {
        "processor": m.processor,
        "instructions": ", ".join(m.instructions or ()),
        "cores": _cores(environment),
        "quota": None if m.quota is None else f"{m.quota:g} processors",
        "governor": m.governor,
        "boost": None if m.boost is None else ("on" if m.boost else "off"),
        "frequency, MHz": " to ".join(frequency),
        "now, MHz": ", ".join(f"{f:,.0f}" for f in (m.frequency_now or ())[:8]),
        "caches": ", ".join(caches),
        "memory": None if m.memory is None else f"{m.memory / 2**30:.1f} GiB",
        "huge pages": m.huge_pages,
        "virtualisation": m.virtualisation,
        "system": m.system,
    }
    rows = [[name, value] for name, value in facts.items() if value]
    for name, worker in environment.workers.items():
        libraries = [f"{library} {version}" for library, version in worker.libraries.items()]
        rows.append([name, ", ".join([f"python {worker.python}", *libraries])])
        pools = [f"{p.get('internal_api')} {p.get('num_threads')}" for p in worker.threading or ()]
        pools += [
            f"{kind} {' and '.join(f'{n or _OWN} {key}' for key, n in sizes.items())}"
            for kind, sizes in worker.frameworks.items()
        ]
        threads = ", ".join(dict.fromkeys(pools))
        rows.append(
            ["  threads", "unknown" if worker.threading is None and not threads else threads]
        )
        rows.append(["  variables", ", ".join(f"{k}={v}" for k, v in worker.variables.items())])
    print_table(["", ""], rows, title=f"environment {environment.digest}")


def _cores(environment: Environment) -> str:
    m = environment.machine
    counts = [
        f"{m.cores} cores" if m.cores is not None else "",
        f"{m.processors} processors" if m.processors is not None else "",
        f"{m.allowed} usable here" if m.allowed is not None else "",
        {True: "SMT on", False: "SMT off", None: ""}[m.smt],
    ]
    return ", ".join(part for part in counts if part)
