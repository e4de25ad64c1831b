"""One network through several exporters and converters."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.cases.registry import case

TORCH = ("torch", "onnxscript")
KERAS = ("keras", "tensorflow", "ai_edge_litert")


def _torch_network(kind: str = "residual") -> Any:
    """Return a small PyTorch network with random weights and statistics, in evaluation mode."""
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Residual(nn.Module):  # type: ignore[misc]
        """Two convolutions beside a shortcut; ``attention`` adds self-attention on the pixels."""

        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(16)
            self.conv1 = nn.Conv2d(16, 16, 3, padding=1)
            self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
            self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
            self.dropout = nn.Dropout(0.5)
            self.fc = nn.Linear(16, 10)

        def forward(self, image: Any) -> Any:
            x = torch.relu(self.norm(self.stem(image)))
            x = torch.relu(self.conv2(torch.relu(self.conv1(x))) + x)
            if kind == "attention":
                tokens = x.flatten(2).transpose(1, 2)
                x = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
                return self.fc(self.dropout(x.mean(1)))
            return self.fc(self.dropout(x.mean((2, 3))))

    network = Residual()
    with torch.no_grad():
        network.norm.running_mean.normal_(0, 0.3)
        network.norm.running_var.uniform_(0.05, 1.5)
        network.norm.weight.uniform_(0.5, 1.5)
        network.norm.bias.normal_(0, 0.3)
    return network.eval()


def _export(network: Any, path: Path, *, dynamo: bool, **settings: Any) -> None:
    import torch

    image = torch.zeros(2, 3, 16, 16)
    names = {"input_names": ["image"], "output_names": ["scores"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            program = torch.onnx.export(network, (image,), dynamo=True, verbose=False, **names)
            program.save(path)
        else:
            torch.onnx.export(network, (image,), path, dynamo=False, **names, **settings)


def _both_exporters(folder: Path, kind: str) -> tuple[Path, Path]:
    a, b = folder / "a.onnx", folder / "b.onnx"
    network = _torch_network(kind)
    _export(network, a, dynamo=False)
    _export(network, b, dynamo=True)
    return a, b


@case(
    "a convolutional network by PyTorch's two ONNX exporters",
    thread="own",
    same=True,
    cause=(),
    needs=TORCH,
)
def two_exporters(folder: Path) -> tuple[Path, Path]:
    return _both_exporters(folder, "residual")


@case(
    "an attention network by PyTorch's two ONNX exporters",
    thread="own",
    same=True,
    cause=(),
    needs=TORCH,
)
def two_exporters_with_attention(folder: Path) -> tuple[Path, Path]:
    return _both_exporters(folder, "attention")


@case(
    "exported in training mode",
    thread="microsoft/onnxscript#1791",
    reports=("N021", "N039"),
    same=False,
    cause=("training", "dropout"),
    needs=TORCH,
)
def exported_in_training_mode(folder: Path) -> tuple[Path, Path]:
    import torch

    a, b = folder / "a.onnx", folder / "b.onnx"
    network = _torch_network()
    _export(network, a, dynamo=False)
    _export(
        network,
        b,
        dynamo=False,
        training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False,
    )
    return a, b


@case("a program of torch.export and its ONNX", thread="own", same=True, cause=(), needs=TORCH)
def program_and_onnx(folder: Path) -> tuple[Path, Path]:
    import torch

    a, b = folder / "a.pt2", folder / "b.onnx"
    network = _torch_network()
    torch.export.save(torch.export.export(network, (torch.zeros(2, 3, 16, 16),)), a)
    _export(network, b, dynamo=True)
    return a, b


@case(
    "ONNX and the same after ONNX Runtime's basic optimisations",
    thread="own",
    same=True,
    cause=("ARC112",),
    needs=TORCH,
)
def optimised_by_a_runtime(folder: Path) -> tuple[Path, Path]:
    import onnxruntime

    a, b = folder / "a.onnx", folder / "b.onnx"
    _export(_torch_network(), a, dynamo=False, do_constant_folding=False)
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(b)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(a), options, providers=["CPUExecutionProvider"])
    return a, b


def _keras_network(*, rescaling: bool = False, channels: int = 8, epsilon: float = 1e-3) -> Any:
    """Return a small Keras network, its statistics drawn; biases are zero as Keras begins."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image) if rescaling else image
    x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
    x = layers.BatchNormalization(epsilon=epsilon, name="bn1")(x)
    x = layers.ReLU(name="relu1")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.ReLU(6.0, name="relu2")(x)
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    network = keras.Model(image, layers.Dense(10, activation="softmax", name="predictions")(x))
    rng = np.random.default_rng(0)
    scale, shift, mean, variance = network.get_layer("bn1").get_weights()
    network.get_layer("bn1").set_weights(
        [
            scale + 0.3 * rng.standard_normal(scale.shape),
            shift + 0.3 * rng.standard_normal(shift.shape),
            mean + 0.3 * rng.standard_normal(mean.shape),
            variance * rng.uniform(0.05, 1.5, variance.shape),
        ]
    )
    return network


def _tflite(network: Any, path: Path, *optimisations: str, half: bool = False) -> None:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if optimisations:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if half:
        converter.target_spec.supported_types = [tf.float16]
    if "int8" in optimisations:
        rng = np.random.default_rng(0)
        images = rng.standard_normal((16, 1, 16, 16, 3)).astype(np.float32)
        converter.representative_dataset = lambda: ([image] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    path.write_bytes(converter.convert())


@case(
    "a Keras network and its TFLite file",
    thread="own",
    same=True,
    cause=("ARC112", "ARC111", "fold"),
    needs=KERAS,
)
def keras_and_tflite(folder: Path) -> tuple[Path, Path]:
    a, b = folder / "a.keras", folder / "b.tflite"
    network = _keras_network()
    network.save(a)
    _tflite(network, b)
    return a, b


@case(
    "a Keras network and its ONNX file by tf2onnx",
    thread="own",
    same=True,
    cause=(),
    needs=(*KERAS, "tf2onnx"),
)
def keras_and_onnx(folder: Path) -> tuple[Path, Path]:
    import tensorflow as tf
    import tf2onnx

    a, b = folder / "a.keras", folder / "b.onnx"
    network = _keras_network()
    network.save(a)
    signature = [tf.TensorSpec((None, 16, 16, 3), tf.float32, name="image")]
    call = tf.function(lambda image: network(image, training=False), input_signature=signature)
    tf2onnx.convert.from_function(call, signature, opset=17, output_path=str(b))
    return a, b


def _two_precisions(folder: Path, *optimisations: str, half: bool = False) -> tuple[Path, Path]:
    a, b = folder / "a.tflite", folder / "b.tflite"
    network = _keras_network(channels=64)
    _tflite(network, a)
    _tflite(network, b, *optimisations, half=half)
    return a, b


@case(
    "TFLite with weights in half precision",
    thread="google-ai-edge/LiteRT#1043",
    reports=("N044",),
    same=False,
    cause=("precision", "half", "float16", "round"),
    needs=KERAS,
    relation="same network, other precision",
)
def tflite_in_half_precision(folder: Path) -> tuple[Path, Path]:
    return _two_precisions(folder, "half", half=True)


@case(
    "TFLite with all values in eight bits",
    thread="tensorflow/tensorflow PR #34537",
    reports=("N042",),
    same=False,
    cause=("ARC171", "int8", "quantis", "precision"),
    needs=KERAS,
    relation="same network, other precision",
)
def tflite_in_eight_bits(folder: Path) -> tuple[Path, Path]:
    return _two_precisions(folder, "int8")


@case(
    "Keras with rescaling inside and without",
    thread="keras-team/keras-hub PR #1859",
    reports=("N048", "Z021"),
    same=False,
    cause=("ARC150",),
    needs=KERAS,
    relation="same network, preprocessing inside one",
)
def keras_with_rescaling(folder: Path) -> tuple[Path, Path]:
    a, b = folder / "a.keras", folder / "b.keras"
    _keras_network().save(a)
    _keras_network(rescaling=True).save(b)
    return a, b


@case(
    "epsilon of Keras's batch norm changed",
    thread="gzuidhof/nn-transfer#3",
    reports=("Z077",),
    same=False,
    cause=("ARC120",),
    places=("bn1",),
    needs=KERAS,
)
def keras_epsilon(folder: Path) -> tuple[Path, Path]:
    a, b = folder / "a.keras", folder / "b.keras"
    _keras_network().save(a)
    _keras_network(epsilon=1e-5).save(b)
    return a, b
