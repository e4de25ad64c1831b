"""Types of Keras's models, as far as they are read; nothing here imports ``keras``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol


class Variable(Protocol):
    """A variable of a layer."""

    path: str
    shape: Sequence[int]
    trainable: bool
    dtype: str

    def numpy(self) -> Any: ...

    def assign(self, value: object) -> object: ...


class KerasTensor(Protocol):
    """A symbolic tensor between layers; an open extent is None."""

    shape: Sequence[int | None]
    dtype: str
    _keras_history: History


class Layer(Protocol):
    """A layer or an operation; which further attributes are read depends on its class."""

    name: str

    def __getattr__(self, name: str) -> Any: ...


class History(Protocol):
    """The origin of a symbolic tensor."""

    operation: Layer
    node_index: int


class Arguments(Protocol):
    """The arguments of a layer's call."""

    keras_tensors: Sequence[KerasTensor]

    def fill_in(self, values: Mapping[int, object]) -> tuple[Iterable[Any], Mapping[str, Any]]: ...


class Node(Protocol):
    """One application of a layer."""

    operation: Layer
    arguments: Arguments
    outputs: Sequence[KerasTensor]
    is_input: bool


class LayerGraph(Protocol):
    """The graph of layers of a model."""

    inputs: Sequence[KerasTensor]
    outputs: Sequence[KerasTensor]
    _nodes_by_depth: Mapping[int, Sequence[Node]]


class Model(Protocol):
    """A network with its variables."""

    name: str
    weights: Sequence[Variable]

    def __call__(self, batch: Any, /, *, training: bool = ...) -> Any: ...

    def _flatten_layers(self) -> Iterable[Layer]: ...
