"""The libraries that decode and resize images, as what a worker can be started for."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence

from zoodiff.preprocessing.spec import Library
from zoodiff.zoos.base import WorkerSpec

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


def decoding(libraries: Sequence[Library]) -> WorkerSpec:
    """Return what a worker is started for that decodes images by these libraries."""
    return WorkerSpec(
        name="images-" + "-".join(libraries),
        backend="zoodiff.zoos.decoding:Versions",
        confined=True,
        distributions=tuple(
            dict.fromkeys(name for one in libraries for name in _DISTRIBUTIONS[one])
        ),
        extra=next((_EXTRAS[one] for one in libraries if _EXTRAS[one]), None),
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
