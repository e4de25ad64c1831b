"""Types of TensorFlow's messages, as far as they are read; imports no ``tensorflow``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class VariantData(Protocol):
    """An object of the process within a tensor."""

    type_name: str
    tensors: Sequence[TensorProto]


class TensorProto(Protocol):
    """A tensor with its values."""

    dtype: int
    variant_val: Sequence[VariantData]


class Function(Protocol):
    """The name of a function that an attribute holds, with attributes of its own."""

    name: str
    attr: Mapping[str, AttrValue]


class AttrList(Protocol):
    """An attribute of several values, of which one field is filled."""

    i: Sequence[int]
    func: Sequence[Function]
    tensor: Sequence[TensorProto]


class AttrValue(Protocol):
    """The value of an attribute; ``WhichOneof`` says which field holds it."""

    s: bytes
    i: int
    f: float
    b: bool
    type: int
    tensor: TensorProto
    func: Function
    list: AttrList

    def WhichOneof(self, name: str) -> str | None: ...


class NodeDef(Protocol):
    """One operation."""

    name: str
    op: str
    device: str
    input: Sequence[str]
    attr: Mapping[str, AttrValue]


class AttrDef(Protocol):
    """An attribute that a function declares."""

    default_value: AttrValue


class Signature(Protocol):
    """Name and attributes of a function."""

    name: str
    attr: Sequence[AttrDef]


class FunctionDef(Protocol):
    """A function of a graph."""

    signature: Signature
    node_def: Sequence[NodeDef]
    attr: Mapping[str, AttrValue]


class Gradient(Protocol):
    """The function that computes the gradient of another."""

    gradient_func: str


class FunctionLibrary(Protocol):
    """The functions of a graph."""

    function: Sequence[FunctionDef]
    gradient: Sequence[Gradient]
    registered_gradients: Sequence[Gradient]


class GraphDef(Protocol):
    """A graph."""

    node: Sequence[NodeDef]
    library: FunctionLibrary

    def ParseFromString(self, data: bytes) -> int: ...


class CooSparse(Protocol):
    """The tensors that represent a sparse tensor."""

    values_tensor_name: str
    indices_tensor_name: str
    dense_shape_tensor_name: str


class CompositeTensor(Protocol):
    """The tensors that represent a composite tensor."""

    components: Sequence[TensorInfo]


class TensorInfo(Protocol):
    """A tensor that a signature names."""

    name: str
    coo_sparse: CooSparse
    composite_tensor: CompositeTensor


class SignatureDef(Protocol):
    """The interface of a function that callers see."""

    outputs: Mapping[str, TensorInfo]


class Strings(Protocol):
    """A list of names."""

    value: Sequence[str]


class BytesList(Protocol):
    """A list of messages as bytes."""

    value: Sequence[bytes]


class Packed(Protocol):
    """A message of any type."""

    def Unpack(self, message: object) -> bool: ...


class PackedList(Protocol):
    """Messages of any type."""

    value: Sequence[Packed]


class CollectionDef(Protocol):
    """A collection: names, bytes or messages."""

    node_list: Strings
    bytes_list: BytesList
    any_list: PackedList


class SaverDef(Protocol):
    """The operations that save and restore variables in TensorFlow 1."""

    filename_tensor_name: str
    restore_op_name: str


class BareFunction(Protocol):
    """A function without a wrapper."""

    concrete_function_name: str


class SavedFunction(Protocol):
    """A function with its concrete functions."""

    concrete_functions: Sequence[str]


class CapturedTensor(Protocol):
    """A tensor that a function captured."""

    concrete_function: str


class Placed(Protocol):
    """An object on a device."""

    device: str


class SavedObject(Protocol):
    """An object of a SavedModel."""

    registered_name: str
    variable: Placed
    resource: Placed
    function: SavedFunction
    bare_concrete_function: BareFunction
    captured_tensor: CapturedTensor


class SavedObjectGraph(Protocol):
    """The objects of a SavedModel."""

    nodes: Sequence[SavedObject]
    concrete_functions: Mapping[str, object]


class AssetFileDef(Protocol):
    """A file that belongs to a SavedModel."""

    filename: str


class MetaGraphDef(Protocol):
    """One graph of a SavedModel with all that belongs to it."""

    graph_def: GraphDef
    saver_def: SaverDef
    object_graph_def: SavedObjectGraph
    signature_def: Mapping[str, SignatureDef]
    collection_def: Mapping[str, CollectionDef]
    asset_file_def: Sequence[AssetFileDef]

    def HasField(self, name: str) -> bool: ...
