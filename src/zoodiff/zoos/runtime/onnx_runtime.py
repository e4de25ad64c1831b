"""A network that ONNX Runtime runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError
from zoodiff.zoos.runtime import load_stages, modes

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES = {
    "tensor(bool)": "bool",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(int8)": "int8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(uint8)": "uint8",
}
"""Numpy's names of input types other than single precision."""
_FLOAT = "tensor(float)"
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class OrtNetwork:
    """A session of ONNX Runtime; ``content`` is a model as bytes, or the path of a file.

    Raises MeasurementError for a model that ONNX Runtime cannot run, and for a missing device.
    """

    def __init__(self, content: bytes | Path, name: str, threads: int, mode: str) -> None:
        self._mode = mode
        with load_stages.stage(load_stages.IMPORT):
            import onnxruntime

        levels = onnxruntime.GraphOptimizationLevel
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = {
            "all": levels.ORT_ENABLE_ALL,
            "extended": levels.ORT_ENABLE_EXTENDED,
            "basic": levels.ORT_ENABLE_BASIC,
            "off": levels.ORT_DISABLE_ALL,
            modes.CUDA: levels.ORT_ENABLE_ALL,
        }[mode]
        provider = _CUDA if mode == modes.CUDA else _CPU
        if provider not in onnxruntime.get_available_providers():
            raise MeasurementError(
                f"ONNX Runtime has no {provider} here; install onnxruntime-gpu on a machine with "
                "a CUDA device, or measure in the mode all"
            )
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        source = str(content) if isinstance(content, Path) else content
        try:
            # One call reads the weights, optimises the graph and plans memory.
            with load_stages.stage(load_stages.COMPILE):
                self._session = onnxruntime.InferenceSession(source, options, providers=[provider])
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"ONNX Runtime cannot run {name} ({reason})") from None
        # If a provider cannot start, ONNX Runtime only logs it and uses the CPU.
        if self._session.get_providers()[0] != provider:
            raise MeasurementError(f"ONNX Runtime could not start {provider} for {name}")

    @property
    def input_shape(self) -> list[Any]:
        """The input shape of the file: numbers, and names or None for open extents."""
        return list(self._session.get_inputs()[0].shape)

    def scope(self, precision: str) -> dict[str, str]:
        """Return the conditions of timing the session."""
        batch = self.input_shape[0] if self.input_shape else None
        each = "one an image, as the file fixes it" if batch == 1 else "one a batch"
        conditions = {
            "entry_point": "InferenceSession.run",
            "mode": self._mode,
            "precision": precision,
            "calls": each,
        }
        if self._mode == modes.CUDA:
            conditions["device"] = "cuda"
            conditions["clock"] = (
                "the network, with copies to and from the device; no preprocessing"
            )
        return conditions

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Return the first output for a batch in the file's own layout."""
        import numpy as np

        model_input = self._session.get_inputs()[0]
        batch = batch.astype(_TYPES.get(model_input.type, batch.dtype), copy=False)
        if not isinstance(model_input.shape[0], int) or model_input.shape[0] == len(batch):
            return self._run(model_input.name, batch)
        return np.concatenate(
            [self._run(model_input.name, batch[i : i + 1]) for i in range(len(batch))]
        )

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run by name; an input that is not given is filled with zeros.

        Raises MeasurementError for inputs that are refused, and for outputs that are no arrays.
        """
        import numpy as np

        feeds = {}
        for known in self._session.get_inputs():
            if known.type not in {_FLOAT, *_TYPES}:
                raise MeasurementError(f"the input {known.name} is a {known.type}")
            dtype = _TYPES.get(known.type, "float32")
            if known.name in inputs:
                feeds[known.name] = np.asarray(inputs[known.name]).astype(dtype, copy=False)
            else:  # nothing reads it: the graph would have it
                shape = [n if isinstance(n, int) and n > 0 else 1 for n in known.shape]
                feeds[known.name] = np.zeros(shape, dtype)
        if unknown := sorted(inputs.keys() - feeds.keys()):
            raise MeasurementError(f"the network has no input {unknown[0]}")
        names = [output.name for output in self._session.get_outputs()]
        try:
            results = self._session.run(names, feeds)
        except Exception as error:  # ONNX Runtime raises many kinds
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"ONNX Runtime refuses the inputs ({reason})") from None
        outputs = dict(zip(names, results, strict=True))
        for name, value in outputs.items():
            if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
                raise MeasurementError(f"the output {name} is no array of numbers")
        return outputs

    def _run(self, name: str, batch: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        result: NDArray[Any] = self._session.run(None, {name: batch})[0]
        return result.astype(np.float32) if result.dtype == np.float16 else result
