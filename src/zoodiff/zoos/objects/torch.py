"""Modules of PyTorch and programs of ``torch.export`` that the caller holds."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.errors import MeasurementError, UsageError
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.runtime.torch_calls import TorchCall, call_of_program, run_call
from zoodiff.zoos.runtime.weights_access import WeightsAccess, counts_of_torch, of_torch, read_only

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_SIZE = 224
"""Height and width of the image that is tried where no example is given."""


@dataclass
class HeldNetwork:
    """An object as a loaded network; its weights can be read only."""

    input_shape: tuple[int, ...]
    _module: Any
    _call: TorchCall
    weights_state: WeightsState = "file"
    weights_sha256: str | None = None
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    scope: Mapping[str, str] = field(default_factory=dict)

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return parameters and buffers by name; those in memory are not copied."""
        return read_only(_views(self._module), "an object keeps its weights")

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Raise MeasurementError: an object keeps its weights."""
        raise MeasurementError("an object keeps its weights")

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the first output for a batch of the one input."""
        outputs = self.run_named({self._call.names[0]: batch})
        first: NDArray[np.float32] = next(iter(outputs.values()))
        return first

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run on named inputs, by their place in what is returned."""
        return run_call(self._module, self._call, inputs)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: an object does not say how images are prepared."""
        raise MeasurementError("an object does not say how images are prepared")


def _views(module: Any) -> WeightsAccess:
    """Return the weights of a module, without a copy where numpy can read them in place."""
    import torch

    copied = of_torch(module)
    own = dict(module.named_parameters()) | dict(module.named_buffers())

    def read(name: str) -> NDArray[Any]:
        tensor = own[name].detach().cpu()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        array: NDArray[Any] = tensor.numpy()
        array.flags.writeable = False
        return array

    return WeightsAccess(copied.shapes, read, copied.assign)


class _HeldTorch(ABC):
    """What modules and programs have in common."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._graphs: dict[tuple[tuple[str, tuple[int, ...]], ...], Graph] = {}
        self._known: TorchCall | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the version of PyTorch."""
        import torch

        return {"torch": torch.__version__}

    def models(self) -> Sequence[str]:
        """Return no models: objects are given, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph for the inputs of the example."""
        return self.describe_at(model, weights, {})

    def describe_at(
        self, model: str, weights: str | None, shapes: Mapping[str, tuple[int, ...]]
    ) -> Graph:
        """Return the graph for inputs of these shapes, in the mode that the module is in."""
        from zoodiff.frontends.torch.export import graph_of_call

        key = tuple(sorted(shapes.items()))
        if key not in self._graphs:
            call = self._call()
            arguments, keywords = call.example(shapes)
            graph = graph_of_call(self._module(), arguments, keywords, self._name)
            if len(graph.inputs) == len(call.names):  # the names that the export gives
                self._known = replace(call, names=tuple(t.name for t in graph.inputs))
            self._graphs[key] = graph
        return self._graphs[key]

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return scalars in parameters, and floating-point values in buffers."""
        return counts_of_torch(self._module())

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        """Return the object as it is; raise MeasurementError where it cannot be run so."""
        module = self._module()
        self._check()
        if any(tensor.is_meta for tensor in module.parameters()):
            raise MeasurementError(f"the weights of {self._name} are on the meta device")
        self.describe(model, weights)
        call = self._call()
        shapes = [tuple(leaf.shape) for leaf in call.leaves if hasattr(leaf, "shape")]
        return HeldNetwork(shapes[0] if shapes else (), module, call)

    def example(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the arrays of the example, by the names of the graph's inputs."""
        leaves = self._given()
        if leaves is None:
            return {}
        self.describe("", None)
        tensors = [leaf.detach().cpu() for leaf in leaves if hasattr(leaf, "detach")]
        return dict(zip(self._call().names, (_readable(tensor) for tensor in tensors), strict=True))

    def _call(self) -> TorchCall:
        if self._known is None:
            self._known = self._first_call()
        return self._known

    @abstractmethod
    def _module(self) -> Any:
        """Return the module that runs."""

    @abstractmethod
    def _first_call(self) -> TorchCall:
        """Return the call with the example, with names that no graph has given yet."""

    @abstractmethod
    def _given(self) -> Sequence[Any] | None:
        """Return the values of the caller's example, flat; None without one."""

    @abstractmethod
    def _check(self) -> None:
        """Raise MeasurementError where running would not give the network's function."""


def _readable(tensor: Any) -> NDArray[np.generic]:
    import torch

    array: NDArray[np.generic] = (
        tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    ).numpy()
    return array


class HeldModule(_HeldTorch):
    """A module, run as it is; see ``zoodiff.zoos.objects.entries.Held``."""

    def __init__(self, module: Any, example: Any) -> None:
        super().__init__(type(module).__name__)
        self._original = getattr(module, "_orig_mod", module)  # of a compiled module
        self._example = example

    @property
    def notes(self) -> Sequence[str]:
        """What the caller should know first."""
        notes = []
        if _training(self._original):
            notes.append(f"{self._name} is in training mode; it is compared as a graph only")
        hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in self._modules())
        if hooks:
            notes.append(f"{self._name} has {hooks} forward hooks, which run with it")
        return notes

    def _modules(self) -> list[Any]:
        return list(self._original.modules())

    def _module(self) -> Any:
        return self._original

    def _check(self) -> None:
        if _training(self._original):
            raise MeasurementError(
                f"{self._name} is in training mode, in which its answers are no function of the "
                "input; call its method eval() first"
            )

    def _given(self) -> Sequence[Any] | None:
        return None if self._example is None else self._first_call().leaves

    def _first_call(self) -> TorchCall:
        from torch.utils import _pytree as pytree

        arguments, keywords = self._arguments()
        signature = inspect.signature(self._original.forward)
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            wanted = ", ".join(signature.parameters)
            raise UsageError(
                f"{self._name} takes ({wanted}), and the example does not fit: {error}"
            ) from None
        arguments = _on_device_of(self._original, arguments)
        keywords = _on_device_of(self._original, keywords)
        leaves, structure = pytree.tree_flatten((arguments, keywords))
        count = sum(hasattr(leaf, "detach") for leaf in leaves)
        names = tuple(f"input {k}" for k in range(count))
        return TorchCall(names, tuple(leaves), structure)

    def _arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional arguments and keywords; an image where no example is given."""
        if self._example is None:
            return (self._image(),), {}
        if isinstance(self._example, Mapping):
            named = dict(self._example)
            known = inspect.signature(self._original.forward).parameters
            if all(name in known for name in named):
                return (), named
            return (named,), {}
        if isinstance(self._example, tuple | list):
            return tuple(self._example), {}
        return (self._example,), {}

    def _image(self) -> Any:
        """An image of the size that the module says, or with the channels of its first layer."""
        import torch

        facts = getattr(self._original, "pretrained_cfg", None)
        size = facts.get("input_size") if isinstance(facts, Mapping) else None
        if size is None:
            windows = (m for m in self._modules() if isinstance(m, torch.nn.Conv2d))
            first = next(windows, None)
            size = None if first is None else (first.in_channels, _SIZE, _SIZE)
        if size is None:
            wanted = ", ".join(inspect.signature(self._original.forward).parameters)
            raise MeasurementError(
                f"{self._name} does not show which inputs it takes ({wanted}); give some, as in "
                f"diff(..., example=({wanted},))"
            )
        return torch.empty(1, *size)


def _training(module: Any) -> bool:
    return any(part.training for part in module.modules())


def _on_device_of(module: Any, value: Any) -> Any:
    """Arrays as tensors, on the device of the module."""
    import numpy as np
    import torch
    from torch.utils import _pytree as pytree

    device = next((p.device for p in module.parameters()), torch.device("cpu"))

    def moved(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray | np.generic):
            leaf = torch.from_numpy(np.array(leaf))
        return leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf

    return pytree.tree_map(moved, value)


class HeldProgram(_HeldTorch):
    """A program of ``torch.export``; see ``zoodiff.zoos.objects.entries.Held``."""

    notes: Sequence[str] = ()

    def __init__(self, program: Any, example: Any) -> None:
        super().__init__("ExportedProgram")
        self._program = program
        self._built = program.module()
        self._example = example

    def _module(self) -> Any:
        return self._built

    def _check(self) -> None:
        """A program has the one mode that it was exported in."""

    def _first_call(self) -> TorchCall:
        return call_of_program(self._program)

    def _given(self) -> Sequence[Any] | None:
        from torch.utils import _pytree as pytree

        if self._example is None:
            return None
        leaves: Sequence[Any] = pytree.tree_leaves(_on_device_of(self._built, self._example))
        return leaves
