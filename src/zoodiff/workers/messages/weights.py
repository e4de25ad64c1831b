"""Messages about the weights of loaded networks, and runs with them."""

from __future__ import annotations

from dataclasses import dataclass

from zoodiff.workers.messages.arrays import Array


@dataclass(frozen=True)
class Weights:
    """Asks for all weights of a loaded network, by name."""

    handle: str


@dataclass(frozen=True)
class Assign:
    """Replaces a loaded network's weights, by name."""

    handle: str
    weights: dict[str, Array]


@dataclass(frozen=True)
class Run:
    """Runs a network on one image ``(1, channels, height, width)``."""

    handle: str
    image: Array


@dataclass(frozen=True)
class RunNamed:
    """Runs a network once on inputs of any type and rank, by name."""

    handle: str
    inputs: dict[str, Array]


@dataclass(frozen=True)
class Arrays:
    """Arrays by name."""

    arrays: dict[str, Array]


@dataclass(frozen=True)
class Outputs:
    """Raw outputs of a network, one row per image."""

    outputs: Array
