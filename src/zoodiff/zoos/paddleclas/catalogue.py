"""The zoo ``paddleclas``: PaddleClas's networks, in the environment of the zoo ``paddle``.

The catalogue is ``data/paddleclas.json``, written by ``tools/refresh_paddleclas.py`` inside that
environment; reading it imports no framework.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from zoodiff.data.labels import BY_NAME, NO_CLASSES, LabelSpace
from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Model, WorkerSpec
from zoodiff.zoos.paddle.catalogue import ENVIRONMENT

WATERMARK = LabelSpace("watermark", 2)
_WORKER = WorkerSpec(
    name="paddleclas",
    backend="zoodiff.zoos.paddleclas.backend:paddleclas",
    confined=False,  # Paddle starts programs when it is imported; no files are opened
    distributions=("paddleclas", "paddlepaddle"),
    environment=ENVIRONMENT,
)


@dataclass(frozen=True)
class PaddleClasZoo:
    """The catalogue side of PaddleClas."""

    name: str = "paddleclas"
    title: str = "PaddleClas"
    worker: WorkerSpec = _WORKER
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """Return all networks that PaddleClas publishes, ordered by name."""
        return _models()


@cache
def arguments() -> Mapping[str, Mapping[str, Any]]:
    """Return the arguments that a network's builder needs, by name; most need none."""
    return {raw["name"]: raw.get("arguments", {}) for raw in catalogues.read("paddleclas")}


@cache
def _models() -> tuple[Model, ...]:
    labels = {**BY_NAME, **{space.name: space for space in (NO_CLASSES, WATERMARK)}}
    return tuple(catalogues.model(raw, labels) for raw in catalogues.read("paddleclas"))


ZOO = PaddleClasZoo()
