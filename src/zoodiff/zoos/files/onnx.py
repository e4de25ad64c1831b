"""The worker side of ONNX files."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Network
from zoodiff.zoos.files.entries import is_sized, opened
from zoodiff.zoos.files.guarded import guarded
from zoodiff.zoos.onnx.backend import OnnxNetwork
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.onnx_session import open_file, precision, steady_model
from zoodiff.zoos.scan import onnx as scan
from zoodiff.zoos.steady import Followed, SteadyFile

if TYPE_CHECKING:
    from zoodiff.frontends.onnx.protobuf import ModelProto
    from zoodiff.graph.ir import Graph

_LENGTH = 32
"""What stands in for open extents of a file without images: the length of a sequence."""


@guarded
class OnnxFiles:
    """ONNX files on ONNX Runtime; see ``zoodiff.zoos.base.Backend``."""

    def __init__(self) -> None:
        self._followed = Followed(steady_model)
        self._extents: dict[str, int] = {}
        """What stands in for open extents, by the hash of the file."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the packages that read and run the files."""
        return {name: importlib.metadata.version(name) for name in ("onnx", "onnxruntime")}

    def models(self) -> Sequence[str]:
        """Return no models: files are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the file; weights are not read."""
        from zoodiff.frontends.onnx.file import graph_from_model, load

        path, _ = opened(model)
        with self._followed.first(path) as file:
            read = load(path)
            return graph_from_model(read, path.name, extent=self._extent(model, read, file))

    def describe_at(
        self, model: str, weights: str | None, shapes: Mapping[str, tuple[int, ...]]
    ) -> Graph:
        """Return the graph of the file for inputs of these shapes."""
        from zoodiff.frontends.onnx.file import graph_from_model, load

        path, extent = opened(model)
        with self._followed.first(path):
            return graph_from_model(load(path), path.name, extent=extent, stated=shapes)

    def _extent(self, model: str, read: ModelProto, file: SteadyFile) -> int:
        """What stands in for open extents: the size that was asked for, or one that fits."""
        from zoodiff.frontends.onnx.file import extent_of, takes_images

        path, extent = opened(model)
        if is_sized(model):
            return extent
        if file.digest not in self._extents:
            extent = extent if takes_images(read) else _LENGTH
            self._extents[file.digest] = extent_of(read, path.name, extent)
        return self._extents[file.digest]

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Count the file's own tensors."""
        from zoodiff.frontends.onnx.file import load
        from zoodiff.zoos.runtime.onnx_weights import counts

        path, _ = opened(model)
        with self._followed.again(path) as file:
            return {**counts(load(path).graph), "sha256": file.digest}

    def modes(self) -> Sequence[str]:
        """Return the levels of ONNX Runtime's graph optimisations."""
        return modes.ONNX

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Start a session of known operators; ``random`` fills every weight from ``seed``."""
        from zoodiff.frontends.onnx.file import load

        path, _ = opened(model)
        with contextlib.ExitStack() as stack:
            with load_stages.stage(load_stages.CHECKS):
                file = stack.enter_context(steady_model(path))
                read = load(path)
                scan.check(read, path)
                extent = self._extent(model, read, file)
            session = open_file(
                path,
                weights,
                seed,
                name=path.name,
                threads=threads,
                mode=mode,
                check=file.check,
            )
            with load_stages.stage(load_stages.CHECKS):
                scope = session.scope(precision(path))
        declared = session.input_shape
        last = len(declared) == 4 and declared[-1] in {1, 3} and declared[1] not in {1, 3}
        shape = tuple(
            n if isinstance(n, int) and n > 0 else (1 if axis == 0 else extent)
            for axis, n in enumerate(declared)
        )
        return OnnxNetwork(
            weights_state="random" if weights == RANDOM else "file",
            weights_sha256=None if weights == RANDOM else file.digest,
            input_shape=(1, *shape[1:]),
            layout="NHWC" if last else "NCHW",
            _call=session,
            _preprocessing=Preprocessing(),
            scope=scope,
        )
