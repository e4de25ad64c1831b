"""An ONNX file to the canonical graph: any opset that the ``onnx`` package reads.

The values of large weights are dropped before anything is inferred, so describing a file costs
its reading and little else. Weights are initialisers and whatever is computed from constants
alone; a reshaped or dequantised weight is still the weight that the file holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx_call import Call, Value, Weight
from zoodiff.frontends.onnx_ops import IDENTITIES, translate
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor

_SMALL = 1024
"""Elements; constants up to this keep their values, since shapes, axes and pads are read."""
_MAX_NODES = 200_000
_DEFAULT_EXTENT = 224
"""For a spatial extent that the file leaves open."""
_SHAPE_KEEPERS = frozenset(
    {
        "Identity",
        "Cast",
        "Unsqueeze",
        "Squeeze",
        "Reshape",
        "Transpose",
        "Flatten",
        "DequantizeLinear",
    }
)
"""Operators that leave a weight the same weight."""


def graph_from_file(path: Path, source: str | None = None) -> Graph:
    """Read a file; raise MeasurementError, in one sentence, for one that is no sound network.

    External data is never read: weights count by name and shape.
    """
    return graph_from_model(load(path), source or path.name)


def load(path: Path) -> Any:
    """Read the protobuf without external data, and check where that data would lie.

    Raises MeasurementError for a file that does not parse, and for external data outside the
    file's own folder.
    """
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise MeasurementError(f"cannot read {path} ({error.strerror})") from None
    except Exception as error:
        raise MeasurementError(
            f"{path} is not an ONNX file ({' '.join(str(error).split())[:120]})"
        ) from None
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            place = PurePosixPath(entry.value)
            if entry.key == "location" and (
                place.is_absolute() or ".." in place.parts or "\\" in entry.value
            ):
                raise MeasurementError(
                    f"{path} keeps the weight {tensor.name} in {entry.value}, outside its own "
                    "folder; such files are refused"
                )
    return model


def graph_from_model(model: Any, source: str) -> Graph:
    """Translate a model whose external data was not read. The model is changed: see above."""
    if not model.graph.node:
        raise MeasurementError(f"{source} holds no network: its graph has no nodes")
    if len(model.graph.node) > _MAX_NODES:
        raise MeasurementError(
            f"{source} has {len(model.graph.node)} nodes, more than the {_MAX_NODES} allowed"
        )
    return _Walk(_inferred(model, source), source).graph()


def _inferred(model: Any, source: str) -> Any:
    """The model with the batch fixed to 1, large values dropped and shapes inferred."""
    from onnx import shape_inference

    held = {tensor.name for tensor in model.graph.initializer}
    for tensor in model.graph.initializer:
        if _size(tensor.dims) > _SMALL:
            name, kind, dims = tensor.name, tensor.data_type, list(tensor.dims)
            tensor.Clear()
            tensor.name, tensor.data_type = name, kind
            tensor.dims.extend(dims)
    for value in model.graph.input:
        if value.name not in held:
            for position, extent in enumerate(value.type.tensor_type.shape.dim):
                if extent.dim_value < 1:
                    extent.dim_value = 1 if position == 0 else _DEFAULT_EXTENT
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")  # it may name the open batch size
    del model.graph.value_info[:]
    try:
        return shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:
        raise MeasurementError(
            f"the shapes of {source} cannot be inferred ({' '.join(str(error).split())[:160]})"
        ) from None


class _Walk:
    """One pass over the nodes, which ONNX keeps in topological order."""

    def __init__(self, model: Any, source: str) -> None:
        self._graph = model.graph
        self._source = source
        self._opsets: dict[str, int] = {
            o.domain or "ai.onnx": o.version for o in model.opset_import
        }
        if not self._opsets:
            self._opsets["ai.onnx"] = 1
        self._tensors: dict[str, Tensor] = {}
        self._nodes: list[Node] = []
        self._values: dict[str, Value | Weight] = {}
        self._shapes = _shapes(model.graph)
        self._names: dict[str, int] = {}
        self._uses: dict[str, list[Any]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._uses.setdefault(name, []).append(node)
        self._merged: set[int] = set()

    def graph(self) -> Graph:
        self._constants()
        inputs = self._inputs()
        for node in self._graph.node:
            self._visit(node)
        outputs = []
        for output in self._graph.output:
            value = self._values.get(output.name)
            if not isinstance(value, Value):
                raise MeasurementError(
                    f"the output {output.name} of {self._source} is not computed from its input"
                )
            outputs.append(self._tensors[value.name])
        return Graph(
            source=self._source,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            nodes=tuple(self._nodes),
            tensors=self._tensors,
        )

    def _constants(self) -> None:
        from onnx import numpy_helper

        for tensor in self._graph.initializer:
            known = _size(tensor.dims) <= _SMALL and not tensor.external_data
            array = None
            if known:
                try:
                    array = numpy_helper.to_array(tensor)
                except Exception:
                    array = None  # its values are damaged; its shape is still known
            self._values[tensor.name] = Weight(
                tensor.name, tuple(tensor.dims), _dtype(tensor.data_type), tensor.name, array
            )

    def _inputs(self) -> list[Tensor]:
        made = []
        for value in self._graph.input:
            if value.name in self._values:
                continue
            kind = value.type.tensor_type
            shape = tuple(extent.dim_value for extent in kind.shape.dim)
            if value.name not in self._uses:
                continue  # left over by a converter
            tensor = Tensor(value.name, shape, _dtype(kind.elem_type))
            self._tensors[value.name] = tensor
            self._values[value.name] = Value(value.name, shape)
            made.append(tensor)
        if not made:
            raise MeasurementError(f"{self._source} has no input")
        return made

    def _visit(self, node: Any) -> None:
        if id(node) in self._merged:
            return
        missing = [name for name in node.input if name and name not in self._values]
        if missing:
            raise MeasurementError(
                f"the node {node.name or node.output[0]} of {self._source} reads {missing[0]}, "
                "which nothing before it computes"
            )
        given = [self._values[name] if name else None for name in node.input]
        if all(isinstance(value, Weight) or value is None for value in given):
            self._constant(node, given)
            return
        if node.op_type in IDENTITIES and not node.domain:
            self._values[node.output[0]] = given[0] or Value("", ())
            return
        call = Call(
            op=node.op_type,
            domain=node.domain or "ai.onnx",
            opset=self._opsets.get(node.domain or "ai.onnx", 1),
            name=self._name(node),
            inputs=given,
            attributes=_attributes(node),
            outputs=tuple(self._shapes.get(name, ()) for name in node.output if name),
            emit=lambda *args, **kwargs: self._emit(node, *args, **kwargs),
            bias_after=lambda width: self._bias_after(node, width),
        )
        result = translate(call)
        names = [name for name in node.output if name]
        made = result if isinstance(result, list) else [result]
        for name, value in zip(names, made, strict=False):
            self._values[name] = value
            for follower in call.merged:
                self._values[follower] = value

    def _constant(self, node: Any, given: Sequence[Any]) -> None:
        """A node that computes from constants alone: its output is a weight, or a small value."""
        from onnx import numpy_helper

        weights = [value for value in given if isinstance(value, Weight)]
        for name in (n for n in node.output if n):
            shape = self._shapes.get(name, ())
            array, origin, kind = None, name, "float32"
            if node.op_type == "Constant":
                held = [a for a in node.attribute if a.name == "value"]
                numbers = _attributes(node)
                if held:
                    shape, kind = tuple(held[0].t.dims), _dtype(held[0].t.data_type)
                    if _size(shape) <= _SMALL:
                        array = numpy_helper.to_array(held[0].t)
                elif numbers:
                    import numpy as np

                    array = np.asarray(next(iter(numbers.values())))
                    shape, kind = tuple(array.shape), str(array.dtype)
            elif node.op_type == "ConstantOfShape" and weights and weights[0].array is not None:
                shape = tuple(int(n) for n in weights[0].array)
                fill = [a for a in node.attribute if a.name == "value"]
                kind = _dtype(fill[0].t.data_type) if fill else "float32"
            elif node.op_type in _SHAPE_KEEPERS and weights:
                origin, kind = weights[0].origin, weights[0].dtype
                self._values[name] = Weight(
                    name, shape, kind, origin, None, weights[0].stored or weights[0].shape
                )
                continue
            self._values[name] = Weight(name, shape, kind, origin, array)

    def _bias_after(self, node: Any, width: int) -> tuple[Weight, str] | None:
        """The vector that a lone ``Add`` behind a matrix product adds, and that Add's output."""
        users = self._uses.get(node.output[0], [])
        if len(users) != 1 or users[0].op_type != "Add" or users[0].domain:
            return None
        if any(output.name == node.output[0] for output in self._graph.output):
            return None
        others = [name for name in users[0].input if name != node.output[0]]
        weight = self._values.get(others[0]) if len(others) == 1 else None
        if not isinstance(weight, Weight) or weight.shape not in {(width,), (1, width)}:
            return None
        self._merged.add(id(users[0]))
        return weight, users[0].output[0]

    def _name(self, node: Any) -> str:
        name = node.name or node.output[0]
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return f"{name}#{count}" if count else name

    def _emit(
        self,
        node: Any,
        op: str,
        inputs: Sequence[Value],
        attributes: Mapping[str, Any],
        parameters: Sequence[Parameter],
        *,
        name: str,
        step: str = "",
        shapes: Sequence[tuple[int, ...]] | None = None,
    ) -> list[Value]:
        """Add a node and return its outputs."""
        names = [f"{node.output[0]}/{step}"] if step else [n for n in node.output if n]
        extents = shapes or [self._shapes.get(n, ()) for n in names]
        made = []
        for output, shape in zip(names, extents, strict=False):
            self._tensors[output] = Tensor(output, tuple(shape))
            made.append(Value(output, tuple(shape)))
        self._nodes.append(
            Node(
                op=op,
                name=f"{name}/{step}" if step else name,
                inputs=tuple(value.name for value in inputs),
                outputs=tuple(value.name for value in made),
                attributes=dict(attributes),
                parameters=tuple(parameters),
            )
        )
        return made


def _shapes(graph: Any) -> dict[str, tuple[int, ...]]:
    """Inferred shapes by name; -1 where an extent stayed open."""
    found = {}
    for value in [*graph.value_info, *graph.output, *graph.input]:
        dims = value.type.tensor_type.shape.dim
        found[value.name] = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in dims)
    return found


def _attributes(node: Any) -> dict[str, Any]:
    """Attributes that are numbers, texts or lists of them."""
    from onnx import AttributeProto, helper

    plain = {
        AttributeProto.FLOAT,
        AttributeProto.INT,
        AttributeProto.STRING,
        AttributeProto.FLOATS,
        AttributeProto.INTS,
        AttributeProto.STRINGS,
    }
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type in plain:
            value = helper.get_attribute_value(attribute)
            if isinstance(value, bytes):
                value = value.decode(errors="replace")
            elif not isinstance(value, int | float):
                value = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in value]
            found[attribute.name] = value
    return found


def _dtype(code: int) -> str:
    from onnx import TensorProto

    name = str(TensorProto.DataType.Name(code)).lower() if code else "undefined"
    return {"float": "float32", "double": "float64"}.get(name, name)


def _size(dims: Sequence[int]) -> int:
    size = 1
    for extent in dims:
        size *= int(extent)
    return size
