"""Turns an object into an entry by its type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from zoodiff.entry import ModelRef
from zoodiff.errors import UsageError
from zoodiff.zoos.base import Backend, Entry, Model, Weights, WorkerSpec
from zoodiff.zoos.objects.stated import StatedInputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OBJECT = "object"
"""The prefix of a reference to an object, before the colon; it is shown, and cannot be resolved."""


class Held(Backend, Protocol):
    """The backend of one object."""

    name: str
    """What the object is called in messages: the name of its class or function."""

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


def object_entry(value: Any, example: Any = None, taken: Collection[str] = ()) -> ObjectEntry:
    """Return the entry of a network in this process; ``example`` are inputs to call it with.

    Its name gets a number where it is ``taken``. Raises UsageError for any other object.
    """
    held = _held(value, example)
    if held is None:
        raise UsageError(f"{_said(value)}; give {ACCEPTED}")
    base, count = held.name, 1
    while held.name in taken:
        count += 1
        held.name = f"{base} #{count}"
    spec = HeldSpec(
        name=f"{OBJECT} {held.name} {id(value):x}", backend="", confined=False, held=held
    )
    own = Weights("own", default=True)
    model = Model(
        name=held.name, architecture=held.name, weights=(own,), note="an object in Python"
    )
    return ObjectEntry(ObjectZoo(spec), model, own)


def packages_of(value: Any) -> frozenset[str]:
    """Return the top-level packages that define the type of an object and the types above it."""
    return frozenset(str(kind.__module__).partition(".")[0] for kind in type(value).__mro__)


def _held(value: Any, example: Any) -> Held | None:
    """The backend of an object; None where no framework knows it. Imports none for others."""
    known = packages_of(value)
    for package, hold in _HOLDERS.items():
        held = hold(value, example) if package in known else None
        if held is not None:
            return held
    return None


def _said(value: Any) -> str:
    """What an object is that is no network."""
    if inspect.isclass(value):
        return f"{value.__qualname__} is a class, of which an instance may be a network"
    if value is None:
        return "None is no network"
    kind = type(value)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    article = "an" if name[0] in "aeio" else "a"
    return f"{article} {name} is no network that zoodiff knows"


def _of_torch(value: Any, example: Any) -> Held | None:
    import torch

    if isinstance(value, torch.jit.ScriptModule):
        from zoodiff.zoos.objects.torch_scripts import HeldScript

        return HeldScript(value, example)
    if isinstance(value, torch.nn.Module):
        from zoodiff.zoos.objects.torch_modules import HeldModule

        return HeldModule(value, example)
    if isinstance(value, torch.export.ExportedProgram):
        from zoodiff.zoos.objects.torch_modules import HeldProgram

        return HeldProgram(value, None if isinstance(example, StatedInputs) else example)
    return None


def _of_keras(value: Any, example: Any) -> Held | None:
    import keras

    if isinstance(value, keras.Model):
        from zoodiff.frontends.keras.functional import has_layer_graph

        if has_layer_graph(value):
            from zoodiff.zoos.objects.keras import HeldKeras

            return HeldKeras(value, None if isinstance(example, StatedInputs) else example)
        backend = keras.backend.backend()
        if backend == "tensorflow":
            from zoodiff.zoos.objects.tensorflow import HeldTensorFlow
            from zoodiff.zoos.objects.tensorflow_calls import call_of_model

            return HeldTensorFlow(call_of_model(value, example))
        if backend != "torch":  # with PyTorch it is a module
            raise UsageError(
                f"{type(value).__name__} is subclassed, so Keras does not know its layers, and on "
                f"the backend {backend} it cannot be traced; give a functional model"
            )
    return None


def _of_tensorflow(value: Any, example: Any) -> Held | None:
    from zoodiff.zoos.objects.tensorflow import HeldTensorFlow
    from zoodiff.zoos.objects.tensorflow_calls import call_of_object

    call = call_of_object(value, example)
    return None if call is None else HeldTensorFlow(call)


_HOLDERS: dict[str, Callable[[Any, Any], Held | None]] = {
    "keras": _of_keras,  # whose models are modules of PyTorch on that backend
    "torch": _of_torch,
    "tensorflow": _of_tensorflow,
}
"""How an object is held, by the package of its type."""
ACCEPTED = (
    "a torch.nn.Module, ScriptModule or torch.export.ExportedProgram, a keras.Model, a tf.Module "
    "or tf.function, an onnx.ModelProto, onnx_ir.Model or onnxruntime.InferenceSession, a path, or "
    "the name of an entry"
)
"""What may be compared, in words."""
