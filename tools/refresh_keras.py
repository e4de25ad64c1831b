"""Write the catalogue of the zoo keras from the installed Keras: ``python tools/refresh_keras.py``.

Everything but the architecture names is read off the framework: the applications, their default
input sizes, the addresses and checksums of their weights (by watching Keras ask for them), what
``preprocess_input`` does (by feeding it pixels), and whether normalisation sits in the network
(from its graph). Nothing is downloaded and no weights are allocated.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoodiff.graph.cost import count
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.keras.backend import (
    KerasBackend,
    applications,
    import_keras,
    preprocess_input,
    without_weights,
)

TARGET = Path(__file__).parents[1] / "src" / "zoodiff" / "zoos" / "data" / "keras.json"

ARCHITECTURES = {
    "ConvNeXtBase": "convnext_base",
    "ConvNeXtLarge": "convnext_large",
    "ConvNeXtSmall": "convnext_small",
    "ConvNeXtTiny": "convnext_tiny",
    "ConvNeXtXLarge": "convnext_xlarge",
    "DenseNet121": "densenet121",
    "DenseNet169": "densenet169",
    "DenseNet201": "densenet201",
    "EfficientNetB0": "efficientnet_b0",
    "EfficientNetB1": "efficientnet_b1",
    "EfficientNetB2": "efficientnet_b2",
    "EfficientNetB3": "efficientnet_b3",
    "EfficientNetB4": "efficientnet_b4",
    "EfficientNetB5": "efficientnet_b5",
    "EfficientNetB6": "efficientnet_b6",
    "EfficientNetB7": "efficientnet_b7",
    "EfficientNetV2B0": "efficientnetv2_b0",
    "EfficientNetV2B1": "efficientnetv2_b1",
    "EfficientNetV2B2": "efficientnetv2_b2",
    "EfficientNetV2B3": "efficientnetv2_b3",
    "EfficientNetV2L": "efficientnetv2_l",
    "EfficientNetV2M": "efficientnetv2_m",
    "EfficientNetV2S": "efficientnetv2_s",
    "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3",
    "MobileNet": "mobilenet_v1",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Large": "mobilenet_v3_large",
    "MobileNetV3Small": "mobilenet_v3_small",
    "NASNetLarge": "nasnet_large",
    "NASNetMobile": "nasnet_mobile",
    "ResNet50": "resnet50",
    "ResNet50V2": "resnet50v2",
    "ResNet101": "resnet101",
    "ResNet101V2": "resnet101v2",
    "ResNet152": "resnet152",
    "ResNet152V2": "resnet152v2",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "Xception": "xception",
}
"""Canonical names, shared with the other zoos; a new application needs one here."""

OPEN_INPUT_SIZE = 224
"""Where Keras leaves the input size open (MobileNetV3), the size its weights were trained at."""

_SHA256_DIGITS = 64


def main() -> None:
    """Write the catalogue."""
    keras, _ = import_keras()
    names = applications(keras)
    files = {name: Published.of(keras, name) for name in names}
    backend = KerasBackend({name: file.input_shape for name, file in files.items()})
    models = [describe(keras, backend, name, files[name]) for name in names]
    version = keras.__version__
    catalogue = {"written_by": "tools/refresh_keras.py", "keras": version, "models": models}
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(catalogue, indent=1) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(models)} models of Keras {version}")


@dataclass(frozen=True)
class Published:
    """What Keras asks for when it builds an application with its default arguments."""

    url: str
    checksum: str | None
    input_shape: tuple[int, int, int]

    @classmethod
    def of(cls, keras: Any, name: str) -> Published:
        """Build the application without weights and watch."""
        files: list[tuple[str, str | None]] = []
        with (
            without_weights(keras, lambda url, checksum: files.append((url, checksum))),
            keras.StatelessScope(initialize_variables=False),
        ):
            _, *size, channels = getattr(keras.applications, name)().input_shape
        height, width = (extent or OPEN_INPUT_SIZE for extent in size)
        ((url, checksum),) = files
        return cls(url, checksum, (channels, height, width))


def describe(keras: Any, backend: KerasBackend, name: str, file: Published) -> dict[str, Any]:
    """Return what the catalogue says about one application."""
    published = backend.describe(name, None)
    random = backend.describe(name, "random")
    inside = count(published).preprocessing_ops
    missing = sorted({n.name for n in published.nodes} - {n.name for n in random.nodes})
    notes = []
    sha256 = None
    if file.checksum is None:
        notes.append("Keras publishes no checksum of the weights")
    elif len(file.checksum) == _SHA256_DIGITS:
        sha256 = file.checksum
    else:
        notes.append(f"Keras publishes an MD5 of the weights, {file.checksum}, and no SHA-256")
    if missing:
        notes.append(f"with random weights Keras builds it without {', '.join(missing)}")
    size = file.input_shape[1:]
    return {
        "name": name,
        "architecture": ARCHITECTURES[name],
        "weights": [{"name": "imagenet", "default": True, "url": file.url, "sha256": sha256}],
        "preprocessing": {
            key: value
            for key, value in preprocessing(keras, name, size, inside).to_dict().items()
            if value is not None
        },
        "labels": "imagenet-1k",
        "input_shape": list(file.input_shape),
        "note": "; ".join(notes) or None,
    }


def preprocessing(
    keras: Any, name: str, size: tuple[int, int], inside: tuple[str, ...]
) -> Preprocessing:
    """Return what Keras publishes: the normalisation, and neither resize nor crop."""
    function = preprocess_input(keras, name)
    module = inspect.getmodule(getattr(keras.applications, name))
    assert module is not None
    source = f"{module.__name__.replace('.src.', '.')}.preprocess_input"
    if inside:
        source += f" changes nothing; inside the network: {', '.join(inside)}"
    order, low, high, mean, std = probe(function)
    return Preprocessing(
        input_size=size,
        channel_order=order,
        value_range=(low, high),
        mean=mean,
        std=std,
        layout="NHWC",
        inside_network=bool(inside),
        published="partial",
        source=source,
    )


def probe(function: Callable[[Any], Any]) -> tuple[Any, float, float, Any, Any]:
    """Read channel order, value range, mean and standard deviation off ``preprocess_input``.

    The function is affine in each channel, ``scale * pixel + shift``; black gives the shifts, one
    white channel at a time gives the order and the scales. Equal scales and shifts are a value
    range; a scale of 1 with differing shifts is a subtracted mean in [0, 255]; anything else is
    taken as [0, 1] with mean and standard deviation.
    """

    def feed(pixel: list[float]) -> Any:
        return np.asarray(function(np.array([[[pixel]]], dtype=np.float64)))[0, 0, 0]

    shift = feed([0.0, 0.0, 0.0])
    response = np.stack([feed(list(255.0 * row)) - shift for row in np.eye(3)])
    position = response.argmax(axis=0)
    order = {(0, 1, 2): "RGB", (2, 1, 0): "BGR"}[tuple(position.tolist())]
    assert np.count_nonzero(response) == 3, "preprocess_input mixes channels"
    scale = response[position, range(3)] / 255.0
    if np.allclose(scale, scale[0]) and np.allclose(shift, shift[0]):
        low, high = (round(float(v), 6) for v in (shift[0], 255.0 * scale[0] + shift[0]))
        return order, low, high, None, None
    if np.allclose(scale, 1.0):
        return order, 0.0, 255.0, _triple(-shift), None
    std = 1.0 / (255.0 * scale)
    return order, 0.0, 1.0, _triple(-shift * std), _triple(std)


def _triple(values: Any) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)


if __name__ == "__main__":
    main()
