"""The mini-zoo: one small network on handwritten digits in four versions.

The architecture ``digits_cnn`` is trained in PyTorch, in Keras, in TensorFlow with the Model
Garden's layers, and in PyTorch for export to ONNX. Each version has its own recipe, its own
preprocessing, and the small differences that zoos have (bias before batch norm, epsilon, padding,
softmax inside). The networks are trained at first use, in seconds, from fixed seeds, so that every
step from weights to a paired test of accuracies runs without a download.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoodiff.data.labels import DIGITS_10
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Environment, Model, Weights, WorkerSpec
from zoodiff.zoos.tfmg import catalogue as tfmg

ARCHITECTURE = "digits_cnn"


def _preprocessing(module: str, mean: float, std: float, layout: str) -> Preprocessing:
    """Return the preprocessing of digits: pixels of 0 to 16, minus a mean, over a deviation."""
    return Preprocessing(
        input_size=(8, 8),
        resize=(8, 8),
        resize_policy="squash",
        library="pillow",
        interpolation="bilinear",
        channel_order="grey",
        value_range=(0.0, 255.0),
        mean=(mean, mean, mean),
        std=(std, std, std),
        layout="NCHW" if layout == "NCHW" else "NHWC",
        published="yes",
        source=f"zoodiff.zoos.mini.{module}",
    )


TRAINING_MEAN, TRAINING_STD = 4.871308808808809, 6.0069366924547865
"""Mean and standard deviation of the pixels of the digits' training split."""


@dataclass(frozen=True)
class MiniZoo:
    """The catalogue side of one of the four mini-zoos."""

    name: str
    title: str
    worker: WorkerSpec
    preprocessing: Preprocessing
    listed: bool = False
    """False: it is left out of ``zoodiff list`` and of studies over all zoos, unless named."""

    def models(self) -> Sequence[Model]:
        """Return the only network."""
        return (
            Model(
                ARCHITECTURE,
                ARCHITECTURE,
                weights=(Weights("trained", default=True),),
                preprocessing=self.preprocessing,
                labels=DIGITS_10,
                input_shape=(1, 8, 8),
                note="trained on this machine at first use; see zoodiff.zoos.mini",
            ),
        )


def _zoo(
    name: str,
    title: str,
    distributions: tuple[str, ...],
    backend: str,
    preprocessing: Preprocessing,
    extra: str | None,
    environment: Environment | None = None,
) -> MiniZoo:
    spec = WorkerSpec(
        name=name,
        backend=backend,
        confined=False,  # it stores the weights that it trains
        distributions=distributions,
        extra=extra,
        environment=environment,
    )
    return MiniZoo(name, title, spec, preprocessing)


TORCH = _zoo(
    "mini-torch",
    "Mini-zoo in PyTorch",
    ("torch", "scikit-learn"),
    "zoodiff.zoos.mini.torch:Backend",
    _preprocessing("torch", TRAINING_MEAN, TRAINING_STD, "NCHW"),
    "torch,mini",
)
KERAS = _zoo(
    "mini-keras",
    "Mini-zoo in Keras",
    ("keras", "tensorflow-cpu", "scikit-learn"),
    "zoodiff.zoos.mini.keras:Backend",
    _preprocessing("keras", 8.0, 8.0, "NHWC"),
    "keras,mini",
)
TFMG = _zoo(
    "mini-tfmg",
    "Mini-zoo in Model Garden layers",
    ("tf-models-official", "tensorflow", "scikit-learn"),
    "zoodiff.zoos.mini.tfmg:Backend",
    _preprocessing("tfmg", TRAINING_MEAN, 16 / 255, "NHWC"),
    None,
    environment=tfmg.ENVIRONMENT,
)
ONNX = _zoo(
    "mini-onnx",
    "Mini-zoo exported to ONNX",
    ("onnx", "onnxruntime", "torch", "scikit-learn"),
    "zoodiff.zoos.mini.onnx:Backend",
    _preprocessing("onnx", 0.0, 16.0, "NCHW"),
    "onnx,torch,mini",
)
