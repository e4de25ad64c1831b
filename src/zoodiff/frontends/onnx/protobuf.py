"""Types of ONNX's messages (``onnx.proto``), as far as they are read; imports no ``onnx``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, Self, TypeVar, overload

T = TypeVar("T")


class Repeated(Protocol[T]):
    """A field with any number of values."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[T]: ...

    @overload
    def __getitem__(self, position: int) -> T: ...

    @overload
    def __getitem__(self, position: slice) -> list[T]: ...

    def __delitem__(self, position: int | slice) -> None: ...

    def append(self, value: T) -> None: ...

    def extend(self, values: Iterable[T]) -> None: ...

    def add(self) -> T: ...


class Message(Protocol):
    """The methods of every message."""

    def CopyFrom(self, message: Self) -> None: ...

    def Clear(self) -> None: ...

    def ClearField(self, name: str) -> None: ...

    def HasField(self, name: str) -> bool: ...

    def SerializeToString(self) -> bytes: ...

    def ParseFromString(self, data: bytes) -> int: ...

    @classmethod
    def FromString(cls, data: bytes) -> Self: ...


class StringPair(Protocol):
    """A key with its value."""

    key: str
    value: str


class TensorProto(Message, Protocol):
    """A tensor, with its values or with their place in an external file."""

    name: str
    dims: Repeated[int]
    data_type: int
    raw_data: bytes
    external_data: Repeated[StringPair]


class SparseTensorProto(Protocol):
    """A tensor that is mostly zeros."""

    dims: Repeated[int]
    values: TensorProto
    indices: TensorProto


class AttributeProto(Message, Protocol):
    """An attribute of a node; ``type`` says which field holds its value."""

    name: str
    type: int
    i: int
    s: bytes
    t: TensorProto
    g: GraphProto
    ints: Repeated[int]
    floats: Repeated[float]
    tensors: Repeated[TensorProto]
    graphs: Repeated[GraphProto]
    sparse_tensor: SparseTensorProto
    sparse_tensors: Repeated[SparseTensorProto]


class NodeProto(Message, Protocol):
    """One operator."""

    name: str
    op_type: str
    domain: str
    input: Repeated[str]
    output: Repeated[str]
    attribute: Repeated[AttributeProto]


class Dimension(Message, Protocol):
    """An extent; 0 where it is open."""

    dim_param: str
    dim_value: int


class TensorShapeProto(Protocol):
    """The extents of a tensor."""

    dim: Repeated[Dimension]


class TensorType(Message, Protocol):
    """Shape and element type of a tensor."""

    elem_type: int
    shape: TensorShapeProto


class ElementType(Protocol):
    """The type of a sequence, or of an optional value."""

    elem_type: TypeProto


class TypeProto(Message, Protocol):
    """The type of a value."""

    tensor_type: TensorType
    sequence_type: ElementType
    optional_type: ElementType


class ValueInfoProto(Protocol):
    """The name and type of a tensor."""

    name: str
    type: TypeProto


class GraphProto(Protocol):
    """A graph of operators."""

    node: Repeated[NodeProto]
    input: Repeated[ValueInfoProto]
    output: Repeated[ValueInfoProto]
    value_info: Repeated[ValueInfoProto]
    initializer: Repeated[TensorProto]
    sparse_initializer: Repeated[SparseTensorProto]


class FunctionProto(Protocol):
    """A function that the file defines."""

    name: str
    domain: str
    node: Repeated[NodeProto]
    attribute_proto: Repeated[AttributeProto]


class TrainingInfoProto(Protocol):
    """The graphs that train a network."""

    initialization: GraphProto
    algorithm: GraphProto


class OperatorSet(Protocol):
    """A domain of operators with the version in use."""

    domain: str
    version: int


class ModelProto(Message, Protocol):
    """A whole file."""

    ir_version: int
    graph: GraphProto
    functions: Repeated[FunctionProto]
    training_info: Repeated[TrainingInfoProto]
    opset_import: Repeated[OperatorSet]
