"""Types of TensorFlow's graphs, as far as they are read; imports no ``tensorflow``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from zoodiff.frontends.tensorflow.protobuf import GraphDef, NodeDef

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    """Numbers whose type is that of a tensor of the graph."""


class TfShape(Protocol):
    """The shape of a tensor, as far as it is known."""

    rank: int | None

    def as_list(self) -> list[int | None]: ...

    def is_fully_defined(self) -> bool: ...

    def num_elements(self) -> int: ...


class TfType(Protocol):
    """The type of elements."""

    name: str
    is_floating: bool
    base_dtype: TfType
    as_numpy_dtype: type[np.generic]


class TfTensor(Protocol):
    """A symbolic tensor of a graph."""

    name: str
    op: TfOperation
    value_index: int
    shape: TfShape
    dtype: TfType


class TfOperation(Protocol):
    """One operation of a graph."""

    name: str
    type: str
    inputs: Sequence[TfTensor]
    outputs: Sequence[TfTensor]
    node_def: NodeDef

    def get_attr(self, name: str, /) -> Any:
        """Return the value of an attribute, whose type depends on its name."""


class TfStatic(Protocol):
    """The shape of a variable; all extents are known."""

    def __iter__(self) -> Iterator[int]: ...

    def num_elements(self) -> int: ...


class TfVariable(Protocol):
    """A variable with its place in a network."""

    name: str
    shape: TfStatic
    dtype: TfType
    trainable: bool
    handle: object
    initializer: TfOperation
    """The operation that sets its value, in TensorFlow 1."""

    def numpy(self) -> Any: ...

    def assign(self, value: object) -> object: ...


class TfSession(Protocol):
    """A session of TensorFlow 1."""

    def run(self, fetches: object, feeds: Mapping[Any, Any] | None = None, /) -> Any: ...


class TfGraph(Protocol):
    """The graph of a function."""

    variables: Sequence[TfVariable]
    captures: Sequence[tuple[object, TfTensor]]

    def get_operations(self) -> Sequence[TfOperation]: ...

    def as_graph_def(self) -> GraphDef: ...


class TfFunction(Protocol):
    """A function with its graph: a concrete function."""

    graph: TfGraph
    inputs: Sequence[TfTensor]
    outputs: Sequence[TfTensor]
