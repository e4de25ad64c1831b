"""The worker side of TFLite files."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError, MissingFrameworkError
from zoodiff.frontends.tflite.file import inputs_of
from zoodiff.frontends.tflite.reader import FileNetwork, FileTensor, read
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.files.guarded import guarded
from zoodiff.zoos.runtime import load_stages, modes, openvino_session
from zoodiff.zoos.runtime.openvino_session import CompiledNetwork
from zoodiff.zoos.runtime.weights_access import WeightsAccess
from zoodiff.zoos.steady import Followed, steady

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph


@dataclass
class TFLiteNetwork:
    """A file in LiteRT's interpreter or in OpenVINO, with real inputs and outputs; see ``Network``.

    Quantised inputs and outputs are converted by their scale and zero point.
    """

    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _access: WeightsAccess
    _call: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    scope: Mapping[str, str]
    weights_bytes: int
    """Bytes of the weights in the file; ``weights`` returns integers as real numbers."""
    _named: Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]] | None = None
    weights_state: WeightsState = "file"

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the weights by their names in the graph, integers as real numbers."""
        return self._access

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Raise MeasurementError: the weights of these files cannot be replaced."""
        raise MeasurementError("weights cannot be put into a TFLite file")

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs ``(batch, classes)`` for a batch in the file's layout."""
        return self._call(batch).reshape(len(batch), -1)

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run on named inputs; images are given channels first."""
        if self._named is None:
            raise MeasurementError("OpenVINO runs TFLite files on one batch only; choose LiteRT")
        return self._named(inputs)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: a file does not say how images are prepared."""
        raise MeasurementError("a TFLite file does not say how images are prepared")


@dataclass
class _LiteRt:
    """LiteRT's interpreter, which runs image by image."""

    _interpreter: Any

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np

        if len(self._interpreter.get_input_details()) != 1:
            raise MeasurementError("the file takes several inputs, not one batch")
        input_details = self._interpreter.get_input_details()[0]
        output_details = self._interpreter.get_output_details()[0]
        outputs = []
        for image in batch:
            self._interpreter.set_tensor(
                input_details["index"], _to_integers(image[None], input_details)
            )
            self._interpreter.reset_all_variables()  # states of recurrent layers
            self._interpreter.invoke()
            outputs.append(
                _to_real(self._interpreter.get_tensor(output_details["index"]), output_details)
            )
        return np.concatenate([output.reshape(1, -1) for output in outputs])


@dataclass
class _LiteRtNamed:
    """LiteRT's interpreter on named inputs; an input that is not given is filled with zeros."""

    _interpreter: Any
    _network: FileNetwork

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        import numpy as np

        known = inputs_of(self._network)
        if unknown := sorted(inputs.keys() - known.keys()):
            raise MeasurementError(f"the file has no input {unknown[0]}")
        details = {int(d["index"]): d for d in self._interpreter.get_input_details()}
        for name, each in known.items():
            own = details[each.index]
            shape = tuple(int(n) for n in own["shape"])
            array = np.asarray(inputs.get(name, np.zeros(shape, own["dtype"])))
            if name in inputs and each.turned:
                array = array.transpose(0, 2, 3, 1)
            if array.shape != shape:
                raise MeasurementError(
                    f"the input {name} of the file has the shape {list(shape)}, and "
                    f"{list(array.shape)} is given"
                )
            self._interpreter.set_tensor(each.index, _to_integers(array, own))
        self._interpreter.reset_all_variables()  # states of recurrent layers
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"LiteRT refuses the inputs ({reason})") from None
        return self._outputs()

    def _outputs(self) -> dict[str, NDArray[Any]]:
        """The results, in the file's order, by the names of its signature."""
        import numpy as np

        network = self._network
        names = [network.signature.outputs.get(i, "") for i in network.outputs]
        if not all(names) or len(set(names)) < len(names):
            names = [f"output {k}" for k in range(len(network.outputs))]
        details = {int(d["index"]): d for d in self._interpreter.get_output_details()}
        outputs = {}
        for name, index in zip(names, network.outputs, strict=True):
            values = np.array(self._interpreter.get_tensor(index))
            real = bool(details[index]["quantization"][0])
            outputs[name] = _to_real(values, details[index]) if real else values
        return outputs


@dataclass
class _InOpenVino:
    """A file in OpenVINO, whose input and output are integers where the file's are."""

    network: CompiledNetwork
    _input: Mapping[str, Any]
    _output: Mapping[str, Any]

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return _to_real(self.network(_to_integers(batch, self._input)), self._output)


def _details(tensor: FileTensor) -> dict[str, Any]:
    """Return type and quantisation of a tensor, in the form of LiteRT's details."""
    import numpy as np

    q = tensor.quantization
    steps = (0.0, 0) if q is None or len(q.scale) != 1 else (q.scale[0], q.zero_point[0])
    return {"dtype": np.dtype(tensor.dtype), "quantization": steps}


def _in_openvino(path: Path, network: FileNetwork, threads: int, mode: str) -> _InOpenVino:
    compiled = CompiledNetwork(
        openvino_session.of_path(str(path)), name=path.name, threads=threads, mode=mode
    )
    first, result = (network.tensors[ends[0]] for ends in (network.inputs, network.outputs))
    return _InOpenVino(compiled, _details(first), _details(result))


def _to_integers(values: NDArray[np.float32], details: Mapping[str, Any]) -> NDArray[Any]:
    import numpy as np

    dtype, (scale, zero) = details["dtype"], details["quantization"]
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    if not scale:
        return values.round().astype(dtype)
    limits = np.iinfo(dtype)
    integers: NDArray[Any] = np.clip(
        np.round(values / scale) + zero, limits.min, limits.max
    ).astype(dtype)
    return integers


def _to_real(values: NDArray[Any], details: Mapping[str, Any]) -> NDArray[np.float32]:
    import numpy as np

    scale, zero = details["quantization"]
    if np.issubdtype(details["dtype"], np.integer) and scale:
        return (values.astype(np.float32) - np.float32(zero)) * np.float32(scale)
    return values.astype(np.float32)


@guarded
class TFLiteFiles:
    """TFLite files; see ``zoodiff.zoos.base.Backend``."""

    def __init__(self) -> None:
        self._followed = Followed()

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the packages that read and run the files."""
        return {name: importlib.metadata.version(name) for name in ("tflite", "ai-edge-litert")}

    def models(self) -> Sequence[str]:
        """Return no models: files are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the file; weights are not read."""
        from zoodiff.frontends.tflite.file import graph_from_file

        path, _ = opened(model)
        with self._followed.first(path):
            return graph_from_file(path, path.name)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Count the file's constants with more than one element, except integers.

        This is an upper bound: zeros in place of a bias, and constants that are no weights, count.
        """
        from math import prod

        path, _ = opened(model)
        with self._followed.again(path) as file:
            constants = [t for t in read(path).tensors if t.constant and prod(t.shape) > 1]
        real = [t for t in constants if t.quantization or t.dtype.startswith(("float", "bfloat"))]
        return {
            "parameters": sum(prod(t.shape) for t in real),
            "statistics": 0,
            "sha256": file.digest,
        }

    def modes(self) -> Sequence[str]:
        """Return the modes: with the XNNPACK delegate (LiteRT's default), without, in OpenVINO."""
        return modes.TFLITE

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Start an interpreter; raise MeasurementError if the runtime cannot run the file."""
        path, _ = opened(model)
        mode = modes.choose(mode, modes.TFLITE, "a TFLite file")
        if weights == RANDOM:
            raise MeasurementError(f"weights cannot be put into {path.name}, a TFLite file")
        with contextlib.ExitStack() as stack:
            with load_stages.stage(load_stages.CHECKS):
                file = stack.enter_context(steady(path))
                network = read(path)  # runtimes trust the numbers in a file
            if not network.inputs or (len(network.inputs) > 1 and mode in modes.OPENVINO):
                raise MeasurementError(
                    f"{path.name} has {len(network.inputs)} inputs; one is needed"
                )
            with load_stages.stage(load_stages.CHECKS):
                sizes = _stored(path)
                own = weights_access(path, file.check)
            precision = max(sizes, key=sizes.__getitem__) if sizes else "float32"
            call: Callable[[NDArray[np.float32]], NDArray[np.float32]]
            named: _LiteRtNamed | None = None
            if mode in modes.OPENVINO:
                call = _in_openvino(path, network, threads, mode)
                scope = call.network.scope(precision)
                shape = network.tensors[network.inputs[0]].shape
            else:
                interpreter = _interpreter(path, threads, mode)
                call, named = _LiteRt(interpreter), _LiteRtNamed(interpreter, network)
                shape = tuple(int(n) for n in interpreter.get_input_details()[0]["shape"])
                scope = {
                    "entry_point": "Interpreter.invoke",
                    "mode": mode,
                    "precision": precision,
                    "calls": "one an image",
                }
        stored = sum(n * _bits(dtype) for dtype, n in sizes.items()) // 8
        first = len(shape) == 4 and shape[1] in {1, 3} and shape[3] not in {1, 3}
        layout: Literal["NCHW", "NHWC"] = "NCHW" if first else "NHWC"
        return TFLiteNetwork(file.digest, shape, layout, own, call, scope, stored, named)


def _interpreter(path: Path, threads: int, mode: str) -> Any:
    """Return LiteRT's interpreter of a file; raise MeasurementError if LiteRT cannot run it."""
    try:
        with load_stages.stage(load_stages.IMPORT):
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        raise MissingFrameworkError(
            'TFLite files are run by ai-edge-litert; install it with: pip install "zoodiff[tflite]"'
        ) from None
    try:
        with load_stages.stage(load_stages.BUILD):
            interpreter = Interpreter(
                model_path=str(path),
                num_threads=threads,
                experimental_op_resolver_type=OpResolverType.AUTO
                if mode == "xnnpack"
                else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
        with load_stages.stage(load_stages.COMPILE):
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MeasurementError(f"LiteRT cannot run {path.name} ({reason})") from None
    return interpreter


def _stored(path: Path) -> dict[str, int]:
    """Return the number of stored values of the file's weights by type."""
    from math import prod

    from zoodiff.frontends.tflite.reader import read

    sizes: dict[str, int] = {}
    for tensor in read(path).tensors:
        if tensor.constant and (tensor.quantization or "float" in tensor.dtype):
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + prod(tensor.shape)
    return sizes


def _bits(dtype: str) -> int:
    """Return the bits of a type from its name, for example ``int8`` or ``bfloat16``."""
    return int("".join(c for c in dtype if c.isdigit()) or 8)


def weights_access(path: Path, check: Callable[[], None] = lambda: None) -> WeightsAccess:
    """Return the weights of a file by their names in its graph; ``check`` is called per read."""
    from zoodiff.frontends.tflite.file import weights_of

    stored_weights = weights_of(path)

    def refuse(weights: Mapping[str, NDArray[Any]]) -> None:
        raise MeasurementError("weights cannot be put into a TFLite file")

    def value(name: str) -> NDArray[Any]:
        values: NDArray[Any] = stored_weights[name].read()
        check()
        return values

    return WeightsAccess(
        {name: weight.shape for name, weight in stored_weights.items()}, value, refuse
    )
