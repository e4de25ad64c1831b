"""All targets by name."""

from __future__ import annotations

from support.fuzzing import (
    images,
    kept,
    network,
    onnx_files,
    tensorflow_files,
    texts,
    tflite_files,
    torch_files,
)
from support.fuzzing.target import Target

_MODULES = (
    *(texts, images, kept, network),
    *(onnx_files, tflite_files, tensorflow_files, torch_files),
)
TARGETS: dict[str, Target] = {one.name: one for module in _MODULES for one in module.TARGETS}
