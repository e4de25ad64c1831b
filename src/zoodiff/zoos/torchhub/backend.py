"""The worker side of the zoo ``torchhub``: builds, describes and runs what a hubconf.py builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError
from zoodiff.torch_compat import import_torchvision
from zoodiff.zoos.base import Network
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.torch_network import TorchNetwork
from zoodiff.zoos.runtime.weights_access import counts_of_torch
from zoodiff.zoos.torchhub.hub_code import HubCode, open_code

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_SHAPE = (1, 3, 224, 224)
_SEED = 0
"""The seed of networks that are described; their values are in no graph."""


class TorchHubBackend:
    """Networks of a ``hubconf.py``; see ``zoodiff.zoos.base.Backend``."""

    def __init__(self) -> None:
        self._torchvision = import_torchvision()
        self._code: HubCode | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        import torch

        return {"torch": torch.__version__, "torchvision": self._torchvision.__version__}

    def models(self) -> Sequence[str]:
        """Return no models: repositories are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the network; its weights are initialised, as the code may read them.

        Raises RefusedError if the code is not allowed, MeasurementError if it fails.
        """
        from zoodiff.frontends.torch.export import to_graph

        return to_graph(self._build(model, _SEED), _SHAPE, f"torchhub:{Path(model).name}")

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the module's own parameters, and the floating-point values in its buffers."""
        module = self._build(model, _SEED)
        return {**counts_of_torch(module), "sha256": self._code.sha256 if self._code else None}

    def modes(self) -> Sequence[str]:
        """Return the modes: eager, ``torch.compile``, and on CUDA."""
        return modes.TORCH_ANYWHERE

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with random weights from the code's own initialisers and ``seed``.

        Raises RefusedError if the code is not allowed, MeasurementError if it fails.
        """
        import torch

        mode = modes.choose(mode, modes.TORCH_ANYWHERE, "torchhub")
        torch.set_num_threads(threads)
        with load_stages.stage(load_stages.BUILD):
            module = self._build(model, seed)
        with load_stages.stage(load_stages.COMPILE):
            forward = modes.torch_forward(module, mode)
        return TorchNetwork(
            weights_state="random",
            weights_sha256=None,
            input_shape=_SHAPE,
            layout="NCHW",
            scope=modes.torch_scope(mode),
            _module=module,
            _forward=_one_tensor(forward, model),
            _transform=_no_preprocessing,
        )

    def _build(self, model: str, seed: int) -> Any:
        import torch

        folder, _, function = model.rpartition("/")
        with load_stages.stage(load_stages.CHECKS):
            before, self._code = self._code, None
            self._code = open_code(Path(folder), before)
        torch.manual_seed(seed)
        return self._code.build(function)


def _one_tensor(forward: Callable[[Any], Any], model: str) -> Callable[[Any], Any]:
    """Return a call that raises MeasurementError where the network does not return one tensor."""
    import torch

    def call(batch: Any) -> Any:
        output = forward(batch)
        if not isinstance(output, torch.Tensor):
            raise MeasurementError(
                f"{Path(model).name} returns a {type(output).__name__}, not one tensor; "
                "its outputs cannot be compared"
            )
        return output

    call.clock = getattr(forward, "clock", None)  # type: ignore[attr-defined]
    return call


def _no_preprocessing(images: NDArray[np.uint8]) -> Any:
    raise MeasurementError(
        "a hubconf.py publishes no preprocessing that zoodiff reads; give one of your own"
    )
