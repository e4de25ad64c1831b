"""Tables of the extras: cold starts, sweeps, scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.values.latency import Cold, Estimate, Scenarios, Spread, Sweep

_RIGHT = "right"


def print_cold(starts: Sequence[Cold]) -> None:
    """Print the stages and the memory of each cold start."""
    from zoodiff.api.values.latency import STAGES

    rows = [
        (name, *(_spread(start.stage(name)) for start in starts))
        for name in STAGES
        if any(start.stage(name).most > 0 for start in starts)
    ]
    rows += [
        ("cold start", *(_spread(start.total) for start in starts)),
        ("second inference", *(_spread(start.second) for start in starts)),
        ("steady state", *(_spread(start.steady) for start in starts)),
        ("cold start / steady", *(f"{start.answers_to_pay:,.0f}" for start in starts)),
    ]
    for number, when in enumerate(("before loading", "loaded", "after running")):
        rows.append(
            (f"peak memory {when}", *(_bytes(start.peak_bytes[number]) for start in starts))
        )
    rows.append(("weights", *(_bytes(start.weights_bytes) for start in starts)))
    print_table(
        ["", *((start.name, _RIGHT) for start in starts)],
        rows,
        title="Cold start: seconds, the median of fresh processes (least to most)",
    )


def print_sweep(sweep: Sweep) -> None:
    """Print latency and throughput by batch size and threads, the best cells and problems."""
    best = {cell.place for name in sweep.names if (cell := sweep.best(name)) is not None}
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
                    _estimate(estimate) if cell.has_interval else _number(estimate.value)
                    for estimate in (cell.latency_ms, cell.images_per_second)
                ),
                "; ".join(
                    [
                        *(["best throughput"] if cell.place in best else []),
                        *(["still drifting"] if cell.place in sweep.drifts else []),
                        *(["too few rounds"] if not cell.has_interval else []),
                    ]
                ),
            )
            for cell in sweep.cells
        ],
        title="Batch sizes and threads",
    )
    lines = [
        f"left out: {omission.name}, batch {omission.batch}, {_threads(omission.threads)}: "
        f"{omission.reason}"
        for omission in sweep.left_out
    ]
    for crossing in sweep.crossings:
        lines.append(
            f"ranks change: with {_threads(crossing.threads)} {crossing.first} is faster at batch "
            f"{crossing.before} (ratio {_estimate(crossing.ratio_before)}), {crossing.second} "
            f"at batch {crossing.after} ({_estimate(crossing.ratio_after)})"
        )
    if sweep.needed_seconds is not None:
        lines.append(
            f"the time allowed fewer rounds than are needed: allow {sweep.needed_seconds:.0f} s"
        )
    for line in lines:
        print_line(line)


def print_scenarios(results: Sequence[Scenarios]) -> None:
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
                result.name,
                str(result.threads),
                _number(result.single_stream.p90_ms),
                f"{_number(result.offline.images_per_second)} (batch {result.offline_batch})",
                _number(result.server.rate) if result.server.rate else "none",
                f"{_number(result.server.bound_ms)} (p{result.server.percentile:g})",
            )
            for result in results
        ],
        title="Scenarios of MLPerf Inference",
    )
    for maker in sorted({result.single_stream.generator for result in results}):
        print_line(f"load made by {maker}")
    for result in results:
        if result.server.note:
            print_line(f"{result.name}, server: {result.server.note}")


def _threads(number: int) -> str:
    return f"{number} thread{'s' if number != 1 else ''}"


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} ({_number(spread.least)} to {_number(spread.most)})"


def _estimate(estimate: Estimate) -> str:
    return f"{_number(estimate.value)} ({_number(estimate.low)} to {_number(estimate.high)})"


def _number(value: float) -> str:
    """Return a number with three significant digits and without exponent.

    >>> _number(0.01234), _number(12.345), _number(12345.6)
    ('0.0123', '12.3', '12,346')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3 if abs(value) >= 0.1 else 4
    return f"{value:.{digits}f}"


def _bytes(number: int | None) -> str:
    return "unknown" if number is None else f"{_number(number / 1e6)} MB"
