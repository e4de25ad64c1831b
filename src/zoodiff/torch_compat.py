"""Import torchvision, also where its compiled library does not fit the build of torch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")
_libraries: list[Any] = []


def import_torchvision() -> ModuleType:
    """Import torchvision; raises ImportError if it is not installed.

    torchvision's wheel is built against the CUDA build of torch. With the CPU build its compiled
    library does not load, the operators that it would have registered are missing, and the
    import fails at their first use ("operator torchvision::nms does not exist"). Declaring the
    two schemas is enough: classification networks never call them. Nothing is declared where the
    compiled library loads, since declaring an operator twice is an error.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        _declare()
        import torchvision
    module: ModuleType = torchvision
    return module


def _declare() -> None:
    import sys

    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + _SCHEMA)
    _libraries.append(library)  # the declarations last as long as the object does
    # The failed import leaves partly initialised modules behind.
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
