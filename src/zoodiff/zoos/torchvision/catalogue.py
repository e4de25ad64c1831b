"""The zoo ``torchvision``: the classification networks of ``torchvision.models``.

The catalogue is ``data/torchvision.json``, written by ``tools/refresh_torchvision.py`` from the
framework's own weights enums; reading it imports no framework. torchvision publishes a complete
preprocessing with every set of weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Model, WorkerSpec

_WORKER = WorkerSpec(
    name="torchvision",
    backend="zoodiff.zoos.torchvision.backend:TorchvisionBackend",
    confined=False,  # it fetches the weights that it publishes
    distributions=("torch", "torchvision"),
    extra="torch",
)


@dataclass(frozen=True)
class TorchvisionZoo:
    """The catalogue side of torchvision."""

    name: str = "torchvision"
    title: str = "Torchvision"
    worker: WorkerSpec = _WORKER
    takes_checkpoints: bool = True
    """Whether a file with weights can be put into its models: ``zoo:model@weights.pth``."""
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """Return all classification networks, ordered by name."""
        return _models()


@cache
def _models() -> tuple[Model, ...]:
    return tuple(map(_model, catalogues.read("torchvision")))


def _model(raw: Mapping[str, Any]) -> Model:
    weights = tuple(catalogues.weights(item) for item in raw["weights"])
    default = next(w for w in weights if w.default)
    assert default.preprocessing is not None and default.preprocessing.input_size is not None
    return Model(
        name=raw["name"],
        architecture=raw["architecture"],
        weights=weights,
        preprocessing=default.preprocessing,
        input_shape=(3, *default.preprocessing.input_size),
    )


ZOO = TorchvisionZoo()
