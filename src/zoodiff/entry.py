"""References to entries: ``zoo:model@weights``, or a file.

This module is a leaf: it knows the syntax, not which zoos exist.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from zoodiff.errors import UsageError
from zoodiff.text import shortened, well_formed

RANDOM = "random"
"""The weights name that asks for random initialisation, in every zoo."""

_SHOWN = 120
"""Characters of a text that is no reference, in messages."""
_REFERENCE = re.compile(
    r"(?P<zoo>[A-Za-z0-9][A-Za-z0-9_.-]*):(?P<model>[^@\s]+)(?:@(?P<weights>[^@\s]+))?"
)


@dataclass(frozen=True, order=True)
class ModelRef:
    """One entry by name; ``weights`` is None where the zoo's default is meant.

    >>> ModelRef.parse("torchvision:resnet50@IMAGENET1K_V1")
    ModelRef(zoo='torchvision', model='resnet50', weights='IMAGENET1K_V1')
    >>> str(ModelRef("keras", "ResNet50"))
    'keras:ResNet50'
    """

    zoo: str
    model: str
    weights: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Read ``zoo:model`` or ``zoo:model@weights``; raise UsageError otherwise."""
        match = _REFERENCE.fullmatch(text.strip())
        if match is None:
            raise UsageError(
                f'"{shortened(text, _SHOWN)}" is not an entry; write zoo:model or '
                "zoo:model@weights, for example torchvision:resnet50@IMAGENET1K_V1"
            )
        return cls(match["zoo"], match["model"], match["weights"])

    def with_weights(self, weights: str | None) -> ModelRef:
        """Return the same model with other weights."""
        return ModelRef(self.zoo, self.model, weights)

    def __str__(self) -> str:
        text = f"{self.zoo}:{self.model}" + (f"@{self.weights}" if self.weights else "")
        return well_formed(text)  # a file may have a name that is no UTF-8


def suggest(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """Return the candidates that resemble a mistyped name, best first.

    The number in a network's name is its size, and users cut it short more often than they mistype
    it. If the letters of some candidates are nearly the same and their numbers begin alike, only
    these candidates are returned.

    >>> suggest("resnet5", ["resnet50", "resnet152", "resnext50_32x4d", "wide_resnet50_2", "vgg16"])
    ['resnet50', 'resnext50_32x4d']
    >>> suggest("torchvison", ["keras", "torchvision"])
    ['torchvision']
    """
    if len(name) > _LONGEST_NAME:  # the comparison takes time quadratic in the length
        return []
    by_folded = {candidate.lower(): candidate for candidate in candidates}
    folded = name.lower()
    letters, number = _parts(folded)
    alike: list[tuple[float, float, str]] = []
    for candidate in by_folded:
        candidate_letters, size = _parts(candidate)
        likeness = difflib.SequenceMatcher(None, letters, candidate_letters).ratio()
        agree = bool(number and size) and (size.startswith(number) or number.startswith(size))
        if agree and likeness >= _SAME_LETTERS:
            whole = difflib.SequenceMatcher(None, folded, candidate).ratio()
            alike.append((-likeness, -whole, candidate))
    if alike:
        return [by_folded[candidate] for *_, candidate in sorted(alike)[:limit]]
    close = difflib.get_close_matches(folded, by_folded, n=limit, cutoff=0.6)
    starting = sorted((c for c in by_folded if c.startswith(folded)), key=len)
    ordered = list(dict.fromkeys([*close, *starting]))[:limit]
    return [by_folded[folded_name] for folded_name in ordered]


_LONGEST_NAME = 200
_SAME_LETTERS = 0.8


def _parts(name: str) -> tuple[str, str]:
    """The letters before the first number, and that number."""
    match = re.match(r"([^0-9]*)([0-9]*)", name)
    return (match[1], match[2]) if match else (name, "")


def meant(name: str, candidates: Iterable[str]) -> str | None:
    """Return the only candidate that a name matches; None if none or several match.

    The comparison ignores case, hyphens, underscores, dots and spaces.

    >>> meant("ResNet-50", ["resnet50", "resnet50_v2"]), meant("vgg 16", ["VGG16", "vgg_16"])
    ('resnet50', None)
    """
    known = list(candidates)
    if name in known:
        return name
    text = folded(name)
    matches = [candidate for candidate in known if text and folded(candidate) == text]
    return matches[0] if len(matches) == 1 else None


def folded(name: str) -> str:
    """Return a name in lower case, without hyphens, underscores, dots and spaces."""
    return re.sub(r"[-_. ]", "", name[: _LONGEST_NAME + 1]).lower()


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``; did you mean a, b?`` to append to an error message; empty without suggestions."""
    suggestions = suggest(name, candidates)
    return f"; did you mean {', '.join(suggestions)}?" if suggestions else ""
