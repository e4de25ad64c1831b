"""Ratios of real small networks taken apart, from files to sentences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.latency import session
from zoodiff.latency.attribution.explain import attribute, prepare_references
from zoodiff.latency.benchmark import Budget
from zoodiff.latency.extras import LatencyExtras, measure_extras

pytestmark = pytest.mark.onnx
BUDGET = Budget(seconds=0.4, processes=2, most_processes=2, block_ms=1.0)


def network(path: Path, layers: int, *, scaled: bool = False, softmax: bool = False) -> Path:
    """Equal convolutions in a row, with a division of pixels before and a softmax behind."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    if scaled:
        weights.append(numpy_helper.from_array(np.array(255, dtype=np.float32), "range"))
        nodes.append(helper.make_node("Div", [last, "range"], ["scaled"]))
        last = "scaled"
    for k in range(layers):
        channels = 3 if k == 0 else 8
        kernel = (0.1 * rng.standard_normal((8, channels, 3, 3))).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{k}"))
        nodes.append(
            helper.make_node("Conv", [last, f"w{k}"], [f"c{k}"], name=f"conv{k}", pads=[1] * 4)
        )
        last = f"c{k}"
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["y"]))
    if softmax:
        nodes.append(helper.make_node("Softmax", ["y"], ["z"]))
    ends = (
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32]),
        helper.make_tensor_value_info("z" if softmax else "y", TensorProto.FLOAT, [1, 8]),
    )
    graph = helper.make_graph(nodes, "net", [ends[0]], [ends[1]], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_nothing_on_the_cpu_is_timed_beside_what_runs_on_a_device(tmp_path: Path) -> None:
    here, there = (network(tmp_path / f"{name}.onnx", 2) for name in ("here", "there"))
    asked = session.BenchmarkSettings(budget=BUDGET, modes=(f"{there}=cuda",))
    subjects = session.timed_entries([session.entry_of(str(x)) for x in (here, there)], asked)
    with WorkerPool() as engine:
        found = prepare_references(engine, subjects, tmp_path, 0)
    assert [one.name for one in found.references] == [
        f"{subjects[0].entry.ref} (reference runtime)"
    ]
    assert found.models[0].reason == ""
    assert found.models[1].reason.endswith(
        "runs on a CUDA device, and the reference runtime on the CPU"
    )
    assert list(found.macs()) == [subjects[0].name]


def test_a_ratio_is_the_product_of_its_parts_and_layers_add_up(tmp_path: Path) -> None:
    small = network(tmp_path / "small.onnx", 2)
    large = network(tmp_path / "large.onnx", 8, scaled=True, softmax=True)
    asked = session.BenchmarkSettings(budget=BUDGET)
    subjects = session.timed_entries([session.entry_of(str(x)) for x in (large, small)], asked)
    with WorkerPool() as engine:
        found = prepare_references(engine, subjects, tmp_path, 0)
        outcome = session.run(engine, subjects, asked, references=found.references)
        why = attribute(engine, found, outcome.measured)
    assert outcome.timings.failures == {}
    assert [row.entry for row in outcome.timings.rows] == [str(c.entry.ref) for c in subjects]
    (pair,) = why.pairs
    parts = pair.parts
    assert parts.architecture is not None and parts.framework is not None
    assert parts.inside is not None and parts.inside_a and not parts.inside_b
    product = parts.architecture.value * parts.framework.value * parts.inside.value
    assert product * parts.rest == pytest.approx(parts.total.value)
    assert parts.total.value == pytest.approx(outcome.timings.pairs[0].ratio.value)
    profile = pair.profile
    assert profile is not None
    assert sum(row.a_ms for row in profile.rows) == pytest.approx(profile.a_ms)
    assert sum(row.b_ms for row in profile.rows) == pytest.approx(profile.b_ms)
    macs = found.macs()
    assert macs[subjects[1].name] == 32 * 32 * 9 * (3 * 8 + 8 * 8)
    assert [line.macs for line in why.rooflines] == list(macs.values())
    json.dumps(why.to_dict(), default=str)


def test_what_cannot_be_lowered_has_a_reason_and_the_rest_stands(fake_zoo, tmp_path: Path) -> None:
    asked = session.BenchmarkSettings(budget=BUDGET)
    entries = [session.entry_of(x) for x in ("fake:small", "fake:wide")]
    subjects = session.timed_entries(entries, asked)
    with WorkerPool() as engine:
        found = prepare_references(engine, subjects, tmp_path, 0)
        outcome = session.run(engine, subjects, asked, references=found.references)
        (pair,) = attribute(engine, found, outcome.measured).pairs
    assert found.references == ()
    assert pair.parts.architecture is None and pair.parts.reason
    assert pair.parts.total.value == pytest.approx(outcome.timings.pairs[0].ratio.value)


def test_cold_starts_sweeps_and_the_environment_are_measured_where_asked(tmp_path: Path) -> None:
    asked = session.BenchmarkSettings(budget=BUDGET)
    path = network(tmp_path / "net.onnx", 2)
    subjects = session.timed_entries([session.entry_of(str(path))], asked)
    wanted = LatencyExtras(cold=True, batches=(1, 2), environment=True, processes=1, seconds=0.5)
    with WorkerPool() as engine:
        found = measure_extras(engine, subjects, wanted)
        assert measure_extras(engine, subjects, LatencyExtras()).to_dict() == {}
    assert found.failures == {}
    assert found.cold[0].total.median > 0
    assert found.sweep is not None and {cell.batch for cell in found.sweep.cells} == {1, 2}
    assert found.environment is not None and found.environment.machine.processors
    assert set(found.to_dict()) == {"cold", "sweep", "environment"}
