"""The zoo ``kerashub``: the presets of KerasHub that classify images or give features of them.

The catalogue is ``data/kerashub.json``, written by ``tools/refresh_kerashub.py`` in the zoo's own
environment; reading it imports no framework. A preset's configuration is on Kaggle, not in the
package. An entry has a configuration here if KerasHub's own converter, its conversion script, or
the sizes of the transformer that it was converted from give one whose network has exactly as many
values as KerasHub publishes for the preset. Describing any other preset needs its configuration
from Kaggle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from zoodiff.data.labels import BY_NAME, NO_CLASSES, LabelSpace
from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Environment, Model, WorkerSpec

KAGGLE = "https://www.kaggle.com/models/"
WEIGHTS = "preset"
"""The name of the weights of every preset: a preset is a network with its weights."""
IMAGENET_12K = LabelSpace("imagenet-12k", 11821)
Counted = Literal["backbone", "backbone trainable", "classifier", "classifier trainable"]

ENVIRONMENT = Environment(
    "kerashub",
    # keras-hub requires tensorflow-text, which no network of images needs and which there is not
    # for every TensorFlow, so that the packages are named one by one.
    requirements=(
        *("keras-hub==0.32.0", "kagglehub==1.0.2", "kagglesdk==0.1.28", "sentencepiece==0.2.3"),
        *("regex", "tokenizers", "pyyaml", "tqdm"),
    ),
    constraints="kerashub.txt",
    megabytes=60,
    shared=("keras", "tensorflow-cpu"),
)

_WORKER = WorkerSpec(
    name="kerashub",
    backend="zoodiff.zoos.kerashub.backend:KerasHubBackend",
    confined=False,  # it fetches the weights that it publishes
    distributions=("keras-hub", "keras", "tensorflow-cpu"),
    extra="keras",
    environment=ENVIRONMENT,
)


@dataclass(frozen=True)
class Preset:
    """How a preset's network is built, and what KerasHub publishes about it."""

    name: str
    handle: str
    """The place on Kaggle, ``keras/resnetv1/keras/resnet_18_imagenet/3``."""
    backbone: str
    """The class of the backbone in ``keras_hub.models``."""
    classes: int | None
    """Outputs of the classifier; None if the entry is the backbone, which gives features."""
    config: Mapping[str, Any] | None
    """Arguments of the backbone; None if they are on Kaggle only."""
    head: Mapping[str, Any]
    """Arguments of the classifier beside its classes."""
    published: int
    """The number of values that KerasHub publishes."""
    counted: Counted | None
    """What has that number of values; None without a configuration."""

    @property
    def url(self) -> str:
        """The preset's page on Kaggle."""
        return KAGGLE + self.handle


@dataclass(frozen=True)
class KerasHubZoo:
    """The catalogue side of KerasHub."""

    name: str = "kerashub"
    title: str = "KerasHub"
    worker: WorkerSpec = _WORKER
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """Return all presets of image classifiers and backbones, ordered by name."""
        return _models()


@cache
def presets() -> Mapping[str, Preset]:
    """Return what the worker needs of each preset, by name."""
    return {
        raw["name"]: Preset(name=raw["name"], **raw["preset"])
        for raw in catalogues.read("kerashub")
    }


@cache
def _models() -> tuple[Model, ...]:
    labels = {**BY_NAME, **{space.name: space for space in (IMAGENET_12K, NO_CLASSES)}}
    return tuple(catalogues.model(raw, labels) for raw in catalogues.read("kerashub"))


ZOO = KerasHubZoo()
