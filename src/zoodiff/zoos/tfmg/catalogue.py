"""The zoo ``tfmg``: TensorFlow Model Garden, its official classifiers and its slim networks.

The catalogue is ``data/tfmg.json``, written by ``tools/refresh_tfmg.py`` inside the zoo's own
environment; reading it imports no framework. Each entry names an experiment of the package and its
changes, so that the worker builds the network that Model Garden would train.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Environment, Model, WorkerSpec

ENVIRONMENT = Environment(
    "tfmg",
    # tf-models-official requires the full TensorFlow; workers require numpy.
    requirements=("tf-models-official==2.20.0", "tf_slim==1.1.0", "tf_keras==2.20.1", "numpy"),
    constraints="tfmg.txt",
    megabytes=3400,
)


_WORKER = WorkerSpec(
    name="tfmg",
    backend="zoodiff.zoos.tfmg.backend:TfmgBackend",
    confined=False,  # it fetches the weights that it publishes
    distributions=("tf-models-official", "tf-slim", "tensorflow", "tf-keras"),
    environment=ENVIRONMENT,
)


@dataclass(frozen=True)
class TfmgZoo:
    """The catalogue side of TensorFlow Model Garden."""

    name: str = "tfmg"
    title: str = "TensorFlow Model Garden"
    worker: WorkerSpec = _WORKER
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """Return all classifiers of official.vision and of slim, ordered by name."""
        return _models()


@dataclass(frozen=True)
class Recipe:
    """How the worker builds one model."""

    experiment: str | None
    """Name in Model Garden's registry of experiments; None for a slim network."""
    overrides: Mapping[str, Any]
    """Changes to the model part of the experiment, as in its YAML files."""


@cache
def recipes() -> Mapping[str, Recipe]:
    """Return how each model is built, by name."""
    return {
        raw["name"]: Recipe(raw["experiment"], raw["overrides"]) for raw in catalogues.read("tfmg")
    }


@cache
def _models() -> tuple[Model, ...]:
    return tuple(map(catalogues.model, catalogues.read("tfmg")))


ZOO = TfmgZoo()
