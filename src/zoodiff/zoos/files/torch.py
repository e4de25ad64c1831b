"""The worker side of programs of ``torch.export`` (``.pt2``)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.files.guarded import guarded
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.torch_calls import TorchCall, call_of_program, run_call
from zoodiff.zoos.runtime.weights_access import counts_of_torch, of_torch
from zoodiff.zoos.scan.torch import program as scan
from zoodiff.zoos.steady import steady

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.frontends.torch.protocols import Module, Program
    from zoodiff.graph.ir import Graph


@contextlib.contextmanager
def only_weights() -> Iterator[None]:
    """Restrict ``torch.load`` to tensors and plain values during the block.

    ``torch.export.load`` falls back to full unpickling for parts of an archive, which would run
    code of the file.
    """
    import torch

    original = torch.load

    def load(*arguments: object, **options: object) -> object:
        return original(*arguments, **(options | {"weights_only": True}))

    torch.load = load
    try:
        yield
    finally:
        torch.load = original


@dataclass
class ExportedNetwork:
    """A program with its weights; see ``Network``."""

    input_shape: tuple[int, ...]
    _module: Module
    _forward: Callable[[Any], Any]
    """The module as the mode calls it."""
    _batch: int | None
    """The only batch size that it takes, or None for any."""
    scope: Mapping[str, str]
    weights_sha256: str | None
    weights_state: WeightsState = "file"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    _call: TorchCall | None = None
    """How it is called with named inputs; None where that is not known."""

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return parameters and buffers by their names in the program."""
        return of_torch(self._module)

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace parameters and buffers by name."""
        of_torch(self._module).assign(weights)

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs ``(batch, classes)`` for a batch ``(batch, channels, height, width)``."""
        import numpy as np
        import torch

        size = self._batch or len(batch)
        outputs = []
        with torch.inference_mode():
            for first in range(0, len(batch), size):
                part = batch[first : first + size]
                filled = np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]))])
                output = self._forward(torch.from_numpy(filled.astype(np.float32)))
                output = output[0] if isinstance(output, (tuple, list)) else output
                outputs.append(output.numpy()[: len(part)])
        return np.concatenate(outputs).reshape(len(batch), -1)

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run on named inputs, by their place in what is returned."""
        if self._call is None:
            raise MeasurementError("scripts do not say which inputs they take")
        return run_call(self._forward, self._call, inputs)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: a program does not say how images are prepared."""
        raise MeasurementError("a program does not say how images are prepared")


def program_scope(mode: str, batch: int | None) -> dict[str, str]:
    """Return the conditions of timing a program with this fixed batch size (None: any)."""
    calls = "one a batch"
    if batch is not None:
        calls = "one an image" if batch == 1 else f"one for {batch} images, zeros where fewer"
    return modes.torch_scope(mode) | {"calls": calls}


def _takes_one_batch(program: Any) -> bool:
    """Whether a program has one input, of real numbers, with a batch as its first axis."""
    names = program.graph_signature.user_inputs
    inputs = [node for node in program.graph.nodes if node.name in names]
    if len(inputs) != 1 or len(names) != 1:
        return False
    value = inputs[0].meta["val"]
    return bool(value.is_floating_point()) and value.dim() > 0


@guarded
class TorchFiles:
    """Programs of ``torch.export``; see ``zoodiff.zoos.base.Backend``."""

    def __init__(self) -> None:
        from zoodiff.torch_compat import import_torchvision

        import_torchvision()

    def versions(self) -> Mapping[str, str]:
        """Return the version of the imported framework."""
        import torch

        return {"torch": torch.__version__}

    def models(self) -> Sequence[str]:
        """Return no models: files are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the program for one image."""
        from zoodiff.frontends.torch.export import to_graph

        program = self._open(model)
        if not _takes_one_batch(program):
            return self._graph(model, program, {})
        shape = self._shape(model, program)[0]
        return to_graph(program.module(), shape, opened(model)[0].name)

    def describe_at(
        self, model: str, weights: str | None, shapes: Mapping[str, tuple[int, ...]]
    ) -> Graph:
        """Return the graph of the program for inputs of these shapes."""
        return self._graph(model, self._open(model), shapes)

    def _graph(self, model: str, program: Any, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
        from zoodiff.frontends.torch.export import graph_of_call

        arguments, keywords = call_of_program(program).example(shapes)
        return graph_of_call(program.module(), arguments, keywords, opened(model)[0].name)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the program's own parameters, and the floating-point values in its buffers."""
        with steady(opened(model)[0]) as file:
            module = self._open(model).module()
        return {**counts_of_torch(module), "sha256": file.digest}

    def modes(self) -> Sequence[str]:
        """Return the modes: eager, ``torch.compile``, or in OpenVINO."""
        return modes.TORCH_FILES

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Load the program; ``random`` weights keep the file's values until ``assign``."""
        import torch

        mode = modes.choose(mode, modes.TORCH_FILES, "a program of torch.export")
        torch.set_num_threads(threads)
        path, _ = opened(model)
        with (
            load_stages.stage(load_stages.CHECKS),
            steady(path) as file,
            load_stages.stage(load_stages.WEIGHTS),
        ):
            program = self._open(model)
        call = call_of_program(program)
        if _takes_one_batch(program):
            shape, batch = self._shape(model, program)
        else:
            shape, batch = next((tuple(x.shape) for x in call.leaves if hasattr(x, "shape")), ()), 1
        with load_stages.stage(load_stages.BUILD):
            module = program.module()
        with load_stages.stage(load_stages.COMPILE):
            forward = modes.torch_forward(module, mode)
        return ExportedNetwork(
            shape,
            module,
            forward,
            batch,
            scope=program_scope(mode, batch),
            weights_sha256=None if weights == RANDOM else file.digest,
            weights_state="random" if weights == RANDOM else "file",
            _call=call,
        )

    def _open(self, model: str) -> Any:
        import torch

        path, _ = opened(model)
        with load_stages.stage(load_stages.CHECKS):
            scan.check(path)
        try:
            with only_weights():
                return torch.export.load(path)
        except Exception as error:  # torch raises many kinds
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"{path} is no program that torch can load ({reason})") from None

    def _shape(self, model: str, program: Program) -> tuple[tuple[int, ...], int | None]:
        """Return the input's shape for one image, and the fixed batch size or None."""
        path, extent = opened(model)
        names = program.graph_signature.user_inputs
        inputs = [node for node in program.graph.nodes if node.name in names]
        if len(inputs) != 1:
            raise MeasurementError(f"{path} has {len(inputs)} inputs; one is needed")
        lengths = [n if isinstance(n, int) else None for n in inputs[0].meta["val"].shape]
        if not lengths:
            raise MeasurementError(f"{path} takes no images but a single number")
        batch, *extents = lengths
        shape = (batch or 1, *(n or extent for n in extents))
        return shape, batch
