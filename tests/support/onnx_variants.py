"""A repository of ONNX variants on disk, quantised by ONNX Runtime's own tools."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from support.onnx_networks import network

CONFIG = {
    "model_type": "vit",
    "image_size": 32,
    "id2label": {str(k): f"bird {k}" for k in range(10)},
}
RECIPE = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def with_matmul(path: Path) -> Path:
    """The small network with a product of matrices for its linear layer, as exporters write it."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(network(path))
    *nodes, gemm = model.graph.node
    weight = next(w for w in model.graph.initializer if w.name == "w3")
    turned = numpy_helper.from_array(numpy_helper.to_array(weight).T.copy(), "w3")
    weight.CopyFrom(turned)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.node.append(helper.make_node("MatMul", [gemm.input[0], "w3"], ["m"], "product"))
    model.graph.node.append(helper.make_node("Add", ["m", "b3"], [gemm.output[0]], "bias"))
    path.write_bytes(model.SerializeToString())
    return path


def write_repository(root: Path, *, outside: bool = False) -> Path:
    """Write a repository with six variants; ``outside`` keeps single precision's weights apart."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static
    from onnxruntime.transformers.float16 import convert_float_to_float16

    logging.disable(logging.WARNING)
    folder = root / "onnx"
    folder.mkdir(parents=True)
    first = with_matmul(folder / "model.onnx")
    quantize_dynamic(first, folder / "model_quantized.onnx", weight_type=QuantType.QInt8)
    quantize_dynamic(first, folder / "model_uint8.onnx", weight_type=QuantType.QUInt8)
    quantize_static(first, folder / "model_int8.onnx", _images())
    onnx.save(
        convert_float_to_float16(onnx.load(first), keep_io_types=True), folder / "model_fp16.onnx"
    )
    quantised_in_blocks(first, folder / "model_q4.onnx", block_size=16)
    logging.disable(logging.NOTSET)
    if outside:
        model = onnx.load(first)
        first.unlink()
        onnx.save(
            model,
            first,
            save_as_external_data=True,
            location="model.onnx_data",
            size_threshold=0,
        )
    (root / "config.json").write_text(json.dumps(CONFIG))
    (root / "preprocessor_config.json").write_text(json.dumps(RECIPE))
    return root


def quantised_in_blocks(
    source: Path, target: Path, *, quant_format: str = "QOperator", **settings: Any
) -> Path:
    """Write a network with the weights of its products in blocks of few bits."""
    import onnx
    from onnxruntime.quantization import QuantFormat
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    form = QuantFormat[quant_format]
    blocks = MatMulNBitsQuantizer(
        onnx.load(source), **({"block_size": 16} | settings), quant_format=form
    )
    blocks.process()
    blocks.model.save_model_to_file(str(target))
    return target


def _images() -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = 8

        def get_next(self) -> dict[str, np.ndarray] | None:
            self.left -= 1
            if self.left < 0:
                return None
            rng = np.random.default_rng(self.left)
            return {"image": rng.random((1, 3, 32, 32), dtype=np.float32)}

    return Images()
