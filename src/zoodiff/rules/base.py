"""What a rule is, and the list of all of them.

A rule names one kind of difference. Its code never changes its meaning and is never used again;
programs filter by it. Each rule registers itself where it is defined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from zoodiff.errors import UnknownNameError
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, Region

Effect = Literal["function", "parametrisation", "output", "training", "measurement", "safety"]
"""What a difference changes.

``function``: outputs differ for equal weights. ``parametrisation``: the same functions can be
expressed, by other weights (a bias before a batch norm). ``output``: the same ranking of classes on
another scale (logits and probabilities). ``training``: nothing at inference. ``measurement``: not
the network, but what it is fed or compared with. ``safety``: nothing; the file is not loaded.
"""


@dataclass(frozen=True)
class Rule:
    """One kind of difference, and what a person should know about it."""

    code: str
    name: str
    effect: Effect
    cause: str
    consequence: str
    advice: str
    pair: Callable[[LayerPair, AlignedPair], Iterable[Difference]] | None = None
    """Looks at two aligned layers."""
    region: Callable[[Region, AlignedPair], Iterable[Difference]] | None = None
    """Looks at layers that only one network has."""
    networks: Callable[[AlignedPair], Iterable[Difference]] | None = None
    """Looks at the networks as a whole."""


_RULES: dict[str, Rule] = {}
_ORDER = {"ARC": 0, "PRE": 1, "LAB": 2, "ACC": 3, "LAT": 4, "SEC": 5}
"""Families: architecture, preprocessing, labels, accuracy, latency, security."""


def register(rule: Rule) -> Rule:
    """Add a rule to the list; codes must be new."""
    assert rule.code not in _RULES, rule.code
    _RULES[rule.code] = rule
    return rule


def rules() -> list[Rule]:
    """All rules, by code."""
    import zoodiff.rules.affine
    import zoodiff.rules.ends
    import zoodiff.rules.latency
    import zoodiff.rules.layers
    import zoodiff.rules.measurement
    import zoodiff.rules.regions
    import zoodiff.rules.security
    import zoodiff.rules.windows  # noqa: F401

    return [_RULES[code] for code in sorted(_RULES, key=lambda code: (_ORDER[code[:3]], code))]


def find(code: str) -> Rule:
    """A rule by its code; raise UnknownNameError for one that there is not."""
    known = {rule.code: rule for rule in rules()}
    found = known.get(code.upper())
    if found is None:
        raise UnknownNameError(f'there is no rule "{code}"; there are {", ".join(known)}')
    return found
