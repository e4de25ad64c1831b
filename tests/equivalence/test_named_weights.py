"""Which weights differ, named with their place: normalisations, statistics, scales of integers.

The files are run in ONNX Runtime, which says whether both compute the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.comparison import Comparison, Effort, compare
from zoodiff.zoos import registry

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.onnx
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Drawing:
    """Nodes and constants of a network whose input is an image of 3 x 8 x 8."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.held: dict[str, Any] = {}
        self.random = np.random.default_rng(0)

    def constant(self, name: str, values: Any, kind: Any = np.float32) -> str:
        self.held[name] = np.asarray(values, kind)
        return name

    def op(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        node = onnx.helper.make_node(kind, list(inputs), [f"{name}_out"], name, **attributes)
        self.nodes.append(node)
        return f"{name}_out"

    def conv(self, name: str, x: str, shape: tuple[int, int]) -> str:
        weight = self.random.standard_normal((shape[1], shape[0], 3, 3)) / 3
        bias = self.random.standard_normal(shape[1])
        inputs = self.constant(f"{name}.w", weight), self.constant(f"{name}.b", bias)
        return self.op("Conv", name, x, *inputs, pads=[1] * 4)

    def norm(self, name: str, x: str, width: int) -> str:
        r = self.random
        values = {
            "g": r.uniform(0.5, 1.5, width),
            "s": r.standard_normal(width),
            "m": r.standard_normal(width),
            "v": r.uniform(0.5, 1.5, width),
        }
        inputs = [self.constant(f"{name}.{key}", v) for key, v in values.items()]
        return self.op("BatchNormalization", name, x, *inputs)

    def classify(self, x: str) -> None:
        x = self.op("GlobalAveragePool", "pool", self.op("Relu", "relu", x))
        weight = self.constant("fc.w", self.random.standard_normal((8, 5)))
        self.op("Gemm", "fc", self.op("Flatten", "flatten", x), weight)

    def save(self, path: Path) -> Path:
        value = onnx.helper.make_tensor_value_info
        kinds = [onnx.numpy_helper.from_array(v, k) for k, v in self.held.items()]
        inputs, outputs = [value("x", 1, [1, 3, 8, 8])], [value(self.nodes[-1].output[0], 1, None)]
        graph = onnx.helper.make_graph(self.nodes, "net", inputs, outputs, kinds)
        opsets = [onnx.helper.make_opsetid("", 17)]
        onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
        return path


def asked(engine: WorkerPool, folder: Path, a: Drawing, b: Drawing) -> Comparison:
    """The comparison of two networks; ONNX Runtime must agree with it."""
    paths = [net.save(folder / f"{name}.onnx") for name, net in (("a", a), ("b", b))]
    image = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)
    one, two = (ort.InferenceSession(path).run(None, {"x": image})[0] for path in paths)
    entries = [registry.resolve(str(path)) for path in paths]
    found = compare(engine, entries[0], entries[1], Effort())
    same = bool(np.abs(one - two).max() < 1e-4 * np.abs(one).max())
    assert found.answer.same_function is same
    return found


def normalised(mean: Any, std: Any, *, scale: float = 1.0, factors: bool = False) -> Drawing:
    """The image less its mean, by its deviation; as factor and offset with ``factors``."""
    net = Drawing()

    def number(name: str, values: Any) -> str:
        values = scale * np.asarray(values, np.float64)
        return net.constant(name, values.reshape(1, 3, 1, 1) if values.size == 3 else values)

    if factors:
        factor = net.constant("factor", np.reshape(1 / (scale * np.asarray(std)), (1, 3, 1, 1)))
        offset = net.constant("offset", np.reshape(-np.asarray(mean) / std, (1, 3, 1, 1)))
        x = net.op("Add", "shift", net.op("Mul", "times", "x", factor), offset)
    else:
        x = net.op("Sub", "mean", "x", number("m", mean))
        x = net.op("Div", "std", x, number("d", std))
    net.classify(net.conv("conv", x, (3, 8)))
    return net


@pytest.mark.parametrize(
    ("mean", "std", "places", "right"),
    [
        (MEAN, (0.226,) * 3, ("std",), "mean 0.485, 0.456, 0.406; std 0.226"),
        (MEAN, tuple(np.sqrt(STD)), ("std",), "std 0.4785, 0.4733, 0.4743"),
        ((0.0,) * 3, (1.0,) * 3, ("mean", "std"), "mean 0; std 1"),
        (MEAN[::-1], STD, ("mean",), "mean 0.406, 0.456, 0.485; std 0.229, 0.224, 0.225"),
        (0.5, 0.25, ("mean", "std"), "mean 0.5; std 0.25"),
    ],
)
def test_numbers_of_a_normalisation_inside_both_networks(
    engine: WorkerPool, tmp_path: Path, mean: Any, std: Any, places: Any, right: str
) -> None:
    found = asked(engine, tmp_path, normalised(MEAN, STD), normalised(mean, std))
    assert found.answer.because == ("ARC150",)
    finding = next(f for f in found.diff.findings if f.code == "ARC150")
    assert finding.left.startswith("mean 0.485, 0.456, 0.406; std 0.229, 0.224, 0.225")
    assert right in finding.right and finding.places_a == places
    assert found.answer.relation == "same network, preprocessing inside one"


def test_numbers_of_a_normalisation_on_bytes_and_as_factors(
    engine: WorkerPool, tmp_path: Path
) -> None:
    a, b = normalised(MEAN, STD, scale=255), normalised(MEAN, (0.226,) * 3, scale=255)
    found = asked(engine, tmp_path, a, b)
    finding = next(f for f in found.diff.findings if f.code == "ARC150")
    assert "std 58.4, 57.12, 57.37 of pixels from 0 to 255" in finding.left
    found = asked(engine, tmp_path, normalised(MEAN, STD), normalised(MEAN, STD, factors=True))
    assert found.answer.same_function and "ARC150" not in found.answer.up_to
    b = normalised(MEAN, (0.226,) * 3, factors=True)
    found = asked(engine, tmp_path, normalised(MEAN, STD), b)
    assert found.answer.because == ("ARC150",)


def test_a_normalisation_and_another_layer_differ(engine: WorkerPool, tmp_path: Path) -> None:
    b = normalised((0.0,) * 3, (1.0,) * 3)
    b.held["fc.w"] = b.held["fc.w"] * np.float32(1.5)
    found = asked(engine, tmp_path, normalised(MEAN, STD), b)
    assert found.answer.relation == "different functions"
    assert found.answer.because == ("ARC150", "weights")


def test_one_number_for_all_channels_has_the_words_of_the_graphs(
    engine: WorkerPool, tmp_path: Path
) -> None:
    found = asked(engine, tmp_path, normalised(0.5, 0.25), normalised(0.5, 0.5))
    assert found.answer.because == ("ARC150",)
    finding = next(f for f in found.diff.findings if f.code == "ARC150")
    assert (finding.left, finding.right) == ("* 4; + -2", "* 2; + -1")


def normed(**changed: Any) -> Drawing:
    net = Drawing()
    x = net.norm("bn1", net.conv("conv1", "x", (3, 8)), 8)
    x = net.norm("bn2", net.conv("conv2", net.op("Relu", "act", x), (8, 8)), 8)
    net.classify(x)
    net.held |= {k.replace("_", "."): np.asarray(v, np.float32) for k, v in changed.items()}
    return net


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"bn1_m": np.zeros(8), "bn1_v": np.ones(8)}, "mean and variance of bn1"),
        ({"bn1_g": np.ones(8)}, "scale of bn1"),
        ({"bn1_s": np.zeros(8)}, "shift of bn1"),
    ],
)
def test_weights_of_a_norm_are_placed_at_the_norm(
    engine: WorkerPool, tmp_path: Path, changed: Any, words: str
) -> None:
    found = asked(engine, tmp_path, normed(), normed(**changed))
    assert found.answer.because == ("weights",) and found.weights is not None
    assert [(layer.a, layer.b) for layer in found.weights.different] == [("bn1", "bn1")]
    (sentence,) = found.answer.evidence.weights.relations
    assert words in sentence


def quantised(scale: Any = 1.0, per_channel: bool = False) -> Drawing:
    """The second convolution's weights are stored as integers."""
    net = Drawing()
    x = net.op("Relu", "act", net.conv("conv1", "x", (3, 8)))
    weight = net.random.standard_normal((8, 8, 3, 3))
    step = np.abs(weight).reshape(8, -1).max(axis=1) / 127 if per_channel else 0.02
    integers = np.clip(np.rint(weight / np.reshape(step, (-1, 1, 1, 1))), -127, 127)
    zero = np.zeros(8) if per_channel else 0
    inputs = (
        net.constant("q", integers, np.int8),
        net.constant("step", np.asarray(step) * scale),
        net.constant("zero", zero, np.int8),
    )
    w = net.op("DequantizeLinear", "dequantise", *inputs, axis=0)
    bias = net.constant("b2", net.random.standard_normal(8))
    net.classify(net.op("Conv", "conv2", x, w, bias, pads=[1] * 4))
    return net


@pytest.mark.parametrize("per_channel", [False, True])
def test_the_scale_of_equal_integers_is_named(
    engine: WorkerPool, tmp_path: Path, per_channel: bool
) -> None:
    scale: Any = 256 / 255
    if per_channel:
        scale = np.where(np.arange(8) == 3, 1.02, 1.0)
    found = asked(engine, tmp_path, quantised(1.0, per_channel), quantised(scale, per_channel))
    assert found.answer.relation == "different functions"
    assert found.answer.because == ("weights",)
    assert found.weights is not None and [x.a for x in found.weights.different] == ["conv2"]
    (sentence,) = found.answer.evidence.weights.relations
    assert "conv2" in sentence and ("1.00392" in sentence or "factors" in sentence)


def flattened(
    *, last: bool = False, permuted: bool = False, by: str = "Flatten", product: bool = False
) -> Drawing:
    """A map of 4 x 4 x 2 in front of a linear layer, flattened channels first or last."""
    net = Drawing()
    x = net.op("Relu", "act", net.conv("conv", "x", (3, 4)))
    x = net.op("MaxPool", "pool", x, kernel_shape=[2, 4], strides=[2, 4])
    if last:
        x = net.op("Transpose", "turn", x, perm=[0, 2, 3, 1])
    more = [net.constant("flat", [1, -1], np.int64)] if by == "Reshape" else []
    x = net.op(by, "flatten", x, *more)
    weight = net.random.standard_normal((5, 4, 4, 2))
    weight = (weight.transpose(0, 2, 3, 1) if permuted else weight).reshape(5, 32)
    if product:
        net.op("MatMul", "fc", x, net.constant("fc.w", weight.T))
    else:
        net.op("Gemm", "fc", x, net.constant("fc.w", weight), transB=1)
    return net


@pytest.mark.parametrize(("by", "product"), [("Flatten", False), ("Reshape", True)])
def test_the_order_of_flattening_undone_by_the_weights(
    engine: WorkerPool, tmp_path: Path, by: str, product: bool
) -> None:
    b = flattened(last=True, permuted=True, by=by, product=product)
    found = asked(engine, tmp_path, flattened(), b)
    assert found.answer.same_function and found.weights is not None
    assert found.weights.sameness == "identical"
    (relation,) = found.relations
    assert (relation.kind, relation.undone) == ("flattening order", True)
    assert relation.layers == (("fc", "fc"),)
    words = "the order of flattening (channels first | channels last; a map of 4x4x2)"
    assert words in found.answer.sentence


def test_maps_flattened_in_one_order_are_in_no_relation(engine: WorkerPool, tmp_path: Path) -> None:
    found = asked(engine, tmp_path, flattened(), flattened(by="Reshape", product=True))
    assert found.answer.same_function and found.relations == ()
    a, b = flattened(last=True, permuted=True), flattened(last=True, permuted=True, product=True)
    found = asked(engine, tmp_path, a, b)
    assert found.answer.same_function and found.relations == ()


def test_the_order_of_flattening_that_nothing_undoes(engine: WorkerPool, tmp_path: Path) -> None:
    found = asked(engine, tmp_path, flattened(), flattened(last=True))
    assert found.answer.same_function is False
    (relation,) = found.relations
    assert (relation.kind, relation.undone) == ("flattening order", False)


def positioned(how: str) -> Drawing:
    """A table of positions that is computed from a larger one, and added to a map."""
    net = Drawing()
    x = net.conv("conv", "x", (3, 8))
    table = net.constant("position", net.random.standard_normal((1, 8, 12, 12)))
    settings: dict[str, Any] = {"mode": "linear"}
    if how == "sizes":
        sizes = net.constant("sizes", [1, 8, 8, 8], np.int64)
        table = net.op("Resize", "grid", table, "", "", sizes, **settings)
    elif how == "factors":
        factors = net.constant("factors", [1, 1, 8.2 / 12, 8.2 / 12])
        table = net.op("Resize", "grid", table, "", factors, **settings)
    else:
        start = int(how)
        ends = [net.constant(n, [v] * 2, np.int64) for n, v in (("s", start), ("e", start + 8))]
        table = net.op("Slice", "grid", table, *ends, net.constant("axes", [2, 3], np.int64))
    net.classify(net.op("Add", "add", x, table))
    return net


@pytest.mark.parametrize(("left", "right"), [("sizes", "factors"), ("sizes", "2")])
def test_tables_that_files_compute_in_other_ways(
    engine: WorkerPool, tmp_path: Path, left: str, right: str
) -> None:
    found = asked(engine, tmp_path, positioned(left), positioned(right))
    assert found.answer.because == ("weights",)
    (relation,) = found.relations
    if left == "sizes" and right == "factors":
        assert relation.kind == "computed otherwise" and relation.layers == (("grid", "grid"),)
        assert "Resize" in relation.sentence
    else:
        assert relation.kind in {"computed otherwise", "unrelated"}


def with_quantised_map(step: float, *, unsigned: bool = False) -> Drawing:
    """The map between two convolutions is rounded to integers of eight bits."""
    net = Drawing()
    x = net.op("Relu", "act", net.conv("conv1", "x", (3, 8)))
    zero, kind = (128, np.uint8) if unsigned else (0, np.int8)
    inputs = net.constant("step", step), net.constant("zero", zero, kind)
    x = net.op("QuantizeLinear", "quantise", x, *inputs)
    x = net.op("DequantizeLinear", "dequantise", x, *inputs)
    net.classify(net.conv("conv2", x, (8, 8)))
    return net


def test_the_range_of_quantised_maps_is_named(engine: WorkerPool, tmp_path: Path) -> None:
    a = with_quantised_map(0.05)
    found = asked(engine, tmp_path, a, with_quantised_map(0.01))
    assert found.answer.because == ("ARC171",)
    assert found.answer.relation == "different functions"
    finding = next(f for f in found.diff.findings if f.code == "ARC171")
    assert (finding.left, finding.right) == (
        "integers for -6.4 to 6.35",
        "integers for -1.28 to 1.27",
    )
    assert finding.places_a == finding.places_b == ("quantise",)
    found = asked(engine, tmp_path, a, with_quantised_map(0.06))
    assert found.answer.because == ("ARC171",)
    assert found.answer.relation == "same network, other precision"


def test_one_range_of_signed_and_unsigned_integers(engine: WorkerPool, tmp_path: Path) -> None:
    a, b = with_quantised_map(0.05), with_quantised_map(0.05, unsigned=True)
    found = asked(engine, tmp_path, a, b)
    assert found.answer.same_function and found.diff.findings == ()
