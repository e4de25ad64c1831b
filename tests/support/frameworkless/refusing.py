"""Refuses every import of a framework in this process and in those that it starts.

Interpreters find ``sitecustomize`` beside this file by ``PYTHONPATH``; workers see no such variable
and get the text of this file with their first code. Standard library only.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

FRAMEWORKS = frozenset(
    {"ai_edge_litert", "cv2", "keras", "onnx", "onnxruntime", "onnxscript", "onnx_ir", "ray"}
    | {"openvino", "pytorchcv"}
    | {"tensorflow", "tf2onnx", "tf_keras", "tflite", "timm", "torch", "torchvision"}
)
SAYS = "is imported by a test without a marker of its framework"
_WORKERS = "zoodiff.workers.launch"
_FUTURE = "from __future__ import annotations\n"

refused: list[str] = []
"""Names of frameworks whose import was refused in this process."""


class RefusedImport(RuntimeError):
    """A framework is imported where none may be; no ImportError, which would skip the test."""


class _Frameworks(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds frameworks as ever, and refuses to run them."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name in FRAMEWORKS else None
        if spec is not None:
            spec.loader = self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        refused.append(module.__name__)
        raise RefusedImport(f"{module.__name__} {SAYS}")


class _Workers(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the module that starts workers, and lets those refuse frameworks too."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == _WORKERS else None
        if spec is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _extend(module)


def _extend(process: Any) -> None:
    """Put this file into the first code of workers."""
    before, own = process._bootstrap(), Path(__file__).read_text(encoding="utf-8")
    own = own.replace(_FUTURE, "", 1) + "\nsys.meta_path.insert(0, _Frameworks())\n"
    assert before.count(_FUTURE) == 1
    process._bootstrap = lambda: before.replace(_FUTURE, _FUTURE + own)


def refuse() -> None:
    """Refuse frameworks from here on, in this process, its workers and its interpreters."""
    assert not FRAMEWORKS & set(sys.modules), "a framework is imported already"
    sys.meta_path.insert(0, _Frameworks())
    if _WORKERS in sys.modules:
        _extend(sys.modules[_WORKERS])
    else:
        sys.meta_path.insert(0, _Workers())
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
