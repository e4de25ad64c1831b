"""Attention: heads, layouts, scales, tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.cases.drawing import Drawing
from benchmarks.cases.registry import drawn

TOKENS, WIDTH, HEADS = 8, 16, 4
Array = np.ndarray[Any, Any]


def _attention(
    net: Drawing,
    x: str,
    *,
    heads: int = HEADS,
    interleaved: bool = False,
    scale: float | None = None,
    axis: int = -1,
) -> str:
    """Draw self-attention with one fused query-key-value layer, ``qkv``, and ``proj``."""
    size = WIDTH // heads
    x = net.matmul(x, (WIDTH, 3 * WIDTH), "qkv")
    shape = (0, 0, heads, 3, size) if interleaved else (0, 0, 3, heads, size)
    x = net.op("Reshape", x, net.integers(*shape), name="split_heads")
    x = net.op(
        "Transpose", x, name="heads", perm=[3, 0, 2, 1, 4] if interleaved else [2, 0, 3, 1, 4]
    )
    q, k, v = (net.op("Gather", x, net.constant(i, kind="int64"), axis=0) for i in range(3))
    k = net.op("Transpose", k, perm=[0, 1, 3, 2])
    factor = net.constant(size**-0.5 if scale is None else scale)
    scores = net.op("Mul", net.op("MatMul", q, k, name="scores"), factor, name="scale")
    x = net.op("MatMul", net.op("Softmax", scores, name="softmax", axis=axis), v, name="mix")
    x = net.op("Transpose", x, perm=[0, 2, 1, 3])
    x = net.op("Reshape", x, net.integers(0, 0, WIDTH), name="join_heads")
    return net.matmul(x, (WIDTH, WIDTH), "proj")


def _block(net: Drawing, **settings: Any) -> None:
    x = net.image("N", TOKENS, WIDTH)
    y = _attention(net, net.layer_norm(x, WIDTH, "ln1"), **settings)
    x = net.op("Add", x, y, name="add1")
    y = net.relu(net.matmul(net.layer_norm(x, WIDTH, "ln2"), (WIDTH, 32), "fc1"))
    x = net.op("Add", x, net.matmul(y, (32, WIDTH), "fc2"), name="add2")
    x = net.op("ReduceMean", x, name="tokens", axes=[1], keepdims=0)
    net.output(net.linear(x, (WIDTH, 10), "head"))


def _reorder(net: Drawing, name: str, order: Array) -> None:
    """Reorder the outputs of a linear layer that is stored as (inputs, outputs)."""
    net.constants[f"{name}.weight"] = net.constants[f"{name}.weight"][:, order]
    net.constants[f"{name}.bias"] = net.constants[f"{name}.bias"][order]


@drawn(
    "fused query, key and value: [q|k|v], or interleaved by head",
    thread="Oneflow-Inc/libai#146",
    same=False,
    cause=("ARC164",),
)
def layout_of_fused_weights(net: Drawing, second: bool) -> None:
    _block(net, interleaved=second)


@drawn(
    "fused query, key and value interleaved by head, and the weights permuted to fit",
    thread="Oneflow-Inc/libai#146",
    same=True,
    cause=("ARC164",),
)
def layout_of_fused_weights_undone(net: Drawing, second: bool) -> None:
    _block(net, interleaved=second)
    if second:
        rows = np.arange(3 * WIDTH).reshape(3, HEADS, WIDTH // HEADS)
        _reorder(net, "qkv", rows.transpose(1, 0, 2).ravel())


@drawn(
    "fused weights of another layout in the same network",
    thread="Oneflow-Inc/libai#146",
    same=False,
    cause=("permut", "layout", "interleav"),
    places=("qkv",),
)
def weights_of_another_layout(net: Drawing, second: bool) -> None:
    _block(net)
    if second:
        rows = np.arange(3 * WIDTH).reshape(3, HEADS, WIDTH // HEADS)
        _reorder(net, "qkv", rows.transpose(1, 0, 2).ravel())


@drawn(
    "attention heads in another order",
    thread="own",
    same=True,
    cause=("permut", "heads"),
)
def heads_permuted(net: Drawing, second: bool) -> None:
    _block(net)
    if second:
        size = WIDTH // HEADS
        order = np.arange(WIDTH).reshape(HEADS, size)[[2, 0, 3, 1]].ravel()
        _reorder(net, "qkv", np.concatenate([order + WIDTH * i for i in range(3)]))
        net.constants["proj.weight"] = net.constants["proj.weight"][order]


@drawn(
    "four heads or two",
    thread="own",
    same=False,
    cause=("ARC172",),
    also=("ARC170",),
)
def number_of_heads(net: Drawing, second: bool) -> None:
    _block(net, heads=2 if second else 4)


@drawn(
    "scores scaled by the size of a head, or of all",
    thread="own",
    same=False,
    cause=("ARC170", "scale"),
)
def scale_of_scores(net: Drawing, second: bool) -> None:
    _block(net, scale=WIDTH**-0.5 if second else None)


@drawn(
    "softmax over keys or over queries",
    thread="own",
    same=False,
    cause=("ARC144", "axis"),
    places=("softmax",),
)
def axis_of_softmax(net: Drawing, second: bool) -> None:
    _block(net, axis=-2 if second else -1)


def _pooled(net: Drawing, pool: str) -> None:
    x = net.image("N", TOKENS, WIDTH)
    token = net.weight("cls", 1, 1, WIDTH, scale=1.0)
    batch = net.op("Slice", net.op("Shape", x), net.integers(0), net.integers(1), net.integers(0))
    shape = net.op("Concat", batch, net.integers(1, WIDTH), axis=0)
    x = net.op("Concat", net.op("Expand", token, shape), x, name="prepend", axis=1)
    x = net.op("Add", x, _attention(net, net.layer_norm(x, WIDTH, "ln1")), name="add1")
    if pool == "class token":
        x = net.op("Gather", x, net.constant(0, kind="int64"), name="tokens", axis=1)
    else:
        if pool == "patches":
            ends = net.integers(1), net.integers(2**31), net.integers(1)
            x = net.op("Slice", x, *ends, name="patches")
        x = net.op("ReduceMean", x, name="tokens", axes=[1], keepdims=0)
    net.output(net.linear(x, (WIDTH, 10), "head"))


@drawn(
    "mean over tokens with or without the class token",
    thread="lucidrains/vit-pytorch#226",
    same=False,
    cause=("ARC145", "class token"),
)
def mean_with_the_class_token(net: Drawing, second: bool) -> None:
    _pooled(net, "all" if second else "patches")


@drawn(
    "the class token, or the mean over the others",
    thread="lucidrains/vit-pytorch#226",
    same=False,
    cause=("ARC145", "class token"),
)
def class_token_or_mean(net: Drawing, second: bool) -> None:
    _pooled(net, "class token" if second else "patches")


def _merged(net: Drawing, order: tuple[int, ...], *, undone: bool = False) -> None:
    """Draw Swin's patch merging: four pixels side by side, a norm, and a linear layer."""
    x = net.conv(net.image(1, 3, 16, 16), (3, 4), "patch", kernel=2, strides=[2, 2], pads=[0] * 4)
    x = net.op("Transpose", x, perm=[0, 2, 3, 1], name="turn")
    steps, ends, axes = net.integers(2, 2), net.integers(8, 8), net.integers(1, 2)
    corners = [(0, 0), (1, 0), (0, 1), (1, 1)]
    parts = [
        net.op("Slice", x, net.integers(*corners[i]), ends, axes, steps, name=f"corner{i}")
        for i in order
    ]
    x = net.op("Concat", *parts, name="merge", axis=-1)
    x = net.layer_norm(net.op("Reshape", x, net.integers(1, 16, 16)), 16, "norm")
    net.output(net.matmul(x, (16, 8), "reduce"))
    if undone:
        rows = np.concatenate([np.arange(4) + 4 * i for i in order])
        for name in next(node for node in net.nodes if node.name == "norm").input[1:]:
            net.constants[name] = net.constants[name][rows]
        net.constants["reduce.weight"] = net.constants["reduce.weight"][rows]


@drawn(
    "order of the four pixels in Swin's patch merging",
    thread="own",
    same=False,
    cause=("ARC180", "ARC195", "order", "patch merging", "permut"),
    also=("ARC162",),
)
def order_of_patch_merging(net: Drawing, second: bool) -> None:
    _merged(net, (0, 2, 1, 3) if second else (0, 1, 2, 3))


@drawn(
    "order of the four pixels in Swin's patch merging, undone by the weights",
    thread="own",
    same=True,
    cause=("order", "patch merging", "permut"),
)
def order_of_patch_merging_undone(net: Drawing, second: bool) -> None:
    _merged(net, (0, 2, 1, 3) if second else (0, 1, 2, 3), undone=second)


@drawn(
    "patch merging pads height by what width needs",
    thread="huggingface/pytorch-image-models PR #2285",
    reports=("N038",),
    same=False,
    cause=("ARC107", "ARC190", "padding"),
    places=("pad|merge",),
    note="at 15 x 16; at even sizes both are the same",
)
def padding_of_the_other_side(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(1, 3, 15, 16), (3, 4), "patch", kernel=1)
    rows, columns = (0, 1) if second else (1, 0)
    x = net.op(
        "Pad", x, net.integers(0, 0, 0, 0, 0, 0, rows, columns), net.constant(0.0), name="pad"
    )
    net.classify(net.conv(x, (4, 8), "merge", kernel=2, strides=[2, 2], pads=[0] * 4), 8)


@drawn(
    "norm in front of a block or behind it",
    thread="own",
    same=False,
    cause=("ARC122", "ARC162", "placement"),
)
def place_of_the_norm(net: Drawing, second: bool) -> None:
    x = net.image("N", TOKENS, WIDTH)
    if second:
        x = net.layer_norm(net.op("Add", x, _attention(net, x), name="add1"), WIDTH, "ln1")
    else:
        x = net.op("Add", x, _attention(net, net.layer_norm(x, WIDTH, "ln1")), name="add1")
    net.output(net.matmul(x, (WIDTH, 10), "head"))


def _masked(net: Drawing, *, mask: bool = False, bias: bool = False, scale: bool = False) -> None:
    """Draw attention of one head whose scores or result take what is asked for."""
    x = net.image("N", TOKENS, WIDTH)
    q, k, v = (net.matmul(x, (WIDTH, WIDTH), name) for name in ("query", "key", "value"))
    scores = net.op("MatMul", q, net.op("Transpose", k, perm=[0, 2, 1]), name="scores")
    scores = net.op("Mul", scores, net.constant(WIDTH**-0.5), name="scale")
    if mask:
        future = np.triu(np.full((TOKENS, TOKENS), -1e4), 1)
        scores = net.op("Add", scores, net.constant(future), name="mask")
    if bias:
        scores = net.op("Add", scores, net.weight("bias", TOKENS, TOKENS, scale=1.0), name="bias")
    y = net.op("MatMul", net.op("Softmax", scores, name="softmax", axis=-1), v, name="mix")
    y = net.matmul(y, (WIDTH, WIDTH), "proj")
    if scale:
        y = net.op("Mul", y, net.weight("gamma", WIDTH, scale=0.5), name="layer_scale")
    x = net.op("ReduceMean", net.op("Add", x, y, name="add1"), name="tokens", axes=[1], keepdims=0)
    net.output(net.linear(x, (WIDTH, 10), "head"))


@drawn(
    "causal mask or none",
    thread="own",
    same=False,
    cause=("mask", "ARC190", "ARC111"),
    places=("mask",),
)
def causal_mask(net: Drawing, second: bool) -> None:
    _masked(net, mask=second)


@drawn(
    "relative position bias or none",
    thread="own",
    same=False,
    cause=("position bias", "ARC190", "ARC111"),
    places=("bias",),
)
def relative_position_bias(net: Drawing, second: bool) -> None:
    _masked(net, bias=second)


@drawn(
    "layer scale behind attention or none",
    thread="own",
    same=False,
    cause=("layer scale", "ARC113", "ARC190"),
    places=("layer_scale|proj",),
)
def layer_scale(net: Drawing, second: bool) -> None:
    _masked(net, scale=second)


@drawn(
    "layer scale folded into the projection in front",
    thread="own",
    same=True,
    cause=("layer scale", "ARC113", "fold"),
)
def layer_scale_folded(net: Drawing, second: bool) -> None:
    _masked(net, scale=not second)
    if second:
        plain = Drawing()
        gamma = plain.constants[plain.weight("gamma", WIDTH, scale=0.5)]
        for name in ("proj.weight", "proj.bias"):
            net.constants[name] = net.constants[name] * gamma


@drawn(
    "no bias of the query, key and value layers",
    thread="own",
    same=False,
    cause=("ARC111",),
    places=("qkv",),
)
def bias_of_fused_weights(net: Drawing, second: bool) -> None:
    _block(net)
    if second:
        (add,) = [node for node in net.nodes if node.name == "qkv.add"]
        (split,) = [node for node in net.nodes if node.name == "split_heads"]
        split.input[0] = add.input[0]
        net.nodes.remove(add)
