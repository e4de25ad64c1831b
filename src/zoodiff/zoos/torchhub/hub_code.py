"""Imports a ``hubconf.py`` in a worker, if the user allowed the code of its folder."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff.entry import did_you_mean
from zoodiff.errors import MeasurementError, MissingFrameworkError, UnknownNameError, ZoodiffError
from zoodiff.rules.security import refusal
from zoodiff.zoos.scan import allowed, python_code
from zoodiff.zoos.scan.python_code import HUBCONF

_WITHOUT_WEIGHTS: Mapping[str, Any] = {
    "pretrained": False,
    "pretrained_backbone": False,
    "weights": None,
    "weights_backbone": None,
}
"""Arguments by which builders fetch weights, with the value for none."""


@dataclass
class HubCode:
    """The imported ``hubconf.py`` of a folder, from a copy of its code."""

    folder: Path
    copy: Path
    sha256: str
    module: Any = None

    def build(self, function: str) -> Any:
        """Return the module that a function of ``hubconf.py`` builds without weights.

        Raises UnknownNameError if there is no such function, MeasurementError if it fails or
        returns something else.
        """
        import torch

        builder = self._builder(function)
        arguments = without_weights(builder)
        built = _run(f"{function} of {self.folder / HUBCONF}", lambda: builder(**arguments))
        if not isinstance(built, torch.nn.Module):
            raise MeasurementError(
                f"{function} of {self.folder / HUBCONF} returns a {type(built).__name__}, not a "
                "network (torch.nn.Module)"
            )
        return built.eval()

    def functions(self) -> list[str]:
        """Return the names of all public functions, as ``torch.hub.list`` does."""
        own = vars(self.module)
        return sorted(name for name in own if callable(own[name]) and not name.startswith("_"))

    def _builder(self, function: str) -> Any:
        missing = [name for name in self._dependencies() if not _is_installed(name)]
        if missing:
            raise MissingFrameworkError(
                f"{self.folder / HUBCONF} needs {', '.join(missing)}; install it with: pip install "
                f"{' '.join(missing)}"
            )
        if function not in self.functions():
            names = self.functions()
            hint = did_you_mean(function, names) or f"; there are {', '.join(names[:20])}"
            raise UnknownNameError(f"{self.folder / HUBCONF} has no function {function}{hint}")
        return getattr(self.module, function)

    def _dependencies(self) -> list[str]:
        named = getattr(self.module, "dependencies", ())
        return [name for name in named if isinstance(name, str)] if named else []

    def close(self) -> None:
        """Forget the imported modules and remove the copy."""
        if str(self.copy) in sys.path:
            sys.path.remove(str(self.copy))
        for name, module in list(sys.modules.items()):
            if _lies_in(module, self.copy):
                del sys.modules[name]
        importlib.invalidate_caches()
        shutil.rmtree(self.copy, ignore_errors=True)


def without_weights(builder: Any) -> dict[str, Any]:
    """Return the arguments that keep a builder from fetching weights, as far as it takes them."""
    try:
        parameters = inspect.signature(builder).parameters
    except (TypeError, ValueError):
        return {}
    return {name: value for name, value in _WITHOUT_WEIGHTS.items() if name in parameters}


def open_code(folder: Path, before: HubCode | None = None) -> HubCode:
    """Return the imported ``hubconf.py`` of a folder; ``before`` is kept if it is the same code.

    The code is copied, the copy is hashed, and only the copy is imported. Raises RefusedError
    (SEC103) if the user did not allow this content, MeasurementError if it cannot be imported.
    """
    copy = Path(tempfile.mkdtemp(prefix="zoodiff-hub-"))
    try:
        sha256 = python_code.copy(folder, copy)
    except OSError as error:
        shutil.rmtree(copy, ignore_errors=True)
        raise MeasurementError(f"cannot read the code of {folder} ({error})") from None
    if not allowed.is_allowed(folder, sha256):
        shutil.rmtree(copy, ignore_errors=True)
        raise refusal(
            "SEC103",
            f"{folder / HUBCONF} is code that nobody allowed to run; if you trust who made it, add "
            f"--allow-code {folder} (sha256:{sha256})",
        )
    if before is not None and (before.folder, before.sha256) == (folder, sha256):
        shutil.rmtree(copy, ignore_errors=True)
        return before
    if before is not None:
        before.close()
    code = HubCode(folder, copy, sha256)
    try:
        code.module = _import(folder, copy)
    except BaseException:
        code.close()
        raise
    return code


def _import(folder: Path, copy: Path) -> Any:
    """Import ``hubconf.py`` of a copy, as ``torch.hub`` does: its folder is first in the path."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(copy))
    importlib.invalidate_caches()
    spec = importlib.util.spec_from_file_location("hubconf", copy / HUBCONF)
    if spec is None or spec.loader is None:
        raise MeasurementError(f"{folder} has no {HUBCONF}")
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader
    _run(f"{folder / HUBCONF}", lambda: loader.exec_module(module))
    return module


def _run(what: str, call: Any) -> Any:
    """Call code of the repository; raise MeasurementError whatever it raises."""
    try:
        return call()
    except ZoodiffError:
        raise
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise MeasurementError(f"{what} cannot be run ({reason})") from None


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _lies_in(module: Any, folder: Path) -> bool:
    own = getattr(module, "__file__", None)
    places = [own] if isinstance(own, str) else list(getattr(module, "__path__", None) or ())
    return any(isinstance(place, str) and Path(place).is_relative_to(folder) for place in places)
