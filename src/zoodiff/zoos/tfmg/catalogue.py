"""The zoo ``tfmg``: TensorFlow Model Garden, its official classifiers and its slim networks.

The catalogue is ``data/tfmg.json``, written by ``tools/refresh_tfmg.py`` inside the zoo's own
environment; reading it imports no framework. Each entry says which experiment of the package it
is, with what changes, so that the worker builds what Model Garden would train.
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
    # tf-models-official asks for TensorFlow as a whole; numpy is what the workers speak.
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
        """All classifiers of official.vision and of slim, ordered by name."""
        return _models()


@dataclass(frozen=True)
class Recipe:
    """How the worker builds one model."""

    experiment: str | None
    """Name in Model Garden's registry of experiments; None for a slim network."""
    overrides: Mapping[str, Any]
    """Changes to the model part of the experiment, as its YAML files make them."""


@cache
def recipes() -> Mapping[str, Recipe]:
    """How each model is built, by name."""
    return {
        raw["name"]: Recipe(raw["experiment"], raw["overrides"]) for raw in catalogues.read("tfmg")
    }


@cache
def _models() -> tuple[Model, ...]:
    return tuple(map(catalogues.model, catalogues.read("tfmg")))


ZOO = TfmgZoo()
