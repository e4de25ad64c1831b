"""Modules and functions of TensorFlow that the caller holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.objects.tensorflow_calls import TensorFlowCall
from zoodiff.zoos.runtime.weights_access import WeightsAccess, of_tensorflow, read_only

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_LONGEST = 200
"""Characters of a reason."""
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class _Traced:
    """A function traced for inputs of known shapes, and its graph."""

    function: Any
    graph: Graph
    variables: tuple[Any, ...]
    turned: tuple[bool, ...]
    """Which inputs are images with channels last, which the graph has first."""


@dataclass
class HeldTensorFlowNetwork:
    """A traced function as a loaded network; its variables can be read only."""

    input_shape: tuple[int, ...]
    _traced: _Traced
    _access: WeightsAccess
    weights_state: WeightsState = "file"
    weights_sha256: str | None = None
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    scope: Mapping[str, str] = field(default_factory=dict)

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the variables by their names in the graph."""
        return self._access

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Raise MeasurementError: an object keeps its weights."""
        raise MeasurementError("an object keeps its weights")

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the first output for a batch of the one input, images with channels first."""
        name = self._traced.graph.inputs[0].name
        first: NDArray[np.float32] = next(iter(self.run_named({name: batch}).values()))
        return first

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run on named inputs; images are given channels first."""
        import numpy as np
        import tensorflow as tf

        tensors = []
        names = [tensor.name for tensor in self._traced.graph.inputs]
        if set(names) != set(inputs):
            raise MeasurementError(f"the function takes the inputs {', '.join(names)}")
        specs = self._traced.function.inputs
        for name, turned, spec in zip(names, self._traced.turned, specs, strict=False):
            array = np.ascontiguousarray(
                inputs[name].transpose(0, 2, 3, 1) if turned else inputs[name]
            )
            tensors.append(tf.constant(array, dtype=spec.dtype))
        try:
            returned = self._traced.function(*tensors)
        except Exception as error:  # a function's own code may raise anything
            raise MeasurementError(f"the function refuses the inputs ({_reason(error)})") from None
        return _named_outputs(returned)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: an object does not say how images are prepared."""
        raise MeasurementError("an object does not say how images are prepared")


def _reason(error: Exception) -> str:
    """What went wrong; of an error in user code the last line, which says it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and lines[0] == "in user code:":
        return lines[-1][:_LONGEST]
    return " ".join([f"{type(error).__name__}:", *lines])[:_LONGEST]


def _named_outputs(returned: Any) -> dict[str, NDArray[Any]]:
    import tensorflow as tf

    leaves = tf.nest.flatten(returned)
    names = [f"output {k}" for k in range(len(leaves))] if len(leaves) > 1 else ["output"]
    if isinstance(returned, Mapping) and len(returned) == len(leaves):
        names = [str(key) for key in sorted(returned)]
    return {name: leaf.numpy() for name, leaf in zip(names, leaves, strict=True)}


class HeldTensorFlow:
    """A module or function, traced for its inputs; see ``zoodiff.zoos.objects.entries.Held``."""

    notes: Sequence[str] = ()

    def __init__(self, call: TensorFlowCall) -> None:
        self.name = call.name
        self._call = call
        self._traces: dict[tuple[tuple[str, tuple[int, ...]], ...], _Traced] = {}
        self._current: _Traced | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the version of TensorFlow."""
        import tensorflow as tf

        return {"tensorflow": tf.__version__}

    def models(self) -> Sequence[str]:
        """Return no models: objects are given, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph for the inputs of the example, else of the signature."""
        return self._at({}).graph

    def describe_at(self, model: str, weights: str | None, shapes: Shapes) -> Graph:
        """Return the graph for inputs of these shapes, images with channels first or last."""
        self._current = self._at(self._own(shapes))
        return self._current.graph

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return scalars in trainable variables and in all others."""
        variables = self._at({}).variables
        sizes = [(bool(v.trainable), int(v.shape.num_elements())) for v in variables]
        return {
            "parameters": sum(n for trainable, n in sizes if trainable),
            "statistics": sum(n for trainable, n in sizes if not trainable),
        }

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        """Return the function as it is, for the inputs that it was last described with."""
        traced = self._current or self._at({})
        access = read_only(of_tensorflow(traced.variables), "an object keeps its weights")
        inputs = traced.graph.inputs
        return HeldTensorFlowNetwork(inputs[0].shape if inputs else (), traced, access)

    def example(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the arrays of the example, by the names of the graph's inputs."""
        import numpy as np

        if not self._call.example:
            return {}
        traced = self._at({})
        arrays = [np.asarray(tensor) for tensor in self._call.example]
        arrays = [
            array.transpose(0, 3, 1, 2) if turned else array
            for array, turned in zip(arrays, traced.turned, strict=True)
        ]
        return dict(zip((t.name for t in traced.graph.inputs), arrays, strict=True))

    def _own(self, shapes: Shapes) -> dict[str, tuple[int, ...]]:
        """Shapes by the names of the call, in the function's own order of axes."""
        usual = self._at({})
        own = {}
        for name, tensor, turned in zip(
            self._call.names, usual.graph.inputs, usual.turned, strict=True
        ):
            shape = shapes.get(tensor.name)
            if shape is None:
                continue
            channels = tensor.shape[1] if turned else 0
            if turned and len(shape) == 4 and (shape[1] == channels or shape[3] != channels):
                shape = (shape[0], *shape[2:], shape[1])
            own[name] = shape
        return own

    def _at(self, shapes: Shapes) -> _Traced:
        key = tuple(sorted(shapes.items()))
        if key not in self._traces:
            self._traces[key] = _traced(self._call, shapes)
        return self._traces[key]


def _traced(call: TensorFlowCall, shapes: Shapes) -> _Traced:
    """Trace a call; raise MeasurementError where TensorFlow cannot."""
    import tensorflow as tf

    from zoodiff.frontends.tensorflow.graph import graph_from_concrete_function, images_of

    specs = call.specs(shapes)
    if not specs:
        raise MeasurementError(f"{call.name} takes no inputs")

    def called(*tensors: Any) -> Any:
        return call(*tensors)

    try:
        function = tf.function(called).get_concrete_function(*specs)
    except Exception as error:  # a function's own code may raise anything
        raise MeasurementError(f"tf.function cannot trace {call.name} ({_reason(error)})") from None
    captured = [v for v in function.graph.variables if v.dtype.is_floating]
    known = {id(v.handle) for v in captured}
    others = [v for v in call.owned if v.dtype.is_floating and id(v.handle) not in known]
    variables = (*captured, *others)
    graph = graph_from_concrete_function(function, variables=variables, source=call.name)
    return _Traced(function, graph, variables, images_of(function, variables))
