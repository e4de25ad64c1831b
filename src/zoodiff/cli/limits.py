"""The options ``--worker-seconds`` and ``--worker-memory`` of commands that start workers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zoodiff.api.values.shared import Limits

SECONDS = 900.0
"""Default time limit of one request, seconds; equal to the default of ``Limits``."""


def _positive(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value:g} is no limit; give a number above 0")
    return value


WorkerSeconds = Annotated[
    float,
    typer.Option(
        "--worker-seconds",
        metavar="S",
        help="Longest time that a worker may take for one request.",
        callback=_positive,
    ),
]
WorkerMemory = Annotated[
    float | None,
    typer.Option(
        "--worker-memory",
        metavar="GB",
        help="Memory that a worker may use [default: 80 % of the machine's].",
        callback=_positive,
    ),
]


def limits_of(seconds: float, gigabytes: float | None) -> Limits:
    """Return the limits that the two options set."""
    from zoodiff.api.limits import worker_limits

    return worker_limits(seconds, gigabytes)
