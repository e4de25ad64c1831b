"""The worker side of TensorFlow's SavedModels and frozen graphs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.files.guarded import guarded
from zoodiff.zoos.files.saved_signature import TracedSignature, traced_signature
from zoodiff.zoos.keras.backend import import_keras
from zoodiff.zoos.runtime import load_stages, modes, openvino_session
from zoodiff.zoos.runtime.openvino_session import CompiledNetwork
from zoodiff.zoos.runtime.weights_access import WeightsAccess, of_tensorflow, read_only
from zoodiff.zoos.scan import graphs
from zoodiff.zoos.steady import Followed, steady

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_LARGEST = 2**31 - 1
"""Bytes of a protobuf that TensorFlow parses."""


@dataclass
class TensorFlowNetwork:
    """A signature of a SavedModel, compiled by TensorFlow."""

    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _call: Callable[[Any], Any] | None
    _access: WeightsAccess
    scope: Mapping[str, str]
    _signature: TracedSignature | None = None
    """What runs on named inputs; None for a frozen graph and in OpenVINO."""
    weights_state: WeightsState = "file"
    weights_sha256: str | None = None

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the variables by their names in the graph."""
        return self._access

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace variables by name."""
        self._access.assign(weights)

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs ``(batch, classes)`` for a batch in the signature's own layout."""
        if self._call is None:
            raise MeasurementError("zoodiff reads frozen graphs and does not run them yet")
        signature = self._signature
        if signature is not None and len(signature.shapes) > 1:
            raise MeasurementError("the signature takes several inputs, not one batch")
        if signature is not None and len(signature.outputs) > 1:
            # The first alone would hide the others.
            raise MeasurementError(
                f"the signature has {len(signature.outputs)} outputs; one is needed for a batch"
            )
        result: NDArray[np.float32] = self._call(batch)
        return result.reshape(len(batch), -1)

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run on named inputs; images are given channels first."""
        if self._signature is None:
            raise MeasurementError("only a SavedModel in TensorFlow is run on named inputs")
        return self._signature.run_named(inputs)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: a file does not say how images are prepared."""
        raise MeasurementError("a SavedModel does not say how images are prepared")


@guarded
class TensorFlowFiles:
    """SavedModel folders and frozen graphs; see ``zoodiff.zoos.base.Backend``."""

    def __init__(self) -> None:
        _, self._tf = import_keras()
        self._followed = Followed()
        self._stated: dict[str, dict[str, tuple[int, ...]]] = {}
        """The shapes that a SavedModel was last described with, by what it is called."""

    def versions(self) -> Mapping[str, str]:
        """Return the version of TensorFlow."""
        return {"tensorflow": self._tf.__version__}

    def models(self) -> Sequence[str]:
        """Return no models: files are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the only signature, or of the frozen graph, at batch size 1."""
        path, extent = opened(model)
        with self._followed.first(path):
            if not path.is_dir():
                return self._frozen(path, extent)
            self._stated.pop(model, None)
            return self._signature(path, extent).graph(path.name)

    def describe_at(
        self, model: str, weights: str | None, shapes: Mapping[str, tuple[int, ...]]
    ) -> Graph:
        """Return the graph of a SavedModel for inputs of these shapes, images channels first."""
        path, extent = opened(model)
        with self._followed.first(path):
            if not path.is_dir():
                raise MeasurementError(f"{path} is a frozen graph, whose inputs have their shapes")
            usual = self._signature(path, extent)
            stated = usual.own_shapes(usual.graph(path.name), shapes)
            self._stated[model] = stated
            return self._signature(path, extent, stated).graph(path.name)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Count the variables that the signature uses, or the constants of a frozen graph."""
        path, extent = opened(model)
        with self._followed.again(path) as file:
            sizes = self._sizes(path, extent)
        return {
            "parameters": sum(n for trainable, n in sizes if trainable),
            "statistics": sum(n for trainable, n in sizes if not trainable),
            "sha256": file.digest,
        }

    def _sizes(self, path: Path, extent: int) -> list[tuple[bool, int]]:
        """Return per variable or constant whether it is trained, and its number of values."""
        if not path.is_dir():
            graph = self._frozen(path, extent)
            parameters = {p.name: p for node in graph.nodes for p in node.parameters}.values()
            return [(p.trainable, p.size) for p in parameters]
        variables = self._signature(path, extent).variables
        return [(bool(v.trainable), int(v.shape.num_elements())) for v in variables]

    def modes(self) -> Sequence[str]:
        """Return the modes: the signature as saved, compiled by XLA, or in OpenVINO."""
        return modes.SAVED_MODEL

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Load a SavedModel; ``random`` weights keep the file's values until ``assign``."""
        path, extent = opened(model)
        mode = modes.choose(mode, modes.SAVED_MODEL, "a SavedModel")
        with contextlib.ExitStack() as stack:
            with load_stages.stage(load_stages.CHECKS):
                file = stack.enter_context(steady(path))
            if not path.is_dir():
                constants = self._constants(path)
                return TensorFlowNetwork(
                    (), "NHWC", None, constants, {}, weights_sha256=file.digest
                )
            with load_stages.stage(load_stages.BUILD):
                signature: TracedSignature | None = self._signature(
                    path, extent, self._stated.get(model, {}), xla=mode == modes.XLA
                )
            assert signature is not None
            shape = next(iter(signature.shapes.values()))
            access = of_tensorflow(signature.variables)
            call, scope = _call_of(signature.function), modes.tensorflow_scope(mode)
            if mode in modes.OPENVINO:
                if len(signature.shapes) > 1 or len(signature.outputs) > 1:
                    raise MeasurementError(
                        f"OpenVINO runs SavedModels of one input and one output; {path.name} has "
                        f"{len(signature.shapes)} and {len(signature.outputs)}"
                    )
                signature = None
                compiled = CompiledNetwork(
                    openvino_session.of_path(os.fspath(path)),
                    name=path.name,
                    threads=threads,
                    mode=mode,
                )
                access = read_only(access, "OpenVINO's copies of variables cannot be replaced")
                call, scope = compiled, compiled.scope("float32")
        last = len(shape) == 4 and shape[-1] in {1, 3}
        return TensorFlowNetwork(
            input_shape=shape,
            layout="NHWC" if last else "NCHW",
            _call=call,
            _access=access,
            scope=scope,
            _signature=signature,
            weights_state="random" if weights == RANDOM else "file",
            weights_sha256=None if weights == RANDOM else file.digest,
        )

    def _signature(
        self,
        path: Path,
        extent: int,
        stated: Mapping[str, tuple[int, ...]] | None = None,
        *,
        xla: bool = False,
    ) -> TracedSignature:
        """Return the signature of a checked SavedModel, traced at batch size 1."""
        with load_stages.stage(load_stages.CHECKS):
            graphs.check_saved_model(path)
        try:
            loaded = self._tf.saved_model.load(os.fspath(path))
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"{path} cannot be loaded ({reason})") from None
        return traced_signature(loaded, path, extent, stated or {}, xla=xla)

    def _definition(self, path: Path) -> Any:
        definition = self._tf.compat.v1.GraphDef()
        try:
            if path.stat().st_size > _LARGEST:
                raise ValueError("it is larger than 2 GiB")
            definition.ParseFromString(path.read_bytes())
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"{path} is no frozen graph ({reason})") from None
        graphs.check_graph(definition, path)
        return definition

    def _constants(self, path: Path) -> WeightsAccess:
        """Return the constants by the names of their operations."""
        tensors = {
            node.name: node.attr["value"].tensor
            for node in self._definition(path).node
            if node.op == "Const"
        }

        def refuse(weights: Mapping[str, NDArray[Any]]) -> None:
            raise MeasurementError(f"weights cannot be put into {path.name}, a frozen graph")

        def read(name: str) -> NDArray[Any]:
            try:
                array: NDArray[Any] = self._tf.make_ndarray(tensors[name])
            except (TypeError, ValueError) as error:
                reason = " ".join(str(error).split())[:200]
                raise MeasurementError(
                    f"{path.name}: the constant {name} is no tensor ({reason})"
                ) from None
            return array

        return WeightsAccess(
            {name: [d.size for d in t.tensor_shape.dim] for name, t in tensors.items()},
            read,
            refuse,
        )

    def _frozen(self, path: Path, extent: int) -> Graph:
        from zoodiff.frontends.tensorflow.graph import graph_from_graph_def

        tf = self._tf
        definition = self._definition(path)
        read = {name.split(":")[0].lstrip("^") for node in definition.node for name in node.input}
        inputs = {}
        for node in definition.node:
            if node.op == "Placeholder" and node.name in read:
                dims = [int(d.size) for d in node.attr["shape"].shape.dim]
                inputs[node.name] = [
                    n if n > 0 else (1 if axis == 0 else extent) for axis, n in enumerate(dims)
                ]
        outputs = [
            node.name
            for node in definition.node
            if node.name not in read and node.op not in _NO_OUTPUT
        ]
        if len(inputs) != 1 or not next(iter(inputs.values())):
            raise MeasurementError(
                f"{path} has {len(inputs)} inputs with a shape; zoodiff needs one"
            )
        if not outputs:
            raise MeasurementError(f"{path} has no output")
        try:
            return graph_from_graph_def(definition, inputs, outputs, source=path.name)
        except (ValueError, TypeError, KeyError, tf.errors.OpError) as error:
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"{path} is not a valid frozen graph ({reason})") from None


def _call_of(function: Any) -> Callable[[Any], Any]:
    import tensorflow as tf

    return lambda batch: function(tf.constant(batch))[0].numpy()


_NO_OUTPUT = frozenset(
    {"Assert", "Const", "NoOp", "Placeholder", "SaveV2", "VarHandleOp", "VariableV2"}
)
