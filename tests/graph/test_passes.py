"""Every pass on both sides: it merges what is equal and keeps apart what is not.

Equal is what gives equal numbers: the networks are run before and after.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from support import plants
from support.networks import NETWORKS, network, trials
from support.small import Draft
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph, Parameter, Tensor
from zoodiff.graph.layers import LayerGraph
from zoodiff.graph.passes import PASSES
from zoodiff.graph.weights import Drawn, as_stored, viewed


def ops(graph: Graph) -> list[str]:
    return [node.op for node in canonical(graph).nodes]


def outputs(graph: Graph, weights=None):
    image = np.random.default_rng(0).standard_normal(graph.inputs[0].shape)
    drawn = Drawn(graph, 0, 1.0, weights)
    found = evaluate(graph, {graph.inputs[0].name: image}, drawn)
    return [x.reshape(-1) for x in found.values()], drawn.weights


def same_numbers(graph: Graph) -> None:
    """The canonical graph computes what the graph did; its weights are viewed, not changed."""
    clean = canonical(graph)
    before, weights = outputs(graph)
    after, _ = outputs(clean, weights)
    for x, y in zip(before, after, strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-12)


def test_every_pass_gives_its_mathematics() -> None:
    for one in PASSES:
        assert len(one.mathematics) > 100, one.name


def test_an_unknown_pass_is_named() -> None:
    with pytest.raises(UsageError, match='no pass "padings"; the passes are'):
        canonical(network(NETWORKS[0]), without=["padings"])


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.name.split(".")[0])
def test_canonical_graphs_are_a_fixed_point(path) -> None:
    once = canonical(network(path))
    assert [n.op for n in canonical(once).nodes] == [n.op for n in once.nodes]


@pytest.mark.parametrize("name", plants.EQUIVALENT_FORMS)
def test_equivalent_forms_compute_the_same(name: str) -> None:
    """The planted forms are equivalent: by numbers, not by the passes' word."""
    done = 0
    for path, original, changed, _ in trials(plants.EQUIVALENT_FORMS[name], f"numbers {name}", 6):
        clean = canonical(original), canonical(changed)
        if name in {"renamed"} or unsupported(clean[0]) or "inception" in path.name:
            continue
        image = np.random.default_rng(1).standard_normal(original.inputs[0].shape)
        drawn = Drawn(clean[0], 0, 0.3)
        results = [
            next(iter(evaluate(g, {g.inputs[0].name: image}, drawn, np.float32).values()))
            for g in clean
        ]
        np.testing.assert_allclose(results[1], results[0], rtol=2e-3, atol=2e-4)
        done += 1
    assert done or name in {"renamed"}


# Padding


def padded(value: float, op: str, rectified: bool, pads=(1, 1, 1, 1)) -> Graph:
    d = Draft()
    x = d.add("Relu", "x") if rectified else "x"
    x = d.add("Pad", x, (1, 4, 10, 10), pads=list(pads), axes=[2, 3], mode="constant", value=value)
    if op == "Conv":
        return d.graph(d.conv(x, pads=[0, 0, 0, 0]))
    window = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [0, 0, 0, 0], "ceil_mode": False}
    extra = {"count_include_pad": True} if op == "AveragePool" else {}
    return d.graph(d.add(op, x, (1, 4, 8, 8), **window, **extra))


@pytest.mark.parametrize(
    ("value", "op", "rectified", "merged"),
    [
        (0.0, "Conv", False, True),
        (1.0, "Conv", False, False),
        (0.0, "AveragePool", False, True),
        (2.0, "AveragePool", False, False),
        (0.0, "MaxPool", True, True),
        (0.0, "MaxPool", False, False),
        (-math.inf, "MaxPool", False, True),
        (-1.0, "MaxPool", True, False),
    ],
)
def test_padding_goes_into_the_window_only_where_it_is_the_same(
    value: float, op: str, rectified: bool, merged: bool
) -> None:
    graph = padded(value, op, rectified)
    assert ("Pad" not in ops(graph)) == merged
    same_numbers(graph)


def test_reflecting_padding_stays() -> None:
    d = Draft()
    x = d.add("Pad", "x", (1, 4, 10, 10), pads=[1, 1, 1, 1], axes=[2, 3], mode="reflect", value=0.0)
    graph = d.graph(d.conv(x, pads=[0, 0, 0, 0]))
    assert "Pad" in ops(graph)
    same_numbers(graph)


def test_padding_that_is_never_read_is_dropped() -> None:
    """A 3x3 window with stride 2 over 8 elements, padded by 1 on both sides, reads one of two."""
    d = Draft()
    graph = d.graph(d.conv("x", strides=[2, 2], pads=[1, 1, 1, 1]))
    assert canonical(graph).nodes[0].attributes["pads"] == [1, 1, 0, 0]
    same_numbers(graph)


def test_ceil_mode_is_the_padding_that_it_makes() -> None:
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 0, 0]}
    d = Draft()
    graph = d.graph(d.add("MaxPool", "x", (1, 4, 4, 4), ceil_mode=True, **window))
    node = canonical(graph).nodes[0]
    assert node.attributes["pads"] == [0, 0, 1, 1]
    assert "ceil_mode" not in node.attributes


# Layout and linear layers


def channels_last_head(perm: list[int]) -> Graph:
    d = Draft((1, 4, 3, 5))
    shape = tuple((1, 4, 3, 5)[axis] for axis in perm)
    x = d.add("Transpose", "x", shape, perm=perm)
    x = d.add("Flatten", x, (1, 60), axis=1)
    weight = Parameter("w", (7, 60), role="weight", layout="OI")
    out = d.add(
        "Gemm", x, (1, 7), parameters=[weight], in_features=60, out_features=7, bias=False, axis=1
    )
    return d.graph(out)


@pytest.mark.parametrize("perm", [[0, 2, 3, 1], [0, 3, 2, 1], [0, 1, 3, 2]])
def test_a_transposition_before_a_linear_layer_goes_into_its_columns(perm: list[int]) -> None:
    graph = channels_last_head(perm)
    clean = canonical(graph)
    assert [node.op for node in clean.nodes] == ["Reshape", "Gemm"]
    image = np.random.default_rng(0).standard_normal((1, 4, 3, 5))
    stored = np.random.default_rng(1).standard_normal((7, 60))

    def provide(node, data):
        found = []
        for p in node.parameters:
            x = stored
            for step, numbers in p.view:
                x = x.reshape(numbers) if step == "reshape" else x.transpose(numbers)
            found.append(x)
        return found

    results = [next(iter(evaluate(g, {"x": image}, provide).values())) for g in (graph, clean)]
    np.testing.assert_allclose(results[1].reshape(-1), results[0].reshape(-1), rtol=1e-12)


def test_a_transposition_that_others_read_stays_for_them() -> None:
    d = Draft((1, 4, 3, 5))
    turned = d.add("Transpose", "x", (1, 3, 5, 4), perm=[0, 2, 3, 1])
    flat = d.add("Flatten", turned, (1, 60), axis=1)
    graph = d.graph(d.add("Relu", flat))
    assert "Transpose" in ops(graph)
    same_numbers(graph)


def test_a_linear_layer_along_the_channels_is_a_pointwise_convolution() -> None:
    d = Draft()
    weight = Parameter("w", (4, 6), role="weight", layout="IO")
    turned = d.add("Transpose", "x", (1, 8, 8, 4), perm=[0, 2, 3, 1])
    x = d.add(
        "Gemm",
        turned,
        (1, 8, 8, 6),
        parameters=[weight],
        in_features=4,
        out_features=6,
        bias=False,
        axis=3,
    )
    graph = d.graph(d.add("Transpose", x, (1, 6, 8, 8), perm=[0, 3, 1, 2]))
    assert ops(graph) == ["Conv"]


def test_a_convolution_of_a_map_of_one_pixel_is_linear_unless_grouped() -> None:
    d = Draft((1, 4, 1, 1))
    assert ops(d.graph(d.conv("x", kernel=1))) == ["Gemm"]
    d = Draft((1, 4, 1, 1))
    assert ops(d.graph(d.conv("x", kernel=1, group=2))) == ["Conv"]


# Activations


def gated(gate: str, own: bool) -> Graph:
    d = Draft()
    other = "x" if own else d.add("Tanh", "x")
    attributes = {"alpha": 1 / 6, "beta": 0.5} if gate == "HardSigmoid" else {}
    return d.graph(d.add("Mul", [d.add(gate, "x", **attributes), other]))


@pytest.mark.parametrize(("gate", "op"), [("Sigmoid", "Swish"), ("HardSigmoid", "HardSwish")])
def test_a_gate_of_itself_is_one_activation(gate: str, op: str) -> None:
    assert ops(gated(gate, True)) == [op]
    assert op not in ops(gated(gate, False))
    same_numbers(gated(gate, True))
    same_numbers(gated(gate, False))


def test_a_gate_that_others_read_stays() -> None:
    d = Draft()
    gate = d.add("Sigmoid", "x")
    graph = d.graph(d.add("Mul", ["x", gate]), gate)
    assert "Sigmoid" in ops(graph)
    same_numbers(graph)


def gelu(half: float) -> Graph:
    d = Draft()
    x = d.add("Erf", d.add("Mul", "x", value=math.sqrt(0.5)))
    x = d.add("Mul", [d.add("Add", x, value=1.0), "x"])
    return d.graph(d.add("Mul", x, value=half))


def test_gelu_by_its_formula_and_not_by_another() -> None:
    assert ops(gelu(0.5)) == ["Gelu"]
    assert "Gelu" not in ops(gelu(0.4))
    same_numbers(gelu(0.5))
    same_numbers(gelu(0.4))


def test_a_rectifier_is_dropped_only_where_nothing_is_negative() -> None:
    d = Draft()
    graph = d.graph(d.add("Relu", d.add("Sigmoid", "x")))
    assert ops(graph) == ["Sigmoid"]
    d = Draft()
    assert ops(d.graph(d.add("Relu", d.add("Tanh", "x")))) == ["Tanh", "Relu"]


# Arithmetic, products, concatenations, preprocessing


def test_constants_merge_and_mixed_ones_do_not() -> None:
    d = Draft((1, 8))
    x = d.add("Relu", "x")
    x = d.add("Div", d.add("Mul", x, value=6.0), value=2.0)
    graph = d.graph(d.add("Sub", x, value=1.5))
    found = canonical(graph)
    assert [(n.op, n.attributes) for n in found.nodes[1:]] == [
        ("Mul", {"value": 3.0}),
        ("Add", {"value": -1.5}),
    ]
    same_numbers(graph)


def test_a_scale_belongs_to_the_product_wherever_it_stands() -> None:
    def scores(where: str) -> Graph:
        d = Draft((1, 2, 5, 3))
        q, k = d.add("Tanh", "x"), d.add("Relu", "x")
        if where == "query":
            q = d.add("Mul", q, value=0.25)
        if where == "both":
            q, k = d.add("Mul", q, value=0.5), d.add("Mul", k, value=0.5)
        k = d.add("Transpose", k, (1, 2, 3, 5), perm=[0, 1, 3, 2])
        x = d.add("MatMul", [q, k], (1, 2, 5, 5), batch=2, m=5, k=3, n=5)
        return d.graph(d.add("Mul", x, value=0.25) if where == "scores" else x)

    found = [LayerGraph(canonical(scores(w))).layers[-1].label for w in ("query", "both", "scores")]
    assert found[0] == found[1] == found[2]
    assert found[0] != LayerGraph(canonical(scores("none"))).layers[-1].label
    for where in ("query", "both", "scores", "none"):
        same_numbers(scores(where))


def test_channels_that_are_prepared_one_by_one_are_one_step() -> None:
    d = Draft((1, 3, 8, 8))
    parts = []
    for channel, (scale, offset) in enumerate(((0.5, 0.1), (0.4, 0.0), (0.3, -0.2))):
        x = d.add("Gather", "x", (1, 8, 8), axis=1, index=channel)
        x = d.add("Unsqueeze", x, (1, 1, 8, 8), axes=[1])
        parts.append(d.add("Add", d.add("Mul", x, value=scale), value=offset))
    graph = d.graph(d.conv(d.add("Concat", parts, (1, 3, 8, 8), axis=1)))
    assert ops(graph) == ["Mul", "Add", "Conv"]
    same_numbers(graph)


def test_channels_in_another_order_are_not_forgotten() -> None:
    d = Draft((1, 3, 8, 8))
    parts = [
        d.add("Slice", "x", (1, 1, 8, 8), axes=[1], starts=[c], ends=[c + 1], steps=[1])
        for c in (2, 1, 0)
    ]
    graph = d.graph(d.conv(d.add("Concat", parts, (1, 3, 8, 8), axis=1)))
    assert "Concat" in ops(graph)
    same_numbers(graph)


# Movements, parts of layers, products with indices


def stored_numbers(graph: Graph) -> None:
    """The same numbers from weights as they are stored, which parts of weights need."""
    random = np.random.default_rng(0)
    owned = {p.name: p for node in graph.nodes for p in node.parameters}
    weights = {name: random.standard_normal(p.shape) for name, p in owned.items()}
    image = random.standard_normal(graph.inputs[0].shape)
    clean = canonical(graph)
    before, after = (
        next(iter(evaluate(g, {g.inputs[0].name: image}, weights).values())) for g in (graph, clean)
    )
    np.testing.assert_allclose(after.reshape(-1), before.reshape(-1), rtol=1e-9, atol=1e-12)
    # And back: what is put into the parts is what the framework stores.
    drawn = {
        p.name: viewed(p, weights[p.stored].astype(np.float32))
        for node in clean.nodes
        for p in node.parameters
    }
    for name, array in as_stored(graph, clean, drawn).items():
        np.testing.assert_array_equal(array, weights[name].astype(np.float32))


MOVES = {
    "shuffle": [(1, 2, 4, 8, 8), [0, 2, 1, 3, 4], (1, 8, 8, 8)],
    "there and back": [(1, 8, 64), [0, 2, 1], (1, 8, 8, 8), [0, 3, 1, 2], (1, 8, 8, 8)],
    "ones": [(8, 1, 8, 1, 8), [2, 1, 0, 3, 4], (1, 8, 8, 8)],
    "through a cut": [(1, 32, 16), [0, 2, 1], (1, 2, 256), [0, 2, 1], (1, 8, 8, 8)],
    "no common factor": [(1, 8, 64), [0, 2, 1], (1, 512), (1, 8, 8, 8)],
}


def moved(steps: list, shape: tuple[int, ...] = (1, 8, 8, 8)) -> Graph:
    d = Draft(shape)
    x = d.add("Tanh", "x")
    for step in steps:
        if isinstance(step, list):
            turned = tuple(d.tensors[x].shape[axis] for axis in step)
            x = d.add("Transpose", x, turned, perm=step)
        else:
            x = d.add("Reshape", x, step)
    return d.graph(d.conv(x))  # which keeps movements from going past it


@pytest.mark.parametrize("name", MOVES)
def test_movements_in_a_row_have_one_form(name: str) -> None:
    graph = moved(MOVES[name])
    same_numbers(graph)
    assert ops(graph).count("Transpose") <= 1 + (name == "through a cut")


def test_movements_that_cancel_are_none() -> None:
    graph = moved([(1, 2, 4, 64), [0, 2, 1, 3], [0, 2, 1, 3], (1, 8, 8, 8)])
    assert ops(graph) == ["Tanh", "Conv"]
    other = moved([(2, 4, 8, 8), [1, 0, 2, 3], (1, 4, 2, 64), [0, 2, 1, 3], (1, 8, 8, 8)])
    assert ops(other) == ["Tanh", "Conv"]


def test_another_movement_is_another_graph() -> None:
    labels = {
        tuple(layer.label for layer in LayerGraph(canonical(moved(steps))).layers)
        for steps in (
            [(1, 2, 4, 8, 8), [0, 2, 1, 3, 4], (1, 8, 8, 8)],
            [(1, 4, 2, 8, 8), [0, 2, 1, 3, 4], (1, 8, 8, 8)],
            [(1, 8, 8, 8)],
        )
    }
    assert len(labels) == 3


@pytest.mark.parametrize("seed", range(30))
def test_any_row_of_movements_computes_the_same(seed: int) -> None:
    """Random divisions, orders and slices of one tensor."""
    random = np.random.default_rng(seed)
    d = Draft((1, 6, 4, 12))
    x = d.add("Tanh", "x")
    for _ in range(random.integers(2, 7)):
        shape = d.tensors[x].shape
        kind = random.choice(["Transpose", "Reshape", "Slice"])
        if kind == "Transpose":
            perm = [int(axis) for axis in random.permutation(len(shape))]
            x = d.add(kind, x, tuple(shape[axis] for axis in perm), perm=perm)
        elif kind == "Reshape":
            factors = [p for n in shape for p in _primes(n)]
            cuts = sorted(random.integers(0, len(factors) + 1, 3))
            parts = np.split(np.array(factors, dtype=int), cuts)
            made = tuple(int(np.prod(part)) for part in parts)
            x = d.add(kind, x, made)
        else:
            axis = int(random.integers(len(shape)))
            start = int(random.integers(shape[axis]))
            end = int(random.integers(start + 1, shape[axis] + 1))
            made = (*shape[:axis], end - start, *shape[axis + 1 :])
            x = d.add(kind, x, made, axes=[axis], starts=[start], ends=[end], steps=[1])
    same_numbers(d.graph(d.add("Exp", x)))


def _primes(n: int) -> list[int]:
    first = next((p for p in range(2, n + 1) if n % p == 0), None)
    return [first, *_primes(n // first)] if first else []


def attention(how: str) -> Graph:
    """Self-attention with two heads of three channels over five tokens."""
    d = Draft((1, 5, 4))
    if how == "at once":
        held = [
            Parameter("qkv", (18, 4), role="weight", layout="OI"),
            Parameter("bias", (18,), role="bias"),
        ]
        wide = {"in_features": 4, "out_features": 18, "bias": True, "axis": 2}
        x = d.add("Gemm", "x", (1, 5, 18), parameters=held, **wide)
        x = d.add("Reshape", x, (1, 5, 3, 2, 3))
        x = d.add("Transpose", x, (3, 1, 2, 5, 3), perm=[2, 0, 3, 1, 4])
        parts = []
        for k in range(3):
            bounds = {"axes": [0], "starts": [k], "ends": [k + 1], "steps": [1]}
            piece = d.add("Slice", x, (1, 1, 2, 5, 3), **bounds)
            parts.append(d.add("Reshape", piece, (1, 2, 5, 3)))
        query, key, value = parts
        key = d.add("Transpose", key, (1, 2, 3, 5), perm=[0, 1, 3, 2])
        scores = d.add("MatMul", [query, key], (1, 2, 5, 5), batch=2, m=5, k=3, n=5)
        scores = d.add("Softmax", d.add("Mul", scores, value=0.5), axis=3)
        x = d.add("MatMul", [scores, value], (1, 2, 5, 3), batch=2, m=5, k=5, n=3)
        x = d.add("Transpose", x, (1, 5, 2, 3), perm=[0, 2, 1, 3])
        x = d.add("Reshape", x, (1, 5, 6))
        last = Parameter("out", (4, 6), role="weight", layout="OI")
        out = {"in_features": 6, "out_features": 4, "bias": False, "axis": 2}
        return d.graph(d.add("Gemm", x, (1, 5, 4), parameters=[last], **out))
    made = {}
    for name in ("key", "query", "value"):
        held = [
            Parameter(name, (4, 2, 3), role="weight"),
            Parameter(f"{name}/bias", (2, 3), role="bias"),
        ]
        settings = {"in_features": 4, "out_features": 6, "bias": True, "axis": 2}
        made[name] = d.add(
            "Gemm", "x", (1, 5, 2, 3), parameters=held, equation="abc,cde->abde", **settings
        )
    query = d.add("Mul", made["query"], value=0.5)
    scores = d.add(
        "MatMul", [made["key"], query], (1, 2, 5, 5),
        batch=2, m=5, k=3, n=5, equation="aecd,abcd->acbe",
    )  # fmt: skip
    scores = d.add("Softmax", scores, axis=3)
    x = d.add(
        "MatMul", [scores, made["value"]], (1, 5, 2, 3),
        batch=2, m=5, k=5, n=3, equation="acbe,aecd->abcd",
    )  # fmt: skip
    last = Parameter("out", (2, 3, 4), role="weight")
    settings = {"in_features": 6, "out_features": 4, "bias": False, "axis": 3}
    return d.graph(
        d.add("Gemm", x, (1, 5, 4), parameters=[last], equation="abcd,cde->abe", **settings)
    )


@pytest.mark.parametrize("how", ["at once", "one by one"])
def test_attention_computes_the_same(how: str) -> None:
    stored_numbers(attention(how))


def test_attention_has_one_form() -> None:
    from zoodiff.architecture.diff import diff

    found = diff(attention("at once"), attention("one by one"), "a", "b")
    assert found.sameness == "same", [(f.code, f.left, f.right) for f in found.findings]
    assert fingerprint(attention("at once")) == fingerprint(attention("one by one"))


# Norms, duplicates, integers


def written_out(how: str, *, epsilon: float = 1e-5, spread: str = "same") -> Graph:
    """A layer norm along the last axis, as arithmetic."""
    d = Draft((1, 5, 6))
    mean = d.add("ReduceMean", "x", (1, 5, 1), axes=[2], keepdims=True)
    centred = d.add("Sub", ["x", mean])
    square = d.add("Pow", centred, value=2.0) if how == "pow" else d.add("Mul", [centred, centred])
    over = [2] if spread == "same" else [1]
    variance = d.add("ReduceMean", square, (1, 5, 1) if over == [2] else (1, 1, 6), axes=over,
                     keepdims=True)  # fmt: skip
    root = d.add("Sqrt", d.add("Add", variance, value=epsilon))
    gain = [Parameter("gain", (6,), role="constant")]
    shift = [Parameter("shift", (6,), role="constant")]
    if how == "weighted":  # x * (g / s) + (b - m * (g / s))
        factor = d.add("Mul", d.add("Reciprocal", root), (1, 5, 6), parameters=gain, axis=2)
        less = d.add("Mul", [mean, factor], (1, 5, 6))
        offset = d.add("Sub", less, parameters=shift, axis=2, constant_first=True)
        out = d.add("Add", [d.add("Mul", ["x", factor]), offset])
    else:
        out = d.add("Mul", d.add("Div", [centred, root]), parameters=gain, axis=2)
        out = d.add("Add", out, parameters=shift, axis=2)
    return d.graph(d.add("Relu", out))


@pytest.mark.parametrize("how", ["pow", "product", "weighted"])
def test_a_norm_that_is_written_out_is_a_norm(how: str) -> None:
    graph = written_out(how, epsilon=0.25)
    (norm, relu) = canonical(graph).nodes
    assert (norm.op, relu.op) == ("LayerNormalization", "Relu")
    assert norm.attributes["axes"] == [2]
    assert norm.attributes["epsilon"] == 0.25
    assert [p.role for p in norm.parameters] == ["scale", "shift"]
    same_numbers(graph)


def test_a_deviation_along_other_axes_is_no_norm() -> None:
    graph = written_out("pow", spread="other")
    assert "LayerNormalization" not in ops(graph)
    same_numbers(graph)


def test_what_is_computed_twice_is_computed_once() -> None:
    d = Draft()
    one, two, other = d.add("Tanh", "x"), d.add("Tanh", "x"), d.add("Elu", "x", alpha=1.0)
    one, two = d.add("Exp", one), d.add("Exp", two)
    graph = d.graph(d.add("Add", [d.add("Add", [one, other]), two]))
    assert sorted(ops(graph)) == ["Add", "Add", "Elu", "Exp", "Tanh"]
    same_numbers(graph)


def test_other_attributes_and_other_weights_are_computed_twice() -> None:
    d = Draft()
    a = d.add("Add", [d.add("Elu", "x", alpha=1.0), d.add("Elu", "x", alpha=0.5)])
    b = d.add("Add", [d.conv("x"), d.conv("x")])
    graph = d.graph(d.add("Add", [a, b]))
    assert ops(graph).count("Elu") == ops(graph).count("Conv") == 2
    same_numbers(graph)


def through_integers(scale: float, zero_point: int) -> Graph:
    """A convolution between numbers of 8 bits, as ONNX writes it."""
    d = Draft()
    steps = {"scale": scale, "zero_point": float(zero_point)}

    def integers(data: str) -> str:
        q = d.add("QuantizeLinear", data, **steps)
        d.tensors[q] = Tensor(q, d.tensors[q].shape, "int8")
        return d.add("DequantizeLinear", q, **steps)

    return d.graph(integers(d.conv(integers("x"))))


@pytest.mark.parametrize(
    ("scale", "zero_point", "after"),
    [
        (0.1, 0, []),  # from -12.8 to 12.7
        (0.1, -128, ["Relu"]),  # from 0 to 25.5
        (6 / 255, -128, ["Clip"]),  # from 0 to 6
        (6 / 255, -127, []),
    ],
)
def test_integers_stand_for_real_numbers(scale: float, zero_point: int, after: list[str]) -> None:
    clean = canonical(through_integers(scale, zero_point))
    assert [node.op for node in clean.nodes] == ["Conv", *after]
    assert clean.nodes[0].attributes["quantized"] is True


def test_a_circle_is_an_error() -> None:
    d = Draft()
    d.add("Tanh", "n1", (1, 4, 8, 8))
    d.add("Tanh", "n0")
    with pytest.raises(MeasurementError, match="runs in a circle at tanh"):
        canonical(d.graph("n1"))


def test_an_empty_graph_is_a_graph() -> None:
    d = Draft()
    found = canonical(d.graph("x"))
    assert not found.nodes
    assert LayerGraph(found).outputs == [-1]
