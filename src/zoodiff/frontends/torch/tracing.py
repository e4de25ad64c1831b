"""Runs ``torch.export`` without its messages, and words why it cannot trace a network."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import re
import sysconfig
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.frontends.torch.protocols import FxNode

_LOGGERS = (
    "torch._export",
    "torch._subclasses.fake_tensor",
    "torch.export",
    "torch.fx.experimental.symbolic_shapes",
)
_EXPORTING = threading.RLock()
_LONGEST = 200
"""Characters of a reason, and of a line of code."""
_ASKING = frozenset({"_local_scalar_dense", "eq", "item", "ne", "sym_numel", "sym_size"})
"""Functions by which Python asks for a value or a shape, behind the one that computes it."""
_OPERATOR = re.compile(r"torch\.ops\.(\w+)\.(\w+)")
"""The library and the name of an operator, such as torchvision's ``nms``."""


@contextlib.contextmanager
def quiet_export() -> Iterator[None]:
    """Keep the export from printing, and from noting the lines of Python that made each node.

    Nobody here reads these lines, and reading the sources takes a third of the time. What is
    changed for that is torch's own, so one network is exported at a time.
    """
    with _EXPORTING, contextlib.ExitStack() as stack:
        proxy: Any = importlib.import_module("torch.fx.proxy")
        if hasattr(proxy, "CapturedTraceback"):
            stack.enter_context(_replaced(proxy, "CapturedTraceback", _NoTraceback))
        # What fails is printed as far as it was traced.
        trace: Any = importlib.import_module("torch.export._trace")
        stack.enter_context(_replaced(trace, "print", lambda *_words, **_options: None))
        for name in _LOGGERS:
            stack.enter_context(_errors_only(logging.getLogger(name)))
        yield


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    original = vars(module).get(name)
    setattr(module, name, value)
    try:
        yield
    finally:
        if original is None:
            delattr(module, name)
        else:
            setattr(module, name, original)


@contextlib.contextmanager
def _errors_only(logger: logging.Logger) -> Iterator[None]:
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class _NoTraceback:
    """Stands for a captured traceback; its summary is empty."""

    @staticmethod
    def extract(**_options: object) -> _NoTraceback:
        return _NoTraceback()

    def summary(self) -> None:
        return None


def failure(error: Exception, source: str) -> MeasurementError:
    """Return the error for a network that ``torch.export`` cannot trace: where, why, what to do."""
    place = _place(error)
    if _is_data_dependent(error):
        operator = _asked(getattr(error, "partial_fx_graph", None))
        where = " ".join(part for part in (operator, place) if part)
        return MeasurementError(
            f"torch.export cannot trace {source}: a branch or a shape depends on values that it "
            f"computes{f' ({where})' if where else ''}; write it with torch.where or torch.cond, "
            "or compare the parts before and behind it"
        )
    reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
    return MeasurementError(
        f"torch.export cannot trace {source} ({reason}{f', {place}' if place else ''}); compare a "
        "part that it traces, or a file that another exporter writes"
    )


def _is_data_dependent(error: Exception) -> bool:
    return "DataDependent" in type(error).__name__ or "data-dependent" in str(error)


def _place(error: Exception) -> str:
    """The last line of the network's own code that ran; empty where none is known."""
    import torch

    others = (_folder(torch.__file__), _OWN)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        library = frame.filename.startswith(_LIBRARY) and _PACKAGES not in frame.filename
        if library or frame.filename.startswith(("<", *others)):
            continue
        line = " ".join((frame.line or "").split())[:_LONGEST]
        name = PurePath(frame.filename).name
        return f"at {name}:{frame.lineno}{f', `{line}`' if line else ''}"
    return ""


def _folder(file: str) -> str:
    """The folder of a file, as the beginning of paths below it."""
    return f"{PurePath(file).parent}{os.sep}"


_LIBRARY = f"{sysconfig.get_path('stdlib')}{os.sep}"
_PACKAGES = f"{os.sep}site-packages{os.sep}"
"""Python's own library, and packages below it."""
_OWN = f"{PurePath(__file__).parents[2]}{os.sep}"
"""zoodiff's own code."""


def _asked(traced: Any) -> str:
    """The operator whose result Python asked for, in the text of what was traced so far."""
    operators = [
        f"{library}.{name}"
        for library, name in _OPERATOR.findall(str(traced))
        if name not in _ASKING
    ]
    return operators[-1] if operators else ""


def extents(node: FxNode, shape: Sequence[Any]) -> tuple[int, ...]:
    """Return the extents of a result; raise MeasurementError where values of inputs decide them."""
    try:
        return tuple(int(extent) for extent in shape)
    except Exception as error:
        if not _is_data_dependent(error):
            raise
        stack = list((node.meta.get("nn_module_stack") or {"": ("", "")}).values())
        path = str(stack[-1][0]) or "the network itself"
        raise MeasurementError(
            f"values of the inputs decide how many results {node.target} has (in {path}), so there "
            "is no fixed graph; compare the networks up to it"
        ) from None
