"""Claims beside those of the catalogue, from Python entry points in the group ``zoodiff.claims``.

zoodiff's own brings the claims of zoos that a TOML file describes.
"""

from __future__ import annotations

import functools
import importlib.metadata
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

GROUP = "zoodiff.claims"


class Provider(Protocol):
    """Gives claims; both methods are called often and must be fast."""

    def claims(self) -> Sequence[Any]:
        """Return claims about accuracy and size, each a ``zoodiff.claims.catalogue.Claim``."""
        ...

    def times(self) -> Sequence[Any]:
        """Return claims about latency, each a ``zoodiff.claims.times.LatencyClaim``."""
        ...


@functools.cache
def _providers() -> tuple[Provider, ...]:
    providers = []
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda p: p.name):
        try:
            providers.append(point.load())
        except Exception as error:
            warnings.warn(
                f'the claims of "{point.name}" ({point.value}) cannot be loaded: {error}',
                stacklevel=2,
            )
    return tuple(providers)


def claims() -> list[Any]:
    """Return all provided claims about accuracy and size."""
    return [claim for provider in _providers() for claim in provider.claims()]


def times() -> list[Any]:
    """Return all provided claims about latency."""
    return [time for provider in _providers() for time in provider.times()]
