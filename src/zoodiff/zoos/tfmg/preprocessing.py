"""The preprocessings that Model Garden publishes, computed as in its own code.

``official.vision``: ``preprocess_ops`` and ``classification_input`` of the package. slim:
``research/slim/preprocessing`` of tensorflow/models, which no package ships; reimplemented here
after ``vgg_preprocessing.py`` and ``inception_preprocessing.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoodiff.errors import UsageError
from zoodiff.preprocessing.spec import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def prepare(images: NDArray[np.uint8], published: Preprocessing, entry: str) -> Any:
    """Apply a preprocessing to images ``(batch, height, width, 3)``.

    Raises UsageError for other images, or if the entry has no published preprocessing.
    """
    import numpy as np

    if images.ndim != 4 or images.shape[3] != 3:
        raise UsageError(
            f"{entry} takes colour images (batch, height, width, 3), not an array of shape "
            f"{tuple(images.shape)}"
        )
    if published.published == "no" or published.input_size is None:
        raise UsageError(
            f"Model Garden publishes no preprocessing for {entry}; give one of your own"
        )
    steps = {
        "central_square": _official,
        "central_fraction_then_squash": _inception,
        "short_side": _vgg,
    }
    step = steps[str(published.resize_policy)]
    return np.ascontiguousarray(step(images, published), dtype=np.float32)


def _official(images: NDArray[np.uint8], published: Preprocessing) -> Any:
    """Compute ``classification_input.Parser._parse_eval_image`` after decoding."""
    import tensorflow as tf
    from official.vision.ops import preprocess_ops

    cropped = [preprocess_ops.center_crop_image(image, published.crop_fraction) for image in images]
    resized = tf.image.resize(tf.stack(cropped), published.input_size, method="bilinear")
    return preprocess_ops.normalize_image(
        resized, offset=preprocess_ops.MEAN_RGB, scale=preprocess_ops.STDDEV_RGB
    )


def _inception(images: NDArray[np.uint8], published: Preprocessing) -> Any:
    """Compute ``inception_preprocessing.preprocess_for_eval``."""
    import tensorflow as tf

    scaled = tf.image.convert_image_dtype(images, tf.float32)
    cropped = tf.image.central_crop(scaled, published.crop_fraction)
    resized = tf.compat.v1.image.resize_bilinear(cropped, published.input_size)
    return (resized - 0.5) * 2.0


def _vgg(images: NDArray[np.uint8], published: Preprocessing) -> Any:
    """Compute ``vgg_preprocessing.preprocess_for_eval``."""
    import numpy as np
    import tensorflow as tf

    assert published.input_size is not None and isinstance(published.resize, int)
    height, width = images.shape[1:3]
    # Like the original, compute the new size in float32 and truncate it.
    side = np.float32(published.resize)
    scale = side / np.float32(min(height, width))
    size = [int(np.float32(height) * scale), int(np.float32(width) * scale)]
    resized = tf.compat.v1.image.resize_bilinear(tf.cast(images, tf.float32), size)
    rows, columns = published.input_size
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    cropped = resized[:, top : top + rows, left : left + columns]
    return cropped - np.asarray(published.mean, dtype=np.float32)
