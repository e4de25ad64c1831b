"""The worker side of TorchScript files (``torch.jit.save``).

TorchScript carries code, in a language of its own that has no access to Python. What it does have
are a few operators that read and write files, and classes that a library may register; a file
whose code names one of these is refused before any of it runs.
"""

from __future__ import annotations

import hashlib
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.zoos import modes, stages
from zoodiff.zoos.base import Network
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.files.torch import ExportedNetwork, program_scope

if TYPE_CHECKING:
    from zoodiff.graph.ir import Graph

_FILES = re.compile(r"\b(?:torch|ops\.\w+)\.(from_file|save|load|_load\w*|open\w*)\s*\(")
_SPACES = re.compile(r"(?<![\w.])ops\.(\w+)\.")
_KNOWN_SPACES = frozenset({"aten", "prim", "quantized", "torchvision", "prepacked"})
_CLASSES = re.compile(r"__torch__\.torch\.classes\.(\w+)")
_KNOWN_CLASSES = frozenset({"quantized", "xnnpack"})
_LARGEST = 1 << 26
"""Bytes of code that are read."""


def check_code(path: Path) -> None:
    """Look at the code of a TorchScript file without running it.

    Raises MeasurementError where it reaches for files, for operators of unknown libraries or for
    classes of them, and where it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = [one for one in archive.infolist() if re.search(r"\.py$", one.filename)]
            if sum(one.file_size for one in files) > _LARGEST:
                raise MeasurementError(f"{path} holds too much code to be looked at")
            code = "\n".join(archive.read(one).decode("utf-8", "replace") for one in files)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise MeasurementError(f"{path} is a damaged archive ({error})") from None
    reaching = _FILES.search(code)
    unknown = {one for one in _SPACES.findall(code) if one not in _KNOWN_SPACES}
    classes = {one for one in _CLASSES.findall(code) if one not in _KNOWN_CLASSES}
    what = [f"the operator {reaching[1]}"] if reaching else []
    what += [f"operators of {one}" for one in sorted(unknown)]
    what += [f"classes of {one}" for one in sorted(classes)]
    if what:
        raise MeasurementError(
            f"{path} is not loaded: its code names {', '.join(what)}, which may do more than "
            "compute"
        )


class TorchScriptFiles:
    """Traced and scripted modules; see ``zoodiff.zoos.base.Backend``."""

    def __init__(self) -> None:
        from zoodiff.torch_compat import import_torchvision

        import_torchvision()

    def versions(self) -> Mapping[str, str]:
        """Version of the framework that is really imported."""
        import torch

        return {"torch": torch.__version__}

    def models(self) -> Sequence[str]:
        """None: files are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the module for one image, by way of ``torch.export``."""
        import torch

        from zoodiff.frontends.torch_export import to_graph

        path, extent = opened(model)
        shape = (1, 3, extent, extent)
        module = self._open(path)
        try:
            from torch._export.converter import TS2EPConverter

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program = TS2EPConverter(module, (torch.zeros(shape),)).convert().module()
        except Exception as error:  # the converter raises many kinds
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(
                f"torch cannot turn {path.name} into a graph ({reason}); it can be run, and "
                "exported to ONNX by the code that made it"
            ) from None
        return to_graph(program, shape, path.name)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the module's own parameters, and the floating-point values in its buffers."""
        module = self._open(opened(model)[0])
        return {
            "parameters": sum(p.numel() for p in module.parameters()),
            "statistics": sum(b.numel() for b in module.buffers() if b.is_floating_point()),
        }

    def modes(self) -> Sequence[str]:
        """Eagerly, or by ``torch.compile``."""
        return modes.TORCH

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Load the module; the values of ``random`` weights are for ``assign`` to put in."""
        import torch

        mode = modes.choose(mode, modes.TORCH, "a TorchScript file")
        torch.set_num_threads(threads)
        path, extent = opened(model)
        with stages.stage(stages.WEIGHTS):
            module = self._open(path)
        with stages.stage(stages.COMPILE):
            forward = modes.torch_forward(module, mode)
        with stages.stage(stages.CHECKS), path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with stages.stage(stages.CHECKS):
            batch = self._batch(module, extent)
        return ExportedNetwork(
            (1, 3, extent, extent),
            module,
            forward,
            batch,
            scope=program_scope(mode, batch),
            weights_sha256=None if weights == RANDOM else digest,
            weights_state="random" if weights == RANDOM else "file",
        )

    def _open(self, path: Path) -> Any:
        import torch

        check_code(path)
        try:
            return torch.jit.load(path, map_location="cpu").eval()
        except Exception as error:  # torch raises many kinds
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"{path} is no module that torch can load ({reason})") from None

    def _batch(self, module: Any, extent: int) -> int | None:
        """1 where the module was traced in a way that takes no more images at once."""
        import torch

        try:
            with torch.inference_mode():
                found = module(torch.zeros(2, 3, extent, extent))
            found = found[0] if isinstance(found, tuple | list) else found
            return None if len(found) == 2 else 1
        except Exception:
            return 1
