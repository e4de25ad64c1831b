"""Networks: what a backend has, describing one, loading it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Hello:
    """Asks for versions, which imports the framework."""


@dataclass(frozen=True)
class Models:
    """Asks for the names that the installed framework itself knows."""


@dataclass(frozen=True)
class Modes:
    """Asks for the ways in which the backend can run networks."""


@dataclass(frozen=True)
class Describe:
    """Asks for the graph of a network, without weights."""

    model: str
    weights: str | None


@dataclass(frozen=True)
class Forget:
    """Lets PyTorch look for what it compiled in another folder, made and removed by the parent."""

    folder: str


@dataclass(frozen=True)
class Load:
    """Loads a network under a handle; one that had the same handle is dropped."""

    handle: str
    model: str
    weights: str | None
    seed: int
    threads: int
    mode: str = ""
    """One of ``Modes``; empty for the first."""
    fetch: bool = True
    """Whether published weights that are not on this machine may be fetched."""


@dataclass(frozen=True)
class Unload:
    """Drops a network."""

    handle: str


@dataclass(frozen=True)
class Versions:
    """Versions of Python and of what the backend imported, by name."""

    versions: dict[str, str]


@dataclass(frozen=True)
class Names:
    """A list of names."""

    names: list[str]


@dataclass(frozen=True)
class Facts:
    """The framework's own figures, for cross-checks."""

    parameters: int
    statistics: int
    sha256: str | None = None
    """Of the file that was described."""


@dataclass(frozen=True)
class Described:
    """The graph of a network as plain values, not yet validated, and facts about it."""

    graph: dict[str, object]
    facts: Facts
    seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class Loaded:
    """What loading tells of a network."""

    seconds: float
    weights_state: Literal["published", "random", "placeholder", "trained", "file"]
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    """With the batch, in the network's own order of axes."""
    layout: Literal["NCHW", "NHWC"]
    peak_rss_bytes: int
    scope: dict[str, str]
    """Conditions under which it is measured when it is timed."""
    stages: dict[str, float]
    """Seconds by stage, which add up to ``seconds``."""


@dataclass(frozen=True)
class Done:
    """The reply to a request that only does something."""

    note: str = field(default="")
