"""Imports PaddleClas's networks without the rest of PaddleClas, and builds them.

The package imports its training code with its networks, and that needs OpenCV, scikit-learn and
old versions of others. The networks need four of its modules only; two of these are replaced: the
one that downloads weights, so that nothing can, and the log, which writes to standard output.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from zoodiff.errors import MissingFrameworkError, WeightsUnavailableError

DISTRIBUTION = "paddleclas"
_LIBRARY = f"{DISTRIBUTION}.ppcls"
_BARE = (DISTRIBUTION, _LIBRARY, f"{_LIBRARY}.arch", f"{_LIBRARY}.utils")
"""Packages whose own code is not run; their modules are imported one by one."""
_LEVELS = ("debug", "info", "warning", "error")


class DownloadRefusedError(WeightsUnavailableError):
    """PaddleClas asked for a file; ``address`` is its address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"zoodiff does not download {address}, which is a pickle")
        self.address = address


class _Addresses(dict[str, str]):
    """The addresses of weights; a builder that has none is not stopped by it."""

    def __missing__(self, key: str) -> str:
        return ""


def builders() -> list[str]:
    """Return the networks that PaddleClas publishes: the functions that can fetch their weights.

    Those of face and text recognition cannot; they need arguments of their own.
    """
    return sorted(name for name, function in _functions().items() if _publishes(function))


def build(name: str, arguments: Mapping[str, Any]) -> Any:
    """Return the layer of a network with initial values; ``arguments`` are its configuration."""
    return _functions()[name](pretrained=False, **arguments)


def address(name: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the address from which a builder fetches the weights that ``arguments`` choose."""
    try:
        _functions()[name](pretrained=True, **arguments)
    except DownloadRefusedError as refused:
        return refused.address
    except ValueError as error:
        if "does not exists" not in str(error):  # PaddleClas's words for an empty address
            raise
    return None


def options(name: str) -> frozenset[str]:
    """Return the names of a builder's own parameters."""
    return frozenset(inspect.signature(_functions()[name]).parameters)


@contextmanager
def traced_as_written() -> Iterator[None]:
    """Let Paddle trace the networks without rewriting them for control flow that reads tensors.

    Most have none, and their programs are made in a third of the time. Others cannot be traced so.
    """
    converted: Any = importlib.import_module("paddle.jit.dy2static.convert_call_func")
    kept = list(converted.BUILTIN_LIKELY_MODULES)
    own = [sys.modules[function.__module__] for function in _functions().values()]
    converted.BUILTIN_LIKELY_MODULES.extend(set(own) - set(kept))
    try:
        yield
    finally:
        converted.BUILTIN_LIKELY_MODULES[:] = kept


def module_of(name: str) -> str:
    """Return the name of the module that a builder is defined in."""
    return _functions()[name].__module__.rpartition(".")[2]


def _publishes(function: Callable[..., Any]) -> bool:
    module = sys.modules[function.__module__]
    addresses = any(name.startswith("MODEL_URLS") for name in vars(module))
    variant = ".variant_models." in module.__name__
    return "pretrained" in inspect.signature(function).parameters and (addresses or variant)


@cache
def _functions() -> Mapping[str, Callable[..., Any]]:
    backbones = _import_backbones()
    return {
        name: function
        for name, function in vars(backbones).items()
        if inspect.isfunction(function) and function.__module__ != backbones.__name__
    }


@cache
def folder() -> Path:
    """Return the folder of the package; raise MissingFrameworkError if it is not installed."""
    spec = importlib.util.find_spec(DISTRIBUTION)
    if spec is None or spec.origin is None:
        raise MissingFrameworkError(
            "the environment paddle has no paddleclas; make it anew with: zoodiff env create paddle"
        )
    return Path(spec.origin).parent


def _import_backbones() -> ModuleType:
    """Import ``ppcls.arch.backbone`` and return it."""
    for name in _BARE:
        package = ModuleType(name)
        package.__path__ = [str(folder().joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    log = logging.getLogger(DISTRIBUTION)
    log.addHandler(logging.NullHandler())
    log.propagate = False
    _replace("logger", {level: getattr(log, level) for level in _LEVELS})
    _replace("download", {"get_weights_path_from_url": _refuse})
    backbones = importlib.import_module(f"{_LIBRARY}.arch.backbone")
    modules = [m for name, m in sys.modules.items() if name.startswith(backbones.__name__)]
    for module in modules:
        _allow_missing_addresses(module)
        _keep_whole_numbers(module)
    return backbones


def _replace(name: str, contents: Mapping[str, Any]) -> None:
    """Put a module with these contents in place of one of PaddleClas's."""
    module = ModuleType(f"{_LIBRARY}.utils.{name}")
    vars(module).update(contents)
    sys.modules[module.__name__] = module
    setattr(sys.modules[f"{_LIBRARY}.utils"], name, module)


def _refuse(address: str) -> NoReturn:
    raise DownloadRefusedError(address)


class _WholeNumbers:
    """Paddle, but that a whole number which becomes a tensor stays a number.

    A tensor as the extent of another leaves Paddle's program without extents.
    """

    def __init__(self, paddle: Any) -> None:
        self._paddle = paddle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._paddle, name)

    def to_tensor(self, data: Any, *arguments: Any, **options: Any) -> Any:
        """Return a tensor, or a whole number itself."""
        return data if type(data) is int else self._paddle.to_tensor(data, *arguments, **options)


def _keep_whole_numbers(module: ModuleType) -> None:
    if isinstance(vars(module).get("paddle"), ModuleType):
        vars(module)["paddle"] = _WholeNumbers(vars(module)["paddle"])


def _allow_missing_addresses(module: ModuleType) -> None:
    """Let builders work that look up an address even where they fetch nothing."""
    for name, value in list(vars(module).items()):
        if name.startswith("MODEL_URLS") and isinstance(value, dict):
            setattr(module, name, _Addresses(value))
