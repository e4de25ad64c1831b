"""The ONNX model under construction, from the layers of one IR file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx.protobuf import ModelProto
from zoodiff.frontends.openvino.reader import FileNetwork, Layer, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 21
"""ONNX's operator set in which layers are written."""
DOMAIN = "openvino"
"""The domain of layers that no operator of ONNX describes."""
CODES: Mapping[str, int] = {
    **{"f32": 1, "u8": 2, "i8": 3, "u16": 4, "i16": 5, "i32": 6, "i64": 7, "boolean": 9},
    **{"f16": 10, "f64": 11, "u32": 12, "u64": 13, "bf16": 16, "f8e4m3": 17, "f8e5m2": 19},
    **{"u4": 21, "i4": 22},
}
"""ONNX's codes of element types; others are undefined (0)."""
_UNREAD = frozenset({"u4", "i4"})
"""Types of which several values share a byte."""
SMALL = 4096
"""The largest constant, in elements, whose values are read."""


class Writer:
    """Collects ONNX nodes; tensors have the names of the layers that compute them.

    ``read`` returns the bytes of a constant.
    """

    def __init__(self, network: FileNetwork, name: str, read: Callable[[Layer], bytes]) -> None:
        from onnx import helper

        self._make = helper
        self._name, self._read = name, read
        self._layers = {layer.id: layer for layer in network.layers}
        self._readers: dict[tuple[str, str], list[Layer]] = {}
        self._constant: set[str] = set()
        """Layers that compute from constants alone."""
        self.merged: set[str] = set()
        """Layers that another layer computes too, such as the sum with a bias."""
        self._names: dict[str, int] = {}
        self._tensors: dict[tuple[str, str], str] = {}
        self.shapes: dict[str, tuple[tuple[int, ...], int]] = {}
        """The shape and ONNX's element type by the name of a tensor."""
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        for layer in network.layers:
            for position, port in enumerate(layer.outputs):
                tensor = self._unique(f"{layer.name}:{position}" if position else layer.name)
                self._tensors[layer.id, port.number] = tensor
                self.shapes[tensor] = port.shape, CODES.get(port.element_type, 0)
            for source in layer.inputs:
                self._readers.setdefault(source, []).append(layer)
            sources = {source for source, _ in layer.inputs}
            if layer.type == "Const" or (sources and sources <= self._constant):
                self._constant.add(layer.id)

    def _unique(self, name: str) -> str:
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    # What a layer reads and computes

    def tensor(self, layer: Layer, position: int) -> str:
        """Return the name of the tensor that an input reads."""
        name = self._tensors.get(layer.inputs[position])
        if name is None:
            raise MeasurementError(
                f"the layer {layer.name!r:.60} of {self._name} reads a port that no layer has; "
                "the file is malformed"
            )
        return name

    def outputs(self, layer: Layer) -> list[str]:
        """Return the names of the tensors that a layer computes."""
        return [self._tensors[layer.id, port.number] for port in layer.outputs]

    def is_read(self, layer: Layer, position: int) -> bool:
        """Whether some layer reads an output."""
        return (layer.id, layer.outputs[position].number) in self._readers

    def is_constant(self, layer: Layer, position: int) -> bool:
        """Whether an input depends on constants alone."""
        return layer.inputs[position][0] in self._constant

    def sum_behind(self, layer: Layer) -> tuple[Layer, int] | None:
        """Return the only reader of a layer if it adds a constant, and the constant's position."""
        readers = self._readers.get((layer.id, layer.outputs[0].number), [])
        if len(readers) != 1 or readers[0].type != "Add" or len(readers[0].inputs) != 2:
            return None
        constant = [i for i in (0, 1) if readers[0].inputs[i][0] in self._constant]
        return (readers[0], constant[0]) if len(constant) == 1 else None

    def shape(self, layer: Layer, position: int) -> tuple[int, ...]:
        """Return the shape of an input."""
        return self.shapes[self.tensor(layer, position)][0]

    def value(self, layer: Layer, position: int) -> NDArray[Any] | None:
        """Return the values of an input if it is a small constant, perhaps converted."""
        if position >= len(layer.inputs):
            return None
        source = self._layers.get(layer.inputs[position][0])
        if source is not None and source.type == "Convert":
            source = self._layers.get(source.inputs[0][0])
        if source is None or source.blob is None:
            return None
        return self._array(source)

    def integers(self, layer: Layer, position: int) -> list[int] | None:
        """Return the values of a small constant as integers."""
        array = self.value(layer, position)
        if array is None or array.dtype.kind not in "iu":
            return None
        return [int(value) for value in array.reshape(-1)]

    def _array(self, layer: Layer) -> NDArray[Any] | None:
        tensor = self.constant(layer)
        if not tensor.raw_data:
            return None
        from onnx import numpy_helper

        array: NDArray[Any] = numpy_helper.to_array(tensor)
        return array

    # Adding to the model

    def constant(self, layer: Layer) -> Any:
        """Return a constant as ``onnx.TensorProto``, with its values if they are few."""
        from onnx import TensorProto

        kind = layer.attributes["element_type"]
        shape = numbers(layer.attributes.get("shape", ""))
        tensor = TensorProto(name=self.outputs(layer)[0], data_type=CODES.get(kind, 0), dims=shape)
        if 0 < prod(shape) <= SMALL and kind in CODES and kind not in _UNREAD:
            tensor.raw_data = self._read(layer)
        return tensor

    def number(self, name: str, values: Sequence[int] | float, like: str | None = None) -> str:
        """Add an initialiser and return its name: whole numbers, or one real number.

        A real number has the element type of the tensor ``like``.
        """
        import numpy as np
        from onnx import TensorProto, numpy_helper

        fresh = self._unique(name)
        if isinstance(values, Sequence):
            tensor = numpy_helper.from_array(np.asarray(values, dtype=np.int64), fresh)
        else:
            code = self.shapes[like][1] if like is not None else TensorProto.FLOAT
            tensor = self._make.make_tensor(fresh, code or TensorProto.FLOAT, [], [values])
        self.initializers.append(tensor)
        self.shapes[fresh] = tuple(tensor.dims), tensor.data_type
        return fresh

    def reals(self, name: str, values: Sequence[float]) -> str:
        """Add an initialiser with real numbers and return its name."""
        import numpy as np
        from onnx import numpy_helper

        fresh = self._unique(name)
        tensor = numpy_helper.from_array(np.asarray(values, dtype=np.float32), fresh)
        self.initializers.append(tensor)
        self.shapes[fresh] = (len(values),), tensor.data_type
        return fresh

    def step(
        self,
        layer: Layer,
        op: str,
        inputs: Sequence[str],
        shape: Sequence[int],
        **attributes: Any,
    ) -> str:
        """Add a node between a layer's inputs and its result; return its output's name."""
        fresh = self._unique(f"{layer.name}/{op.lower()}")
        kind = attributes["to"] if op == "Cast" else self.shapes[inputs[0]][1]
        self.shapes[fresh] = tuple(shape), kind
        self.nodes.append(self._make.make_node(op, list(inputs), [fresh], fresh, **attributes))
        return fresh

    def finish(
        self,
        layer: Layer,
        op: str,
        inputs: Sequence[str],
        *,
        domain: str = "",
        outputs: Sequence[str] | None = None,
        **attributes: Any,
    ) -> bool:
        """Add the node that computes a layer's outputs, or the tensors ``outputs``; return True."""
        outputs = self.outputs(layer) if outputs is None else outputs
        kept = {key: value for key, value in attributes.items() if value is not None}
        node = self._make.make_node(
            op, list(inputs), list(outputs), layer.name, domain=domain, **kept
        )
        self.nodes.append(node)
        return True

    def model(self, inputs: Sequence[Layer], outputs: Sequence[Layer]) -> ModelProto:
        """Return the model with these parameters and results."""
        infos = [self._info(self.outputs(layer)[0]) for layer in inputs]
        results = [self._info(self.tensor(layer, 0)) for layer in outputs]
        graph = self._make.make_graph(self.nodes, self._name, infos, results, self.initializers)
        opsets = [self._make.make_opsetid("", OPSET), self._make.make_opsetid(DOMAIN, 1)]
        model: ModelProto = self._make.make_model(graph, opset_imports=opsets)
        return model

    def _info(self, name: str) -> Any:
        shape, code = self.shapes[name]
        dims = [extent if extent >= 0 else None for extent in shape]
        return self._make.make_tensor_value_info(name, code, dims)


@dataclass(frozen=True, eq=False)
class Op:
    """A layer that a handler writes in ONNX's operators."""

    writer: Writer
    layer: Layer

    @property
    def operands(self) -> list[str]:
        """The names of the tensors that it reads."""
        return [self.writer.tensor(self.layer, i) for i in range(len(self.layer.inputs))]

    def shape(self, position: int = 0) -> tuple[int, ...]:
        """The shape of an input."""
        return self.writer.shape(self.layer, position)

    @property
    def out(self) -> tuple[int, ...]:
        """The shape of the first output."""
        return self.layer.outputs[0].shape

    def text(self, name: str, default: str = "") -> str:
        """An attribute, in lower case."""
        return self.layer.attributes.get(name, default).strip().lower()

    def whole(self, name: str) -> list[int]:
        """An attribute that lists whole numbers; empty if it is left out."""
        return numbers(self.layer.attributes.get(name, ""))

    def real(self, name: str, default: float | None = None) -> float:
        """An attribute that is a real number; raise ValueError for another text."""
        text = self.layer.attributes.get(name)
        if text is None and default is not None:
            return default
        return float(text or "")

    def flag(self, name: str, *, default: bool = False) -> bool:
        """An attribute that is true or false."""
        return self.text(name, str(default)) in {"true", "1"}

    def finish(self, op: str, inputs: Sequence[str] | None = None, **attributes: Any) -> bool:
        """Add the node of the result; inputs default to the layer's."""
        chosen = self.operands if inputs is None else inputs
        return self.writer.finish(self.layer, op, chosen, **attributes)

    def step(self, op: str, inputs: Sequence[str], shape: Sequence[int], **attributes: Any) -> str:
        """Add a node before the result and return its output's name."""
        return self.writer.step(self.layer, op, inputs, shape, **attributes)


Handler = Callable[[Op], bool]
"""Writes a layer; returns False, and adds nothing, where ONNX has no operator for it."""
