"""Columns of a claim that a zoo's own provider of claims derives from its entries."""

from __future__ import annotations

from typing import Any

from zoodiff.preprocessing.spec import Preprocessing


def recipe_columns(spec: Preprocessing) -> dict[str, Any]:
    """Return the columns of a claim that say how images are prepared."""
    size = spec.input_size or (None, None)
    return {
        "input_height": size[0],
        "input_width": size[1],
        "resize": spec.resize if isinstance(spec.resize, int) else None,
        "resize_policy": spec.resize_policy
        if spec.resize_policy in {"short_side", "squash"}
        else None,
        "crop_fraction": spec.crop_fraction,
        "interpolation": spec.interpolation,
        "interpolation_library": spec.library,
        "channel_order": spec.channel_order if spec.channel_order in {"RGB", "BGR"} else None,
        "value_range": spec.value_range,
        "mean": spec.mean,
        "std": spec.std,
        "inside_network": spec.inside_network,
        "preprocessing": spec.published,
    }
