"""Transformations put together at random: what is said of them agrees with execution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from support.weight_networks import (
    WIDTH,
    Values,
    attention,
    attention_values,
    plain,
    plain_values,
    related,
    same_function,
)
from zoodiff.equivalence.weights.weight_diff import as_bfloat16, as_half

pytestmark = pytest.mark.onnx
Random = np.random.Generator


def rows(v: Values, order: Any, *names: str) -> Values:
    return {name: np.asarray(v[name])[order] for name in names}


def of_plain(v: Values, r: Random) -> Values:
    if r.random() < 0.5:
        p = r.permutation(8)
        v = v | rows(v, p, "c1.w", "c1.b") | {"c2.w": v["c2.w"][:, p]}
    if r.random() < 0.5:
        p = r.permutation(8)
        maps = v["fc1.w"].reshape(16, 8, 12)[:, p]
        v = v | rows(v, p, "c2.w", "c2.b") | {"fc1.w": maps.reshape(16, -1)}
    for a, b in (("fc1", "fc2"), ("fc2", "fc3")):
        if r.random() < 0.6:
            p, s = r.permutation(16), 2.0 ** r.integers(-2, 3, 16)
            moved = {f"{a}.w": v[f"{a}.w"][p] * s[:, None], f"{a}.b": v[f"{a}.b"][p] * s}
            v = v | moved | {f"{b}.w": v[f"{b}.w"][:, p] / s}
    return v


def of_attention(v: Values, r: Random) -> Values:
    if r.random() < 0.6:
        p = np.concatenate([8 * h + r.permutation(8) for h in r.permutation(3)])
        v = v | {f"{n}.w": v[f"{n}.w"][:, p] for n in "qkv"} | rows(v, p, "q.b", "k.b", "v.b")
        v |= rows(v, p, "o.w")
    if r.random() < 0.5:
        s = r.uniform(0.5, 2, WIDTH)
        v = v | {"q.w": v["q.w"] * s, "q.b": v["q.b"] * s}
        v |= {"k.w": v["k.w"] / s, "k.b": v["k.b"] / s}
    if r.random() < 0.5:
        p, s = r.permutation(2 * WIDTH), r.uniform(0.5, 2, 2 * WIDTH)
        v = v | {"up.w": v["up.w"][:, p] * s, "up.b": v["up.b"][p] * s}
        v |= {"dn.w": v["dn.w"][p] / s[:, None]}
    return v


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("network", ["plain", "attention"])
def test_what_is_said_of_compositions_agrees_with_execution(network: str, seed: int) -> None:
    r = np.random.default_rng(seed)
    make, values, change = {
        "plain": (plain, plain_values, of_plain),
        "attention": (attention, attention_values, of_attention),
    }[network]
    v = values(seed)
    w = change(v, r)
    # The bias of keys changes no softmax, so it may be put back without effect.
    back = str(r.choice([name for name in v if name != "k.b"])) if r.random() < 0.4 else ""
    a, b = make(v), make(w | ({back: v[back]} if back else {}))
    relations = related(a, b)
    equal = same_function(a, b)
    assert all(relation.undone for relation in relations) == equal
    for kind, rounded in (("half precision", as_half), ("bfloat16", as_bfloat16)):
        short = {name: np.asarray(rounded(x)) for name, x in w.items()}
        kinds = {(relation.kind, relation.undone) for relation in related(make(v), make(short))}
        assert (f"rounded to {kind}", None) in kinds
        assert {undone for _, undone in kinds} <= {True, None}
        assert not {kind for kind, _ in kinds} & {"unrelated", "changed", "bias changed"}
