"""Walks the nodes of an ONNX graph and converts each, with constants computed on the way.

Weights are initialisers and tensors computed from constants alone; a reshaped or dequantised weight
is still the weight that the file stores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from zoodiff.errors import MeasurementError
from zoodiff.frontends import operations
from zoodiff.frontends.builder import GraphBuilder
from zoodiff.frontends.onnx import constants
from zoodiff.frontends.onnx import shapes as onnx_shapes
from zoodiff.frontends.onnx.call import Call, NodeRequest, Value, Weight, kind_of
from zoodiff.frontends.onnx.integers import ONE_BY_ONE
from zoodiff.frontends.onnx.opaque import nested
from zoodiff.frontends.onnx.opaque.integer_use import IntegerUse
from zoodiff.frontends.onnx.operators.translate import IDENTITIES, translate
from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto
from zoodiff.graph.ir import Graph, Tensor
from zoodiff.graph.onnx_nodes import tensor_text
from zoodiff.graph.operators import COUNTED
from zoodiff.graph.operators.random_numbers import ONNX as RANDOM

_RAW = "/raw"
"""Behind the name of an output that a node of its own passes on."""


class Walk:
    """One pass over the nodes of a prepared model, which are in topological order."""

    def __init__(
        self,
        model: ModelProto,
        source: str,
        tensor_types: Mapping[str, tuple[tuple[int, ...] | None, int]],
        other_types: Mapping[str, str],
    ) -> None:
        self._graph = model.graph
        self._source = source
        self._opsets: dict[str, int] = {
            o.domain or "ai.onnx": o.version for o in model.opset_import
        }
        self._opsets.setdefault("ai.onnx", 1)
        self._builder = GraphBuilder("OIHW", "IO")
        self._values: dict[str, Value | Weight] = {}
        self._shapes = {name: shape or () for name, (shape, _) in tensor_types.items()}
        self._types = {name: code for name, (_, code) in tensor_types.items() if code}
        self._ranked = {name for name, (shape, _) in tensor_types.items() if shape is not None}
        self._other_types = other_types
        """Names of the types of sequences and optional values."""
        self._names: dict[str, int] = {}
        self._uses: dict[str, list[NodeProto]] = {}
        self._order = list(model.graph.node)
        self._reshaped = {n.output[0] for n in self._order if n.op_type == "Reshape" and n.output}
        for node in self._order:
            for name in (*node.input, *nested.read_around(node)):
                self._uses.setdefault(name, []).append(node)
        self._ends = {output.name for output in model.graph.output}
        self._integers = IntegerUse(
            self._order,
            self._ends,
            [tensor.name for tensor in model.graph.initializer],
            self._kind,
        )
        self._done: set[int] = set()
        """Identities of the finished nodes; valid as long as ``_order`` holds the nodes."""

    def graph(self) -> Graph:
        """Return the graph; raise MeasurementError for a malformed model."""
        for tensor in self._graph.initializer:
            self._values[tensor.name] = constants.initialiser(tensor)
        inputs = self._inputs()
        # Constants first: in the file, a bias may come after the product that it is added to.
        for node in self._order:
            self._guarded(node, self._constant)
        for node in self._order:
            self._guarded(node, self._visit)
        outputs = []
        for output in self._graph.output:
            value = self._values.get(output.name)
            if isinstance(value, Weight) and self._order:
                value = self._stated(output.name, value)
            if not isinstance(value, Value):
                raise MeasurementError(
                    f"the output {output.name} of {self._source} is not computed"
                )
            outputs.append(self._builder.tensors[value.name])
        read = [parameter for node in self._builder.nodes for parameter in node.parameters]
        return self._builder.graph(self._source, inputs, outputs, read)

    def _inputs(self) -> list[Tensor]:
        tensors = []
        for value in self._graph.input:
            if value.name in self._values:
                continue
            if value.name not in self._uses:
                continue  # left over by a converter
            if value.name not in self._ranked and value.name not in self._other_types:
                raise MeasurementError(
                    f"{self._source} gives no shape for its input {value.name}, so nothing behind "
                    "it can be counted; export it with a shape"
                )
            tensors.append(self._tensor(value.name, self._shapes.get(value.name, ())))
            self._values[value.name] = Value(value.name, tensors[-1].shape)
        return tensors

    def _stated(self, name: str, weight: Weight) -> Value:
        """Add the node that an output is which depends on no input, and return its value."""
        if weight.array is not None and weight.array.size <= constants.SMALL:
            operation = operations.opaque(
                "Constant", {"value": tensor_text(weight.array, weight.dtype)}
            )
            parameters = []
        else:
            operation, parameters = operations.unary("Identity"), [weight.parameter()]
        output = self._builder.declare(name, weight.shape, weight.dtype)
        self._builder.add(
            operation, f"{name}/constant", inputs=(), outputs=[output], parameters=parameters
        )
        return Value(name, weight.shape)

    def _kind(self, name: str) -> str:
        """Return the type of a tensor; empty where it is unknown."""
        name = name.removesuffix(_RAW)
        if name in self._other_types:
            return self._other_types[name]
        return constants.dtype(self._types[name]) if name in self._types else ""

    def _tensor(self, name: str, shape: tuple[int, ...], real: bool = False) -> Tensor:
        """Declare a tensor; ``real`` for integers that stand for real numbers."""
        kind = "" if real else self._kind(name)
        return self._builder.declare(name, shape, kind or "float32")

    def _guarded(self, node: NodeProto, step: Callable[[NodeProto], object]) -> None:
        try:
            step(node)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, LookupError) and node.op_type in COUNTED and self._unread(node):
                raise self._unshaped(node.name or node.output[0], node.op_type) from None
            raise MeasurementError(
                f"the node {node.name or next(iter(node.output), '?')} ({node.op_type}) of "
                f"{self._source} is malformed ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:80]})"
            ) from None

    def _constant(self, node: NodeProto) -> bool:
        """Record the outputs of a node on constants alone; return whether the node is one."""
        operands = [self._values.get(name) if name else None for name in node.input]
        pairs = zip(node.input, operands, strict=True)
        if any(name and not isinstance(value, Weight) for name, value in pairs):
            return False
        if not any(node.input) and node.op_type != "Constant":
            return False
        if nested.has_graphs(node):
            return False
        weights = [value for value in operands if not isinstance(value, Value)]
        for weight in constants.computed(node, weights, self._shapes, self._opset(node)):
            self._values[weight.name] = weight
        self._done.add(id(node))
        return True

    def _opset(self, node: NodeProto) -> int:
        return self._opsets.get(node.domain or "ai.onnx", 1)

    def _visit(self, node: NodeProto) -> None:
        if id(node) in self._done or self._constant(node):
            return
        twice = [name for name in node.output if name and name in self._values]
        if twice:
            raise MeasurementError(f"{self._source} computes {twice[0]} twice; it is malformed")
        operands = self._operands(node)
        first = next((value for value in operands if isinstance(value, Value)), None)
        exact = self._integers.exact(node)
        if first is not None and self._passed_on(node, first, exact=exact):
            return
        label = self._name(node)
        extras = nested.extras(node, self._values.get, self._opsets)
        call = Call(
            op=node.op_type,
            domain=node.domain or "ai.onnx",
            opset=self._opset(node),
            name=label,
            inputs=operands,
            attributes=constants.attributes(node),
            outputs=tuple(self._shapes.get(name, ()) for name in node.output if name),
            emit=lambda request: self._emit(node, label, request),
            bias_after=lambda width: self._bias_after(node, width),
            unranked=self._unranked(node),
            quantized=onnx_shapes.is_standard(node),
            readers=self._uses.get(node.output[0], ()),
            reshaped=bool(node.input) and node.input[0] in self._reshaped,
            integer=first is not None and self._kind(first.name).startswith(("int", "uint")),
            kinds=[kind_of(value, self._kind) for value in operands],
            results="".join(
                "-" if not name else "x" if name in self._uses or name in self._ends else "u"
                for name in node.output
            ),
            exact=exact,
            more=extras.attributes,
            around=extras.around,
        )
        result = translate(call)
        names = [name for name in node.output if name]
        results = result if isinstance(result, list) else [result]
        for name, value in zip(names, results, strict=False):
            self._values[name] = value
        for follower in call.merged:
            self._values[follower] = results[0]

    def _operands(self, node: NodeProto) -> list[Value | Weight | None]:
        """Return what a node reads; raise MeasurementError if something before it is missing."""
        missing = [name for name in node.input if name and name not in self._values]
        if missing:
            raise MeasurementError(
                f"the node {node.name or node.output[0]} of {self._source} reads {missing[0]}, "
                "which nothing before it computes"
            )
        operands = [self._values[name] if name else None for name in node.input]
        computed = any(isinstance(value, Value) for value in operands)
        if not computed and (node.domain or node.op_type in RANDOM):
            says = "computes from nothing, so its values are not the file's"
            if node.op_type in RANDOM:
                says = "draws random numbers from nothing, so outputs depend on chance"
            raise MeasurementError(
                f"the node {node.name or node.output[0]} of {self._source} ({node.op_type}) {says}"
            )
        return operands

    def _passed_on(self, node: NodeProto, first: Value, *, exact: bool) -> bool:
        """Whether the result of a node is its operand, a known shape, or the operand quantised."""
        if node.domain:
            return False
        if node.op_type in IDENTITIES:
            self._values[node.output[0]] = first
            return True
        if node.op_type in {"Shape", "Size"}:
            shape = constants.shape_of(node, first, self._opset(node))
            if shape is None:
                return False
            self._values[shape.name] = shape
            return True
        if node.op_type == "DynamicQuantizeLinear" and not exact:
            self._values[node.output[0]] = first
            self._values |= {w.name: w for w in constants.of_dynamic_quantisation(node)}
            return True
        return False

    def _unranked(self, node: NodeProto) -> bool:
        """Whether the shape of an input or output of a node is unknown."""
        computed = [name for name in node.input if isinstance(self._values.get(name), Value)]
        return any(name not in self._ranked for name in (*computed, *filter(None, node.output)))

    def _bias_after(self, node: NodeProto, width: int) -> tuple[Weight, str] | None:
        """Return the vector that an ``Add``, the product's only reader, adds, and Add's output."""
        users = self._uses.get(node.output[0], [])
        if len(users) != 1 or users[0].op_type != "Add" or users[0].domain:
            return None
        if any(output.name == node.output[0] for output in self._graph.output):
            return None
        addends = [name for name in users[0].input if name != node.output[0]]
        weight = self._values.get(addends[0]) if len(addends) == 1 else None
        if not isinstance(weight, Weight) or weight.shape not in {(width,), (1, width)}:
            return None
        self._done.add(id(users[0]))
        return weight, users[0].output[0]

    def _name(self, node: NodeProto) -> str:
        name = node.name or next(iter(node.output), node.op_type)
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return f"{name}#{count}" if count else name

    def _unread(self, node: NodeProto) -> bool:
        """Whether a node reads a computed tensor of unknown rank."""
        operands = [self._values.get(name) for name in node.input]
        return any(isinstance(v, Value) and v.name not in self._ranked for v in operands)

    def _unshaped(self, label: str, op: str) -> MeasurementError:
        """Return the error of a layer whose MACs cannot be counted."""
        foreign = next(
            (
                f"{n.op_type} of {n.domain}"
                for n in self._order
                if n.domain and any(not self._shapes.get(o) for o in n.output if o)
            ),
            "an operator before it",
        )
        return MeasurementError(
            f"the shapes around {label} ({op}) of {self._source} cannot be inferred, so its MACs "
            f"cannot be counted; {foreign} is unknown to ONNX; save the network before a runtime "
            "optimises it"
        )

    def _closed(self, values: Sequence[Value]) -> bool:
        """Whether all extents of some tensors are known."""
        return all(
            min(value.shape) > 0 if value.shape else value.name in self._ranked for value in values
        )

    def _emit(self, node: NodeProto, label: str, request: NodeRequest) -> list[Value]:
        """Add a node and return its outputs."""
        operation, step = request.operation, request.step
        last = not step if request.last is None else request.last
        named = [n for n in node.output if n]
        count, stepped = len(request.shapes or ()), f"{named[0]}/{step or 'real'}"
        if not last:
            names = [stepped] if count < 2 else [f"{stepped}:{k}" for k in range(count)]
        else:
            names = named
        if request.output is not None:
            names = [named[request.output]]
        for k in request.passed_on:
            names[k] += _RAW
        extents = request.shapes or [self._shapes.get(n, ()) for n in names]
        outputs = [Value(name, tuple(shape)) for name, shape in zip(names, extents, strict=False)]
        if operation.op in COUNTED and not self._closed([*request.inputs, *outputs]):
            raise self._unshaped(label, operation.op)
        summed = node.op_type in ONE_BY_ONE
        self._builder.add(
            operation,
            f"{label}/{step}" if step else label,
            inputs=[value.name for value in request.inputs],
            outputs=[self._tensor(value.name, value.shape, summed) for value in outputs],
            parameters=request.parameters,
            matrices=request.matrices,
            views=request.views,
        )
        return outputs
