"""The worker side of the zoo ``paddleclas``; runs in the environment of the zoo ``paddle``."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from zoodiff.errors import MeasurementError, UsageError
from zoodiff.zoos.base import Model
from zoodiff.zoos.paddle.layers import LayerBackend, Library
from zoodiff.zoos.paddleclas import architectures
from zoodiff.zoos.paddleclas.catalogue import ZOO, arguments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def paddleclas() -> LayerBackend:
    """Return PaddleClas's networks; raises MissingFrameworkError without PaddleClas."""
    names = architectures.builders()
    return LayerBackend(
        Library(
            zoo="paddleclas",
            publisher="PaddleClas",
            models=ZOO.models(),
            builders=lambda: names,
            build=lambda name: architectures.build(name, arguments()[name]),
            prepare=prepare,
            traced_as_written=architectures.traced_as_written,
            versions={architectures.DISTRIBUTION: version(architectures.DISTRIBUTION)},
        )
    )


def prepare(model: Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images ``(batch, height, width, 3)`` as PaddleClas's ``NormalizeImage`` makes them.

    The result is ``(batch, 3, height, width)``. Raises UsageError for images of another size than
    the network's, MeasurementError if PaddleClas publishes no preprocessing of the network.
    """
    import numpy as np

    spec = model.preprocessing
    if spec.value_range is None or spec.mean is None or spec.std is None:
        raise MeasurementError(
            f"PaddleClas publishes no preprocessing for paddleclas:{model.name}; give one of your "
            "own"
        )
    if images.shape[1:3] != model.input_shape[1:]:
        expected, actual = (
            "x".join(map(str, model.input_shape[1:])),
            "x".join(map(str, images.shape[1:3])),
        )
        raise UsageError(f"paddleclas:{model.name} takes images of {expected} pixels, not {actual}")
    scale = np.float32(spec.value_range[1] / 255.0)
    mean, std = (np.asarray(values, dtype=np.float32) for values in (spec.mean, spec.std))
    pixels = images[..., ::-1] if spec.channel_order == "BGR" else images
    scaled = (pixels.astype(np.float32) * scale - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)
