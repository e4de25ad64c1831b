"""Messages about networks: list, describe, load and drop them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Hello:
    """Imports the framework and asks for its versions."""


@dataclass(frozen=True)
class Models:
    """Asks for the names of the models that the installed framework knows."""


@dataclass(frozen=True)
class Modes:
    """Asks for the execution modes of the backend."""


@dataclass(frozen=True)
class Describe:
    """Asks for the graph of a network, without weights."""

    model: str
    weights: str | None
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes of inputs by name, for extents that the network leaves open."""


@dataclass(frozen=True)
class Forget:
    """Sets PyTorch's folder of compiled code; the parent creates and removes the folder."""

    folder: str


@dataclass(frozen=True)
class Load:
    """Loads a network under a handle; an earlier network of the same handle is dropped."""

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
    """Versions of Python and of the libraries that the backend imported, by name."""

    versions: dict[str, str]


@dataclass(frozen=True)
class Names:
    """A list of names."""

    names: list[str]


@dataclass(frozen=True)
class Facts:
    """The framework's own counts, for cross-checks."""

    parameters: int
    statistics: int
    sha256: str | None = None
    """Hash of the described file."""


@dataclass(frozen=True)
class Described:
    """The graph of a network as plain values, not yet validated, and facts about it."""

    graph: dict[str, object]
    facts: Facts
    seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class Loaded:
    """The properties of a loaded network."""

    seconds: float
    weights_state: Literal["published", "random", "placeholder", "trained", "file"]
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    """With the batch, in the network's own order of axes."""
    layout: Literal["NCHW", "NHWC"]
    peak_rss_bytes: int
    scope: dict[str, str]
    """Conditions of timing it."""
    stages: dict[str, float]
    """Seconds by stage, which add up to ``seconds``."""


@dataclass(frozen=True)
class Done:
    """The reply to a request without a result."""

    note: str = field(default="")
