"""An int8 file against the float file that it was made from: nothing is taken apart into noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoodiff import accuracy
from zoodiff.accuracy.attribution.preprocessing import adds_up
from zoodiff.architecture import describe as architecture
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.native_run import weights_of
from zoodiff.equivalence.weights.weight_diff import canonical as in_canonical_order
from zoodiff.graph.canonical import canonical
from zoodiff.graph.onnx_export import to_model
from zoodiff.zoos import registry

pytestmark = pytest.mark.onnx
# Digits have values from 0 to 16, which the network takes as 0 to 1.
DIGITS = (
    "channel_order=grey",
    "value_range=0,15.9375",
    "resize_policy=squash",
    "library=pillow",
    "interpolation=bilinear",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mini-zoo's network in float, and quantised by ONNX Runtime in two formats."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    folder = tmp_path_factory.mktemp("quantised")
    entry = registry.resolve("mini-onnx:digits_cnn")
    with WorkerPool() as engine:
        graph = canonical(architecture.graph_of(engine, entry))
        weights = in_canonical_order(graph, weights_of(engine, entry, 0))
    plain = folder / "float.onnx"
    plain.write_bytes(to_model(graph, weights))
    for form, channel, kind in (("QDQ", True, "QInt8"), ("QOperator", False, "QUInt8")):
        quantize_static(
            str(plain),
            str(folder / f"{form}.onnx"),
            _Calibration(plain),
            quant_format=QuantFormat[form],
            per_channel=channel,
            weight_type=QuantType[kind],
            activation_type=QuantType[kind],
        )
    return folder


class _Calibration:
    """A hundred digits as the quantiser reads them."""

    def __init__(self, plain: Path) -> None:
        import onnxruntime as ort
        from sklearn.datasets import load_digits

        session = ort.InferenceSession(str(plain), providers=["CPUExecutionProvider"])
        (taken,) = session.get_inputs()
        images = load_digits().images[:100, None].astype(np.float32) / 16
        self._rest = iter([{taken.name: image[None]} for image in images])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._rest, None)


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_a_quantised_file_has_no_invented_parts(folder: Path, form: str) -> None:
    report = accuracy(
        [str(folder / "float.onnx"), str(folder / f"{form}.onnx")],
        "digits",
        folder / "results",
        preprocessing=DIGITS,
        explain=True,
        limit=300,
    )
    assert min(row.top1.value for row in report.rows) > 90
    (explanation,) = report.attribution.explanations
    assert explanation.images == 300
    assert adds_up(explanation)
    network = {
        part.kind: part.points.value
        for part in explanation.parts
        if part.kind in {"runtime", "weights", "graph"}
    }
    assert set(network) == {"runtime", "weights", "graph"}
    assert max(map(abs, network.values())) < 2
    assert report.comparison.class_findings == ()
