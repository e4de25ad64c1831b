"""Models of Keras that the caller holds, whatever their backend is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.runtime.weights_access import of_keras, read_only

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph


@dataclass
class HeldKerasNetwork:
    """A model as a loaded network; its weights can be read only."""

    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _model: Any
    _names: tuple[str, ...]
    weights_state: WeightsState = "file"
    weights_sha256: str | None = None
    scope: Mapping[str, str] = field(default_factory=dict)

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the variables by their names in the graph."""
        return read_only(of_keras(self._model), "an object keeps its weights")

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Raise MeasurementError: an object keeps its weights."""
        raise MeasurementError("an object keeps its weights")

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the first output for a batch of the one input, in the model's own layout."""
        outputs = self._run([batch])
        first: NDArray[np.float32] = next(iter(outputs.values()))
        return first.reshape(len(batch), -1)

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run; images are given channels first."""
        import numpy as np

        arrays = [inputs[name] for name in self._names if name in inputs]
        if len(arrays) != len(inputs) or len(arrays) != len(self._names):
            raise MeasurementError(f"the model takes the inputs {', '.join(self._names)}")
        if self.layout == "NHWC":
            arrays = [
                np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if x.ndim == 4 else x for x in arrays
            ]
        return self._run(arrays)

    def _run(self, arrays: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        import keras
        import numpy as np

        given = list(arrays) if len(arrays) > 1 else arrays[0]
        returned = keras.tree.flatten(self._model(given, training=False))
        names = list(getattr(self._model, "output_names", ()))
        if len(names) != len(returned) or len(set(names)) < len(names):
            names = [f"output {k}" for k in range(len(returned))]
        arrays = [np.asarray(keras.ops.convert_to_numpy(each)) for each in returned]
        return dict(zip(names, arrays, strict=True))

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: an object does not say how images are prepared."""
        raise MeasurementError("an object does not say how images are prepared")


class HeldKeras:
    """A model, called as at inference; see ``zoodiff.zoos.objects.entries.Held``."""

    notes: Sequence[str] = ()

    def __init__(self, model: Any, example: Any) -> None:
        self.name = type(model).__name__
        self._model = model
        self._example = example
        self._graph: Graph | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the version of Keras."""
        import keras

        return {"keras": keras.__version__}

    def models(self) -> Sequence[str]:
        """Return no models: objects are given, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the model."""
        from zoodiff.frontends.keras.functional import to_graph

        if self._graph is None:
            self._graph = to_graph(self._model, self._shape())
        return self._graph

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return scalars in trainable weights and in all others."""
        sizes = {id(v): _size(v.shape) for v in self._model.weights}
        trainable = sum(_size(v.shape) for v in self._model.trainable_weights)
        return {"parameters": trainable, "statistics": sum(sizes.values()) - trainable}

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        """Return the model as it is."""
        import keras

        graph = self.describe(model, weights)
        last = keras.config.image_data_format() == "channels_last"
        shape = graph.inputs[0].shape
        if last and len(shape) == 4:
            shape = (shape[0], *shape[2:], shape[1])
        names = tuple(tensor.name for tensor in graph.inputs)
        return HeldKerasNetwork(shape, "NHWC" if last else "NCHW", self._model, names)

    def example(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the arrays of the example, by the names of the graph's inputs."""
        import numpy as np

        leaves = self._leaves()
        names = [tensor.name for tensor in self.describe("", None).inputs]
        arrays = [np.asarray(leaf) for leaf in leaves]
        arrays = [x.transpose(0, 3, 1, 2) if x.ndim == 4 and self._last() else x for x in arrays]
        if leaves and len(leaves) != len(names):
            raise MeasurementError(f"the model takes {len(names)} inputs: {', '.join(names)}")
        return dict(zip(names, arrays, strict=False))

    def _last(self) -> bool:
        import keras

        return bool(keras.config.image_data_format() == "channels_last")

    def _leaves(self) -> list[Any]:
        import keras

        return [] if self._example is None else list(keras.tree.flatten(self._example))

    def _shape(self) -> tuple[int, ...] | None:
        leaves = self._leaves()
        return tuple(leaves[0].shape[1:]) if len(leaves) == 1 else None


def _size(shape: Sequence[int]) -> int:
    size = 1
    for extent in shape:
        size *= int(extent)
    return size
