"""The inputs of two networks that take more than one batch of images: paired, and understood.

What an input is follows from what the network does with it, never from its name: an index into a
table is an id within the table, and so on. What does not follow has to be stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Literal

import numpy as np

from zoodiff.architecture.diff import Diff, Side
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.graph.ir import Graph, Node, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["real", "id", "mask", "whole"]
_REAL = frozenset({"float16", "bfloat16", "float32", "float64"})
_WHOLE = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_LARGEST = 1 << 26
"""Elements of one generated input."""
_EMBEDDINGS = frozenset({"onnx::Gather", "aten::embedding", "keras::Embedding"})
_PASSED_ON = frozenset(
    {"Cast", "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"}
    | {"Squeeze", "Transpose", "Unsqueeze", "Pad"}
)
"""Operators that give on what they read."""
_VALUES_ONLY = frozenset(
    {"and", "eq", "equal", "expand", "ge", "greater", "greaterorequal", "gt", "le", "less"}
    | {"lessorequal", "lt", "masked_fill", "ne", "not", "or", "where"}
)
"""Opaque operators, without the source and in lower case, that compute with what they read."""
_COUNTS = frozenset({"add", "cumsum", "mul", "neg", "reducemax", "reducemin", "reducesum", "sub"})
"""Operators, without the source and in lower case, whose results may decide a shape in turn."""
_SHAPED = frozenset({"ConstantOfShape", "Range", "Resize", "Tile", "TopK", "OneHot"})
"""Operators in which a whole number may decide a shape."""


@dataclass(frozen=True)
class StatedInput:
    """What a user says of an input; None of what is left to the network."""

    name: str
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    low: float | None = None
    high: float | None = None
    example: NDArray[np.generic] | None = None


@dataclass(frozen=True)
class NamedInput:
    """One input of both networks: how it is called in each, and what it holds."""

    names: tuple[str, str]
    dtype: str
    shape: tuple[int, ...]
    kind: Kind
    low: float | None = None
    """Least value of ids and whole numbers, and of real numbers where it is stated."""
    high: float | None = None
    example: NDArray[np.generic] | None = None
    rows: int = 0
    """Rows of the smallest table that it is an index into; 0 where it is none."""
    last: tuple[bool, bool] = (False, False)
    """Whether a network's own input has channels last where its graph has them first."""

    @property
    def sentence(self) -> str:
        """The input as it is printed."""
        a, b = self.names
        name = a if a == b else f"{a} | {b}"
        extents = "x".join(map(str, self.shape)) or "a scalar"
        what = {"mask": "0 and 1", "real": "real numbers of several sizes"}.get(self.kind, "")
        if self.low is not None and self.high is not None:
            what = f"{self.low:g} to {self.high:g}"
        return f"{name} {self.dtype} {extents}, {what}"


def are_needed(diff: Diff) -> bool:
    """Whether a network takes anything but one batch of real numbers or small integers."""
    return any(is_named(side.canonical) for side in (diff.a, diff.b))


def is_named(graph: Graph) -> bool:
    """Whether a network takes anything but one batch of real numbers or small integers."""
    if len(graph.inputs) != 1:
        return bool(graph.inputs)
    tensor = graph.inputs[0]
    return not tensor.shape or not (tensor.dtype in _REAL or tensor.dtype in {"int8", "uint8"})


def without_unread(graph: Graph) -> Graph:
    """Return a graph of several inputs without those that nothing reads."""
    read = {name for node in graph.nodes for name in node.inputs}
    read |= {tensor.name for tensor in graph.outputs}
    inputs = tuple(tensor for tensor in graph.inputs if tensor.name in read)
    return replace(graph, inputs=inputs) if len(graph.inputs) > 1 and inputs else graph


def unread(graph: Graph) -> tuple[str, ...]:
    """Return the inputs that ``without_unread`` leaves out, one sentence each."""
    kept = {tensor.name for tensor in without_unread(graph).inputs}
    names = [tensor.name for tensor in graph.inputs if tensor.name not in kept]
    return tuple(f"{name}, which nothing in {graph.source} reads, zeros" for name in names)


def pairs(a: Graph, b: Graph) -> tuple[tuple[int, int], ...] | None:
    """Return the positions of inputs that belong together; None where that is not known.

    Inputs are paired by name, else by the names without what converters add to them, else in order
    where types and ranks agree.
    """
    first, second = a.inputs, b.inputs
    if len(first) != len(second):
        return None
    chosen = _by_name([t.name for t in first], [t.name for t in second])
    if chosen is None:
        chosen = _by_name([plain(t.name) for t in first], [plain(t.name) for t in second])
    matched = tuple(enumerate(chosen or range(len(first))))
    return matched if all(_alike(first[i], second[j]) for i, j in matched) else None


def _by_name(first: Sequence[str], second: Sequence[str]) -> list[int] | None:
    """The places in the second of the names of the first; None unless all are there once."""
    if len(set(first)) < len(first) or set(first) != set(second):
        return None
    return [list(second).index(name) for name in first]


def plain(name: str) -> str:
    """Return the name of an input without what TensorFlow and its converters add to it.

    >>> plain("serving_default_token_ids:0")
    'token_ids'
    """
    return name.removeprefix("serving_default_").partition(":")[0]


def _alike(x: Tensor, y: Tensor) -> bool:
    kinds = {kind for t in (x, y) for kind in [_group(t.dtype)]}
    return len(x.shape) == len(y.shape) and (len(kinds) == 1 or kinds == {"bool", "whole"})


def _group(dtype: str) -> str:
    if dtype == "bool":
        return "bool"
    return "real" if dtype in _REAL else "whole" if dtype in _WHOLE else dtype


def in_order_of(a: Graph, b: Graph) -> Graph:
    """Return the second graph with its inputs in the order of the first's."""
    matched = pairs(a, b)
    if matched is None or len(matched) < 2:
        return b
    return replace(b, inputs=tuple(b.inputs[j] for _, j in matched))


def listed(graph: Graph) -> str:
    """Return what a network takes, as options that state it."""
    return " ".join(f"--input '{_stated(tensor)}'" for tensor in graph.inputs) or "no inputs"


def _stated(tensor: Tensor) -> str:
    return f"{tensor.name}={tensor.dtype}[{','.join(map(str, tensor.shape))}]"


def check_names(graphs: Sequence[Graph], stated: Sequence[StatedInput]) -> None:
    """Raise UsageError where a user names an input that no network has."""
    names = {tensor.name for graph in graphs for tensor in graph.inputs}
    for each in stated:
        if each.name not in names:
            takes = "; ".join(dict.fromkeys(f"{g.source} takes {listed(g)}" for g in graphs))
            raise UsageError(f"there is no input {each.name}: {takes}")


def named_inputs(diff: Diff, stated: Sequence[StatedInput]) -> tuple[NamedInput, ...]:
    """Return the inputs of both networks; ``stated`` completes what does not follow from these.

    Raises MeasurementError for inputs that do not belong together, or cannot be generated.
    """
    a, b = diff.a.canonical, diff.b.canonical
    matched = pairs(a, b)
    if matched is None:
        raise MeasurementError(
            f"their inputs cannot be paired; {diff.a.name} takes {listed(a)}, and {diff.b.name} "
            f"{listed(b)}"
        )
    known = {each.name: each for each in stated}
    inputs = []
    for i, j in matched:
        x, y = a.inputs[i], b.inputs[j]
        said = known.get(x.name) or known.get(y.name) or StatedInput(x.name)
        inputs.append(_understood(diff, x, y, said))
    return tuple(inputs)


def _understood(diff: Diff, x: Tensor, y: Tensor, said: StatedInput) -> NamedInput:
    if x.shape != y.shape or any(extent < 1 for extent in x.shape):
        raise MeasurementError(
            f"the input {x.name} has the shape {list(x.shape)} in {diff.a.name} and "
            f"{list(y.shape)} in {diff.b.name}; state one, as in --input '{_stated(x)}'"
        )
    if prod(x.shape) > _LARGEST:
        raise MeasurementError(f"the input {x.name}, {list(x.shape)}, is too large")
    if said.dtype is not None and _group(said.dtype) not in {_group(x.dtype), _group(y.dtype)}:
        raise UsageError(
            f"the input {x.name} holds {x.dtype}, not {said.dtype}; say --input '{_stated(x)}', or "
            f"give an example of that type"
        )
    last = _channels_last(diff.a, x), _channels_last(diff.b, y)
    blank = NamedInput((x.name, y.name), x.dtype, x.shape, "real", said.low, said.high, last=last)
    if said.example is not None:
        blank = replace(blank, example=in_shape(said.example, x.shape, x.name))
    groups = {_group(x.dtype), _group(y.dtype)}
    if groups == {"real"}:
        return blank
    if "bool" in groups:
        return replace(blank, kind="mask", low=None, high=None)
    if groups != {"whole"}:
        raise MeasurementError(
            f"the input {x.name} of {diff.a.name} holds {x.dtype}, which cannot be generated"
        )
    uses = [_use(side.canonical, t.name) for side, t in ((diff.a, x), (diff.b, y))]
    rows = min((rows for use in uses for rows in use.tables), default=0)
    _check_rows(said, rows)
    if said.low is not None and said.high is not None:
        return replace(blank, kind="id" if rows else "whole", rows=rows)
    if rows:
        return replace(blank, kind="id", low=0.0, high=float(rows - 1), rows=rows)
    example = said.example if said.example is not None and said.example.size else None
    truths = example is None or set(np.unique(example).tolist()) <= {0, 1}
    plain = example is not None or not any(use.shapes for use in uses)
    if len(x.shape) > 1 and truths and plain:
        return replace(blank, kind="mask")
    if example is not None:
        low, high = float(example.min()), float(example.max())
        return replace(blank, kind="whole", low=low, high=high)
    raise MeasurementError(
        f"the input {x.name} of {diff.a.name} holds {x.dtype}, of which any range may be meant; "
        f"say which, as in --input '{_stated(x)}:0..9'"
    )


def _check_rows(said: StatedInput, rows: int) -> None:
    """Raise MeasurementError for ids that the smallest table has no row for."""
    ranges = [("the range", said.low or 0, said.high or 0)]
    if said.example is not None and said.example.size:
        ranges.append(("the example", int(said.example.min()), int(said.example.max())))
    for what, low, high in ranges:
        if rows and (low < -rows or high >= rows):
            raise MeasurementError(
                f"{what} of the input {said.name} holds {high if high >= rows else low:g}, and the "
                f"smallest table that it chooses from has {rows:,} rows"
            )


def in_shape(
    example: NDArray[np.generic], shape: tuple[int, ...], name: str
) -> NDArray[np.generic]:
    """Return an example in the order of the graph's axes, images with channels first.

    Raises UsageError for an example of another shape.
    """
    if example.shape == shape:
        return example
    if example.ndim == len(shape) == 4 and example.transpose(0, 3, 1, 2).shape == shape:
        return example.transpose(0, 3, 1, 2)
    raise UsageError(
        f"the example of the input {name} has the shape {list(example.shape)}, and the networks "
        f"take {list(shape)}"
    )


def _channels_last(side: Side, tensor: Tensor) -> bool:
    """Whether the network's own input has channels last where the canonical graph has not."""
    own = next((t for t in side.graph.inputs if t.name == tensor.name), tensor)
    return own.shape != tensor.shape and own.channels_last and own.channels_first == tensor.shape


@dataclass(frozen=True)
class _Use:
    """What a network does with whole numbers."""

    tables: tuple[int, ...]
    """Rows of the tables that they are indices into."""
    shapes: bool
    """Whether they may decide a shape, or an unknown operator reads them."""


def _use(graph: Graph, name: str) -> _Use:
    """Follow an input to the operators that compute with it."""
    readers: dict[str, list[int]] = {}
    for position, node in enumerate(graph.nodes):
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(position)
    tables: list[int] = []
    shapes, waiting, seen = False, [name], {name}
    counts: set[str] = set()
    while waiting:
        tensor = waiting.pop()
        for position in readers.get(tensor, ()):
            node = graph.nodes[position]
            bare = node.op.rpartition("::")[2]
            if is_embedding(node):
                tables += [] if tensor in counts else _rows(node)
                shapes |= not node.parameters
            elif bare.lower() in _COUNTS and not node.parameters:
                fresh = [output for output in node.outputs if output not in seen]
                seen.update(fresh)
                counts.update(fresh)
                waiting += fresh
            elif node.op in _PASSED_ON and node.inputs[0] == tensor:
                fresh = [output for output in node.outputs if output not in seen]
                seen.update(fresh)
                counts.update(fresh if tensor in counts else ())
                waiting += fresh
            else:
                opaque = "::" in node.op and bare.lower() not in _VALUES_ONLY
                shapes |= opaque or bare in _SHAPED
    return _Use(tuple(tables), shapes)


def is_embedding(node: Node) -> bool:
    """Whether a node chooses rows of a weight by computed ids."""
    return node.op in _EMBEDDINGS


def _rows(node: Node) -> list[int]:
    """Rows of the table of an embedding that is a weight."""
    axis = node.attributes.get("axis", 0)
    shape = node.parameters[0].shape if node.parameters else ()
    known = len(node.inputs) == 1 and isinstance(axis, int) and -len(shape) <= axis < len(shape)
    return [int(shape[axis])] if known and isinstance(axis, int) else []
