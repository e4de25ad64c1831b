"""Gated units and norms by the root mean square: what is said of their weights.

Truth comes from elsewhere: transformations are numpy's, whether the function is the same is what
ONNX Runtime computes.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from support.gated_networks import gated, gated_values
from support.weight_networks import Values, related, same_function

pytestmark = pytest.mark.onnx


def inner(v: Values, p: np.ndarray) -> Values:
    """The inner channels of the gated unit in another order."""
    moved = {name: v[name][:, p] for name in ("gate.w", "value.w")}
    return v | moved | {"down.w": v["down.w"][p]}


def width(v: Values, p: np.ndarray) -> Values:
    """The channels of the shortcut in another order, those of the norm included."""
    reads = {name: v[name][p] for name in ("rms.g", "gate.w", "value.w", "head.w")}
    return v | reads | {name: v[name][:, p] for name in ("embed.w", "down.w")}


def test_channels_are_followed_through_an_rms_norm() -> None:
    v = gated_values()
    w = width(v, np.random.default_rng(1).permutation(8))
    (relation,) = related(gated(v), gated(w))
    assert relation.kind == "channels permuted" and relation.undone is True
    assert same_function(gated(v), gated(w))
    w["rms.g"] = v["rms.g"]
    assert not same_function(gated(v), gated(w))
    (relation,) = related(gated(v), gated(w))
    assert relation.undone is False and "rms" in relation.sentence


def test_factors_moved_from_the_scale_of_an_rms_norm() -> None:
    v, s = gated_values(), np.random.default_rng(2).uniform(0.5, 2, 8)
    w = v | {"rms.g": v["rms.g"] * s}
    w |= {name: v[name] / s[:, None] for name in ("gate.w", "value.w")}
    (relation,) = related(gated(v), gated(w))
    assert relation.kind == "factors moved" and relation.undone is True
    assert same_function(gated(v), gated(w))
    w["value.w"] = v["value.w"]
    assert not same_function(gated(v), gated(w))
    assert True not in {r.undone for r in related(gated(v), gated(w))}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fused", ["", "gate first"])
def test_inner_channels_of_a_gated_unit(fused: str, seed: int) -> None:
    v = gated_values(seed)
    a, b = (
        gated(x, fused=fused) for x in (v, inner(v, np.random.default_rng(seed).permutation(12)))
    )
    (relation,) = related(a, b)
    assert relation.undone is True and same_function(a, b)


@pytest.mark.parametrize(
    ("function", "other"), [("Sigmoid", "Identity"), ("Sigmoid", "Tanh"), ("Relu", "Identity")]
)
def test_the_halves_of_a_gate_exchanged(function: str, other: str) -> None:
    v = gated_values()
    swapped = v | {"gate.w": v["value.w"], "value.w": v["gate.w"]}
    for fused in ("gate first", ""):
        a, b = (gated(x, function=function, other=other, fused=fused) for x in (v, swapped))
        assert not same_function(a, b)
        (relation,) = related(a, b)
        assert relation.kind == "parts exchanged" and relation.undone is False


def test_a_gate_read_from_the_other_half_of_equal_weights() -> None:
    v = gated_values()
    swapped = v | {"gate.w": v["value.w"], "value.w": v["gate.w"]}
    a, b = gated(v, fused="gate first"), gated(swapped, fused="value first")
    assert not same_function(a, b)
    (relation,) = related(a, b)
    assert relation.kind == "parts exchanged" and relation.undone is False
    assert "halves of both exchanged" in relation.sentence


def test_a_gate_stored_in_the_other_half_and_read_from_there() -> None:
    v = gated_values()
    a, b = gated(v, fused="gate first"), gated(v, fused="value first")
    assert same_function(a, b)
    assert {r.undone for r in related(a, b)} <= {True, None}
