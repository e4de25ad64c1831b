"""The builders of torchvision's detectors, segmenters, video and quantizable networks."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from benchmarks.small_transformers.networks import (
    NotBuiltError,
    Plain,
    Sample,
    draw_weights,
    plain,
)
from benchmarks.small_zoos.images import first_input, runs

TASKS = ("detection", "segmentation", "video", "quantization")
_IMAGE = (1, 3, 96, 96)
_SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "detection": (_IMAGE,),
    "segmentation": (_IMAGE,),
    "video": ((1, 3, 8, 64, 64), (1, 3, 16, 64, 64), (1, 3, 16, 224, 224)),
    "quantization": (_IMAGE, (1, 3, 224, 224)),
}
"""Inputs tried in turn: (batch, channels, height, width), of videos with frames before the rows."""
_FEW_BOXES = {"min_size": 96, "max_size": 96, "detections_per_img": 20, "num_classes": 6}
_FEW_PROPOSALS = {"rpn_pre_nms_top_n_test": 60, "rpn_post_nms_top_n_test": 30}


class Detector(Plain):
    """A detector for one image that returns boxes, labels, scores and what else it finds."""

    def forward(self, images: torch.Tensor) -> Any:
        """Return the tensors that the detector finds in the first of the images."""
        return tuple(self.model([images[0]])[0].values())


def builders() -> dict[str, str]:
    """Return the task of every builder, by its name."""
    from torchvision import models

    return {
        name: task for task in TASKS for name in models.list_models(module=getattr(models, task))
    }


def build(name: str) -> Sample:
    """Return a network with drawn weights for a small input; raises NotBuiltError."""
    task = builders()[name]
    problem = ""
    model = _model(name, task).eval().float()
    draw_weights(model, zlib.crc32(name.encode()))
    for shape in _SHAPES[task]:
        if task == "detection":
            network, apart = Detector(model, ("images",), {}).eval(), sets_apart
            inputs = {"images": torch.rand(shape)}
        else:
            own = first_input(model)
            network, apart, inputs = plain(model, (own,), {}), None, {own: torch.randn(shape)}
        sample = Sample(name, network, inputs, "x".join(map(str, shape)), apart)
        try:
            why = runs(sample)
        except Exception as error:  # an input may be too small
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        if not why:
            return sample
        problem = problem or why
    raise NotBuiltError(problem)


def _model(name: str, task: str) -> torch.nn.Module:
    from torchvision import models

    arguments: dict[str, Any] = {"weights": None}
    if task in {"detection", "segmentation"}:
        arguments["weights_backbone"] = None
    if task == "detection":
        arguments |= _FEW_BOXES
        if "rcnn" in name:
            arguments |= {"box_detections_per_img": arguments.pop("detections_per_img")}
            arguments |= _FEW_PROPOSALS
        if name.startswith("ssd"):  # their size is their own
            arguments = {k: v for k, v in arguments.items() if not k.endswith("_size")}
    else:
        arguments["num_classes"] = 10
    torch.manual_seed(0)
    model: torch.nn.Module = models.get_model(name, **arguments)
    return model


def sets_apart(wanted: Sequence[Any], given: Sequence[Any]) -> float:
    """Return how far detections are apart whatever their order, boxes relative to the largest.

    Each is held against the nearest of the other set, in its boxes, labels, scores and the rest;
    infinite where their numbers differ.
    """
    if len(wanted) != len(given) or any(
        x.shape != y.shape for x, y in zip(wanted, given, strict=False)
    ):
        return float("inf")
    if not len(wanted[0]):
        return 0.0
    columns = []
    for x, y in zip(wanted, given, strict=True):
        scale = max(float(np.abs(x).max(initial=0.0)), 1e-6)
        pair = [np.asarray(v, np.float64).reshape(len(v), -1) / scale for v in (x, y)]
        columns.append(np.abs(pair[0][:, None] - pair[1][None]).max(axis=-1))
    apart = np.max(columns, axis=0)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))
