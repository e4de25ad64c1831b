"""Weights transformed by hand, and what the relation between them is called.

Truth comes from elsewhere: transformations are numpy's, whether the function is the same is what
ONNX Runtime computes.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from support.weight_networks import (
    HEADS,
    WIDTH,
    Values,
    attention,
    attention_values,
    fused,
    merging,
    merging_values,
    plain,
    plain_values,
    related,
    residual,
    residual_values,
    same_function,
    varied,
    varied_values,
)
from zoodiff.equivalence.symmetries import KINDS

pytestmark = pytest.mark.onnx
RUNS = importlib.util.find_spec("onnxruntime") is not None


def found(one: Any, other: Any) -> dict[str, tuple[frozenset[str], bool | None]]:
    """Kinds with the layers they are about, by the names in the first network.

    Wherever everything found is undone, or something is not, execution must agree.
    """
    relations = related(one, other)
    assert {r.kind for r in relations} <= set(KINDS)
    assert all(r.sentence and "{" not in r.sentence for r in relations)
    undone = [r.undone for r in relations]
    if RUNS and relations and all(undone):
        assert same_function(one, other)
    if RUNS and False in undone:
        assert not same_function(one, other)
    return {r.kind: (frozenset(a or b for a, b in r.layers), r.undone) for r in relations}


def rows(values: Values, order: Any, *names: str) -> Values:
    return {name: np.asarray(values[name])[order] for name in names}


def stream(v: Values, p: Any) -> Values:
    """One order for all layers of the residual stream."""
    norms = [f"{n}.{k}" for n in ("stem_bn", "expand_bn") for k in "gsmv"]
    reads = {"reduce.w": v["reduce.w"][:, p], "down.w": v["down.w"][:, p]}
    return v | rows(v, p, "stem.w", "expand.w", *norms) | reads


STREAM = frozenset({"stem", "reduce", "expand", "down"})


@pytest.mark.parametrize("seed", range(5))
def test_one_order_of_a_residual_stream_is_one_relation(seed: int) -> None:
    v = residual_values(seed)
    p = np.random.default_rng(seed).permutation(12)
    assert found(residual(v), residual(stream(v, p))) == {"channels permuted": (STREAM, True)}


def test_a_reader_that_does_not_follow_is_named() -> None:
    v = residual_values()
    w = stream(v, np.roll(np.arange(12), 5)) | {"down.w": v["down.w"]}
    (relation,) = related(residual(v), residual(w))
    assert relation.kind == "output channels permuted" and relation.undone is False
    assert relation.sentence.endswith("(shifted by 5), which down does not undo")
    assert not same_function(residual(v), residual(w))


def grouped(v: Values, groups: Any, inner: Any) -> Values:
    """The four groups in another order, and the channels inside them."""
    order = np.concatenate([6 * g + inner[g] for g in groups])
    after = np.concatenate([6 * g + np.arange(6) for g in groups])
    weight = v["grouped.w"].reshape(4, 6, 6, 3, 3)
    moved = np.concatenate([weight[g][:, inner[g]] for g in groups])
    changed = {"grouped.w": moved, "grouped.b": v["grouped.b"][after], "fc.w": v["fc.w"][:, after]}
    return v | rows(v, order, "down.w", "down.b", "depth.w") | changed


def test_groups_and_their_inner_order() -> None:
    v, r = residual_values(), np.random.default_rng(3)
    inner = [r.permutation(6) for _ in range(4)]
    names = frozenset({"down", "depth", "grouped", "fc"})
    w = grouped(v, [2, 0, 3, 1], inner)
    assert found(residual(v), residual(w)) == {"groups permuted": (names, True)}
    w = grouped(v, range(4), inner)
    names = frozenset({"down", "depth", "grouped"})
    assert found(residual(v), residual(w)) == {"channels permuted": (names, True)}


def test_groups_in_an_order_that_their_inputs_do_not_have() -> None:
    v = residual_values()
    order = np.arange(24).reshape(4, 6)[[2, 0, 3, 1]].reshape(-1)
    w = v | rows(v, order, "grouped.w", "grouped.b")
    assert found(residual(v), residual(w)) == {"groups permuted": (frozenset({"grouped"}), False)}


def test_positive_factors_and_powers_of_two_moved_over_a_leaky_relu() -> None:
    v, r = residual_values(), np.random.default_rng(1)
    names = frozenset({"down", "depth"})
    for s in (2.0 ** r.integers(-3, 4, 24), r.uniform(0.2, 5, 24)):
        wide = s[:, None, None, None]
        w = v | {"down.w": v["down.w"] * wide, "down.b": v["down.b"] * s}
        w |= {"depth.w": v["depth.w"] / wide}
        assert found(residual(v), residual(w)) == {"factors moved": (names, True)}
        both = found(residual(v), residual(stream(w, r.permutation(12))))
        assert both == {"factors moved": (names, True), "channels permuted": (STREAM, True)}
        del w["depth.w"]
        lost = found(residual(v), residual(w | {"depth.w": v["depth.w"]}))
        assert lost == {"channel factors": (frozenset({"down"}), False)}


@pytest.mark.parametrize("activation", ["Tanh", "Relu", "Sigmoid"])
def test_signs_are_moved_over_odd_functions_only(activation: str) -> None:
    v = plain_values()
    s = np.where(np.arange(16) % 3 == 0, -1.0, 1.0)
    w = v | {"fc1.w": v["fc1.w"] * s[:, None], "fc1.b": v["fc1.b"] * s, "fc2.w": v["fc2.w"] * s}
    kinds = found(plain(v, activation), plain(w, activation))
    if activation == "Tanh":
        assert kinds == {"signs moved": (frozenset({"fc1", "fc2"}), True)}
    else:
        assert set(kinds) == {"signs"} and kinds["signs"][1] is False


def test_one_factor_on_one_layer() -> None:
    v = plain_values()
    w = v | {"fc2.w": v["fc2.w"] * 1.001, "fc2.b": v["fc2.b"] * 1.001}
    (relation,) = related(plain(v), plain(w))
    assert relation.kind == "factor"
    assert relation.sentence == (
        "the weights of fc2 are 1.001 times as large in b, which fc3 does not undo"
    )


CLASSES = {
    "classes exchanged": ([0, 1, 5, 3, 4, 2, 6, 7, 8, 9], "classes 2 and 5 exchanged in fc3"),
    "classes shifted": (
        np.roll(np.arange(10), 1),
        "classes of fc3 shifted by 1: class k of a is k+1 of b",
    ),
    "class blocks exchanged": (
        [5, 6, 7, 3, 4, 0, 1, 2, 8, 9],
        "classes 0 to 2 and 5 to 7 exchanged in fc3",
    ),
    "classes permuted": (
        [3, 9, 0, 2, 4, 7, 1, 8, 5, 6],
        "classes of fc3 in another order (9 of 10 moved)",
    ),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_in_another_order(kind: str) -> None:
    v, (order, sentence) = plain_values(), CLASSES[kind]
    w = v | rows(v, order, "fc3.w", "fc3.b")
    (relation,) = related(plain(v), plain(w))
    assert (relation.kind, relation.sentence, relation.undone) == (kind, sentence, False)


def test_a_class_zeroed_and_a_background_class_in_front() -> None:
    v = plain_values()
    w = v | {"fc3.w": v["fc3.w"] * (np.arange(10) != 4)[:, None]}
    assert related(plain(v), plain(w))[0].sentence == "fc3: class 4 zero in b"
    more = {"fc3.w": np.concatenate([0.1 * v["fc3.w"][:1], v["fc3.w"]])}
    more["fc3.b"] = np.concatenate([[0.0], v["fc3.b"]])
    (relation,) = related(plain(v), plain(v | more))
    assert relation.kind == "classes added"
    assert relation.sentence == "fc3 has 1 class more in front in b; the others are equal"
    more["fc3.w"] = np.random.default_rng(0).standard_normal((11, 16))
    (relation,) = related(plain(v), plain(v | more))
    assert relation.kind == "other shapes"


def test_a_class_whose_bias_keeps_it_from_being_predicted_is_named() -> None:
    v = plain_values()
    lower = v["fc3.b"] - 1000.0 * (np.arange(10) == 4)
    (relation,) = related(plain(v), plain(v | {"fc3.b": lower}))
    assert relation.kind == "bias changed"
    assert relation.sentence == ("in fc3 the bias of class 4 falls by 1e+03 in b")
    (relation,) = related(plain(v), plain(v | {"fc3.b": v["fc3.b"] + 0.1 * np.arange(10)}))
    assert relation.sentence == "bias of fc3 changed, the weights not"


TURNED = {
    "rotated by 180 degrees (convolution for correlation)": lambda w: w[..., ::-1, ::-1],
    "flipped left to right": lambda w: w[..., ::-1],
    "flipped top to bottom": lambda w: w[..., ::-1, :],
    "transposed (height and width exchanged)": lambda w: w.swapaxes(-1, -2),
}


@pytest.mark.parametrize("words", TURNED)
def test_kernels_turned(words: str) -> None:
    v = plain_values()
    w = v | {"c2.w": TURNED[words](v["c2.w"])}
    (relation,) = related(plain(v), plain(w))
    assert (relation.kind, relation.sentence) == ("kernels turned", f"kernels of c2 {words}")
    everywhere = v | {name: TURNED[words](v[name]) for name in ("c1.w", "c2.w")}
    assert found(plain(v), plain(everywhere))["kernels turned"][0] == {"c1", "c2"}


def test_kernels_of_other_convolutions_turned() -> None:
    v = varied_values()
    for name in ("depth", "up"):
        w = v | {f"{name}.w": v[f"{name}.w"][..., ::-1, ::-1]}
        assert found(varied(v), varied(w)) == {"kernels turned": (frozenset({name}), None)}


def test_order_of_flattening_is_named_with_its_extents() -> None:
    v = plain_values()
    maps = v["fc1.w"].reshape(16, 8, 3, 4)
    last = v | {"fc1.w": maps.transpose(0, 2, 3, 1).reshape(16, -1)}
    (relation,) = related(plain(v), plain(last))
    assert relation.kind == "flattening order"
    assert "(channels first | channels last; a map of 8x3x4)" in relation.sentence
    (relation,) = related(plain(last), plain(v))
    assert "(channels last | channels first; a map of 8x3x4)" in relation.sentence
    turned = v | {"fc1.w": maps.transpose(0, 1, 3, 2).reshape(16, -1)}
    (relation,) = related(plain(v), plain(turned))
    assert "height before width | width before height" in relation.sentence


def test_channels_permuted_through_a_flattened_map() -> None:
    v, p = plain_values(), np.array([3, 1, 0, 2, 7, 5, 6, 4])
    maps = v["fc1.w"].reshape(16, 8, 12)
    w = v | rows(v, p, "c2.w", "c2.b") | {"fc1.w": maps[:, p].reshape(16, -1)}
    names = frozenset({"c2", "fc1"})
    assert found(plain(v), plain(w)) == {"channels permuted": (names, True)}


def test_input_channels_reversed_and_square_weights_transposed() -> None:
    v = plain_values()
    (relation,) = related(plain(v), plain(v | {"c1.w": v["c1.w"][:, ::-1]}))
    assert relation.kind == "input channels reversed" and "(RGB | BGR)" in relation.sentence
    w = v | {"fc2.w": v["fc2.w"].T}
    assert found(plain(v), plain(w)) == {"weight transposed": (frozenset({"fc2"}), None)}


def test_a_norm_folded_and_rounded() -> None:
    v = residual_values()
    scale = v["stem_bn.g"] / np.sqrt(v["stem_bn.v"] + 1e-3)
    w = v | {"stem.w": v["stem.w"] * scale[:, None, None, None]}
    w["stem.b"] = v["stem_bn.s"] - v["stem_bn.m"] * scale
    names = frozenset({"stem"})
    assert found(residual(v), residual(w, folded=True)) == {"norm folded": (names, True)}
    half = {k: np.asarray(x, np.float16).astype(np.float32) for k, x in w.items()}
    kinds = found(residual(v), residual(half, folded=True))
    assert set(kinds) == {"norm folded", "rounded to half precision"}
    assert {"stem", "fc"} <= kinds["rounded to half precision"][0]
    w["stem.b"] = w["stem.b"] + 0.1
    assert "norm folded" in found(residual(v), residual(w, folded=True))
    assert "bias changed" in found(residual(v), residual(w, folded=True))


def test_a_norm_folded_and_quantised_to_integers() -> None:
    v = residual_values()
    scale = v["stem_bn.g"] / np.sqrt(v["stem_bn.v"] + 1e-3)
    w = v | {"stem.w": v["stem.w"] * scale[:, None, None, None]}
    w["stem.b"] = v["stem_bn.s"] - v["stem_bn.m"] * scale
    w["stem.w"] = int8(w["stem.w"])
    kinds = found(residual(v), residual(w, folded=True))
    stem = frozenset({"stem"})
    assert kinds == {"norm folded": (stem, True), "quantised per tensor": (stem, None)}


def test_a_bias_of_zeros_dropped_and_another_bias_dropped() -> None:
    v = plain_values() | {"c2.b": np.zeros(8)}
    w = {k: x for k, x in v.items() if k != "c2.b"}
    assert found(plain(v), plain(w)) == {"zero bias dropped": (frozenset({"c2"}), True)}
    v["c2.b"] = np.full(8, 0.2)
    assert "bias changed" in found(plain(v), plain(w))


def as_bfloat16(x: Any) -> Any:
    import ml_dtypes

    return np.asarray(x, np.float32).astype(ml_dtypes.bfloat16).astype(np.float32)


def cut_off(x: Any) -> Any:
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def int8(x: Any) -> Any:
    step = np.abs(x).max() / 127
    return np.round(x / step) * step


def int8_per_row(x: Any) -> Any:
    wide = np.abs(x).reshape(len(x), -1).max(axis=1).reshape(-1, *[1] * (x.ndim - 1)) / 127
    return np.round(x / wide) * wide


def uint8(x: Any) -> Any:
    step = (x.max() - x.min()) / 255
    zero = np.round(-x.min() / step)
    return (np.clip(np.round(x / step) + zero, 0, 255) - zero) * step


ROUNDED = {
    "half": ("rounded to half precision", lambda x: np.asarray(x, np.float16).astype(np.float32)),
    "bfloat16": ("rounded to bfloat16", as_bfloat16),
    "bfloat16 cut off": ("rounded to bfloat16", cut_off),
    "int8": ("quantised per tensor", int8),
    "uint8": ("quantised per tensor", uint8),
    "int8 per row": ("quantised per channel", int8_per_row),
}


@pytest.mark.parametrize("how", ROUNDED)
def test_rounding_alone_and_with_a_permutation(how: str) -> None:
    kind, rounded = ROUNDED[how]
    v = plain_values()
    w = {k: rounded(x) if k.endswith(".w") else x for k, x in v.items()}
    every = frozenset({"c1", "c2", "fc1", "fc2", "fc3"})
    assert found(plain(v), plain(w)) == {kind: (every, None)}
    assert found(plain(w), plain(v)) == {kind: (every, None)}
    p = np.random.default_rng(0).permutation(16)
    moved = w | rows(w, p, "fc1.w", "fc1.b") | {"fc2.w": w["fc2.w"][:, p]}
    names = frozenset({"fc1", "fc2"})
    assert found(plain(v), plain(moved)) == {
        "channels permuted": (names, True),
        kind: (every, None),
    }
    worse = {k: x + 0.02 * np.sign(x) if k == "fc2.w" else x for k, x in w.items()}
    assert found(plain(v), plain(worse)).get("changed", ((), None))[0] == {"fc2"}


LEFT = {
    "elements changed": lambda w, r: w + 0.3 * (np.arange(w.size).reshape(w.shape) == 17),
    "rows changed": lambda w, r: np.concatenate([r.standard_normal((3, *w.shape[1:])), w[3:]]),
    "rows zeroed": lambda w, r: w * (np.arange(len(w)) != 2).reshape(-1, 1, 1, 1),
    "weights zeroed": lambda w, r: w * (np.abs(w) > 0.05),
    "changed": lambda w, r: w * (1 + 0.05 * r.standard_normal(w.shape)),
    "unrelated": lambda w, r: r.standard_normal(w.shape) / 8,
}


@pytest.mark.parametrize("kind", LEFT)
def test_what_no_transformation_explains(kind: str) -> None:
    v = plain_values()
    w = v | {"c2.w": LEFT[kind](v["c2.w"], np.random.default_rng(9))}
    assert found(plain(v), plain(w)) == {kind: (frozenset({"c2"}), None)}


def test_a_bias_changed_and_one_that_does_not_move_along() -> None:
    v = plain_values()
    (relation,) = related(plain(v), plain(v | {"c2.b": v["c2.b"] + 1}))
    assert relation.sentence == "bias of c2 changed, the weights not"
    p = np.roll(np.arange(16), 3)
    w = v | rows(v, p, "fc1.w") | {"fc2.w": v["fc2.w"][:, p]}
    sentences = [r.sentence for r in related(plain(v), plain(w))]
    assert "bias of fc1 not transformed with the weights" in sentences


MAKE = {
    residual: residual_values,
    plain: plain_values,
    attention: attention_values,
    varied: varied_values,
    merging: merging_values,
}


@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_weights_are_unrelated_everywhere(make: Any, seed: int) -> None:
    a, b = make(MAKE[make](0)), make(MAKE[make](seed))
    relations = related(a, b)
    assert {r.kind for r in relations} == {"unrelated"}
    assert related(a, a) == ()


def heads(v: Values, order: Any, inner: Any = None, only: str = "qkvo") -> Values:
    d = WIDTH // HEADS
    inside = [np.arange(d)] * HEADS if inner is None else inner
    p = np.concatenate([h * d + inside[h] for h in order])
    w = dict(v)
    for name in set(only) & set("qkv"):
        w |= {f"{name}.w": v[f"{name}.w"][:, p], f"{name}.b": v[f"{name}.b"][p]}
    return w | ({"o.w": v["o.w"][p]} if "o" in only else {})


HEAD_LAYERS = frozenset("qkvo")


@pytest.mark.parametrize("seed", range(4))
def test_heads_and_their_inner_order(seed: int) -> None:
    v, r = attention_values(seed), np.random.default_rng(seed)
    inner = [r.permutation(8) for _ in range(HEADS)]
    a = attention(v)
    assert found(a, attention(heads(v, [2, 0, 1]))) == {"heads permuted": (HEAD_LAYERS, True)}
    assert found(a, attention(heads(v, [1, 0, 2], inner))) == {
        "heads permuted": (HEAD_LAYERS, True)
    }
    assert found(a, attention(heads(v, range(3), inner))) == {
        "inner order of heads": (HEAD_LAYERS, True)
    }
    assert found(a, attention(heads(v, range(3), inner, "qk"))) == {
        "inner order of heads": (frozenset("qko"), True)
    }


def test_heads_that_are_not_put_back() -> None:
    v, inner = attention_values(), [np.arange(8)[::-1]] * 3
    for only in ("qk", "v", "q"):
        kinds = found(attention(v), attention(heads(v, [2, 0, 1], None, only)))
        assert {k: u for k, (_, u) in kinds.items()} == {"heads permuted": False}
    kinds = found(attention(v), attention(heads(v, range(3), inner, "k")))
    assert {k: u for k, (_, u) in kinds.items()} == {"inner order of heads": False}


def test_layouts_of_a_fused_weight() -> None:
    v = attention_values()
    three, one, by_head = (
        attention(v),
        attention(fused(v), "qkv"),
        attention(fused(v, "hqd"), "hqd"),
    )
    for first, second in ((three, one), (three, by_head), (one, by_head), (by_head, one)):
        assert found(first, second) == {}
        assert same_function(first, second)
    (relation,) = related(one, attention(fused(v), "hqd"))
    assert relation.kind == "fused layout" and relation.undone is False
    assert "[q|k|v] | interleaved by head (3 x 3 x 8)" in relation.sentence
    assert "the stored rows are equal" in relation.sentence
    (relation,) = related(by_head, attention(fused(v, "hqd"), "qkv"))
    assert "interleaved by head (3 x 3 x 8) | [q|k|v]" in relation.sentence
    (relation,) = related(one, attention(fused(v, "hqd"), "qkv"))
    assert relation.kind == "fused layout" and relation.undone is False
    assert "rows as [q|k|v] | interleaved by head" in relation.sentence


def test_a_fused_weight_that_no_pass_cuts_apart() -> None:
    v, kept = attention_values(), ("fused", "parts")
    three, by_head = attention(v), attention(fused(v, "hqd"), "hqd")
    for first in (three, attention(fused(v), "qkv")):
        (relation,) = related(first, by_head, kept)
        assert relation.kind == "fused layout" and relation.undone
        assert "[q|k|v] | interleaved by head (3 x 3 x 8)" in relation.sentence
    p = np.arange(WIDTH * 3).reshape(3, -1)[[2, 0, 1]].reshape(-1)
    w = fused(v, "hqd")
    w |= {"qkv.w": w["qkv.w"][:, p], "qkv.b": w["qkv.b"][p]}
    (relation,) = related(by_head, attention(w, "hqd"), kept)
    assert (relation.kind, relation.undone) == ("heads permuted", False)


def test_heads_of_a_fused_weight() -> None:
    v = attention_values()
    w = heads(v, [2, 0, 1])
    for layout in ("qkv", "hqd"):
        a, b = (attention(fused(x, layout), layout) for x in (v, w))
        assert {k: u for k, (_, u) in found(a, b).items()} == {"heads permuted": True}
    kinds = found(attention(v), attention(fused(w, "hqd"), "hqd"))
    assert {k: u for k, (_, u) in kinds.items()} == {"heads permuted": True}


def residual_stream(v: Values, p: Any) -> Values:
    """One order for the width of a transformer."""
    w = v | {k: v[k][:, p] for k in ("embed.w", "o.w", "dn.w")} | {"pos": v["pos"][..., p]}
    w |= rows(v, p, "o.b", "dn.b", "ln1.g", "ln1.s", "ln2.g", "ln2.s")
    return w | rows(v, p, "q.w", "k.w", "v.w", "up.w", "head.w")


@pytest.mark.parametrize("seed", range(3))
def test_the_width_of_a_transformer_permuted(seed: int) -> None:
    v, r = attention_values(seed), np.random.default_rng(seed)
    w = residual_stream(v, r.permutation(WIDTH))
    kinds = found(attention(v), attention(w))
    assert set(kinds) == {"channels permuted"}
    layers, undone = kinds["channels permuted"]
    assert undone and {"embed", "position", "ln1", *"qkvo", "ln2", "up", "dn", "head"} <= layers
    inner = [r.permutation(8) for _ in range(HEADS)]
    everything = attention(fused(heads(w, [2, 0, 1], inner), "hqd"), "hqd")
    kinds = found(attention(v), everything)
    assert {k: u for k, (_, u) in kinds.items()} == {
        "channels permuted": True,
        "heads permuted": True,
    }
    w["pos"] = v["pos"]
    (relation,) = related(attention(v), attention(w))
    assert relation.undone is False and "position" in relation.sentence


def test_factors_between_queries_and_keys_and_behind_a_norm() -> None:
    v, s = attention_values(), np.random.default_rng(0).uniform(0.5, 2, WIDTH)
    w = v | {"q.w": v["q.w"] * s, "q.b": v["q.b"] * s, "k.w": v["k.w"] / s, "k.b": v["k.b"] / s}
    kinds = found(attention(v), attention(w))
    assert set(kinds) == {"factors moved"} and {"q", "k"} <= kinds["factors moved"][0]
    w = v | {"ln1.g": v["ln1.g"] * s, "ln1.s": v["ln1.s"] * s}
    w |= {f"{n}.w": v[f"{n}.w"] / s[:, None] for n in "qkv"}
    names = frozenset({"ln1", *"qkv"})
    assert found(attention(v), attention(w)) == {"factors moved": (names, True)}


def test_channels_through_joined_branches_a_gate_and_a_transposed_convolution() -> None:
    v, r = varied_values(), np.random.default_rng(2)
    left, right = r.permutation(6), r.permutation(10)
    joined = np.concatenate([left, 6 + right])
    deep = np.concatenate([2 * c + np.arange(2) for c in joined])
    w = v | rows(v, left, "left.w", "left.b") | rows(v, right, "right.w", "right.b")
    w |= rows(v, joined, "slope", *(f"pre.{k}" for k in "gsmv"))
    w |= rows(v, deep, "depth.w", "depth.b", "excite.w", "excite.b", "up.w")
    w |= {"squeeze.w": v["squeeze.w"][:, deep]}
    kinds = found(varied(v), varied(w))
    names = {"left", "right", "pre", "prelu", "depth", "squeeze", "excite", "up"}
    assert kinds == {"channels permuted": (frozenset(names), True)}
    w["slope"] = v["slope"]
    kinds = found(varied(v), varied(w))
    assert {k: u for k, (_, u) in kinds.items()} == {"output channels permuted": False}


def test_order_of_depthwise_multipliers() -> None:
    v, r = varied_values(), np.random.default_rng(2)
    p = np.concatenate([2 * c + r.permutation(2) for c in range(16)])
    w = v | rows(v, p, "depth.w", "depth.b", "excite.w", "excite.b", "up.w")
    w |= {"squeeze.w": v["squeeze.w"][:, p]}
    kinds = found(varied(v), varied(w))
    assert {k: u for k, (_, u) in kinds.items()} == {"multiplier order": True}
    other = np.arange(32).reshape(16, 2).T.reshape(-1)
    w = v | rows(v, other, "depth.w", "depth.b")
    assert found(varied(v), varied(w)) == {"multiplier order": (frozenset({"depth"}), False)}


def test_a_norm_that_stands_alone() -> None:
    v, s = varied_values(), np.random.default_rng(0).uniform(0.5, 2, 16)
    w = v | {"pre.g": v["pre.g"] * s, "pre.s": v["pre.s"] * s}
    w["depth.w"] = v["depth.w"] / np.repeat(s, 2)[:, None, None, None]
    kinds = found(varied(v), varied(w))
    assert {k: u for k, (_, u) in kinds.items()} == {"factors moved": True}
    (relation,) = related(varied(v), varied(v | {"pre.s": v["pre.s"] + 1}))
    assert relation.sentence == "shift of pre changed, the rest not"
    (relation,) = related(varied(v), varied(v | {"slope": v["slope"][::-1]}))
    assert relation.kind == "input channels permuted" and "prelu" in relation.sentence


def test_order_of_patch_merging() -> None:
    v, order = merging_values(), (0, 2, 1, 3)
    p = np.concatenate([np.arange(6) + 6 * k for k in order])
    w = v | rows(v, p, "ln.g", "ln.s", "reduce.w")
    names = frozenset({"ln", "reduce"})
    assert found(merging(v), merging(w, order)) == {"patch merging order": (names, True)}
    assert found(merging(v), merging(w)) == {"patch merging order": (names, False)}
    assert found(merging(v), merging(v, order)) == {"patch merging order": (names, False)}


def test_order_inside_patches_and_channels_through_merging() -> None:
    v = merging_values()
    inside = v["embed.w"].reshape(6, 2, 2, 3).transpose(0, 3, 1, 2).reshape(6, 12)
    kinds = found(merging(v), merging(v | {"embed.w": inside}))
    assert kinds == {"patch order": (frozenset({"embed"}), False)}
    p = np.array([3, 5, 0, 1, 4, 2])
    wide = np.concatenate([p + 6 * k for k in range(4)])
    w = v | rows(v, p, "embed.w", "embed.b") | rows(v, wide, "ln.g", "ln.s", "reduce.w")
    names = frozenset({"embed", "ln", "reduce"})
    assert found(merging(v), merging(w)) == {"channels permuted": (names, True)}


def test_equal_rows_do_not_hide_a_permutation() -> None:
    """Pruned channels are all zeros, and any of them may stand for any other."""
    v, p = plain_values(), np.random.default_rng(4).permutation(16)
    v["fc1.w"] = v["fc1.w"] * (np.arange(16) % 4 != 0)[:, None]
    v["fc1.b"] = v["fc1.b"] * (np.arange(16) % 4 != 0)
    w = v | rows(v, p, "fc1.w", "fc1.b") | {"fc2.w": v["fc2.w"][:, p]}
    kinds = found(plain(v), plain(w))
    assert "unrelated" not in kinds and "channels permuted" in kinds


@pytest.mark.parametrize("layout", ["", "qkv"])
def test_the_bias_of_keys_cancels_in_the_softmax(layout: str) -> None:
    """ONNX Runtime says that the outputs are equal; the bias of queries does change them."""
    v = attention_values()
    a = attention(fused(v, layout) if layout else v, layout)
    for name, kind in (("k", "key bias changed"), ("q", "bias changed")):
        w = v | {f"{name}.b": v[f"{name}.b"] + 0.5}
        b = attention(fused(w, layout) if layout else w, layout)
        (relation,) = related(a, b)
        assert relation.kind == kind
        assert relation.undone is (True if name == "k" else None)
        assert same_function(a, b) == (name == "k")
