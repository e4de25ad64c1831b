"""The libraries that decode and resize images, as what a worker can be started for."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zoodiff.preprocessing.spec import Library
from zoodiff.zoos.base import Environment, Model

_DISTRIBUTIONS: dict[Library, tuple[str, ...]] = {
    "pillow": ("pillow",),
    "torchvision": ("torch", "torchvision", "pillow"),
    "tensorflow": ("tensorflow-cpu",),
    "opencv": ("opencv-python-headless",),
}
_EXTRAS: dict[Library, str | None] = {
    "pillow": None,
    "torchvision": "torch",
    "tensorflow": "keras",
    "opencv": "opencv",
}


@dataclass
class Decoding:
    """Looks like a zoo without models to the worker that decodes images for all zoos."""

    name: str
    """For example ``images-pillow``."""
    title: str
    distributions: tuple[str, ...]
    extra: str | None
    backend: str = "zoodiff.zoos.decoding:Versions"
    environment: Environment | None = None
    listed: bool = False
    confined: bool = True

    def models(self) -> Sequence[Model]:
        """None."""
        return ()


def decoding(libraries: Sequence[Library]) -> Decoding:
    """What a worker is started for that decodes by these libraries."""
    return Decoding(
        "images-" + "-".join(libraries),
        f"images by {', '.join(libraries)}",
        tuple(dict.fromkeys(name for one in libraries for name in _DISTRIBUTIONS[one])),
        next((_EXTRAS[one] for one in libraries if _EXTRAS[one]), None),
    )


class Versions:
    """The backend: it answers for versions alone."""

    def versions(self) -> Mapping[str, str]:
        """Of all libraries that are installed."""
        found = {}
        for names in _DISTRIBUTIONS.values():
            for name in names:
                try:
                    found[name] = importlib.metadata.version(name)
                except importlib.metadata.PackageNotFoundError:
                    continue
        return found
