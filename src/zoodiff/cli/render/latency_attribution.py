"""Why one network is slower than another, printed: parts of a ratio, layers, roofs, environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import billions, print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.latency_values import (
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
"""TensorFlow's 0, until its runtime starts with the first network."""
_VISIBLE = 5e-4
"""Relative; what is less does not show in three decimals."""


def print_parts(found: RatioParts, a: str, b: str) -> None:
    """The ratio of A's latency to B's as a product, one line a part."""
    rows = []
    named = (
        ("architecture", found.architecture, "both in one reference runtime, without what differs"),
        ("framework", found.framework, "the own framework against the reference runtime"),
        ("inside", found.inside, _inside(found)),
    )
    for name, part, note in named:
        if part is not None:
            rows.append([name, *_factor(part), _percent(found.share(part)), note])
    if rows and abs(found.rest - 1) > _VISIBLE:
        rows.append(["rest", f"{found.rest:.3f}", "", "", "medians do not multiply exactly"])
    rows.append(["ratio", *_factor(found.total), "", "as measured"])
    print_table(
        ["part", ("factor", "right"), "interval", ("of the log ratio", "right"), ""],
        rows,
        title=f"{a} takes {found.total.value:.3f} times as long as {b}",
    )
    if found.reason:
        print_line(f"not taken apart: {found.reason}")


def _inside(found: RatioParts) -> str:
    said = [
        f"only in {side}: {', '.join(parts)}"
        for side, parts in (("A", found.inside_a), ("B", found.inside_b))
        if parts
    ]
    return "; ".join(said) or "nothing is inside one of them only"


def _factor(part: Estimate) -> list[str]:
    return [f"{part.value:.3f}", f"[{part.low:.3f}, {part.high:.3f}]"]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def print_profile(found: LatencyProfile, *, top: int = 12) -> None:
    """Print the latency by kind of difference, then the ``top`` layers."""
    whole = found.a_ms - found.b_ms
    columns = [("A ms", "right"), ("B ms", "right"), ("A - B", "right"), ("share", "right")]
    rows = [[name, *_times(a, b, whole)] for name, a, b in found.grouped()]
    rows.append(["all", *_times(found.a_ms, found.b_ms, whole)])
    print_table(
        ["layers with", *columns],
        rows,
        title=f"A {found.a} | B {found.b}, in ONNX Runtime, medians of {found.runs} runs",
    )
    shown, left = found.largest[:top], found.largest[top:]
    rows = [_layer(row, whole) for row in shown]
    if left:
        a, b = sum(row.a_ms for row in left), sum(row.b_ms for row in left)
        macs = [sum(row.a_macs for row in left), sum(row.b_macs for row in left)]
        rows.append([f"{len(left)} more", "", "", *_times(a, b, whole), *map(billions, macs), ""])
    print_table(
        ["A", "B", "operator", *columns, ("A MACs", "right"), ("B MACs", "right"), "findings"],
        rows,
    )


def _times(a: float, b: float, whole: float) -> list[str]:
    return [f"{a:.3f}", f"{b:.3f}", f"{a - b:+.3f}", _percent((a - b) / whole if whole else None)]


def _layer(row: Row, whole: float) -> list[str]:
    names = [_short(name) for name in (row.a, row.b)]
    macs = [billions(n) if n else "" for n in (row.a_macs, row.b_macs)]
    return [*names, row.op, *_times(row.a_ms, row.b_ms, whole), *macs, ", ".join(row.codes)]


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST else f"...{name[3 - _WIDEST :]}"


def print_roofline(found: Sequence[Roofline], peaks: Peaks, *, layers: int = 0) -> None:
    """Networks against the measured peaks, and the ``layers`` of each with the highest roofs."""
    ways = [f"{name} {rate / 1e9:.1f}" for name, rate in peaks.macs_by.items()]
    moved = [f"{name} {rate / 1e9:.1f}" for name, rate in peaks.bytes_by.items()]
    rows = [
        [
            one.entry,
            str(one.batch),
            billions(one.macs),
            f"{(one.weights_bytes + one.activations_bytes) / 1e6:,.1f}",
            f"{one.intensity:.1f}",
            f"{one.roof_ms:.2f}",
            _percent(one.memory_share),
            _reached(one, one.native_ms),
            _reached(one, one.reference_ms),
        ]
        for one in found
    ]
    right = ("batch", "MACs", "MB", "MACs/byte", "roof ms", "by memory", "own", "reference runtime")
    print_table(
        ["entry", *((name, "right") for name in right)],
        rows,
        title=(
            f"peaks with {peaks.threads} thread(s): {', '.join(ways)} G MACs/s; "
            f"{', '.join(moved)} GB/s; memory limits below {peaks.ridge:.1f} MACs/byte"
        ),
    )
    for one in found if layers else ():
        highest = sorted(one.layers, key=lambda layer: -layer.roof_ms)[:layers]
        print_table(
            [one.entry, "operator", ("MACs/byte", "right"), ("roof ms", "right"), "limit"],
            [
                [_short(x.name), x.op, f"{x.intensity:.1f}", f"{x.roof_ms:.3f}", x.bound]
                for x in highest
            ],
        )


def _reached(one: Roofline, milliseconds: float | None) -> str:
    """Share of the roof and of the peak of arithmetic: "55 % (41 % of peak)"."""
    if milliseconds is None:
        return ""
    share, peak = _percent(one.attained(milliseconds)), _percent(one.arithmetic(milliseconds))
    return f"{share} ({peak} of peak)"


def print_environment(found: Environment) -> None:
    """Print the known facts about the machine and the workers."""
    m = found.machine
    caches = [f"{kind} {size / 1024:,.0f} KiB" for kind, size in m.caches or ()]
    frequency = [f"{f:,.0f}" for f in (m.frequency_min, m.frequency_max) if f is not None]
    facts = {
        "processor": m.processor,
        "instructions": ", ".join(m.instructions or ()),
        "cores": _cores(found),
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
    for name, one in found.workers.items():
        libraries = [f"{library} {version}" for library, version in one.libraries.items()]
        rows.append([name, ", ".join([f"python {one.python}", *libraries])])
        pools = [f"{p.get('internal_api')} {p.get('num_threads')}" for p in one.threading or ()]
        pools += [
            f"{kind} {' and '.join(f'{n or _OWN} {key}' for key, n in sizes.items())}"
            for kind, sizes in one.frameworks.items()
        ]
        said = ", ".join(dict.fromkeys(pools))
        rows.append(["  threads", "unknown" if one.threading is None and not said else said])
        rows.append(["  variables", ", ".join(f"{k}={v}" for k, v in one.variables.items())])
    print_table(["", ""], rows, title=f"environment {found.digest}")


def _cores(found: Environment) -> str:
    m = found.machine
    said = [
        f"{m.cores} cores" if m.cores is not None else "",
        f"{m.processors} processors" if m.processors is not None else "",
        f"{m.allowed} usable here" if m.allowed is not None else "",
        {True: "SMT on", False: "SMT off", None: ""}[m.smt],
    ]
    return ", ".join(part for part in said if part)
