"""What is read of PyTorch's modules and exported programs, as types; nothing imports ``torch``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol


class FxTensor(Protocol):
    """What is read of a tensor, which may be fake."""

    shape: Sequence[int]
    dtype: object

    def is_floating_point(self) -> bool: ...


class FxNode(Protocol):
    """What is read of a node of ``torch.fx``."""

    op: str
    name: str
    target: object
    args: tuple[Any, ...]
    kwargs: Mapping[str, object]
    meta: Mapping[str, Any]
    """``val`` is a fake tensor or several; ``nn_module_stack`` names modules."""


class FxGraph(Protocol):
    """What is read of a graph of ``torch.fx``."""

    nodes: Iterable[FxNode]


class Signature(Protocol):
    """What the inputs of an exported program stand for."""

    inputs_to_parameters: Mapping[str, str]
    inputs_to_buffers: Mapping[str, str]
    user_inputs: Sequence[object]


class Program(Protocol):
    """What is read of a program of ``torch.export``."""

    graph: FxGraph
    graph_signature: Signature


class Module(Protocol):
    """What is used of a module of PyTorch."""

    def eval(self) -> object: ...

    def parameters(self) -> Iterator[Any]: ...

    def named_parameters(self) -> Iterable[tuple[str, FxTensor]]: ...

    def named_buffers(self) -> Iterable[tuple[str, FxTensor]]: ...
