"""What a rule is: one kind of difference, with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import Check

Effect = Literal[
    "function",
    "chance",
    "batch",
    "precision",
    "preprocessing",
    "parametrisation",
    "output",
    "training",
    "measurement",
    "safety",
]
"""What a difference changes.

``function``: outputs differ for equal weights. ``chance``: one network answers differently each
time. ``batch``: the answer of one network depends on the other images of a batch. ``precision``:
the same network with numbers of fewer bits. ``preprocessing``: the same network, of which one
prepares pixels itself. ``parametrisation``: the same functions can be expressed, by other weights
(a bias before a batch norm). ``output``: the same ranking of classes on another scale (logits and
probabilities). ``training``: nothing at inference. ``measurement``: not the network, but what it is
fed or compared with. ``safety``: nothing; the file is not loaded.
"""

Lifecycle = Literal["stable", "preview"]
"""``stable``: the check changes only to fix errors. ``preview``: it may still change."""


@dataclass(frozen=True)
class Example:
    """Two tiny networks for which a rule gives exactly one finding, and two for which it is silent.

    ``networks`` and ``twin`` build the first and the second network. The twin looks alike;
    ``twin_shows`` says what it is instead.
    """

    networks: Callable[[], tuple[Graph, Graph]]
    twin: Callable[[], tuple[Graph, Graph]]
    twin_shows: str


@dataclass(frozen=True)
class Description:
    """How a rule recognises connected layers that only one network has.

    A group of layers gets the name of the first rule, in the order of the catalogue, that ``fits``.
    Where each network has layers in the same place and two rules fit, the one with the higher
    ``rank`` names both; without any rank ARC190 does.
    """

    fits: Callable[[LayerGraph, Sequence[Layer]], bool]
    rank: int = 0


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of difference, and what a person should know about it.

    The code never changes its meaning and is never used again; programs filter by it.
    """

    code: str
    name: str
    effect: Effect
    cause: str
    consequence: str
    advice: str
    references: tuple[str, ...]
    """Papers, documentation, and reports by users (``owner/repository#number``)."""
    check: Check | None = None
    """Yields the differences between two aligned networks that this rule names.

    None for a rule that is not about architectures; then ``raised_by`` says where it is found.
    """
    describes: Description | None = None
    example: Example | None = None
    after: tuple[str, ...] = ()
    """Codes of rules that claim differences, or describe layers, before this one does."""
    fallback: bool = False
    """Whether it names what is left when all other rules have claimed theirs."""
    raised_by: str = ""
    """The command that reports a rule without a check."""
    lifecycle: Lifecycle = "stable"
