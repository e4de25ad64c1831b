"""Tables of the extras: cold starts, sweeps, scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.latency_values import Cold, Estimate, Scenarios, Spread, Sweep

_RIGHT = "right"


def print_cold(found: Sequence[Cold]) -> None:
    """Print the stages and the memory of each cold start."""
    from zoodiff.api.latency_values import STAGES

    rows = [
        (name, *(_spread(one.stage(name)) for one in found))
        for name in STAGES
        if any(one.stage(name).most > 0 for one in found)
    ]
    rows += [
        ("cold start", *(_spread(one.total) for one in found)),
        ("second inference", *(_spread(one.second) for one in found)),
        ("steady state", *(_spread(one.steady) for one in found)),
        ("cold start / steady", *(f"{one.answers_to_pay:,.0f}" for one in found)),
    ]
    for number, when in enumerate(("before loading", "loaded", "after running")):
        rows.append((f"peak memory {when}", *(_bytes(one.peak_bytes[number]) for one in found)))
    rows.append(("weights", *(_bytes(one.weights_bytes) for one in found)))
    print_table(
        ["", *((one.name, _RIGHT) for one in found)],
        rows,
        title="Cold start: seconds, the median of fresh processes (least to most)",
    )


def print_sweep(found: Sweep) -> None:
    """Print latency and throughput by batch size and threads, the best cells and problems."""
    best = {cell.place for name in found.names if (cell := found.best(name)) is not None}
    print_table(
        [
            "entry",
            ("threads", _RIGHT),
            ("batch", _RIGHT),
            ("ms a batch", _RIGHT),
            ("images/s", _RIGHT),
            "",
        ],
        [
            (
                cell.name,
                str(cell.threads),
                str(cell.batch),
                *(
                    _estimate(one) if cell.has_interval else _number(one.value)
                    for one in (cell.latency_ms, cell.images_per_second)
                ),
                "; ".join(
                    [
                        *(["best throughput"] if cell.place in best else []),
                        *(["still drifting"] if cell.place in found.drifts else []),
                        *(["too few rounds"] if not cell.has_interval else []),
                    ]
                ),
            )
            for cell in found.cells
        ],
        title="Batch sizes and threads",
    )
    lines = [
        f"left out: {one.name}, batch {one.batch}, {_threads(one.threads)}: {one.reason}"
        for one in found.left_out
    ]
    for one in found.crossings:
        lines.append(
            f"ranks change: with {_threads(one.threads)} {one.first} is faster at batch "
            f"{one.before} (ratio {_estimate(one.ratio_before)}), {one.second} at batch "
            f"{one.after} ({_estimate(one.ratio_after)})"
        )
    if found.needed_seconds is not None:
        lines.append(
            f"the time allowed fewer rounds than are needed: allow {found.needed_seconds:.0f} s"
        )
    for line in lines:
        print_line(line)


def print_scenarios(found: Sequence[Scenarios]) -> None:
    """Print the result of each MLPerf scenario, and the load generator."""
    print_table(
        [
            "entry",
            ("threads", _RIGHT),
            ("single stream, p90 ms", _RIGHT),
            ("offline, images/s", _RIGHT),
            ("server, queries/s", _RIGHT),
            ("within ms", _RIGHT),
        ],
        [
            (
                one.name,
                str(one.threads),
                _number(one.single_stream.p90_ms),
                f"{_number(one.offline.images_per_second)} (batch {one.offline_batch})",
                _number(one.server.rate) if one.server.rate else "none",
                f"{_number(one.server.bound_ms)} (p{one.server.percentile:g})",
            )
            for one in found
        ],
        title="Scenarios of MLPerf Inference",
    )
    for maker in sorted({one.single_stream.generator for one in found}):
        print_line(f"load made by {maker}")
    for one in found:
        if one.server.note:
            print_line(f"{one.name}, server: {one.server.note}")


def _threads(number: int) -> str:
    return f"{number} thread{'s' if number != 1 else ''}"


def _spread(found: Spread) -> str:
    return f"{_number(found.median)} ({_number(found.least)} to {_number(found.most)})"


def _estimate(found: Estimate) -> str:
    return f"{_number(found.value)} ({_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    """Three significant digits, never in powers of ten.

    >>> _number(0.01234), _number(12.345), _number(12345.6)
    ('0.0123', '12.3', '12,346')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3 if abs(value) >= 0.1 else 4
    return f"{value:.{digits}f}"


def _bytes(number: int | None) -> str:
    return "unknown" if number is None else f"{_number(number / 1e6)} MB"
