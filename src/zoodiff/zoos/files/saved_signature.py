"""The signature of a SavedModel, traced at batch size 1 for inputs of known shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.frontends.tensorflow.protocols import TfVariable
    from zoodiff.graph.ir import Graph

_LENGTH = 32
"""What stands in for open extents of an input that is no image: the length of a sequence."""
_DIGITS = re.compile(r"(\d+)")
_LONGEST = 200
"""Characters of a reason."""


@dataclass(frozen=True)
class TracedSignature:
    """A traced signature: its inputs in order, by the names that it gives them."""

    loaded: Any
    function: Any
    shapes: Mapping[str, tuple[int, ...]]
    """Of the inputs, in the signature's own order of axes."""
    outputs: tuple[str, ...]
    """The names of the outputs, in the order in which the function returns them."""

    @property
    def variables(self) -> list[TfVariable]:
        """The variables of the model, or else of the function, without counters."""
        own = list(getattr(self.loaded, "variables", [])) or list(self.function.graph.variables)
        return [v for v in own if v.dtype.is_floating]

    def graph(self, source: str) -> Graph:
        """Return the canonical graph."""
        from zoodiff.frontends.tensorflow.graph import graph_from_concrete_function

        return graph_from_concrete_function(self.function, variables=self.variables, source=source)

    @cached_property
    def turned(self) -> tuple[bool, ...]:
        """Return for each input whether it is an image with channels last, which graphs turn."""
        from zoodiff.frontends.tensorflow.graph import images_of

        return images_of(self.function, self.variables)

    def own_shapes(
        self, graph: Graph, stated: Mapping[str, tuple[int, ...]]
    ) -> dict[str, tuple[int, ...]]:
        """Return shapes by the names of a graph, channels first, as the signature's own.

        Raises MeasurementError for an input that the graph has not.
        """
        known = {
            tensor.name: (name, turned)
            for tensor, name, turned in zip(graph.inputs, self.shapes, self.turned, strict=True)
        }
        own = {}
        for name, shape in stated.items():
            if name not in known:
                raise MeasurementError(f"the signature has no input {name}")
            key, turned = known[name]
            last = turned and len(shape) == 4
            own[key] = (shape[0], *shape[2:], shape[1]) if last else tuple(shape)
        return own

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run by name; images are given channels first.

        An input that is not given is filled with zeros. Raises MeasurementError for inputs that
        are refused.
        """
        import numpy as np
        import tensorflow as tf

        specs = list(self.function.inputs)[: len(self.shapes)]
        names = [spec.name.removesuffix(":0") for spec in specs]
        if unknown := sorted(inputs.keys() - set(names)):
            raise MeasurementError(f"the signature has no input {unknown[0]}")
        tensors = []
        for name, spec, shape, turned in zip(
            names, specs, self.shapes.values(), self.turned, strict=True
        ):
            array = inputs.get(name)
            if array is None:
                tensors.append(tf.zeros(shape, spec.dtype))
                continue
            array = np.ascontiguousarray(array.transpose(0, 2, 3, 1) if turned else array)
            tensors.append(tf.constant(array.astype(spec.dtype.as_numpy_dtype)))
        try:
            returned = self.function(*tensors)
        except Exception as error:  # TensorFlow raises many kinds
            raise MeasurementError(f"TensorFlow refuses the inputs ({_reason(error)})") from None
        leaves = tf.nest.flatten(returned)
        return {name: leaf.numpy() for name, leaf in zip(self.outputs, leaves, strict=True)}


def traced_signature(
    loaded: Any,
    path: Path,
    extent: int,
    stated: Mapping[str, tuple[int, ...]],
    *,
    xla: bool = False,
) -> TracedSignature:
    """Return the signature that a loaded model is served by, traced for inputs of known shapes.

    ``stated`` are shapes by the signature's own names; open extents of others are ``extent`` in
    images and a usual length elsewhere. Raises MeasurementError where there is no signature, or
    TensorFlow cannot trace it.
    """
    import tensorflow as tf

    signatures = dict(getattr(loaded, "signatures", {}))
    signature = signatures.get("serving_default") or next(iter(signatures.values()), None)
    if signature is None:
        raise MeasurementError(f"{path} has no signature; save it with one")
    _, inputs = signature.structured_input_signature
    results = tuple(sorted(signature.structured_outputs, key=_places))
    if not inputs or not results:
        raise MeasurementError(
            f"the signature of {path} has {len(inputs)} inputs and {len(results)} outputs; at "
            "least one of each is needed"
        )
    shapes = {}
    for key, spec in inputs.items():
        if spec.shape.rank is None:
            raise MeasurementError(f"the input {key} of {path} has no rank; save it with a shape")
        usual = extent if len(inputs) == 1 or spec.shape.rank == 4 else _LENGTH
        shapes[key] = stated.get(key) or _closed(spec.shape.as_list(), usual)

    def call(*tensors: object) -> object:
        returned = signature(**dict(zip(inputs, tensors, strict=True)))
        return tuple(returned[name] for name in results)

    specs = [
        tf.TensorSpec(shapes[key], spec.dtype, name="image" if len(inputs) == 1 else _plain(key))
        for key, spec in inputs.items()
    ]
    try:
        function = tf.function(call, jit_compile=xla or None).get_concrete_function(*specs)
    except Exception as error:
        taken = ", ".join(f"{key} of shape {shape}" for key, shape in shapes.items())
        raise MeasurementError(
            f"the signature of {path} does not take {taken} ({_reason(error)})"
        ) from None
    return TracedSignature(loaded, function, shapes, results)


def _places(name: str) -> list[tuple[int, str]]:
    """Order names as their numbers count: output_2 before output_10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in _DIGITS.split(name)]


def _plain(name: str) -> str:
    """A name that TensorFlow takes for a placeholder."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)


def _closed(shape: Sequence[int | None], usual: int) -> tuple[int, ...]:
    """A shape at batch size 1 without open extents."""
    closed = [int(n) if n else (1 if axis == 0 else usual) for axis, n in enumerate(shape)]
    return (1, *closed[1:]) if closed else ()


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST]
