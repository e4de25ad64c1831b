"""A session of ONNX Runtime whose weights can be read and replaced.

ONNX Runtime takes weights only when a session starts, so putting values in means to write them
into the model and to start again. The model is read for that when it is first needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.weights_access import WeightsAccess
from zoodiff.zoos.steady import SteadyFile, steady

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto, TensorProto
    from zoodiff.zoos.runtime.onnx_integers import Stored


_TYPES = {
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
}
"""Types of inputs that are not single precision, as numpy calls them."""
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class Session:
    """Runs a session once per batch, or once per image if the file fixes the batch size.

    ``content`` is what runs: bytes, or the path of a file that keeps weights in other files.
    ``model`` reads the same as an ``onnx.ModelProto`` with all values. ``mode`` is a level of
    ONNX Runtime's graph optimisations.
    """

    def __init__(
        self,
        content: bytes | Path,
        model: Callable[[], ModelProto],
        *,
        name: str,
        threads: int,
        mode: str = "",
    ) -> None:
        self._name, self._threads = name, threads
        self._mode = modes.choose(mode, modes.ONNX, name)
        self._read: Callable[[], ModelProto] | None = model
        self._model: ModelProto
        self._session: Any = None
        self._start(content)

    @property
    def input_shape(self) -> list[Any]:
        """As the file gives it: numbers, and names or None for open extents."""
        return list(self._session.get_inputs()[0].shape)

    def scope(self, precision: str = "float32") -> dict[str, str]:
        """Return the conditions of timing the session."""
        batch = self.input_shape[0] if self.input_shape else None
        each = "one an image, as the file fixes it" if batch == 1 else "one a batch"
        found = {
            "entry_point": "InferenceSession.run",
            "mode": self._mode,
            "precision": precision,
            "calls": each,
        }
        if self._mode == modes.CUDA:
            found["device"] = "cuda"
            found["clock"] = "the network, with copies to and from the device; no preprocessing"
        return found

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """The first output of a batch in the file's own layout."""
        import numpy as np

        given = self._session.get_inputs()[0]
        batch = batch.astype(_TYPES.get(given.type, batch.dtype), copy=False)
        if not isinstance(given.shape[0], int) or given.shape[0] == len(batch):
            return self._run(given.name, batch)
        return np.concatenate([self._run(given.name, batch[i : i + 1]) for i in range(len(batch))])

    def held(self) -> WeightsAccess:
        """Return initialisers and constants by name, including those of light files.

        Integers whose scale the file gives are the real numbers that they stand for.
        """
        from zoodiff.zoos.runtime.onnx_weights import computed

        stored, read = self._stored()
        made = computed(self.model())

        def real(name: str) -> NDArray[Any]:
            if name in made:
                return made[name]
            values = read(name)
            return stored[name].real(values) if name in stored else values

        shapes = {
            name: shape for name, (shape, kind) in self._kinds().items() if _holds_weights(kind)
        }
        shapes |= {name: array.shape for name, array in made.items()}
        return WeightsAccess(shapes, real, self._replace)

    def _kinds(self) -> dict[str, tuple[tuple[int, ...], int]]:
        from zoodiff.zoos.runtime.onnx_weights import held

        return held(self.model().graph)

    def _stored(self) -> tuple[dict[str, Stored], Callable[[str], NDArray[Any]]]:
        """Which tensors are integers that stand for real numbers, and a reader of all tensors."""
        from zoodiff.zoos.runtime.onnx_integers import stored_weights
        from zoodiff.zoos.runtime.onnx_weights import value

        graph, kinds = self.model().graph, self._kinds()
        made: dict[str, TensorProto | NodeProto] = {}
        made |= {node.output[0]: node for node in graph.node if node.output}
        made |= {tensor.name: tensor for tensor in graph.initializer}

        def read(name: str) -> NDArray[Any]:
            return value(made[name], kinds[name])

        ranks = {name: len(shape) for name, (shape, _) in kinds.items()}
        known = stored_weights(graph, ranks, lambda name: read(name) if name in made else None)
        return known, read

    def model(self) -> ModelProto:
        """The ``onnx.ModelProto`` that runs, with all values."""
        if self._read is not None:
            self._model, self._read = self._read(), None
        return self._model

    def _replace(self, weights: Mapping[str, NDArray[Any]]) -> None:
        import numpy as np

        from zoodiff.zoos.runtime.onnx_weights import dtype_of, replace

        kinds, (stored, _) = self._kinds(), self._stored()
        typed = {}
        for name, array in weights.items():
            dtype = dtype_of(kinds[name][1]) if name in kinds else array.dtype
            integers = name in stored and np.issubdtype(dtype, np.integer)
            typed[name] = (
                stored[name].integers(array, dtype) if integers else np.asarray(array, dtype=dtype)
            )
        replace(self.model(), typed)
        self._session = None  # its memory is needed for the next one
        try:
            content = self.model().SerializeToString()
        except ValueError as error:
            raise MeasurementError(
                f"{self._name} with its weights is too large for one file ({error})"
            ) from None
        self._start(content)

    def _run(self, name: str, batch: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        result: NDArray[Any] = self._session.run(None, {name: batch})[0]
        return result.astype(np.float32) if result.dtype == np.float16 else result

    def _start(self, content: bytes | Path) -> None:
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
        }[self._mode]
        provider = _CUDA if self._mode == modes.CUDA else _CPU
        if provider not in onnxruntime.get_available_providers():
            raise MeasurementError(
                f"ONNX Runtime has no {provider} here; install onnxruntime-gpu on a machine with "
                "a CUDA device, or measure in the mode all"
            )
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        given = str(content) if isinstance(content, Path) else content
        try:
            # Reading the weights, optimising the graph and planning memory are one call.
            with load_stages.stage(load_stages.COMPILE):
                self._session = onnxruntime.InferenceSession(given, options, providers=[provider])
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"ONNX Runtime cannot run {self._name} ({reason})") from None
        # Where a provider cannot start, ONNX Runtime goes on with the CPU and only logs it.
        if self._session.get_providers()[0] != provider:
            raise MeasurementError(f"ONNX Runtime could not start {provider} for {self._name}")


def open_file(
    path: Path,
    weights: str | None,
    seed: int,
    *,
    name: str,
    threads: int,
    mode: str = "",
    check: Callable[[], None] = lambda: None,
) -> Session:
    """Start a session of a file as it is, or with every weight drawn from ``seed``.

    Weights that lie in other files are read from there. ``check`` is called whenever the file was
    read once more, and raises where it has changed. Raises MeasurementError for a file that
    cannot be read or run, and where those other files are outside the file's own folder.
    """
    modes.choose(mode, modes.ONNX, name)
    # Nobody waits for random weights but zoodiff.
    with load_stages.stage(load_stages.CHECKS if weights == RANDOM else load_stages.WEIGHTS):
        running = _running(path, weights, seed)

    def read() -> ModelProto:
        found = model(path, weights, seed)
        check()
        return found

    return Session(
        running,
        read,
        name=name,
        threads=threads,
        mode=mode,
    )


def precision(path: Path) -> str:
    """The type in which a file stores most of its weights, in numpy's words."""
    from zoodiff.frontends.onnx.file import load
    from zoodiff.zoos.runtime.onnx_weights import dtype_of, held

    sizes: dict[int, int] = {}
    for shape, kind in held(load(path).graph).values():
        if _holds_weights(kind):
            sizes[kind] = sizes.get(kind, 0) + prod(shape)
    return str(dtype_of(max(sizes, key=sizes.__getitem__))) if sizes else "float32"


def content(path: Path, weights: str | None, seed: int) -> bytes:
    """All of a file in one piece: as it is, or with random weights."""
    if weights != RANDOM and not _is_spread(path):
        return path.read_bytes()
    made = model(path, weights, seed).SerializeToString()
    return made


def model(path: Path, weights: str | None, seed: int) -> ModelProto:
    """The ``onnx.ModelProto`` of a file with all values, those in other files included."""
    import onnx

    from zoodiff.frontends.onnx.order import put_in_order
    from zoodiff.zoos.runtime.onnx_weights import randomise

    _is_spread(path)  # checks where other files would lie
    try:
        found: ModelProto = onnx.load(str(path))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise MeasurementError(f"the weights of {path} cannot be read ({reason})") from None
    put_in_order(found.graph, path.name)
    if weights == RANDOM:
        randomise(found, seed)
    return found


def _running(path: Path, weights: str | None, seed: int) -> bytes | Path:
    return path if weights != RANDOM and _is_spread(path) else content(path, weights, seed)


def _is_spread(path: Path) -> bool:
    """Whether a file keeps weights in other files; MeasurementError where those are elsewhere."""
    from zoodiff.frontends.onnx.file import load

    return any(tensor.external_data for tensor in load(path).graph.initializer)


@contextlib.contextmanager
def steady_model(path: Path) -> Iterator[SteadyFile]:
    """Open a file and its weight files, checked for changes while they are read.

    Raises MeasurementError where one of them changes or is missing.
    """
    from zoodiff.frontends.onnx.file import external_files, load

    with steady(path) as alone:
        others = sorted(external_files(load(path)))
        if not others:
            yield alone
            return
        with steady(path, beside=others) as file:
            yield file


def _holds_weights(kind: int) -> bool:
    from onnx import TensorProto

    return kind in {
        TensorProto.FLOAT,
        TensorProto.FLOAT16,
        TensorProto.DOUBLE,
        TensorProto.INT8,
        TensorProto.UINT8,
        TensorProto.INT32,
    }
