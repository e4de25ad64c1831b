"""Equal local differences together: one finding with its places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zoodiff.graph.layers import LayerGraph
from zoodiff.rules.base import Effect, find
from zoodiff.rules.difference import Edit


@dataclass(frozen=True)
class Finding:
    """A named difference between two networks, and everywhere it is met."""

    code: str
    name: str
    effect: Effect
    left: str
    """How the first network has it."""
    right: str
    """How the second network has it."""
    count: int
    """How many places."""
    noun: str
    """What the places are."""
    places_a: tuple[str, ...]
    """Names of the layers of the first network, as their source has them."""
    places_b: tuple[str, ...]
    """Names of the layers of the second network."""
    parameters: int
    """How many more parameters the second network has for it."""
    edits: tuple[Edit, ...]

    @property
    def same_function(self) -> bool:
        """Whether it changes nothing that inference can see, or only the scale of the output."""
        return self.effect != "function"


def grouped(edits: Iterable[Edit], a: LayerGraph, b: LayerGraph) -> list[Finding]:
    """Findings in the order of their codes, then of their first place."""
    groups: dict[tuple[str, str, str, str], list[Edit]] = {}
    for edit in edits:
        groups.setdefault((edit.code, edit.left, edit.right, edit.noun), []).append(edit)
    found = []
    for (code, left, right, noun), members in groups.items():
        rule = find(code)
        found.append(
            Finding(
                code,
                rule.name,
                rule.effect,
                left,
                right,
                len(members),
                noun,
                tuple(a.layers[i].name for edit in members for i in edit.a),
                tuple(b.layers[j].name for edit in members for j in edit.b),
                sum(edit.parameters for edit in members),
                tuple(members),
            )
        )
    return sorted(found, key=lambda f: (f.code, _first(f)))


def _first(finding: Finding) -> int:
    edit = finding.edits[0]
    return min((*edit.a, *edit.b), default=-1)
