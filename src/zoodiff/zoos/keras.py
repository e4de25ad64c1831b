"""The zoo ``keras``: Keras Applications, as ``keras.applications`` publishes them.

The catalogue is ``data/keras.json``, written by ``tools/refresh_keras.py`` from the framework
itself; reading it imports no framework. Keras publishes normalisation only (``preprocess_input``,
or layers inside the network), never how to resize or crop, so every preprocessing is partial.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from zoodiff.data.labels import BY_NAME
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Environment, Model, Weights


@dataclass(frozen=True)
class KerasZoo:
    """The catalogue side of Keras Applications."""

    name: str = "keras"
    title: str = "Keras Applications"
    distributions: tuple[str, ...] = ("keras", "tensorflow-cpu")
    extra: str | None = "keras"
    environment: Environment | None = None
    backend: str = "zoodiff.zoos.keras_backend:KerasBackend"
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """All Keras Applications, ordered by name."""
        return _models()


@cache
def _models() -> tuple[Model, ...]:
    text = files("zoodiff.zoos").joinpath("data/keras.json").read_text(encoding="utf-8")
    return tuple(_model(raw) for raw in json.loads(text)["models"])


def _model(raw: Mapping[str, Any]) -> Model:
    return Model(
        name=raw["name"],
        architecture=raw["architecture"],
        weights=tuple(Weights(**weights) for weights in raw["weights"]),
        preprocessing=Preprocessing.from_dict(raw["preprocessing"]),
        labels=BY_NAME[raw["labels"]],
        input_shape=tuple(raw["input_shape"]),
        note=raw["note"],
    )


ZOO = KerasZoo()
