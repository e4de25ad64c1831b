"""Small transformers as graphs, a block at a time, without a framework."""

from __future__ import annotations

from collections.abc import Callable

from support.small import Draft
from zoodiff.graph.ir import Graph, Parameter

WIDTH, LENGTH = 8, 6


def linear(d: Draft, x: str, out: int = WIDTH) -> str:
    """Add a linear layer with its bias along the last axis."""
    rows, width = d.tensors[x].shape[1:]
    k = len(d.nodes)
    weights = [
        Parameter(f"w{k}", (out, width), role="weight", layout="OI"),
        Parameter(f"b{k}", (out,), role="bias"),
    ]
    settings = {"in_features": width, "out_features": out, "bias": True, "axis": 2}
    return d.add("Gemm", x, (1, rows, out), parameters=weights, **settings)


def norm(d: Draft, x: str, epsilon: float = 1e-5) -> str:
    """Add a layer norm along the last axis."""
    k = len(d.nodes)
    terms = [Parameter(f"{role}{k}", (WIDTH,), role=role) for role in ("scale", "shift")]
    settings = {"axes": [2], "epsilon": epsilon, "scale": True, "center": True}
    return d.add("LayerNormalization", x, parameters=terms, **settings)


def attention(d: Draft, x: str, *, scores: Callable[[Draft, str], str] | None = None) -> str:
    """Add an attention of one head; ``scores`` adds what is done to its scores."""
    q, k, v = (linear(d, x) for _ in range(3))
    extents = {"batch": 1, "m": LENGTH, "k": WIDTH, "n": LENGTH, "transB": True, "scale": 0.25}
    s = d.add("MatMul", [q, k], (1, LENGTH, LENGTH), **extents)
    s = scores(d, s) if scores else s
    p = d.add("Softmax", s, axis=2)
    mixed = {"batch": 1, "m": LENGTH, "k": LENGTH, "n": WIDTH}
    return linear(d, d.add("MatMul", [p, v], (1, LENGTH, WIDTH), **mixed))


def attention_of_heads(d: Draft, x: str, heads: int = 2) -> str:
    """Add an attention of several heads, as exporters write it, with its axes moved."""
    q, k, v = (linear(d, x) for _ in range(3))
    divided, depth = (1, LENGTH, heads, WIDTH // heads), WIDTH // heads

    def turned(x: str, shape: tuple[int, ...], *perm: int) -> str:
        return d.add("Transpose", d.add("Reshape", x, divided), shape, perm=list(perm))

    rows = (1, heads, LENGTH, depth)
    q, v = (turned(y, rows, 0, 2, 1, 3) for y in (q, v))
    k = turned(k, (1, heads, depth, LENGTH), 0, 2, 3, 1)
    extents = {"batch": heads, "m": LENGTH, "k": depth, "n": LENGTH}
    s = d.add("MatMul", [q, k], (1, heads, LENGTH, LENGTH), **extents)
    p = d.add("Softmax", d.add("Mul", s, value=0.5), axis=3)
    extents = {"batch": heads, "m": LENGTH, "k": LENGTH, "n": depth}
    y = d.add("MatMul", [p, v], rows, **extents)
    y = d.add("Transpose", y, divided, perm=[0, 2, 1, 3])
    return linear(d, d.add("Reshape", y, (1, LENGTH, WIDTH)))


def block(
    d: Draft,
    x: str,
    *,
    before: bool = True,
    epsilon: float = 1e-5,
    activation: str | None = "Relu",
    scores: Callable[[Draft, str], str] | None = None,
    heads: int = 1,
) -> str:
    """Add a block with its norms before each part, or behind each sum."""
    source = norm(d, x, epsilon) if before else x
    many = heads > 1
    y = attention_of_heads(d, source, heads) if many else attention(d, source, scores=scores)
    x = d.add("Add", [x, y])
    x = x if before else norm(d, x, epsilon)
    y = linear(d, norm(d, x, epsilon) if before else x, 2 * WIDTH)
    y = linear(d, d.add(activation, y) if activation else y)
    x = d.add("Add", [x, y])
    return x if before else norm(d, x, epsilon)


def stack(*blocks: dict[str, object], before: bool = True) -> Graph:
    """Return blocks in a row, each with its settings, with a norm at the end if they begin so."""
    d = Draft((1, LENGTH, WIDTH))
    x = linear(d, "x")
    for settings in blocks:
        x = block(d, x, before=before, **settings)  # type: ignore[arg-type]
    return d.graph(linear(d, norm(d, x) if before else x, 3))
