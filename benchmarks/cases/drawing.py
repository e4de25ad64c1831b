"""Draws small ONNX networks, one line per layer.

Weights are drawn from their name, so two networks that use the same names and shapes hold the
same weights.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]
_TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
    "int32": TensorProto.INT32,
}


class Drawing:
    """Collects the layers of a network; every call returns the name of its output."""

    def __init__(self, opset: int = 17) -> None:
        self.opset = opset
        self.domains: dict[str, int] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def image(self, *shape: int | str, kind: str = "float32") -> str:
        """Add the input, images of 3 x 16 x 16 by default."""
        sizes = list(shape) or ["N", 3, 16, 16]
        self.inputs.append(helper.make_tensor_value_info("image", _TYPES[kind], sizes))
        return "image"

    def output(self, value: str, kind: str = "float32", name: str = "scores") -> None:
        """Make a value an output of the network."""
        self.nodes.append(helper.make_node("Identity", [value], [name], f"out_{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, _TYPES[kind], None))

    def op(self, kind: str, *inputs: str, name: str = "", count: int = 1, **settings: Any) -> Any:
        """Add a node; returns its output, or a list of ``count`` outputs."""
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        outputs = [f"{name}_out{i or ''}" for i in range(count)]
        settings = {key: value for key, value in settings.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name, **settings))
        return outputs[0] if count == 1 else outputs

    def constant(self, value: ArrayLike, name: str = "", kind: str = "float32") -> str:
        """Add a stored array."""
        name = name or f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype=kind)
        return name

    def integers(self, *values: int) -> str:
        """Add a stored list of integers, as shapes and axes are given."""
        return self.constant(np.array(values), kind="int64")

    def weight(self, name: str, *shape: int, scale: float | None = None) -> str:
        """Add normal weights drawn from the name; by default scaled to keep the spread."""
        return self.constant(weights(name, *shape, scale=scale), name)

    def conv(
        self,
        data: str,
        channels: tuple[int, int],
        name: str,
        kernel: int = 3,
        *,
        bias: bool = True,
        weight: ArrayLike | None = None,
        **settings: Any,
    ) -> str:
        """Add a convolution of (inputs, outputs) channels, padded to keep the size."""
        group = settings.get("group", 1)
        shape = (channels[1], channels[0] // group, kernel, kernel)
        held = weights(f"{name}.weight", *shape) if weight is None else weight
        operands = [data, self.constant(held, f"{name}.weight")]
        if bias:
            operands.append(self.weight(f"{name}.bias", channels[1], scale=0.5))
        if "pads" not in settings and "auto_pad" not in settings:
            settings["pads"] = [kernel // 2] * 4
        settings.setdefault("kernel_shape", [kernel, kernel])
        return str(self.op("Conv", *operands, name=name, **settings))

    def norm(
        self, data: str, channels: int, name: str, *, epsilon: float = 1e-5, **settings: Any
    ) -> str:
        """Add a batch norm, some of whose variances are small."""
        variance = np.abs(weights(f"{name}.var", channels, scale=1.0)) + 0.01
        operands = [
            self.constant(1 + 0.3 * weights(f"{name}.scale", channels, scale=1.0), f"{name}.scale"),
            self.weight(f"{name}.shift", channels, scale=0.3),
            self.weight(f"{name}.mean", channels, scale=0.3),
            self.constant(variance, f"{name}.var"),
        ]
        count = 3 if settings.get("training_mode") else 1
        values = self.op(
            "BatchNormalization",
            data,
            *operands,
            name=name,
            epsilon=epsilon,
            count=count,
            **settings,
        )
        return str(values[0] if count > 1 else values)

    def relu(self, data: str, name: str = "") -> str:
        """Add a ReLU."""
        return str(self.op("Relu", data, name=name))

    def block(self, data: str, channels: tuple[int, int], name: str, **settings: Any) -> str:
        """Add convolution, batch norm and ReLU."""
        features = self.conv(data, channels, f"{name}.conv", bias=False, **settings)
        return self.relu(self.norm(features, channels[1], f"{name}.bn"), f"{name}.relu")

    def linear(self, data: str, sizes: tuple[int, int], name: str, *, bias: bool = True) -> str:
        """Add a linear layer on (batch, features)."""
        operands = [data, self.weight(f"{name}.weight", sizes[1], sizes[0])]
        if bias:
            operands.append(self.weight(f"{name}.bias", sizes[1], scale=0.5))
        return str(self.op("Gemm", *operands, name=name, transB=1))

    def matmul(self, data: str, sizes: tuple[int, int], name: str) -> str:
        """Add a linear layer with bias on (batch, tokens, features)."""
        product = self.op("MatMul", data, self.weight(f"{name}.weight", *sizes), name=name)
        bias = self.weight(f"{name}.bias", sizes[1], scale=0.2)
        return str(self.op("Add", product, bias, name=f"{name}.add"))

    def layer_norm(self, data: str, features: int, name: str, epsilon: float = 1e-5) -> str:
        """Add a layer norm over the last axis."""
        scale = self.constant(1 + 0.3 * weights(f"{name}.scale", features, scale=1.0))
        shift = self.weight(f"{name}.shift", features, scale=0.3)
        return str(
            self.op("LayerNormalization", data, scale, shift, name=name, axis=-1, epsilon=epsilon)
        )

    def classify(self, data: str, channels: int, classes: int = 10) -> None:
        """End the network with a global pooling and the classifier ``fc``."""
        pooled = self.op("GlobalAveragePool", data, name="avgpool")
        flat = self.op("Flatten", pooled, name="flatten", axis=1)
        self.output(self.linear(flat, (channels, classes), "fc"))

    def save(self, path: Path) -> None:
        """Write the file, checked by ONNX's own checker."""
        used = {name for node in self.nodes for name in node.input}
        graph = helper.make_graph(
            self.nodes,
            "network",
            self.inputs,
            self.outputs,
            [numpy_helper.from_array(v, k) for k, v in self.constants.items() if k in used],
        )
        imports = [helper.make_opsetid("", self.opset)]
        imports += [helper.make_opsetid(domain, v) for domain, v in self.domains.items()]
        model = helper.make_model(graph, opset_imports=imports, ir_version=9)
        model = onnx.shape_inference.infer_shapes(model)
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())


def weights(name: str, *shape: int, scale: float | None = None) -> np.ndarray[Any, Any]:
    """Return normal values that depend on the name and the shape only."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    size = max(math.prod(shape[1:]), 1) ** -0.5 if scale is None else scale
    return (rng.standard_normal(shape) * size).astype(np.float32)
