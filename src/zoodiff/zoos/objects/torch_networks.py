"""What the objects of PyTorch have in common: how they are described and run."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.errors import MeasurementError, UsageError, WeightsUnavailableError
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.objects.torch_state import is_compiled
from zoodiff.zoos.runtime.torch_calls import TorchCall, run_call
from zoodiff.zoos.runtime.weights_access import WeightsAccess, counts_of_torch, of_torch, read_only

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_STANCE = threading.Lock()
_LARGEST_BUFFER = 1 << 22
"""Elements of a buffer that is kept; larger ones are caches."""


@dataclass
class HeldNetwork:
    """An object as a loaded network; its weights can be read only."""

    input_shape: tuple[int, ...]
    _module: Any
    _call: TorchCall
    _stored: Any
    """The module whose parameters and buffers have the names of the graph."""
    _compiled: bool = False
    """Whether a part is wrapped by ``torch.compile``."""
    weights_state: WeightsState = "file"
    weights_sha256: str | None = None
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    scope: Mapping[str, str] = field(default_factory=dict)

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return parameters and buffers by name; those in memory are not copied."""
        return read_only(_views(self._stored), "an object keeps its weights")

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
        with _uncompiled(self._compiled), _unchanged_buffers(self._module):
            return run_call(self._module, self._call, inputs)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: an object does not say how images are prepared."""
        raise MeasurementError("an object does not say how images are prepared")


@contextlib.contextmanager
def _uncompiled(compiled: bool) -> Iterator[None]:
    """Run what ``torch.compile`` has wrapped, wherever it is in a module, as it was written.

    The stance is that of the process, so one network is run so at a time.
    """
    if not compiled:
        yield
        return
    import torch

    with _STANCE, torch.compiler.set_stance("force_eager"):
        yield


@contextlib.contextmanager
def _unchanged_buffers(module: Any) -> Iterator[None]:
    """Put buffers back that a run changes, such as counters: the module stays as it is."""
    import torch

    kept = [
        (part, name, buffer, buffer._version, buffer.detach().clone())
        for part in module.modules()
        for name, buffer in part.named_buffers(recurse=False)
        if buffer.numel() <= _LARGEST_BUFFER
    ]
    try:
        yield
    finally:
        for part, name, buffer, version, values in kept:
            if buffer._version != version:
                with torch.no_grad():
                    buffer.copy_(values)
            if getattr(part, name, buffer) is not buffer and name in part._buffers:
                part._buffers[name] = buffer


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


class HeldTorch(ABC):
    """What modules, scripts and programs have in common; see ``zoos.objects.entries.Held``."""

    def __init__(self, name: str) -> None:
        self.name = name
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
        key = tuple(sorted(shapes.items()))
        if key not in self._graphs:
            call = self._call()
            arguments, keywords = call.example(shapes)
            with _uncompiled(self._is_compiled()):
                graph = self._graph(arguments, keywords)
            if len(graph.inputs) == len(call.names):  # the names that the export gives
                names = tuple(tensor.name for tensor in graph.inputs)
                read = {name for node in graph.nodes for name in node.inputs}
                read |= {tensor.name for tensor in graph.outputs}
                self._known = replace(call, names=names, unread=frozenset(names) - read)
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
            raise WeightsUnavailableError(
                f"{self.name} is on the meta device, where weights have no values"
            )
        self.describe(model, weights)
        call = self._call()
        shapes = [tuple(leaf.shape) for leaf in call.leaves if hasattr(leaf, "shape")]
        return HeldNetwork(
            shapes[0] if shapes else (), module, call, self._stored(), self._is_compiled()
        )

    def example(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the arrays of the example, by the names of the graph's inputs.

        There are none on the meta device, where tensors have shapes and no values.
        """
        leaves = self._given()
        if leaves is None or any(getattr(leaf, "is_meta", False) for leaf in leaves):
            return {}
        self.describe("", None)
        tensors = [leaf.detach().cpu() for leaf in leaves if hasattr(leaf, "detach")]
        return dict(zip(self._call().names, (_readable(tensor) for tensor in tensors), strict=True))

    def _call(self) -> TorchCall:
        if self._known is None:
            self._known = self._first_call()
        return self._known

    def _graph(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Graph:
        from zoodiff.frontends.torch.export import graph_of_call

        return graph_of_call(self._module(), arguments, keywords, self.name)

    @abstractmethod
    def _module(self) -> Any:
        """Return the module that runs."""

    def _stored(self) -> Any:
        """The module whose parameters and buffers have the names of the graph."""
        return self._module()

    def _is_compiled(self) -> bool:
        return is_compiled(self._module())

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


def on_device_of(module: Any, value: Any) -> Any:
    """Return arrays as tensors, on the device of the module.

    Arrays of numpy in double precision, its default, get the precision of the module.
    """
    import numpy as np
    import torch
    from torch.utils import _pytree as pytree

    parameters = list(module.parameters())
    device = next((p.device for p in parameters), torch.device("cpu"))
    precision = next((p.dtype for p in parameters if p.is_floating_point()), torch.float32)

    def moved(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray | np.generic):
            leaf = torch.from_numpy(np.array(leaf))
            leaf = leaf.to(precision) if leaf.dtype == torch.float64 else leaf
        if getattr(leaf, "is_meta", False) and device.type != "meta":
            raise UsageError(
                f"the example is on the meta device, where tensors have no values, and "
                f"{type(module).__name__} is not; give an example with values"
            )
        return leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf

    return pytree.tree_map(moved, value)
