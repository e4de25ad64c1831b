"""The built pairs whose weights are related; skipped where the folder is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")

from support.weight_networks import related  # noqa: E402
from zoodiff.equivalence.symmetries import KINDS  # noqa: E402

pytestmark = pytest.mark.onnx
PAIRS = Path(__file__).parents[4] / "shared" / "pairs"

EXPECTED = {
    "flatten_order_weights": ("flattening order", False, "channels first | channels last"),
    "kernel_flip_weights": ("kernels turned", None, "rotated by 180 degrees"),
    "qkv_layout": ("fused layout", False, "[q|k|v] | interleaved by head (2 x 3 x 8)"),
    "slice_reversed_channels": ("input channels reversed", False, "(RGB | BGR)"),
}
QUANTISED = {"int8_qdq": "quantised per tensor", "int8_qlinear": "quantised per channel"}
EQUAL_WEIGHTS = (
    "qkv_layout_permuted_SAME",
    "flatten_order_SAME",
    "layernorm_eps",
    "gelu_tanh",
    "dilation_first_block",
)


def pair(name: str) -> list[object]:
    files = [PAIRS / f"{name}_{side}.onnx" for side in "ab"]
    if not all(file.is_file() for file in files):
        pytest.skip(f"no pair {name} in {PAIRS}")
    return [onnx.load(file) for file in files]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_pair_is_one_relation(name: str) -> None:
    kind, undone, words = EXPECTED[name]
    (relation,) = related(*pair(name))
    assert (relation.kind, relation.undone) == (kind, undone)
    assert words in relation.sentence


@pytest.mark.parametrize("name", QUANTISED)
def test_integers_are_quantised_weights(name: str) -> None:
    (relation,) = related(*pair(name))
    assert relation.kind == QUANTISED[name] and len(relation.layers) == 3


@pytest.mark.parametrize("name", EQUAL_WEIGHTS)
def test_equal_weights_are_in_no_relation(name: str) -> None:
    assert related(*pair(name)) == ()


def test_every_kind_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "weight-relations.md").read_text()
    for kind, meaning in KINDS.items():
        assert f"| {kind} | {meaning} |" in page
