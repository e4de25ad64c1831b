"""A session of ONNX Runtime or OpenVINO whose weights can be read and replaced.

A runtime reads weights only when a session starts, so replacing them means to write them into
the model and to restart the session. The model is read when this is first needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.zoos.runtime import load_stages, modes, openvino_session
from zoodiff.zoos.runtime.onnx_runtime import OrtNetwork
from zoodiff.zoos.runtime.openvino_session import CompiledNetwork
from zoodiff.zoos.runtime.weights_access import WeightsAccess
from zoodiff.zoos.steady import SteadyFile, steady

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto, TensorProto
    from zoodiff.zoos.runtime.onnx_integers import Quantisation


class Session:
    """Runs a session once per batch, or once per image if the file fixes the batch size.

    ``content`` is the model: bytes, or the path of a file with weights in other files. ``model``
    returns it as an ``onnx.ModelProto`` with all values. ``mode`` is a level of ONNX Runtime's
    graph optimisations, or a mode of OpenVINO.
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
        self._network: OrtNetwork | CompiledNetwork | None = None
        self._start(content)

    @property
    def _runtime(self) -> OrtNetwork | CompiledNetwork:
        assert self._network is not None
        return self._network

    @property
    def input_shape(self) -> list[Any]:
        """The input shape of the file: numbers, and names or None for open extents."""
        return list(self._runtime.input_shape)

    def scope(self, precision: str = "float32") -> dict[str, str]:
        """Return the conditions of timing the session."""
        return self._runtime.scope(precision)

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Return the first output for a batch in the file's own layout."""
        return self._runtime(batch)

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run by name; OpenVINO runs one batch only."""
        if not isinstance(self._runtime, OrtNetwork):
            raise MeasurementError("OpenVINO runs networks of one input")
        return self._runtime.run_named(inputs)

    def weights_access(self) -> WeightsAccess:
        """Return initialisers and constants by name, including those of light files.

        Integers whose scale the file gives are converted to real numbers.
        """
        from zoodiff.frontends.onnx.runtime_operators.blocked import BlockedQuantisation
        from zoodiff.zoos.runtime.onnx_computed import computed

        stored, read = self._stored()
        computed_arrays = computed(self.model())

        def real(name: str) -> NDArray[Any]:
            if name in computed_arrays:
                return computed_arrays[name]
            values = read(name)
            return stored[name].real(values) if name in stored else values

        shapes = {
            name: shape for name, (shape, kind) in self._kinds().items() if _holds_weights(kind)
        }
        shapes |= {name: array.shape for name, array in computed_arrays.items()}
        shapes |= {
            name: quantisation.blocks.extents
            for name, quantisation in stored.items()
            if isinstance(quantisation, BlockedQuantisation)
        }
        return WeightsAccess(shapes, real, self._replace)

    def _kinds(self) -> dict[str, tuple[tuple[int, ...], int]]:
        from zoodiff.zoos.runtime.onnx_weights import constants

        return constants(self.model().graph)

    def _stored(self) -> tuple[dict[str, Quantisation], Callable[[str], NDArray[Any]]]:
        """Return the quantisations of integer tensors, and a function that reads any tensor."""
        from zoodiff.frontends.onnx.preparation import plain_nodes
        from zoodiff.zoos.runtime.onnx_integers import stored_weights
        from zoodiff.zoos.runtime.onnx_weights import value

        graph, kinds = self.model().graph, self._kinds()
        sources: dict[str, TensorProto | NodeProto] = {}
        sources |= {node.output[0]: node for node in graph.node if node.output}
        sources |= {tensor.name: tensor for tensor in graph.initializer}

        def read(name: str) -> NDArray[Any]:
            return value(sources[name], kinds[name])

        ranks = {name: len(shape) for name, (shape, _) in kinds.items()}
        plain = type(graph)()
        plain.node.extend(plain_nodes(self.model()))
        plain.output.extend(graph.output)
        known = stored_weights(plain, ranks, lambda name: read(name) if name in sources else None)
        return known, read

    def model(self) -> ModelProto:
        """Return the ``onnx.ModelProto`` of the session, with all values."""
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
            integers = name in stored and not np.issubdtype(dtype, np.floating)
            typed[name] = (
                stored[name].integers(array, dtype) if integers else np.asarray(array, dtype=dtype)
            )
        replace(self.model(), typed)
        self._network = None  # frees its memory for the next session
        try:
            content = self.model().SerializeToString()
        except ValueError as error:
            raise MeasurementError(
                f"{self._name} with its weights is too large for one file ({error})"
            ) from None
        self._start(content)

    def _start(self, content: bytes | Path) -> None:
        if self._mode not in modes.OPENVINO:
            self._network = OrtNetwork(content, self._name, self._threads, self._mode)
            return
        if isinstance(content, Path):  # OpenVINO gets the weights of other files in one
            content = self.model().SerializeToString()
        self._network = CompiledNetwork(
            openvino_session.of_bytes(content),
            name=self._name,
            threads=self._threads,
            mode=self._mode,
        )


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
    """Start a session of a file, with its own weights or with every weight drawn from ``seed``.

    Weights in other files are read from there. ``check`` is called after each later read of the
    file, and raises if it has changed. Raises MeasurementError for a file that cannot be read or
    run, and for weight files outside the file's own folder.
    """
    modes.choose(mode, modes.ONNX, name)
    # Random weights are zoodiff's own work, not part of a cold start.
    with load_stages.stage(load_stages.CHECKS if weights == RANDOM else load_stages.WEIGHTS):
        running = _running(path, weights, seed)

    def read() -> ModelProto:
        proto = model(path, weights, seed)
        check()
        return proto

    return Session(
        running,
        read,
        name=name,
        threads=threads,
        mode=mode,
    )


def precision(path: Path) -> str:
    """Return numpy's name of the type in which a file stores most of its weights."""
    from zoodiff.frontends.onnx.file import load
    from zoodiff.zoos.runtime.onnx_weights import constants, dtype_of

    sizes: dict[int, int] = {}
    for shape, kind in constants(load(path).graph).values():
        if _holds_weights(kind):
            sizes[kind] = sizes.get(kind, 0) + prod(shape)
    return str(dtype_of(max(sizes, key=sizes.__getitem__))) if sizes else "float32"


def content(path: Path, weights: str | None, seed: int) -> bytes:
    """Return a file with all its weights as bytes, with its own or with random weights."""
    if weights != RANDOM and not _is_spread(path):
        return path.read_bytes()
    serialised: bytes = model(path, weights, seed).SerializeToString()
    return serialised


def model(path: Path, weights: str | None, seed: int) -> ModelProto:
    """Return the ``onnx.ModelProto`` of a file with all values, including those in other files."""
    import onnx

    from zoodiff.frontends.onnx.order import put_in_order
    from zoodiff.zoos.runtime.onnx_weights import randomise

    _is_spread(path)  # checks the paths of other files
    try:
        proto: ModelProto = onnx.load(str(path))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise MeasurementError(f"the weights of {path} cannot be read ({reason})") from None
    put_in_order(proto.graph, path.name)
    if weights == RANDOM:
        randomise(proto, seed)
    return proto


def _running(path: Path, weights: str | None, seed: int) -> bytes | Path:
    return path if weights != RANDOM and _is_spread(path) else content(path, weights, seed)


def _is_spread(path: Path) -> bool:
    """Whether a file has weights in other files; raises MeasurementError if they are elsewhere."""
    from zoodiff.frontends.onnx.file import load

    return any(tensor.external_data for tensor in load(path).graph.initializer)


@contextlib.contextmanager
def steady_model(path: Path) -> Iterator[SteadyFile]:
    """Open a file and its weight files, checked for changes while they are read.

    Raises MeasurementError if one of them changes or is missing.
    """
    from zoodiff.frontends.onnx.file import external_files, load

    with steady(path) as alone:
        weight_files = sorted(external_files(load(path)))
        if not weight_files:
            yield alone
            return
        with steady(path, beside=weight_files) as file:
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
