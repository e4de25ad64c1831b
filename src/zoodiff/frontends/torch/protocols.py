"""Types of PyTorch's modules and programs, as far as they are read; imports no ``torch``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol


class Tensor(Protocol):
    """A tensor, which may be fake."""

    shape: Sequence[int]
    dtype: object
    is_meta: bool

    def is_floating_point(self) -> bool: ...

    def detach(self) -> Tensor: ...

    def to(self, device: str, /) -> Tensor: ...

    def cpu(self) -> Tensor: ...

    def numpy(self) -> Any: ...

    def copy_(self, source: object, /) -> object: ...


class FxNode(Protocol):
    """A node of ``torch.fx``."""

    op: str
    name: str
    target: object
    args: tuple[Any, ...]
    kwargs: Mapping[str, object]
    users: Mapping[FxNode, None]
    meta: Mapping[str, Any]
    """``val`` is a fake tensor or several; ``nn_module_stack`` names modules."""


class FxGraph(Protocol):
    """A graph of ``torch.fx``."""

    nodes: Iterable[FxNode]


class Signature(Protocol):
    """The meaning of the inputs of an exported program."""

    inputs_to_parameters: Mapping[str, str]
    inputs_to_buffers: Mapping[str, str]
    inputs_to_lifted_tensor_constants: Mapping[str, str]
    user_inputs: Sequence[object]


class Program(Protocol):
    """A program of ``torch.export``."""

    graph: FxGraph
    graph_signature: Signature
    constants: Mapping[str, object]

    def run_decompositions(self, table: dict[Any, Any], /) -> Program: ...


class Module(Protocol):
    """A module of PyTorch."""

    def __call__(self, batch: Any, /) -> Any: ...

    def eval(self) -> Module: ...

    def to(self, device: str, /) -> Module: ...

    def parameters(self) -> Iterator[Any]: ...

    def buffers(self) -> Iterator[Any]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(
        self, state: dict[str, Any], /, *, strict: bool
    ) -> tuple[list[str], list[str]]: ...

    def named_parameters(
        self, *, remove_duplicate: bool = True
    ) -> Iterable[tuple[str, Tensor]]: ...

    def named_buffers(self, *, remove_duplicate: bool = True) -> Iterable[tuple[str, Tensor]]: ...
