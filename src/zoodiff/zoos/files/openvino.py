"""The worker side of OpenVINO's IR files (``.xml`` with weights in ``.bin``)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.etree.ElementTree import tostring

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.frontends.openvino.reader import FileNetwork, Layer, numbers, read, weights_path
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.files.guarded import guarded
from zoodiff.zoos.runtime import load_stages, modes, openvino_session
from zoodiff.zoos.runtime.openvino_session import CompiledNetwork
from zoodiff.zoos.runtime.weights_access import WeightsAccess
from zoodiff.zoos.scan import openvino as scan
from zoodiff.zoos.steady import Followed, SteadyFile, steady

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_NUMPY = {
    **{"f64": "float64", "f32": "float32", "f16": "float16"},
    **{"i64": "int64", "i32": "int32", "i16": "int16", "i8": "int8"},
    **{"u64": "uint64", "u32": "uint32", "u16": "uint16", "u8": "uint8"},
}
"""Element types that numpy has; constants of others are not read."""
_REAL = frozenset({"f64", "f32", "f16", "bf16", "i8", "u8", "i4", "u4", "nf4"})
"""Element types of weights; integers of more bits are indices, shapes and settings."""


class _Weights:
    """The constants of a file, and the XML and bytes that OpenVINO gets.

    The XML is written anew from what was parsed and checked, so that OpenVINO reads nothing else.
    """

    def __init__(self, network: FileNetwork, names: Mapping[str, Layer], path: Path) -> None:
        self._network, self._path = network, path
        self.layers = dict(names)
        self._replaced: dict[str, NDArray[Any]] = {}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the weights by name."""
        return {name: _shape(layer) for name, layer in self.layers.items()}

    def value(self, name: str) -> NDArray[Any]:
        """Return the values of a weight."""
        import numpy as np

        from zoodiff.frontends.openvino.file import values_of

        if name in self._replaced:
            return self._replaced[name]
        layer = self.layers[name]
        kind = np.dtype(_NUMPY[layer.attributes["element_type"]])
        return np.frombuffer(values_of(layer, self._path), dtype=kind).reshape(_shape(layer))

    def replace(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Remember new values; ``model`` has them from now on."""
        import numpy as np

        for name, array in weights.items():
            kind = np.dtype(_NUMPY[self.layers[name].attributes["element_type"]])
            self._replaced[name] = np.ascontiguousarray(array, dtype=kind)

    def model(self) -> tuple[bytes, NDArray[np.uint8]]:
        """Return the XML and the bytes of the constants, with replaced values behind the others.

        Two constants of a file may share their bytes, so values are not replaced in place.
        """
        import numpy as np

        file = weights_path(self._path)
        own = (
            np.memmap(file, dtype=np.uint8, mode="c")
            if file.exists() and file.stat().st_size
            else np.zeros(0, dtype=np.uint8)
        )
        if not self._replaced:
            return tostring(self._network.tree, encoding="utf-8"), own
        elements = {e.get("id", ""): e for e in self._network.tree.iterfind("layers/layer")}
        parts, position = [own], own.size
        for name, array in self._replaced.items():
            data = elements[self.layers[name].id].find("data")
            assert data is not None
            padding = -position % 64
            parts += [np.zeros(padding, dtype=np.uint8), array.reshape(-1).view(np.uint8)]
            data.set("offset", str(position + padding))
            position += padding + array.nbytes
        return tostring(self._network.tree, encoding="utf-8"), np.concatenate(parts)


def _shape(layer: Layer) -> tuple[int, ...]:
    return tuple(numbers(layer.attributes.get("shape", "")))


@dataclass
class OpenVinoNetwork:
    """An IR file in OpenVINO's runtime; see ``Network``."""

    weights_sha256: str | None
    weights_state: WeightsState
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _compile: Callable[[], CompiledNetwork]
    _weights: _Weights
    _check: Callable[[], None]
    scope: Mapping[str, str]
    _compiled: CompiledNetwork | None

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the constants that may be weights by their names in the graph."""
        return self._access()

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace constants by name, and compile the network anew."""
        self._access().assign(weights)

    def _access(self) -> WeightsAccess:
        def value(name: str) -> NDArray[Any]:
            array = self._weights.value(name)
            self._check()
            return array

        return WeightsAccess(self._weights.shapes(), value, self._replace)

    def _replace(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self._weights.replace(weights)
        self._compiled = None  # frees its memory for the next one
        self._compiled = self._compile()
        self._check()

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs ``(batch, classes)`` for a batch in the file's own layout."""
        if self._compiled is None:
            self._compiled = self._compile()
        return self._compiled(batch).reshape(len(batch), -1)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: a file does not say how images are prepared."""
        raise MeasurementError("an IR file does not say how images are prepared")


@contextlib.contextmanager
def _steady_model(path: Path) -> Iterator[SteadyFile]:
    """Open a file and its weights, checked for changes while they are read."""
    read(path)  # checks where the weights lie
    beside = [weights_path(path).name] if weights_path(path).exists() else []
    with steady(path, beside=beside) as file:
        yield file


@guarded
class OpenVinoFiles:
    """OpenVINO's IR files; see ``zoodiff.zoos.base.Backend``."""

    def __init__(self) -> None:
        self._followed = Followed(_steady_model)

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the packages that read and run the files."""
        import importlib.metadata

        return {name: importlib.metadata.version(name) for name in ("openvino", "onnx")}

    def models(self) -> Sequence[str]:
        """Return no models: files are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the file; the values of large weights are not read.

        OpenVINO infers the shapes of a file that leaves extents open.
        """
        from zoodiff.frontends.openvino.file import graph_from_network

        path, extent = opened(model)
        with self._followed.first(path):
            network = _closed(read(path), path, extent)
            return graph_from_network(network, path, path.name, extent=extent)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Count the file's constants of real or quantised numbers with more than one element.

        This is an upper bound: constants that are no weights count.
        """
        path, _ = opened(model)
        with self._followed.again(path) as file:
            sizes = [
                prod(_shape(layer))
                for layer in read(path).of_type("Const")
                if layer.attributes["element_type"] in _REAL
            ]
        return {
            "parameters": sum(size for size in sizes if size > 1),
            "statistics": 0,
            "sha256": file.digest,
        }

    def modes(self) -> Sequence[str]:
        """Return the modes: in single precision, or in the precision that OpenVINO chooses."""
        return modes.OPENVINO

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Compile the file; ``random`` weights keep the file's values until ``assign``."""
        from zoodiff.frontends.openvino.writer import Writer

        path, extent = opened(model)
        mode = modes.choose(mode, modes.OPENVINO, "an IR file")
        with contextlib.ExitStack() as stack:
            with load_stages.stage(load_stages.CHECKS):
                file = stack.enter_context(_steady_model(path))
                network = read(path)
                scan.check(network, path)
                writer = Writer(network, path.name, lambda layer: b"")
                constants = {
                    writer.outputs(layer)[0]: layer
                    for layer in network.of_type("Const")
                    if layer.attributes["element_type"] in _NUMPY
                }
                own = _Weights(network, constants, path)

            def compiled() -> CompiledNetwork:
                reader = openvino_session.of_ir(*own.model())
                return CompiledNetwork(reader, name=path.name, threads=threads, mode=mode)

            running = compiled()
        declared = running.input_shape
        return OpenVinoNetwork(
            weights_sha256=None if weights == RANDOM else file.digest,
            weights_state="random" if weights == RANDOM else "file",
            input_shape=(1, *_image(declared, extent)[1:]),
            layout="NHWC" if _is_channels_last(declared) else "NCHW",
            _compile=compiled,
            _weights=own,
            _check=file.check,
            scope=running.scope(_precision(network)),
            _compiled=running,
        )


def _closed(network: FileNetwork, path: Path, extent: int) -> FileNetwork:
    """Return the network with all shapes for one image, as OpenVINO infers them.

    A file that OpenVINO may not or cannot take keeps its open extents.
    """
    if all(min(port.shape, default=0) >= 0 for layer in network.layers for port in layer.outputs):
        return network
    try:
        scan.check(network, path)
        reader = openvino_session.of_ir(*_Weights(network, {}, path).model())
        model = reader(openvino_session.import_openvino().Core())
        declared = [n.get_length() if n.is_static else None for n in model.input(0).partial_shape]
        model.reshape({0: _image(declared, extent)})
        shapes = {
            op.get_friendly_name(): [
                tuple(out.shape) if out.partial_shape.is_static else None for out in op.outputs()
            ]
            for op in model.get_ops()
        }
    except Exception:  # OpenVINO's own kinds; the file is described from what it says itself
        return network
    return replace(network, layers=tuple(_with_shapes(layer, shapes) for layer in network.layers))


def _with_shapes(layer: Layer, shapes: Mapping[str, Sequence[tuple[int, ...] | None]]) -> Layer:
    inferred = shapes.get(layer.name, ())
    if len(inferred) != len(layer.outputs):
        return layer
    pairs = zip(layer.outputs, inferred, strict=True)
    ports = tuple(replace(port, shape=shape or port.shape) for port, shape in pairs)
    return replace(layer, outputs=ports)


def _image(declared: Sequence[int | None], extent: int) -> list[int]:
    """Return the shape of one image; ``extent`` is its height and width where they are open."""
    last = _is_channels_last(declared)
    shape = [extent if n is None else n for n in declared]
    if len(shape) == 4 and declared[1] is None and not last:
        shape[1] = 3
    return [1, *shape[1:]] if declared[:1] == [None] else shape


def _is_channels_last(declared: Sequence[int | None]) -> bool:
    return len(declared) == 4 and declared[-1] in {1, 3} and declared[1] not in {1, 3}


def _precision(network: FileNetwork) -> str:
    """Return numpy's name of the type in which a file stores most of its weights."""
    sizes: dict[str, int] = {}
    for layer in network.of_type("Const"):
        kind = layer.attributes["element_type"]
        if kind in _REAL:
            sizes[kind] = sizes.get(kind, 0) + prod(_shape(layer))
    most = max(sizes, key=sizes.__getitem__) if sizes else "f32"
    return {**_NUMPY, "bf16": "bfloat16"}.get(most, most)
