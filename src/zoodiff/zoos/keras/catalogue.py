"""The zoo ``keras``: Keras Applications, as ``keras.applications`` publishes them.

The catalogue is ``data/keras.json``, written by ``tools/refresh_keras.py`` from the framework
itself; reading it imports no framework. Keras publishes normalisation only (``preprocess_input``,
or layers inside the network), never how to resize or crop, so every preprocessing is partial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Model, WorkerSpec

_WORKER = WorkerSpec(
    name="keras",
    backend="zoodiff.zoos.keras.backend:KerasBackend",
    confined=False,  # it fetches the weights that it publishes
    distributions=("keras", "tensorflow-cpu"),
    extra="keras",
)


@dataclass(frozen=True)
class KerasZoo:
    """The catalogue side of Keras Applications."""

    name: str = "keras"
    title: str = "Keras Applications"
    worker: WorkerSpec = _WORKER
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """All Keras Applications, ordered by name."""
        return _models()


@cache
def _models() -> tuple[Model, ...]:
    return tuple(map(catalogues.model, catalogues.read("keras")))


ZOO = KerasZoo()
