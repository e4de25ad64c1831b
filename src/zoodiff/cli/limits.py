"""The options ``--worker-seconds`` and ``--worker-memory`` of every command that starts workers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zoodiff.workers.limits import Limits

SECONDS = 900.0
"""Of one request, where the user says nothing; the same as ``Limits`` has."""


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
    """The limits that the two options ask for."""
    from zoodiff.workers.limits import Limits

    return Limits(seconds, None if gigabytes is None else max(1, int(gigabytes * 1e9)))
