"""The zoo ``kecam``: the image classifiers of keras_cv_attention_models.

The catalogue is ``data/kecam.json``, written by ``tools/refresh_kecam.py`` from the package;
reading it imports no framework. ``names.csv`` beside this file has the canonical name of each
network that another zoo has too, by hand; every other network keeps its own name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from zoodiff.data.labels import IMAGENET_1K, NO_CLASSES, LabelSpace
from zoodiff.preprocessing.spec import Preprocessing, Triple
from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Environment, Model, Weights, WorkerSpec

RescaleMode = Literal["torch", "tf", "raw01"]
"""The package's names of the ways in which classifiers normalise pixels."""

ENVIRONMENT = Environment(
    "kecam",
    # The package requires tensorflow, which would be installed over tensorflow-cpu, and packages of
    # its text models, so that what image classifiers need is named one by one.
    requirements=("keras-cv-attention-models==1.4.3", "pillow", "tqdm"),
    constraints="kecam.txt",
    megabytes=60,
    shared=("keras", "tensorflow-cpu"),
)

_WORKER = WorkerSpec(
    name="kecam",
    backend="zoodiff.zoos.kecam.backend:KecamBackend",
    confined=False,  # it fetches the weights that it publishes
    distributions=("keras-cv-attention-models", "keras", "tensorflow-cpu"),
    extra="keras",
    environment=ENVIRONMENT,
)
_LARGER = {
    space.classes: space
    for space in (
        LabelSpace("imagenet-22k", 21841),
        LabelSpace("imagenet-21k-goog", 21843),
    )
}
_SOURCE = "keras_cv_attention_models.imagenet.evaluation, with its default values"
_NORMALISATION: Mapping[RescaleMode, tuple[Triple | None, Triple | None]] = {
    "torch": ((123.675, 116.28, 103.53), (58.395, 57.120003, 57.375)),
    "tf": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "raw01": (None, (255.0, 255.0, 255.0)),
}
"""Mean and standard deviation of pixels from 0 to 255, as ``init_mean_std_by_rescale_mode`` rounds
them in float32."""


@dataclass(frozen=True)
class Published:
    """The data file: the version of the package that it was written from, and its networks."""

    version: str
    networks: tuple[Builder, ...]


@dataclass(frozen=True)
class Builder:
    """A function of the package that builds a classifier, with the published weights."""

    name: str
    input_size: tuple[int, int]
    rescale_mode: RescaleMode
    weights: tuple[WeightsFile, ...]
    """The default weights come first."""


@dataclass(frozen=True)
class WeightsFile:
    """A set of published weights, and how the package builds the network for it."""

    name: str
    pretrained: str
    """The package's own name, the argument ``pretrained``."""
    input_size: tuple[int, int]
    rescale_mode: RescaleMode
    classes: int | None
    """Outputs of the classifier; None if the package does not say."""
    url: str
    """Address of the file, the first one if there are several."""


@dataclass(frozen=True)
class KecamZoo:
    """The catalogue side of keras_cv_attention_models."""

    name: str = "kecam"
    title: str = "Keras CV Attention Models"
    worker: WorkerSpec = _WORKER
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """Return all image classifiers, ordered by name."""
        return _models()


@cache
def published() -> Published:
    """Return the data file."""
    text = files("zoodiff.zoos").joinpath("data/kecam.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    return Published(raw["keras_cv_attention_models"], tuple(map(_builder, raw["models"])))


@cache
def builders() -> Mapping[str, Builder]:
    """Return the builders of the data file by name."""
    return {builder.name: builder for builder in published().networks}


@cache
def names() -> Mapping[str, catalogues.Name]:
    """Return the canonical names of networks that another zoo has too."""
    return catalogues.names(files(__package__).joinpath("names.csv").read_text(encoding="utf-8"))


def preprocessing(mode: RescaleMode, size: tuple[int, int]) -> Preprocessing:
    """Return the preprocessing of the package's evaluation for a way to normalise and a size."""
    mean, std = _NORMALISATION[mode]
    return Preprocessing(
        input_size=size,
        resize_policy="central_square",
        crop_fraction=1.0,
        crop_rounding="down",
        library="tensorflow",
        interpolation="bicubic",
        antialias=True,
        channel_order="RGB",
        value_range=(0.0, 255.0),
        mean=mean,
        std=std,
        layout="NHWC",
        published="yes",
        source=f"{_SOURCE}; rescale_mode {mode}",
    )


@cache
def _models() -> tuple[Model, ...]:
    return tuple(map(_model, published().networks))


def _model(builder: Builder) -> Model:
    called = names().get(builder.name, catalogues.Name(builder.name.lower(), None))
    return Model(
        name=builder.name,
        architecture=called.architecture,
        weights=tuple(
            Weights(
                name=file.name,
                default=number == 0,
                url=file.url,
                preprocessing=preprocessing(file.rescale_mode, file.input_size),
                labels=_labels(file.classes),
            )
            for number, file in enumerate(builder.weights)
        ),
        preprocessing=preprocessing(builder.rescale_mode, builder.input_size),
        input_shape=(3, *builder.input_size),
        note=called.variant,
    )


def _labels(classes: int | None) -> LabelSpace:
    if classes is None:
        return NO_CLASSES
    return IMAGENET_1K if classes == IMAGENET_1K.classes else _LARGER[classes]


def _builder(raw: Sequence[Any]) -> Builder:
    name, size, mode, weights = raw
    return Builder(name, _size(size), mode, tuple(map(_weights_file, weights)))


def _weights_file(raw: Sequence[Any]) -> WeightsFile:
    name, pretrained, size, mode, classes, url = raw
    return WeightsFile(name, pretrained, _size(size), mode, classes, url)


def _size(raw: Sequence[int]) -> tuple[int, int]:
    height, width = raw
    return height, width


ZOO = KecamZoo()
