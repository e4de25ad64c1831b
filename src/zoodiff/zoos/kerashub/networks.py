"""Build the networks of KerasHub's presets, from configurations or by its own loader."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zoodiff.entry import RANDOM
from zoodiff.errors import WeightsUnavailableError
from zoodiff.zoos.keras.backend import size_of
from zoodiff.zoos.kerashub.catalogue import Counted, Preset
from zoodiff.zoos.runtime import hub

_AGAIN = "try again with a network"


def build(preset: Preset, shape: Sequence[int]) -> Any:
    """Return the preset's network from its configuration; ``shape`` is (height, width, 3)."""
    import keras_hub

    assert preset.config is not None
    arguments = {key: _tuples(value) for key, value in preset.config.items()}
    backbone_class = getattr(keras_hub.models, preset.backbone)
    backbone = backbone_class(**{"image_shape": tuple(shape), **arguments})
    if preset.classes is None:
        return backbone
    return classifier_class(backbone_class)(
        backbone=backbone,
        num_classes=preset.classes,
        preprocessor=None,
        compile=False,
        **preset.head,
    )


def classifier_class(backbone: Any) -> Any:
    """Return KerasHub's image classifier over a class of backbones; None if there is none."""
    import keras_hub
    from keras_hub.src.utils.preset_utils import list_subclasses

    classes = list_subclasses(keras_hub.models.ImageClassifier)
    return next((each for each in classes if each.backbone_cls is backbone), None)


def from_preset(preset: Preset, *, weights: bool) -> Any:
    """Return the network by KerasHub's own loader, which fetches from Kaggle what is not here.

    Raises WeightsUnavailableError if the files cannot be had, or are of another network than
    KerasHub publishes under this name.
    """
    import keras_hub

    what, instead = "configuration", _AGAIN
    if weights:
        what, instead = "weights", f"use @{RANDOM}, or {_AGAIN}"
    features = preset.classes is None
    owner = keras_hub.models.Backbone if features else keras_hub.models.ImageClassifier
    options = {} if features else {"compile": False}
    try:
        with _impatient():
            network = owner.from_preset(preset.name, load_weights=weights, **options)
    except Exception as error:  # Kaggle's client raises many kinds
        reason = " ".join(str(error).split())[:160]
        raise WeightsUnavailableError(
            f"the {what} of kerashub:{preset.name} cannot be had from {preset.url} "
            f"({type(error).__name__}: {reason}); {instead}"
        ) from None
    if preset.counted is not None and counts(network)[preset.counted] != preset.published:
        raise WeightsUnavailableError(
            f"{preset.url} is another network than kerashub:{preset.name}: it has "
            f"{counts(network)[preset.counted]:,} values, and KerasHub publishes "
            f"{preset.published:,}; use @{RANDOM}"
        )
    return network


def at_size(network: Any, shape: Sequence[int]) -> Any:
    """Return a network that takes images of ``shape`` (height, width, 3) only."""
    import keras

    if None not in network.input_shape[1:]:
        return network
    image = keras.Input(tuple(shape), name="image")
    return keras.Model(image, network(image), name=network.name)


def counts(network: Any) -> Mapping[Counted, int]:
    """Return the numbers of values of a network and its backbone, as KerasHub counts them."""
    backbone = getattr(network, "backbone", None) or network
    numbers: dict[Counted, int] = {
        "backbone": int(backbone.count_params()),
        "backbone trainable": trainable(backbone),
    }
    if backbone is not network:
        numbers["classifier"] = int(network.count_params())
        numbers["classifier trainable"] = trainable(network)
    return numbers


def trainable(network: Any) -> int:
    """Return the number of trainable values."""
    return sum(size_of(variable) for variable in network.trainable_weights)


def _tuples(value: Any) -> Any:
    """Return lists of numbers as tuples, which JSON does not know and some layers ask for."""
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return tuple(value)
    return value


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Let a silent connection count as failed."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(hub.SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
