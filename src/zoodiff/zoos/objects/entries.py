"""Turns an object into an entry by its type."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from zoodiff.entry import ModelRef
from zoodiff.errors import UsageError
from zoodiff.zoos.base import Backend, Entry, Model, Weights, WorkerSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OBJECT = "object"
"""The prefix of a reference to an object, before the colon; it is shown, and cannot be resolved."""


class Held(Backend, Protocol):
    """The backend of one object."""

    @property
    def notes(self) -> Sequence[str]:
        """What the caller should know first, one sentence each."""
        ...

    def example(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the arrays of the example that came with the object, by the names of its graph."""
        ...


@dataclass(frozen=True, kw_only=True)
class HeldSpec(WorkerSpec):
    """A worker in this process that holds an object."""

    held: Held


@dataclass
class ObjectZoo:
    """The catalogue side of one object."""

    worker: HeldSpec
    name: str = OBJECT
    title: str = "object in Python"
    listed: bool = False

    def models(self) -> Sequence[Model]:
        """Return no models: objects are given, not listed."""
        return ()


@dataclass(frozen=True)
class ObjectEntry(Entry):
    """An object with the weights that it has."""

    @property
    def ref(self) -> ModelRef:
        """``object:name``, for messages."""
        return ModelRef(OBJECT, self.model.name)

    @property
    def takes_weights(self) -> bool:
        """Whether other weights may be put into it: an object stays as it is."""
        return False

    @property
    def held(self) -> Held:
        """The backend that holds the object."""
        assert isinstance(self.zoo, ObjectZoo)
        return self.zoo.worker.held


def object_entry(value: Any, example: Any = None) -> ObjectEntry:
    """Return the entry of a network of PyTorch or Keras; ``example`` are inputs to call it with.

    Raises UsageError for any other object.
    """
    backend = _backend_of(value)
    if backend is None:
        raise UsageError(
            f"a {type(value).__module__}.{type(value).__qualname__} is no network that zoodiff "
            "knows; give a torch.nn.Module, a torch.export.ExportedProgram, an onnx.ModelProto, a "
            "keras.Model, a path or the name of an entry"
        )
    name = f"{type(value).__name__}"
    spec = HeldSpec(
        name=f"{OBJECT} {name} {id(value):x}", backend="", confined=False, held=backend(example)
    )
    own = Weights("own", default=True)
    model = Model(name=name, architecture=name, weights=(own,), note="an object in Python")
    return ObjectEntry(ObjectZoo(spec), model, own)


def _backend_of(value: Any) -> Callable[[Any], Held] | None:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.nn.Module):
        from zoodiff.zoos.objects.torch import HeldModule

        return lambda example: HeldModule(value, example)
    if torch is not None and isinstance(value, torch.export.ExportedProgram):
        from zoodiff.zoos.objects.torch import HeldProgram

        return lambda example: HeldProgram(value, example)
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(value, keras.Model):
        from zoodiff.zoos.objects.keras import HeldKeras

        return lambda example: HeldKeras(value, example)
    return None
