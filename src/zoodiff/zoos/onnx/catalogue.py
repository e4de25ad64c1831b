"""The zoo ``onnx``: the ONNX Model Zoo's classifiers.

There are two kinds of entries. The *light* graphs ship with the ``onnx`` package: nine of the zoo's
networks with constant placeholder weights. The *published* files have moved from the zoo's own
repository to the Hugging Face repository ``onnxmodelzoo/legacy_models``; each is fetched when
needed and checked against the sha256 of the zoo's own manifest. The catalogue is
``data/onnx.json``, written by ``tools/refresh_onnx.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from zoodiff.data.labels import BY_NAME, LabelSpace
from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Model, WorkerSpec

_LABELS = {**BY_NAME, "ilsvrc2013-detection": LabelSpace("ilsvrc2013-detection", 200)}
"""The zoo's R-CNN classifies regions into the 200 classes of the ILSVRC 2013 detection task."""


_WORKER = WorkerSpec(
    name="onnx",
    backend="zoodiff.zoos.onnx.backend:OnnxBackend",
    confined=False,  # it fetches the weights that it publishes
    distributions=("onnx", "onnxruntime", "huggingface-hub"),
    extra="onnx",
)


@dataclass(frozen=True)
class OnnxZoo:
    """The catalogue side of the ONNX Model Zoo."""

    name: str = "onnx"
    title: str = "ONNX Model Zoo"
    worker: WorkerSpec = _WORKER
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """Return the light graphs and the published files, ordered by name."""
        return _models()


@cache
def _models() -> tuple[Model, ...]:
    return tuple(catalogues.model(raw, _LABELS) for raw in catalogues.read("onnx"))


ZOO = OnnxZoo()
