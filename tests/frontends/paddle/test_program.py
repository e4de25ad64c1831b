"""Paddle's programs as graphs: they compute what Paddle computes, and what is unknown is opaque."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.weights import viewed
from zoodiff.workers import environments

pytestmark = pytest.mark.paddle

REPOSITORY = Path(__file__).resolve().parents[3]
PROBE = REPOSITORY / "tests" / "support" / "paddle_probe.py"
EQUAL = (
    *("conv", "conv_four_pads", "conv_same", "conv_valid", "conv_without_bias", "depthwise"),
    *("transposed", "bias_read_twice", "linear", "product", "batch_norm", "layer_norm", "pools"),
    *("ceil_pool", "adaptive_pools", "activations", "prelu", "scaled", "dropout", "shapes"),
    *("softmax", "token", "one_place", "own_norm", "widened"),
)
OPAQUE = {
    "opaque_topk": "paddle::topk",
    "opaque_token_twice": "paddle::concat",
    "opaque_wide_token": "paddle::expand",
    "opaque_two_places": "paddle::slice",
    "opaque_resize": "paddle::bilinear_interp",
    "opaque_channels_last": "paddle::conv2d",
    "opaque_uneven_pool": "paddle::pool2d",
    "opaque_training": "paddle::dropout",
    "opaque_own_statistics": "paddle::batch_norm_",
    "opaque_indices": "paddle::max_pool2d_with_index",
}


@pytest.fixture(scope="module")
def answers() -> list[Any]:
    python = environments.interpreter("paddle")
    if python is None or not python.exists():
        pytest.skip("the environment paddle is not there; zoodiff env create paddle")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "GLOG_minloglevel": "2"}
    done = subprocess.run(
        [str(python), str(PROBE)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()[-3:]]


@pytest.mark.parametrize("name", EQUAL)
def test_the_graph_computes_what_paddle_computes(answers: list[Any], name: str) -> None:
    answer = answers[0][name]
    graph = Graph.from_dict(answer["graph"])
    assert not [node.op for node in graph.nodes if "::" in node.op]
    image = np.asarray(answer["image"])

    def provide(node: Node, data: Any) -> list[Any]:
        held = answer["weights"]
        return [viewed(p, np.asarray(held[p.name])).reshape(p.shape) for p in node.parameters]

    plain = canonical(graph)
    outputs = evaluate(plain, {plain.inputs[0].name: image}, provide, np.float64)
    actual = outputs[plain.outputs[0].name]
    np.testing.assert_allclose(actual, answer["output"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "op"), OPAQUE.items())
def test_what_is_not_understood_is_opaque(answers: list[Any], name: str, op: str) -> None:
    graph = Graph.from_dict(answers[0][name]["graph"])
    opaque = [node for node in graph.nodes if "::" in node.op]
    assert [node.op for node in opaque] == [op]
    assert opaque[0].attributes


def test_a_bias_is_the_layers_only_if_nothing_else_reads_the_product(answers: list[Any]) -> None:
    def biased(name: str) -> list[Any]:
        nodes = Graph.from_dict(answers[0][name]["graph"]).nodes
        return [n.attributes["bias"] for n in nodes if n.op in {"Conv", "Gemm", "ConvTranspose"}]

    assert biased("conv") == biased("linear") == biased("transposed") == [True]
    assert biased("bias_read_twice") == biased("conv_without_bias") == [False]


def test_statistics_are_not_trained(answers: list[Any]) -> None:
    (norm,) = Graph.from_dict(answers[0]["batch_norm"]["graph"]).nodes
    assert {p.role: p.trainable for p in norm.parameters} == {
        "scale": True,
        "shift": True,
        "mean": False,
        "variance": False,
    }
    assert norm.attributes["epsilon"] == 1e-3
    assert norm.attributes["momentum"] == 0.8


def test_control_flow_is_one_sentence(answers: list[Any]) -> None:
    assert answers[1].startswith("branches has control flow (pd_op.if)")


def test_extents_that_depend_on_values_are_one_sentence(answers: list[Any]) -> None:
    assert answers[2].startswith("windows has a tensor whose extents Paddle does not know (pd_op.")
