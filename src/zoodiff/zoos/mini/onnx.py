"""The mini-zoo exported to ONNX: trained in PyTorch with Adam, batch norms folded on export.

Like common exporters, the export writes the network as ONNX operators and folds each batch norm
into the convolution before it, so that the file has neither normalisation nor statistics.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.zoos.base import Network
from zoodiff.zoos.mini import common
from zoodiff.zoos.mini.catalogue import ARCHITECTURE
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.onnx_session import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

RECIPE = common.Recipe(
    framework="onnx",
    optimiser="adam",
    learning_rate=0.005,
    epochs=48,
    batch=64,
    seed=44,
    images=700,
    shifts=True,
)
_EPSILON = 1e-5
_OPSET = 17


def prepare(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return digits scaled to [0, 1], channels first."""
    import numpy as np

    return np.ascontiguousarray(images.transpose(0, 3, 1, 2) / 16.0, dtype=np.float32)


def folded(arrays: common.Arrays, conv: str, norm: str) -> tuple[Any, Any]:
    """Return weight and bias of a convolution with the following batch norm folded in.

    ``gamma (W x - mean) / sqrt(var + eps) + beta = (s W) x + (beta - s mean)`` with
    ``s = gamma / sqrt(var + eps)`` for each output channel.
    """
    import numpy as np

    scale = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + _EPSILON)
    weight = arrays[f"{conv}.weight"] * scale[:, None, None, None]
    bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * scale
    return weight.astype(np.float32), bias.astype(np.float32)


def export(arrays: common.Arrays) -> bytes:
    """Return the trained network as an ONNX file with an open batch size."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = dict(
        zip(
            ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"),
            (*folded(arrays, "0", "1"), *folded(arrays, "3", "4")),
            strict=True,
        )
    )
    weights["fc.weight"], weights["fc.bias"] = arrays["8.weight"], arrays["8.bias"]
    nodes = [
        helper.make_node(
            "Conv",
            ["image", "conv1.weight", "conv1.bias"],
            ["c1"],
            "conv1",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
        ),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node(
            "Conv",
            ["r1", "conv2.weight", "conv2.bias"],
            ["c2"],
            "conv2",
            kernel_shape=[3, 3],
            strides=[2, 2],
            pads=[1, 1, 1, 1],
        ),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten", axis=1),
        helper.make_node("Gemm", ["f", "fc.weight", "fc.bias"], ["logits"], "fc", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        ARCHITECTURE,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="zoodiff"
    )
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


class Backend:
    """The worker side of ``mini-onnx``; PyTorch is imported only to train."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the libraries that run the network."""
        import onnxruntime

        return {
            "onnx": importlib.metadata.version("onnx"),
            "onnxruntime": onnxruntime.__version__,
        }

    def models(self) -> Sequence[str]:
        """Return the only network."""
        return [ARCHITECTURE]

    def _arrays(self, trained: bool, seed: int) -> common.Arrays:
        if trained:
            return common.read(
                common.cached(RECIPE, {"torch": importlib.metadata.version("torch")}, _train)
            )
        import torch

        from zoodiff.zoos.mini import torch as mini_torch

        torch.manual_seed(seed)
        state = mini_torch.build().state_dict()
        return {name: v.numpy() for name, v in state.items() if v.is_floating_point()}

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the exported file."""
        from zoodiff.frontends.onnx.file import graph_from_file

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{ARCHITECTURE}.onnx"
            path.write_bytes(export(self._arrays(common.check(model, weights), 0)))
            return graph_from_file(path)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Count the file's initialisers."""
        import onnx

        proto = onnx.load_from_string(export(self._arrays(common.check(model, weights), 0)))
        total = 0
        for tensor in proto.graph.initializer:
            size = 1
            for extent in tensor.dims:
                size *= extent
            total += size
        return {"parameters": total, "statistics": 0}

    def modes(self) -> Sequence[str]:
        """Return the levels of ONNX Runtime's graph optimisations."""
        return modes.ONNX

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Train and export at first use, else read the cache; run in ONNX Runtime."""
        import onnx

        trained = common.check(model, weights)
        with load_stages.stage(load_stages.CHECKS):
            content = export(arrays := self._arrays(trained, seed))
        session = Session(
            content,
            lambda: onnx.load_model_from_string(content),
            name=f"mini-onnx:{model}",
            threads=threads,
            mode=mode,
        )
        return common.MiniNetwork(
            common.state(trained),
            common.digest(arrays) if trained else None,
            (1, 1, 8, 8),
            "NCHW",
            session,
            prepare,
            session.weights_access,
            session.scope(),
        )


def _train() -> common.Arrays:
    from zoodiff.zoos.mini import torch as mini_torch

    return mini_torch.train(RECIPE, prepare)
