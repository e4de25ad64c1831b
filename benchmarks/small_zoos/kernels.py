"""Operators of torchvision that run, where its compiled library does not fit the build of torch.

Without that, as with the CPU build of torch beside the usual wheel, no detector runs.
These kernels follow the definitions and share nothing with zoodiff.
"""

from __future__ import annotations

from typing import Any

import torch

_ROI_ALIGN = (
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
    "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor"
)
_libraries: list[Any] = []


def register() -> None:
    """Make ``torchvision::nms`` and ``roi_align`` run on CPUs; does nothing where they do."""
    import sys

    from torchvision import extension
    from torchvision.ops import roi_align as roi_align_module  # noqa: F401

    if extension._has_ops() or _libraries:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.impl("nms", nms, "CPU")
    library.define(_ROI_ALIGN)
    pooling = sys.modules["torchvision.ops.roi_align"]
    library.impl("roi_align", pooling._roi_align, "CPU")
    _libraries.append(library)
    extension._has_ops = pooling._has_ops = _has_ops


def _has_ops() -> bool:
    return True  # a function that scripts can call, too


def nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return the boxes that are kept, the one with the highest score first.

    A box, (x1, y1, x2, y2), is dropped where it shares more than ``threshold`` of the union with
    one of a higher score that is kept.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    kept: list[int] = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = torch.ones(len(boxes), dtype=torch.bool)
    for k in order.tolist():
        if not left[k]:
            continue
        kept.append(k)
        low = torch.maximum(boxes[:, :2], boxes[k, :2])
        high = torch.minimum(boxes[:, 2:], boxes[k, 2:])
        shared = (high - low).clamp(min=0).prod(1)
        left &= ~(shared > threshold * (areas + areas[k] - shared))
        left[k] = False
    return torch.tensor(kept, dtype=torch.int64)
