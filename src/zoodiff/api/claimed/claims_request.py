"""The request of ``claims``."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ClaimsRequest"]


@dataclass(frozen=True, kw_only=True)
class ClaimsRequest:
    """The criteria that select claims, and how they are listed."""

    architecture: str | None = None
    """Canonical name; None for all."""
    latency: bool = False
    """Published times instead of accuracies and sizes."""
    test_set: str | None = None
    """Accuracies on test sets whose name has this part, of quantised networks and on devices;
    ``all`` for every test set."""
    recipes: bool = False
    """Published preprocessing of further zoos and of processor classes."""
    rankings: tuple[str, str] | None = None
    """Two machines whose orders of networks are compared by published times."""
    zoos: tuple[str, ...] = ()
    """Zoos whose claims count; all if empty."""
    weights: tuple[str, ...] = ()
    """Names of weights that count; all if empty."""
    input_size: int | str = "any"
    """Pixels; ``largest`` (per zoo, with an accuracy) or ``any``."""
    precision: str = "any"
    """``fp32``, ``int8`` or ``any``; of times and test sets also ``amp``, ``float``, ``w8a8``."""
    extra_data: str = "include"
    """Weights with extra data, distilled or pruned: ``include``, ``exclude`` or ``only``."""
    as_of: str | None = None
    """Select the claims that were public and not withdrawn on this day, YYYY-MM-DD."""
    machine: str | None = None
    """Part of a machine's name; of times and test sets."""
    batch: int | None = None
    """Images per step; of times."""
    minimum: float | None = None
    """Smallest top-1 in percent, or milliseconds of times."""
    maximum: float | None = None
    """Largest top-1 in percent, or milliseconds of times."""
    sort: str | None = None
    """Column to sort by; the order of the table if None."""
    limit: int | None = None
    """Most rows."""
