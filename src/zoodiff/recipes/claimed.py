"""Which audited recipes the collected recipes are about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from zoodiff.claims.recipes import RecipeClaim

Key = tuple[str, str]
"""The reference of weights, and the processor among those of the same weights."""
_CLASS_DEFAULT = re.compile(r"class default, (?P<package>[a-z]+) (?P<version>[0-9.]+)")
_CLASSES = re.compile(r"model classes (?P<names>[A-Za-z0-9 ]+)")
_ZOO_OF_PACKAGE = {"transformers": "hf"}
_SPEEDS = {
    "PIL": "slow",
    "slow (PIL/NumPy)": "slow",
    "torchvision": "fast",
    "fast (torchvision)": "fast",
}
"""The two kinds of image processors by the words of both major versions of transformers."""


def of_installed(
    claims: Iterable[RecipeClaim], versions: Mapping[str, str | None]
) -> list[RecipeClaim]:
    """Return the collected recipes without the defaults of classes of other versions."""
    kept = []
    for claim in claims:
        default = _CLASS_DEFAULT.fullmatch(claim.weights)
        if default is None or versions.get(default["package"]) == default["version"]:
            kept.append(claim)
    return kept


def keys_of(claim: RecipeClaim) -> list[Key]:
    """Return what a collected recipe is about: weights, or the classes of which it is the default.

    >>> from zoodiff.claims.recipes import recipe_claims
    >>> keys_of(next(claim for claim in recipe_claims() if claim.model == "beit"))
    [('hf:BeitForImageClassification@random', 'slow')]
    """
    default = _CLASS_DEFAULT.fullmatch(claim.weights)
    if default is None:
        return [(f"{claim.zoo}:{claim.model}@{claim.weights}", "")]
    classes, speed = _CLASSES.search(claim.note or ""), _SPEEDS.get(claim.backend)
    zoo = _ZOO_OF_PACKAGE.get(default["package"])
    if classes is None or speed is None or zoo is None:
        return []
    return [(f"{zoo}:{name}@random", speed) for name in classes["names"].split()]
