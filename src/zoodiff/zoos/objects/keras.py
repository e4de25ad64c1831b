"""Models of Keras that the caller holds, whatever their backend is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.errors import MeasurementError, UsageError
from zoodiff.quantities import counted
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.runtime.weights_access import of_keras, read_only

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

Own = tuple[tuple[str, tuple[int, ...]], ...]
"""The shapes of inputs by name, without batch, in the model's own order of axes."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 200
"""Characters of a reason."""
_LENGTH, _SIZE = 32, 224
"""What stands in for open extents: the length of a sequence, and the size of an image."""


@dataclass
class HeldKerasNetwork:
    """A model as a loaded network; its weights can be read only."""

    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _model: Any
    _names: tuple[str, ...]
    _own: Mapping[str, tuple[int, ...]]
    """The shapes of the inputs without batch, in the model's own order."""
    weights_state: WeightsState = "file"
    weights_sha256: str | None = None
    scope: Mapping[str, str] = field(default_factory=dict)

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the variables by their names in the graph."""
        return read_only(of_keras(self._model, self._own), "an object keeps its weights")

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

        from zoodiff.frontends.keras.functional import input_structure

        given = keras.tree.pack_sequence_as(input_structure(self._model), list(arrays))
        try:
            structure = self._model(given, training=False)
        except Exception as error:  # a model's own code may raise anything
            words = " ".join(_COLOUR.sub("", str(error)).split())[:_LONGEST]
            raise MeasurementError(f"the model refuses the inputs ({words})") from None
        returned = keras.tree.flatten(structure)
        names = list(getattr(self._model, "output_names", ()))
        if isinstance(structure, Mapping) and len(structure) == len(returned):
            # Exports call the outputs by these names.
            places = keras.tree.flatten_with_path(structure)
            names = [str(path[0]) for path, _ in places]
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
        self._graphs: dict[Own, Graph] = {}
        self._current: Own | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the version of Keras."""
        import keras

        return {"keras": keras.__version__}

    def models(self) -> Sequence[str]:
        """Return no models: objects are given, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph for the inputs of the example, else of usual lengths."""
        return self._described(self._own({}))

    def describe_at(
        self, model: str, weights: str | None, shapes: Mapping[str, tuple[int, ...]]
    ) -> Graph:
        """Return the graph for inputs of these shapes, images with channels first."""
        self._current = self._own(shapes)
        return self._described(self._current)

    def _described(self, own: Own) -> Graph:
        from zoodiff.frontends.keras.functional import to_graph

        if own not in self._graphs:
            self._graphs[own] = to_graph(self._model, dict(own))
        return self._graphs[own]

    def _own(self, stated: Mapping[str, tuple[int, ...]]) -> Own:
        """The shape of each input without batch, in the model's own order of axes.

        What the model leaves open is that of the stated shape, of the example, or usual.
        """
        from zoodiff.frontends.keras.functional import declared_shapes

        declared = declared_shapes(self._model)
        given = dict(zip(declared, (tuple(leaf.shape) for leaf in self._leaves()), strict=False))
        for name, shape in stated.items():
            if name in declared:
                last = self._last() and len(shape) == 4
                given[name] = (shape[0], *shape[2:], shape[1]) if last else shape
        return tuple((name, self._closed(name, given.get(name))) for name in declared)

    def _closed(self, name: str, given: tuple[int, ...] | None) -> tuple[int, ...]:
        """A shape without batch and open extents; raise MeasurementError where it does not fit."""
        from zoodiff.frontends.keras.functional import declared_shapes

        declared = declared_shapes(self._model)[name]
        usual = _SIZE if len(declared) == 3 else _LENGTH
        if given is None:
            return tuple(int(n or usual) for n in declared)
        if (
            len(given) != len(declared) + 1
            or given[0] != 1
            or any(n not in (None, m) for n, m in zip(declared, given[1:], strict=True))
        ):
            wanted = ["1", *("any" if n is None else str(n) for n in declared)]
            raise MeasurementError(
                f"the input {name} of {self.name} has the shape [{', '.join(wanted)}], and "
                f"{list(given)} does not fit"
            )
        return given[1:]

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return scalars in trainable weights and in all others."""
        sizes = {id(v): _size(v.shape) for v in self._model.weights}
        trainable = sum(_size(v.shape) for v in self._model.trainable_weights)
        return {"parameters": trainable, "statistics": sum(sizes.values()) - trainable}

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        """Return the model as it is."""
        import keras

        own = self._current or self._own({})
        graph = self._described(own)
        last = keras.config.image_data_format() == "channels_last"
        shape = graph.inputs[0].shape
        if last and len(shape) == 4:
            shape = (shape[0], *shape[2:], shape[1])
        names = tuple(tensor.name for tensor in graph.inputs)
        return HeldKerasNetwork(shape, "NHWC" if last else "NCHW", self._model, names, dict(own))

    def example(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the arrays of the example, by the names of the graph's inputs."""
        import numpy as np

        leaves = self._leaves()
        names = [tensor.name for tensor in self.describe("", None).inputs]
        arrays = [np.asarray(leaf) for leaf in leaves]
        arrays = [x.transpose(0, 3, 1, 2) if x.ndim == 4 and self._last() else x for x in arrays]
        return dict(zip(names, arrays, strict=True)) if leaves else {}

    def _last(self) -> bool:
        import keras

        return bool(keras.config.image_data_format() == "channels_last")

    def _leaves(self) -> list[Any]:
        """The arrays of the example, in the order of the model's inputs.

        Raises UsageError for an example that holds anything else, or too few.
        """
        import keras

        from zoodiff.frontends.keras.functional import declared_shapes

        if self._example is None:
            return []
        names = list(declared_shapes(self._model))
        if isinstance(self._example, Mapping) and set(self._example) == set(names):
            leaves = [self._example[name] for name in names]
        else:
            leaves = list(keras.tree.flatten(self._example))
        if len(leaves) != len(names) or not all(hasattr(leaf, "shape") for leaf in leaves):
            held = counted(sum(hasattr(leaf, "shape") for leaf in leaves), "array")
            raise UsageError(f"{self.name} takes ({', '.join(names)}), and the example has {held}")
        return [leaf.detach().cpu() if hasattr(leaf, "detach") else leaf for leaf in leaves]


def _size(shape: Sequence[int]) -> int:
    size = 1
    for extent in shape:
        size *= int(extent)
    return size
