"""Run networks in OpenVINO's runtime on the CPU.

OpenVINO reads ONNX, TFLite and TensorFlow's formats itself; programs of PyTorch are read by its
decoder. Its converter tool reports its use over the network, so the package that does so is never
imported here.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError, MissingFrameworkError
from zoodiff.zoos.runtime import load_stages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODE, NATIVE = "openvino", "openvino-native"
"""In single precision; in the precision that OpenVINO chooses for this processor."""
MODES = (MODE, NATIVE)
_TELEMETRY = "openvino_telemetry"


def import_openvino() -> Any:
    """Return the module ``openvino``, imported without its telemetry.

    Raises MissingFrameworkError if it is not installed.
    """
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    try:
        with load_stages.stage(load_stages.IMPORT):
            import openvino
    except ImportError:
        raise MissingFrameworkError(
            "the mode openvino needs OpenVINO; install it with: pip install 'zoodiff[openvino]'"
        ) from None
    return openvino


def version() -> str:
    """Return the version of the installed OpenVINO, or that it is not installed."""
    try:
        return importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def precision_of(mode: str, stored: str) -> str:
    """Return the precision of a computation on weights of a type, by numpy's name.

    The mode ``openvino-native`` rounds single precision if the processor computes faster then.
    """
    if mode == MODE or stored != "float32":
        return stored
    chosen = import_openvino().Core().get_property("CPU", "INFERENCE_PRECISION_HINT").to_string()
    return {"bf16": "bfloat16", "f16": "float16"}.get(chosen, stored)


class CompiledNetwork:
    """A network compiled by OpenVINO, once per input shape if it leaves extents open.

    ``read`` returns the ``openvino.Model``. Raises MeasurementError for a network that OpenVINO
    cannot read or compile, or with several inputs.
    """

    def __init__(self, read: Callable[[Any], Any], *, name: str, threads: int, mode: str) -> None:
        self._name, self.mode = name, mode
        self._read = read  # it may hold the memory of the weights
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # The measuring process chooses the cores.
            "ENABLE_CPU_PINNING": False,
        }
        if mode == MODE:
            self._settings["INFERENCE_PRECISION_HINT"] = "f32"
        with load_stages.stage(load_stages.BUILD):
            self._model = self._tried("read", lambda: read(self._core))
        if len(self._model.inputs) != 1:
            raise MeasurementError(f"{name} has {len(self._model.inputs)} inputs; one is needed")
        self.open = not self._model.input(0).partial_shape.is_static
        self._requests: dict[tuple[int, ...], Any] = {}
        if not self.open:
            self._request(tuple(self._model.input(0).shape))

    @property
    def input_shape(self) -> list[int | None]:
        """The input's shape; None for an open extent."""
        return [
            extent.get_length() if extent.is_static else None
            for extent in self._model.input(0).partial_shape
        ]

    @property
    def input_type(self) -> Any:
        """Numpy's type of the input."""
        return self._model.input(0).element_type.to_dtype()

    def scope(self, precision: str) -> dict[str, str]:
        """Return the conditions of timing the network; ``precision`` is that of its weights."""
        single = not self.open and self.input_shape[:1] == [1]
        conditions = {
            "entry_point": f"InferRequest.infer of OpenVINO {version()}",
            "mode": self.mode,
            "precision": precision_of(self.mode, precision),
            "calls": "one an image, as the file fixes it" if single else "one a batch",
        }
        if self.open:
            conditions["compiles"] = "at the first call of each shape"
        return conditions

    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Return the first output for a batch in the network's own layout."""
        import numpy as np

        batch = np.ascontiguousarray(batch, dtype=self.input_type)
        size = len(batch) if self.open else int(self._model.input(0).shape[0])
        if size == len(batch):
            return self._run(batch)
        if len(batch) % size:
            raise MeasurementError(f"{self._name} takes {size} images at a time, not {len(batch)}")
        parts = [self._run(batch[i : i + size]) for i in range(0, len(batch), size)]
        return np.concatenate(parts)

    def _run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        import numpy as np

        request = self._request(batch.shape)
        request.infer({0: batch}, share_inputs=True)
        result: NDArray[np.float32] = request.get_output_tensor(0).data.astype(np.float32)
        return result

    def _request(self, shape: Sequence[int]) -> Any:
        key = tuple(shape)
        if key not in self._requests:
            if self.open:
                self._tried("take", lambda: self._model.reshape({0: list(key)}))
            with load_stages.stage(load_stages.COMPILE):
                compiled = self._tried(
                    "compile", lambda: self._core.compile_model(self._model, "CPU", self._settings)
                )
            self._requests[key] = compiled.create_infer_request()
        return self._requests[key]

    def _tried(self, done: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except Exception as error:  # OpenVINO raises RuntimeErrors, its bindings other kinds
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = " ".join(lines[-2:])[-200:]
            raise MeasurementError(f"OpenVINO cannot {done} {self._name} ({reason})") from None


def of_bytes(content: bytes) -> Callable[[Any], Any]:
    """Return the reader of an ONNX file with all its weights, or of an IR without any."""
    return lambda core: core.read_model(model=content)


def of_ir(xml: bytes, weights: NDArray[np.uint8]) -> Callable[[Any], Any]:
    """Return the reader of an IR: its XML, and the bytes of all its constants."""

    def read(core: Any) -> Any:
        openvino = import_openvino()
        if not weights.size:
            return core.read_model(model=xml)
        return core.read_model(model=xml, weights=openvino.Tensor(weights, shared_memory=True))

    return read


def of_path(path: str) -> Callable[[Any], Any]:
    """Return the reader of a TFLite file or a SavedModel."""
    return lambda core: core.read_model(path)


def of_program(program: Any) -> Callable[[Any], Any]:
    """Return the reader of a ``torch.export.ExportedProgram``."""

    def read(core: Any) -> Any:
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder

        decoder = TorchFXPythonDecoder.from_exported_program(program)
        frontend = FrontEndManager().load_by_framework("pytorch")
        return frontend.convert(frontend.load(decoder))

    return read


class OfTorch:
    """A PyTorch module that is exported and compiled by OpenVINO at the first call of each shape.

    A change of the module's weights compiles it anew.
    """

    def __init__(self, module: Any, *, threads: int, mode: str) -> None:
        self._module, self._threads, self._mode = module, threads, mode
        self._compiled: dict[tuple[int, ...], CompiledNetwork] = {}
        self._versions: tuple[int, ...] = ()

    def __call__(self, batch: Any) -> Any:
        """Return the module's first output for a tensor."""
        import torch

        tensors = (*self._module.parameters(), *self._module.buffers())
        versions = tuple(tensor._version for tensor in tensors if not tensor.is_inference())
        if versions != self._versions:
            self._compiled, self._versions = {}, versions
        shape = tuple(batch.shape)
        if shape not in self._compiled:
            self._compiled[shape] = self._compile(batch)
        return torch.from_numpy(self._compiled[shape](batch.numpy()))

    def _compile(self, batch: Any) -> CompiledNetwork:
        import torch

        try:
            with torch.inference_mode(False), torch.no_grad():
                program = torch.export.export(self._module, (torch.zeros(batch.shape),))
        except Exception as error:  # torch raises many kinds
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(
                f"torch cannot export the network for OpenVINO ({reason})"
            ) from None
        return CompiledNetwork(
            of_program(program), name="the network", threads=self._threads, mode=self._mode
        )


def scope_of_torch(mode: str) -> Mapping[str, str]:
    """Return the conditions of timing a module that OpenVINO runs."""
    return {
        "entry_point": f"InferRequest.infer of OpenVINO {version()}, of the exported module",
        "mode": mode,
        "precision": precision_of(mode, "float32"),
        "compiles": "at the first call of each shape",
    }
