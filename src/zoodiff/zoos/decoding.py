"""Workers for the libraries that decode and resize images."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence

from zoodiff.preprocessing.spec import Library
from zoodiff.zoos.base import WorkerSpec

_DISTRIBUTIONS: dict[Library, tuple[str, ...]] = {
    "pillow": ("pillow",),
    "torchvision": ("torch", "torchvision", "pillow"),
    "torchvision_v2": ("torch", "torchvision", "pillow"),
    "tensorflow": ("tensorflow-cpu",),
    "opencv": ("opencv-python-headless",),
}
_EXTRAS: dict[Library, str | None] = {
    "pillow": None,
    "torchvision": "torch",
    "torchvision_v2": "torch",
    "tensorflow": "keras",
    "opencv": "opencv",
}


def decoding(libraries: Sequence[Library]) -> WorkerSpec:
    """Return the specification of a worker that decodes images with these libraries."""
    return WorkerSpec(
        name="images-" + "-".join(libraries),
        backend="zoodiff.zoos.decoding:Versions",
        confined=True,
        distributions=tuple(
            dict.fromkeys(name for library in libraries for name in _DISTRIBUTIONS[library])
        ),
        extra=next((_EXTRAS[library] for library in libraries if _EXTRAS[library]), None),
    )


class Versions:
    """A backend that only reports versions."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the installed libraries."""
        by_name = {}
        for names in _DISTRIBUTIONS.values():
            for name in names:
                try:
                    by_name[name] = importlib.metadata.version(name)
                except importlib.metadata.PackageNotFoundError:
                    continue
        return by_name
