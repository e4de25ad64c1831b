"""Equal local differences together: one finding with its places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import takewhile
from typing import Any

from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.catalogue import find
from zoodiff.rules.context import Difference
from zoodiff.rules.rule import Effect
from zoodiff.text import ending

SAME_FUNCTION = frozenset({"measurement", "output", "parametrisation", "safety", "training"})
"""Effects that leave the function, but for the scale of the output."""

SAME_ARCHITECTURE = SAME_FUNCTION | {"precision", "preprocessing"}
"""Effects that leave the architecture: the same network, of fewer bits or fed with raw pixels."""


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
    differences: tuple[Difference, ...]

    @property
    def same_function(self) -> bool:
        """Whether it changes nothing that inference can see, or only the scale of the output."""
        return self.effect in SAME_FUNCTION

    @property
    def same_architecture(self) -> bool:
        """Whether two networks with this difference are still one architecture."""
        return self.effect in SAME_ARCHITECTURE

    @property
    def where(self) -> str:
        """The places as text: the first names of layers, and how many more there are."""
        names = tuple(map(ending, self.places_a or self.places_b))
        if self.noun == "blocks":
            blocks = dict.fromkeys(self._common(place) for place in range(self.count))
            names = tuple(name for name in blocks if name)
        if self.noun in {"places", "layers", "inputs", "heads"} or not names:
            shown = ", ".join(names[:3])
            rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
            return f"{shown}{rest}" if names else self.noun
        if self.count == 1 or (len(names) <= 3 and self.noun == "blocks"):
            return ", ".join(names)
        noun = self.noun or "layers"
        return (
            f"{self.count} {noun} ({names[0]}, ...)"
            if len(names) > 3
            else (f"{self.count} {noun} ({', '.join(names)})")
        )

    def _common(self, index: int) -> str:
        """Return what the names of the layers of one place share; empty for a place without names.

        A layer of two places is named once, so that later places may lack names.
        """
        size = len(self.differences[0].a)
        offset = sum(len(difference.a) for difference in self.differences[:index])
        names = self.places_a[offset : offset + (len(self.differences[index].a) or size)]
        letters = zip(*names, strict=False)
        prefix = "".join(same[0] for same in takewhile(lambda same: len(set(same)) == 1, letters))
        for separator in "./_":
            if separator in prefix:
                return prefix[: prefix.rindex(separator)]
        return prefix or next(iter(names), "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON, without the differences of single layers."""
        own = (field.name for field in fields(self) if field.name != "differences")
        return {name: getattr(self, name) for name in own}


def grouped(differences: Iterable[Difference], a: LayerGraph, b: LayerGraph) -> list[Finding]:
    """Findings in the order of their codes, then of their first place."""
    groups: dict[tuple[str, str, str, str], list[Difference]] = {}
    for difference in differences:
        groups.setdefault(
            (difference.code, difference.left, difference.right, difference.noun), []
        ).append(difference)
    findings = []
    for (code, left, right, noun), members in groups.items():
        rule = find(code)
        findings.append(
            Finding(
                code,
                rule.name,
                rule.effect,
                left,
                right,
                len(members),
                noun,
                tuple(dict.fromkeys(_place(a.layers[i], noun) for d in members for i in d.a)),
                tuple(dict.fromkeys(_place(b.layers[j], noun) for d in members for j in d.b)),
                sum(difference.parameters for difference in members),
                tuple(members),
            )
        )
    return sorted(findings, key=lambda f: (f.code, _first(f)))


def _place(layer: Layer, noun: str) -> str:
    """The name of a layer; of what is about batch norms, the name of the norm in its chain."""
    if noun != "batch norms":
        return layer.name
    nodes = (layer.node, *layer.chain)
    return next((n.name for n in nodes if n.op == "BatchNormalization"), layer.name)


def _first(finding: Finding) -> int:
    difference = finding.differences[0]
    return min((*difference.a, *difference.b), default=-1)
