"""Converts ATen's resampling of images.

Coordinates are those of ``area_pixel_compute_source_index`` in PyTorch's UpSample.h: with aligned
corners those of ONNX's ``align_corners``, else ``half_pixel``; ``nearest`` takes the element at
floor(x / scale). Elements beyond the edges are the edges.
"""

from __future__ import annotations

from zoodiff.frontends import operations
from zoodiff.frontends.torch.call import Call, Handler, Value

_SPATIAL = 2


def _nearest(call: Call) -> Value | None:
    """Convert upsample_nearest2d: ``(input, size, scale factors)``."""
    return _resize(call, "nearest", "asymmetric", call.arg(2, "scale_factors"))


def _interpolated(mode: str) -> Handler:
    """Return the handler of ``(input, size, align_corners, scale factors)``."""

    def handle(call: Call) -> Value | None:
        corners = bool(call.arg(2, "align_corners"))
        coordinates = "align_corners" if corners else "half_pixel"
        return _resize(call, mode, coordinates, call.arg(3, "scale_factors"))

    return handle


def _resize(call: Call, mode: str, coordinates: str, factors: object) -> Value | None:
    data, output = call.args[0], call.outputs[0]
    if not call.overload.endswith(".vec") or len(data.shape) != 2 + _SPATIAL:
        return None
    resampled = operations.resampled(mode, coordinates, sizes=output)
    if isinstance(factors, list):
        scales = [1.0, 1.0, *map(float, factors)]
        if tuple(int(n * s) for n, s in zip(data.shape, scales, strict=True)) != output:
            return None
        resampled = operations.resampled(mode, coordinates, scales=scales)
    return call.node(resampled, inputs=[data])


HANDLERS: dict[str, Handler] = {
    "upsample_bicubic2d": _interpolated("cubic"),
    "upsample_bilinear2d": _interpolated("linear"),
    "upsample_nearest2d": _nearest,
}
"""The handlers of these functions."""
