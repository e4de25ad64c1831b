"""Roofs against sums done by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.host.peaks import Peaks, peaks_of
from zoodiff.latency.attribution.roofline import roofline
from zoodiff.workers.messages import MeasuredPeaks

PEAKS = Peaks(1, {"numpy": 1e9, "onnxruntime": 2e9}, {"copy": 1e8, "read": 5e7}, 2**27)


def network() -> Graph:
    """A 3x3 convolution of 4 to 8 channels on 10x10, relu, and a linear layer of 1000 to 50."""
    shapes = {"x": (1, 4, 10, 10), "c": (1, 8, 10, 10), "r": (1, 8, 10, 10), "f": (1, 800)}
    tensors = {n: Tensor(n, s) for n, s in (shapes | {"y": (1, 50)}).items()}
    conv = {
        "kernel_shape": [3, 3],
        "strides": [1, 1],
        "dilations": [1, 1],
        "group": 1,
        "pads": [1, 1, 1, 1],
        "out_channels": 8,
    }
    nodes = (
        Node("Conv", "conv", ("x",), ("c",), conv, (Parameter("w", (8, 4, 3, 3), role="weight"),)),
        Node("Relu", "relu", ("c",), ("r",)),
        Node("Reshape", "flat", ("r",), ("f",), {"shape": [1, 800]}),
        Node(
            "Gemm",
            "fc",
            ("f",),
            ("y",),
            {"in_features": 800, "out_features": 50},
            (Parameter("v", (50, 800), role="weight"),),
        ),
    )
    return Graph("made", (tensors["x"],), (tensors["y"],), nodes, tensors)


@pytest.mark.parametrize("batch", [1, 16])
def test_macs_bytes_and_the_limit_of_each_layer(batch: int) -> None:
    found = roofline(network(), "made", PEAKS, batch=batch, native_ms=10.0)
    conv, fc = found.layers
    assert conv.macs == batch * 8 * 100 * 4 * 9
    # relu is done while the convolution's result is at hand, so it moves nothing.
    assert conv.weights_bytes == 4 * 8 * 4 * 9
    assert conv.activations_bytes == batch * 4 * (4 * 100 + 8 * 100)
    assert fc.macs == batch * 800 * 50
    assert fc.weights_bytes == 4 * 800 * 50
    assert fc.activations_bytes == batch * 4 * (800 + 50)
    arithmetic, memory = conv.macs / 2e9, (conv.weights_bytes + conv.activations_bytes) / 1e8
    assert conv.roof_ms == pytest.approx(1e3 * max(arithmetic, memory))
    assert fc.bound == "memory"  # each weight is used once an image
    assert found.macs == conv.macs + fc.macs
    assert found.roof_ms == pytest.approx(conv.roof_ms + fc.roof_ms)
    assert found.attained(10.0) == pytest.approx(found.roof_ms / 10)
    assert found.arithmetic(10.0) == pytest.approx(found.macs / 10e-3 / 2e9)
    assert found.attained(None) is None


def test_the_ridge_parts_memory_from_arithmetic() -> None:
    assert PEAKS.ridge == 20.0
    for layer in roofline(network(), "made", PEAKS, batch=64).layers:
        assert (layer.bound == "arithmetic") == (layer.intensity >= PEAKS.ridge)


def test_peaks_come_from_a_worker_and_missing_ones_are_said() -> None:
    told = MeasuredPeaks(
        threads=2,
        macs_per_second={"numpy": 3.0, "onnxruntime": None},
        bytes_per_second={"copy": 2.0, "read": 1.0},
        array_bytes=4,
    )
    found = peaks_of(told)
    assert found.macs_by == {"numpy": 3.0} and found.bytes_per_second == 2.0
    with pytest.raises(MeasurementError, match="could not be measured"):
        peaks_of(replace(told, bytes_per_second={}))
