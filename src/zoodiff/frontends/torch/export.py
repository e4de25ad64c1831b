"""Converts a PyTorch module to the canonical graph, by ``torch.export`` without decompositions.

The module may be on the meta device, so that no weight is allocated. Shapes come from the export;
PyTorch has channels first, so they are canonical.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.builder import GraphBuilder
from zoodiff.frontends.torch.call import Call, Constant, NodeRequest, Value
from zoodiff.frontends.torch.constants import MOST
from zoodiff.frontends.torch.in_place import in_place, writes_into_shared_memory
from zoodiff.frontends.torch.ops import translate
from zoodiff.frontends.torch.protocols import FxNode, Module, Program
from zoodiff.frontends.torch.protocols import Tensor as TorchTensor
from zoodiff.frontends.torch.tracing import extents, failure, quiet_export
from zoodiff.graph.ir import Graph, Parameter, Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Tables = Mapping[str, "NDArray[np.generic]"]
"""Whole numbers that a module keeps, such as relative positions, by the name of the buffer."""
_INDICES = 1 << 20
"""The most indices in one graph; tables beyond them stay opaque."""


def to_graph(
    module: Module, input_shape: Sequence[int], source: str, tables: Tables | None = None
) -> Graph:
    """Return the graph that a module computes in evaluation mode.

    ``input_shape`` is (batch, channels, height, width). ``tables`` are values of buffers of whole
    numbers that lie on the meta device, as far as they are known; others are read. Raises
    MeasurementError where ``torch.export`` cannot trace the module.
    """
    import torch

    # The module of an exported program stays in the mode in which it was exported.
    if not isinstance(module, torch.fx.GraphModule):
        module.eval()
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    return graph_of_call(
        module, (torch.empty(*input_shape, device=device),), {}, source, tables or {}
    )


def graph_of_call(
    module: Module,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    source: str,
    tables: Tables | None = None,
) -> Graph:
    """Return the graph of a call of a module, in the mode that the module is in.

    Arguments may be nested; of tensors only shape, type and device are read. Raises
    MeasurementError where ``torch.export`` cannot trace the call.
    """
    import torch

    try:
        # Without gradients, as at inference: where a module turns them off itself, the export
        # would put that part into a function of its own.
        with torch.no_grad(), quiet_export():
            program = torch.export.export(module, arguments, dict(keywords), strict=False)
            if writes_into_shared_memory(program.graph):
                program = program.run_decompositions({})
    except Exception as error:
        raise failure(error, source) from error
    return _Walk(module, program, source, tables or {}).graph()


class _Walk:
    """One pass over an exported program, in its order, which is topological."""

    def __init__(self, module: Module, program: Program, source: str, tables: Tables) -> None:
        self._program = program
        # The program makes these anew whenever they are read.
        signature = program.graph_signature
        self._owner_of = {**signature.inputs_to_buffers, **signature.inputs_to_parameters}
        self._lifted = dict(signature.inputs_to_lifted_tensor_constants)
        self._user_inputs = frozenset(map(str, signature.user_inputs))
        self._source = source
        self._builder = GraphBuilder("OIHW", "OI")
        self._values: dict[str, object] = {}
        """The result of each node of the program: a Value, a Parameter, or a list of Values."""
        self._names: dict[str, int] = {}
        self._indices = 0
        """The indices that were written into the graph."""
        self._owned = _owned(module)
        self._tables = _tables(module) | {n: t for n, t in tables.items() if t.size <= MOST}

    def graph(self) -> Graph:
        inputs: list[Tensor] = []
        outputs: list[Tensor] = []
        for node in self._program.graph.nodes:
            if node.op == "placeholder":
                inputs += self._placeholder(node)
            elif node.op == "call_function":
                self._values[node.name] = self._call(node)
            elif node.op == "get_attr":
                # A part of the program that is a function of its own; who calls it stays opaque.
                self._values[node.name] = Constant(str(node.target))
            elif node.op == "output":
                outputs += [
                    self._builder.tensors[value.name]
                    for value in map(self._resolve, node.args[0])
                    if isinstance(value, Value)
                ]
        return self._builder.graph(self._source, inputs, outputs, self._owned.values())

    def _placeholder(self, node: FxNode) -> list[Tensor]:
        target = self._owner_of.get(node.name)
        value = node.meta["val"]
        if target is not None:
            # Integer buffers (counters, index tables) are not weights.
            self._values[node.name] = self._owned.get(target) or Constant(
                target, tuple(int(n) for n in value.shape), self._tables.get(target)
            )
            return []
        if node.name not in self._user_inputs:
            shape = tuple(int(n) for n in getattr(value, "shape", ()))
            lifted = self._lifted.get(node.name, "")
            values = _values(self._program.constants.get(lifted))
            self._values[node.name] = Constant(node.name, shape, values)
            return []
        if not hasattr(value, "shape"):  # a number or None, which the export has put in already
            self._values[node.name] = value
            return []
        tensor = self._builder.declare(node.name, value.shape, _dtype(value))
        self._values[node.name] = Value(tensor.name, tensor.shape, tensor.dtype)
        return [tensor]

    def _call(self, node: FxNode) -> object:
        target = str(node.target)
        if "getitem" in target:  # one of several outputs
            several = self._resolve(node.args[0])
            assert isinstance(several, list)
            return several[node.args[1]]
        overload = target.split(".")
        function = overload[1] if len(overload) > 1 else overload[0]
        if function in _CONVERSIONS and _unconverted(node):
            return self._resolve(node.args[0])
        # Initial states of zeros are no nodes, and take no name from the layer.
        name = node.name if function == "zeros" else self._name(node)
        call = Call(
            function=function.rstrip("_"),
            overload=target,
            name=name,
            args=tuple(self._resolve(argument) for argument in node.args),
            kwargs={key: self._resolve(value) for key, value in node.kwargs.items()},
            outputs=_outputs(node),
            emit=lambda request: self._emit(node, name, request),
            afford=self._afford,
            dtype=_dtype(_first(node)),
            read=_read(node),
        )
        result = translate(call)
        if in_place(node):
            # An operation in place: later readers of the old value read the new one.
            self._values[node.args[0].name] = result
        return result

    def _afford(self, count: int) -> bool:
        """Whether a table of so many indices may be written; those written add up."""
        if count > MOST or self._indices + count > _INDICES:
            return False
        self._indices += count
        return True

    def _resolve(self, argument: Any) -> object:
        if isinstance(argument, list | tuple):
            return [self._resolve(item) for item in argument]
        if hasattr(argument, "op") and hasattr(argument, "meta"):
            return self._values[argument.name]
        return argument

    def _name(self, node: FxNode) -> str:
        """Return the module's path, with the function's name where the module is not a leaf."""
        stack = list((node.meta.get("nn_module_stack") or {"": ("", "")}).values())
        path, kind = stack[-1]
        leaf = str(kind).startswith("torch.nn.modules.")
        name = str(path) if leaf and path else f"{path}.{node.name}" if path else node.name
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return f"{name}#{count}" if count else name

    def _emit(self, node: FxNode, name: str, request: NodeRequest) -> list[Value]:
        """Add a node and return its outputs, one per shape."""
        step, shapes = request.step, request.shapes
        base = f"{node.name}/{step}" if step else node.name
        dtype = _dtype(_first(node))
        names = [base] if len(shapes) == 1 else [f"{base}:{i}" for i in range(len(shapes))]
        outputs = [
            Tensor(tensor, tuple(int(n) for n in shape), dtype)
            for tensor, shape in zip(names, shapes, strict=True)
        ]
        self._builder.add(
            request.operation,
            f"{name}/{step}" if step else name,
            inputs=[value.name for value in request.inputs],
            outputs=outputs,
            parameters=request.parameters,
            matrices=request.matrices,
        )
        of_weights = all(value.of_weights for value in request.inputs)
        return [Value(tensor.name, tensor.shape, tensor.dtype, of_weights) for tensor in outputs]


def _parameter(name: str, tensor: TorchTensor, trainable: bool) -> Parameter:
    return Parameter(name, tuple(int(n) for n in tensor.shape), trainable, _dtype(tensor))


def _owned(module: Module) -> dict[str, Parameter]:
    """Return weights and real buffers by all their names; a shared one has its first name."""
    owned: dict[str, Parameter] = {}
    first: dict[int, tuple[str, object]] = {}  # keeps the tensors, whose identities are the keys
    named = [(name, p, True) for name, p in module.named_parameters(remove_duplicate=False)]
    named += [
        (name, b, False)
        for name, b in module.named_buffers(remove_duplicate=False)
        if b.is_floating_point()
    ]
    for name, tensor, trainable in named:
        own, _ = first.setdefault(id(tensor), (name, tensor))
        owned[name] = _parameter(own, tensor, trainable)
    return owned


def _tables(module: Module) -> dict[str, NDArray[np.generic]]:
    """Return the small buffers of whole numbers whose values are in memory."""
    return {
        name: values
        for name, b in module.named_buffers(remove_duplicate=False)
        if (values := _values(b)) is not None
    }


def _values(tensor: Any) -> NDArray[np.generic] | None:
    """Return the values of a small tensor of whole numbers in memory; None for any other."""
    import torch

    if type(tensor) is not torch.Tensor or tensor.is_meta or prod(tensor.shape) > MOST:
        return None
    if not _dtype(tensor).startswith(("int", "uint")):
        return None
    values: NDArray[np.generic] = tensor.detach().cpu().numpy()
    return values


_CONVERSIONS = frozenset({"to", "type_as"})
"""Functions that change the type of numbers, if anything."""


def _unconverted(node: FxNode) -> bool:
    """Whether a conversion gives the type that it is given."""
    before, after = (getattr(n, "meta", {}).get("val") for n in (node.args[0], node))
    return before is not None and after is not None and _dtype(before) == _dtype(after)


def _dtype(tensor: object) -> str:
    return str(getattr(tensor, "dtype", "float32")).removeprefix("torch.")


def _first(node: FxNode) -> object:
    """Return the fake tensor of a node's first output."""
    value = node.meta.get("val")
    return value[0] if isinstance(value, list | tuple) and value else value


def _read(node: FxNode) -> tuple[bool, ...]:
    """Return for each output of a node whether anything reads it."""
    count = len(_outputs(node))
    if count < 2:
        return (True,) * count
    taken = {user.args[1] for user in node.users if "getitem" in str(user.target) and user.users}
    whole = any("getitem" not in str(user.target) for user in node.users)
    return tuple(whole or position in taken for position in range(count))


def _outputs(node: FxNode) -> tuple[tuple[int, ...], ...]:
    value = node.meta.get("val")
    values: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
    return tuple(extents(node, v.shape) for v in values if hasattr(v, "shape"))
