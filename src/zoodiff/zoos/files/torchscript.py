"""The worker side of TorchScript files (``torch.jit.save``).

TorchScript carries code, so a file needs the user's permission. Its names are scanned before any of
it runs, and a file that does more than compute is always refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import Network
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.files.guarded import guarded
from zoodiff.zoos.files.torch import ExportedNetwork, program_scope
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.script_program import program_of_script, with_trained_weights
from zoodiff.zoos.runtime.weights_access import counts_of_torch
from zoodiff.zoos.scan import allowed
from zoodiff.zoos.scan.torch import script
from zoodiff.zoos.steady import steady

if TYPE_CHECKING:
    from zoodiff.frontends.torch.protocols import Module
    from zoodiff.graph.ir import Graph


@guarded
class TorchScriptFiles:
    """Traced and scripted modules; see ``zoodiff.zoos.base.Backend``."""

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
        """Return the graph of the module for one image, converted by ``torch.export``."""
        import torch

        from zoodiff.frontends.torch.export import to_graph

        path, extent = opened(model)
        shape = (1, 3, extent, extent)
        with steady(path) as file:
            module = self._open(path, file.digest)
        program = program_of_script(module, (torch.zeros(shape),), path.name)
        return with_trained_weights(to_graph(program, shape, path.name))

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the module's own parameters, and the floating-point values in its buffers."""
        with steady(opened(model)[0]) as file:
            module = self._open(file.path, file.digest)
        return {**counts_of_torch(module), "sha256": file.digest}

    def modes(self) -> Sequence[str]:
        """Return the only mode, TorchScript's interpreter; ``torch.compile`` takes no scripts."""
        return modes.TORCH_SCRIPT

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Load the module; ``random`` weights keep the file's values until ``assign``."""
        import torch

        mode = modes.choose(mode, modes.TORCH_SCRIPT, "a TorchScript file")
        torch.set_num_threads(threads)
        path, extent = opened(model)
        with (
            load_stages.stage(load_stages.CHECKS),
            steady(path) as file,
            load_stages.stage(load_stages.WEIGHTS),
        ):
            module = self._open(path, file.digest)
        with load_stages.stage(load_stages.CHECKS):
            batch = self._batch(module, extent)
        return ExportedNetwork(
            (1, 3, extent, extent),
            module,
            module,
            batch,
            scope=program_scope(mode, batch),
            weights_sha256=None if weights == RANDOM else file.digest,
            weights_state="random" if weights == RANDOM else "file",
        )

    def _open(self, path: Path, digest: str) -> Any:
        import torch

        with load_stages.stage(load_stages.CHECKS):
            script.check(path)
            allowed.demand(path, "TorchScript", digest)
        try:
            return torch.jit.load(path, map_location="cpu").eval()
        except Exception as error:  # torch raises many kinds
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"{path} is no module that torch can load ({reason})") from None

    def _batch(self, module: Module, extent: int) -> int | None:
        """Return 1 if the module takes only one image at a time, else None."""
        import torch

        try:
            with torch.inference_mode():
                outputs = module(torch.zeros(2, 3, extent, extent))
            outputs = outputs[0] if isinstance(outputs, tuple | list) else outputs
            return None if len(outputs) == 2 else 1
        except Exception:
            return 1
