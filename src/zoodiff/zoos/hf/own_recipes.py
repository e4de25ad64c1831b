"""transformers' own image processors, slow (Pillow) and fast (tensors), for the audit of recipes.

The image is decoded by Pillow and not turned by EXIF: a processor takes decoded images, as the
transforms of torchvision and timm do, and its configuration says nothing about orientation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import OwnRecipe
from zoodiff.zoos.hf import image_processor, networks
from zoodiff.zoos.hf.image_processor import Backend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Speed = Literal["slow", "fast"]
BACKENDS: Mapping[Speed, Backend] = {"fast": "torchvision", "slow": "pil"}
"""The backend of each image processor by the word that transformers 4 has for it."""


def recipes(raw: Mapping[str, Any], model_type: str) -> Sequence[OwnRecipe]:
    """Return the recipes of a ``preprocessor_config.json``; ``{}`` for the class's defaults.

    There are none where no class of image processor is known. Raises MeasurementError where the
    installed transformers lacks the class or refuses the values.
    """
    name = image_processor.class_name(raw, model_type)
    known = image_processor.known().classes.get(name or "")
    if name is None or known is None or not (raw or image_processor.has_defaults(model_type)):
        return []
    return [
        OwnRecipe(
            words=_words(name, raw, backend),
            takes="file",
            layout="NCHW",
            processor=speed,
            preprocessing=image_processor.specification(
                raw, model_type=model_type, backend=backend
            ),
        )
        for speed, backend in BACKENDS.items()
        if backend in known["backends"]
    ]


def prepared(
    raw: Mapping[str, Any], model_type: str, speed: str, image: bytes
) -> NDArray[np.float32]:
    """Return what a processor makes of the content of an image file, without the batch."""
    import numpy as np

    from zoodiff.preprocessing.with_pillow import Pillow

    name = image_processor.class_name(raw, model_type)
    backend = {str(word): backend for word, backend in BACKENDS.items()}.get(speed)
    if name is None or backend is None:
        raise MeasurementError(f"there is no image processor of {model_type} that is {speed}")
    decoded = Pillow().decode(image, exif=False)
    prepared = _processor(name, raw, backend)(decoded, return_tensors="np")["pixel_values"][0]
    return np.asarray(prepared, dtype=np.float32)


def _processor(name: str, raw: Mapping[str, Any], backend: Backend) -> Any:
    return networks.image_processor_class(name, backend).from_dict(dict(raw))


def _words(name: str, raw: Mapping[str, Any], backend: Backend) -> str:
    """Return the class and all its values, which determine what the processor makes."""
    try:
        processor = _processor(name, raw, backend)
        values = json.dumps(processor.to_dict(), sort_keys=True, default=str)
    except MeasurementError:
        raise
    except Exception as error:  # each class has checks of its own
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(f"{name} does not take the configuration ({reason})") from error
    return f"{type(processor).__name__} {values}"
