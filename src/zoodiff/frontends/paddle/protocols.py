"""Types of Paddle's program (``paddle.pir``), as far as they are read; imports no Paddle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol


class PirValue(Protocol):
    """A tensor of a program, or a list of tensors."""

    id: str
    shape: Sequence[int]
    dtype: object

    def initialized(self) -> bool: ...

    def is_dense_tensor_type(self) -> bool: ...

    def get_defining_op(self) -> PirOperation: ...


class PirOperation(Protocol):
    """An operation of a program."""

    def name(self) -> str: ...

    def attrs(self) -> Mapping[str, Any]: ...

    def get_input_names(self) -> Sequence[str]: ...

    def operands_source(self) -> Sequence[PirValue]: ...

    def results(self) -> Sequence[PirValue]: ...

    def num_regions(self) -> int: ...


class PaddleTensor(Protocol):
    """A parameter or buffer of a layer."""

    name: str
    shape: Sequence[int]
    dtype: object
    stop_gradient: bool
    size: int

    def numpy(self) -> Any: ...

    def set_value(self, value: Any) -> None: ...


class Layer(Protocol):
    """A network: ``paddle.nn.Layer``."""

    def eval(self) -> None: ...

    def named_parameters(self) -> Iterable[tuple[str, PaddleTensor]]: ...

    def named_buffers(self) -> Iterable[tuple[str, PaddleTensor]]: ...

    def __call__(self, batch: Any) -> Any: ...
