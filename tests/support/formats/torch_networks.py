"""Two networks of PyTorch, written to files in every way that people write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Writer = Callable[[Path], Path]
_OPSET = 17


def networks(seed: int = 0) -> dict[str, Any]:
    """One convolutional network and one with attention, with drawn weights and statistics."""
    import torch
    from torch import nn
    from torch.nn import functional as f

    class Convolutional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
            self.stem_norm = nn.BatchNorm2d(16)
            self.depthwise = nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False)
            self.depthwise_norm = nn.BatchNorm2d(16)
            self.project = nn.Conv2d(16, 16, 1, bias=False)
            self.project_norm = nn.BatchNorm2d(16)
            self.last = nn.Conv2d(16, 24, 3, 2, 1)
            self.head = nn.Linear(24, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = f.relu6(self.stem_norm(self.stem(x)))
            y = f.relu6(self.depthwise_norm(self.depthwise(x)))
            x = x + self.project_norm(self.project(y))
            return self.head(f.relu(self.last(x)).mean((2, 3)))

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 32, 8, 8)
            self.token = nn.Parameter(torch.randn(1, 1, 32) * 0.1)
            self.places = nn.Parameter(torch.randn(1, 17, 32) * 0.1)
            self.norm1, self.norm2, self.norm = (nn.LayerNorm(32) for _ in range(3))
            self.qkv, self.project = nn.Linear(32, 96), nn.Linear(32, 32)
            self.wide, self.narrow = nn.Linear(32, 64), nn.Linear(64, 32)
            self.head = nn.Linear(32, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
            parts = self.qkv(self.norm1(x)).reshape(x.shape[0], 17, 3, 4, 8)
            q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
            mixed = (q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1) @ v
            x = x + self.project(mixed.transpose(1, 2).reshape(x.shape[0], 17, 32))
            x = x + self.narrow(f.gelu(self.wide(self.norm2(x))))
            return self.head(self.norm(x)[:, 0])

    torch.manual_seed(seed)
    found = {"convolutional": Convolutional(), "attention": Attention()}
    for module in found["convolutional"].modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return {name: module.eval() for name, module in found.items()}


class TorchFiles:
    """Writes the files of one network; each is written once."""

    def __init__(self, module: Any, folder: Path) -> None:
        self._module, self._folder = module, folder

    def path(self, way: str) -> Path:
        """The file that is written in a way, one of ``WAYS``."""
        suffix = SUFFIXES.get(way.partition(" ")[0], "onnx")
        path = self._folder / f"{way.replace(' ', '_')}.{suffix}"
        if not path.exists():
            self._write(way, path)
        return path

    def _write(self, way: str, path: Path) -> None:
        kind, _, detail = way.partition(" ")
        getattr(self, f"_{kind}")(path, detail)

    def _onnx(self, path: Path, detail: str) -> None:
        import torch

        exporter, opset = detail.split(" ")
        new = exporter == "dynamo"
        more: dict[str, Any] = {"external_data": False} if new else {}
        if not new:
            more["dynamic_axes"] = {"x": {0: "batch"}}
        torch.onnx.export(
            self._module,
            (torch.zeros(1, 3, 32, 32),),
            str(path),
            dynamo=new,
            opset_version=int(opset),
            input_names=["x"],
            **more,
        )

    def _plain(self) -> Path:
        return self.path(f"onnx script {_OPSET}")

    def _prepared(self) -> Path:
        from onnxruntime.quantization.shape_inference import quant_pre_process

        path = self._folder / "prepared.onnx"
        if not path.exists():
            quant_pre_process(str(self._plain()), str(path))
        return path

    def _optimised(self, path: Path, detail: str) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.graph_optimization_level = getattr(
            ort.GraphOptimizationLevel, f"ORT_ENABLE_{detail.upper()}"
        )
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3
        ort.InferenceSession(str(self._plain()), options, providers=["CPUExecutionProvider"])

    def _half(self, path: Path, detail: str) -> None:
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        model = onnx.load(self._plain())
        half = convert_float_to_float16(model, keep_io_types=detail == "inside")
        onnx.save(half, path)

    def _static(self, path: Path, detail: str) -> None:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

        form, scales, sign = detail.split(" ")
        kind = QuantType.QInt8 if sign == "signed" else QuantType.QUInt8
        quantize_static(
            str(self._prepared()),
            str(path),
            _Calibration(),
            quant_format=QuantFormat[form],
            per_channel=scales == "channel",
            weight_type=kind,
            activation_type=QuantType.QUInt8 if form == "QOperator" else kind,
        )

    def _dynamic(self, path: Path, detail: str) -> None:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        channel = detail == "channel"
        quantize_dynamic(
            str(self._prepared()),
            str(path),
            per_channel=channel,
            weight_type=QuantType.QInt8 if channel else QuantType.QUInt8,
        )

    def _program(self, path: Path, detail: str) -> None:
        import torch

        program = torch.export.export(self._module, (torch.zeros(1, 3, 32, 32),))
        torch.export.save(program, path)

    def _script(self, path: Path, detail: str) -> None:
        import torch

        traced = torch.jit.trace(self._module, torch.zeros(1, 3, 32, 32))
        (torch.jit.freeze(traced.eval()) if detail == "frozen" else traced).save(str(path))

    def _pickle(self, path: Path, detail: str) -> None:
        import torch

        whole = torch.nn.Sequential(torch.nn.Linear(3, 3))  # classes of tests are not pickled
        torch.save(self._module.state_dict() if detail == "state" else whole, path)

    def _safetensors(self, path: Path, detail: str) -> None:
        from safetensors.torch import save_file

        save_file({k: v.contiguous() for k, v in self._module.state_dict().items()}, path)


class _Calibration:
    """Four batches of normal noise, as ONNX Runtime's readers give them."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._left = [random.standard_normal((1, 3, 32, 32)).astype(np.float32) for _ in range(4)]

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, None behind the last."""
        return {"x": self._left.pop()} if self._left else None


SUFFIXES = {"program": "pt2", "script": "ts", "pickle": "pth", "safetensors": "safetensors"}
SAME = (
    "onnx script 13",
    "onnx dynamo 18",
    "optimised basic",
    "program",
    "script",
)
"""Ways that change no function."""
PRECISION = (
    "half",
    "half inside",
    "static QDQ tensor signed",
    "static QDQ tensor unsigned",
    "static QDQ channel signed",
    "static QOperator tensor signed",
    "static QOperator tensor unsigned",
    "static QOperator channel signed",
    "dynamic tensor",
    "dynamic channel",
)
"""Ways that round weights or more."""
REFUSED = {
    "optimised extended": "save the network before a runtime optimises it",
    "script frozen": "save the module before it is frozen",
    "pickle state": "put it into one of a zoo",
    "pickle module": "export it with torch.onnx.export",
    "safetensors": "put it into one of a zoo",
}
"""Ways that zoodiff does not read, and what it says to do."""
