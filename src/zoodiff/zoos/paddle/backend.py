"""The worker side of the zoo ``paddle``; runs in the zoo's own environment."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import Model
from zoodiff.zoos.paddle.catalogue import ZOO
from zoodiff.zoos.paddle.layers import LayerBackend, Library, import_paddle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def paddle_vision() -> LayerBackend:
    """Return the networks of ``paddle.vision.models``; raises ImportError without Paddle."""
    paddle = import_paddle()
    return LayerBackend(
        Library(
            zoo="paddle",
            publisher="Paddle",
            models=ZOO.models(),
            builders=lambda: builders(paddle),
            build=lambda name: getattr(paddle.vision.models, name)(),
            prepare=_refuse,
            versions={},
        )
    )


def builders(paddle: Any) -> list[str]:
    """Return the public functions of ``paddle.vision.models``, and LeNet, which has none."""
    own = paddle.vision.models
    names = [name for name in own.__all__ if not inspect.isclass(getattr(own, name))]
    return sorted([*names, "LeNet"])


def _refuse(model: Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    raise MeasurementError(
        "paddle.vision publishes no preprocessing with its networks; give one of your own"
    )
