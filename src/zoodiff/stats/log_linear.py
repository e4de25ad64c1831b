"""A log-linear regression: a positive value as a product of powers of others.

``log y = c + sum of exponents * log x + sum of effects of yes-or-no columns``, by ordinary least
squares. It describes how values go together, and is no cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LogLinearFit:
    """A fitted regression."""

    rows: int
    exponents: Mapping[str, float]
    """Of each positive column: y grows with this power of it."""
    factors: Mapping[str, float]
    """Of each yes-or-no column: y is this many times as large with it."""
    r_squared: float
    """Share of the variance of log y that the columns account for."""
    typical_factor: float
    """exp of the standard deviation of the residuals."""
    residual_factors: tuple[float, ...]
    """Of each row y over its fitted value."""


def fit(
    values: Sequence[float],
    positive: Mapping[str, Sequence[float]],
    flags: Mapping[str, Sequence[bool]] | None = None,
) -> LogLinearFit | None:
    """Return the regression of positive values; None for too few rows or columns that repeat.

    Columns that do not vary are left out.

    >>> done = fit([2, 4, 8, 16, 32], {"x": [1, 2, 4, 8, 16]})
    >>> round(done.exponents["x"], 6), round(done.r_squared, 6)
    (1.0, 1.0)
    """
    import numpy as np

    y = np.log(np.asarray(values, dtype=np.float64))
    logs = {name: np.log(np.asarray(column, float)) for name, column in positive.items()}
    marks = {name: np.asarray(column, float) for name, column in (flags or {}).items()}
    varied = {name: x for name, x in (logs | marks).items() if np.ptp(x) > 0}
    design = np.column_stack([np.ones(len(y)), *varied.values()])
    if len(y) < 2 + design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    residuals = y - design @ solution
    total = float(((y - y.mean()) ** 2).sum())
    left = float((residuals**2).sum())
    by_name = dict(zip(varied, solution[1:].tolist(), strict=True))
    return LogLinearFit(
        rows=len(y),
        exponents={name: by_name[name] for name in logs if name in by_name},
        factors={name: float(np.exp(by_name[name])) for name in marks if name in by_name},
        r_squared=1 - left / total if total > 0 else 1.0,
        typical_factor=float(np.exp(np.sqrt(left / (len(y) - design.shape[1])))),
        residual_factors=tuple(np.exp(residuals).tolist()),
    )
