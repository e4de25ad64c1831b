"""Files in the reference runtime: equal to themselves, and to each other without their ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoodiff.architecture.diff import diff
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.reference_runtime import SAME, reference_models, reference_pair
from zoodiff.latency.attribution.layer_profile import BETWEEN, profile_pair
from zoodiff.zoos import registry

ort = pytest.importorskip("onnxruntime", reason="needs the onnx extra")
pytestmark = pytest.mark.onnx

little = pytest.importorskip("support.onnx_networks")


def run(path: Path, images: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images.astype(np.float32)})[0]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("batch", [1, 3])
def test_what_is_inside_one_network_only_is_taken_out(
    engine: WorkerPool, tmp_path: Path, batch: int
) -> None:
    with_ends = little.network(tmp_path / "inside.onnx", inside=True, last=True)
    bare = little.network(tmp_path / "bare.onnx")
    entries = [registry.resolve(str(path)) for path in (with_ends, bare)]
    a, b = reference_pair(engine, *entries, tmp_path, batch=batch)
    assert a.reason == b.reason == ""
    assert a.deviation is not None and a.deviation < SAME
    assert b.deviation is not None and b.deviation < SAME
    assert a.inside == (
        "a transposition of the image",
        "preprocessing (rescale, centre)",
        "softmax at the end",
    )
    assert b.inside == () and b.stripped is None
    assert a.full and a.stripped and b.full
    pixels = np.random.default_rng(0).uniform(0, 255, (batch, 32, 32, 3))
    prepared = pixels.transpose(0, 3, 1, 2) / 255 - np.array([0.5, 0.4, 0.3]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(run(a.full, pixels), run(with_ends, pixels), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        softmax(run(a.stripped, prepared)), run(a.full, pixels), rtol=1e-4, atol=1e-6
    )
    # Both were drawn with the same weights, so without its ends A is B.
    np.testing.assert_allclose(run(a.stripped, prepared), run(b.full, prepared), rtol=1e-4)


def test_what_both_have_inside_stays(engine: WorkerPool, tmp_path: Path) -> None:
    paths = [
        little.network(tmp_path / "a.onnx", inside=True),
        little.network(tmp_path / "b.onnx", inside=True, kernel=5),
    ]
    found = reference_models(engine, [registry.resolve(str(path)) for path in paths], tmp_path)
    assert [one.inside for one in found] == [(), ()]
    assert [one.stripped for one in found] == [None, None]


def test_a_network_that_cannot_be_lowered_has_a_reason_and_the_other_stands(
    engine: WorkerPool, tmp_path: Path
) -> None:
    from onnx import TensorProto, helper

    node = helper.make_node("Hardmax", ["x"], ["y"], "odd", axis=1)
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "xy"]
    graph = helper.make_graph([node], "odd", info[:1], info[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    odd = tmp_path / "odd.onnx"
    odd.write_bytes(model.SerializeToString())
    plain = little.network(tmp_path / "plain.onnx")
    a, b = reference_pair(
        engine, registry.resolve(str(odd)), registry.resolve(str(plain)), tmp_path
    )
    assert a.full is None and "which has no ONNX" in a.reason
    assert b.full is not None and not b.reason


def test_a_heavier_layer_shows_at_its_place(engine: WorkerPool, tmp_path: Path) -> None:
    heavy = little.network(tmp_path / "heavy.onnx", kernel=15, seed=1)
    light = little.network(tmp_path / "light.onnx", inside=True)
    entries = [registry.resolve(str(path)) for path in (heavy, light)]
    pair = reference_pair(engine, *entries, tmp_path)
    assert pair[0].source is not None and pair[1].source is not None
    found = diff(pair[0].source, pair[1].source, "heavy", "light")
    profile = profile_pair(engine, found, pair, runs=4, blocks=2)
    assert profile.runs == 8
    (second,) = [row for row in profile.rows if row.a == "second"]
    assert second.b == "second" and second.codes
    assert second.a_macs == 25 * second.b_macs
    # 25 times the multiplications at this layer, and next to nothing elsewhere.
    assert second.a_ms > 2 * second.b_ms
    assert profile.largest[0] is second
    assert {row.a for row in profile.rows if row.kind == "other"} >= {BETWEEN}
    softmax_row = next(row for row in profile.rows if row.b == "softmax")
    assert softmax_row.kind == "only b" and softmax_row.a_ms == 0
