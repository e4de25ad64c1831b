"""What is done outside a network composed with what is inside, against hand calculations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.accuracy.attribution.preprocessing_diff import compare_preprocessing
from zoodiff.engines.pool import WorkerPool
from zoodiff.graph.input_stage import InputStage, read_input_stage
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.preprocessing.effective import effective, fed_alike, outside
from zoodiff.preprocessing.numbers import to_input
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos import registry

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TORCH = Preprocessing(channel_order="RGB", value_range=(0.0, 1.0), mean=MEAN, std=STD)
RAW = Preprocessing(channel_order="RGB", value_range=(0.0, 255.0), inside_network=True)
RESCALING = InputStage((1 / 127.5,) * 3, (-1.0,) * 3, (0, 1, 2), ("rescaling",))


def chain(*nodes: tuple[str, dict[str, object], tuple[Parameter, ...]]) -> Graph:
    names = [f"t{k}" for k in range(len(nodes) + 2)]
    tensors = {name: Tensor(name, (1, 3, 8, 8)) for name in names}
    made = [
        Node(op, f"{op}_{k}", (names[k],), (names[k + 1],), attributes, parameters)  # type: ignore[arg-type]
        for k, (op, attributes, parameters) in enumerate(nodes)
    ]
    last = Node("GlobalAveragePool", "pool", (names[-2],), (names[-1],))
    return Graph("made", (tensors["t0"],), (tensors[names[-1]],), (*made, last), tensors)


def test_the_head_is_everything_before_the_first_layer() -> None:
    graph = chain(
        ("Mul", {"value": 1 / 255}, ()),
        ("Gather", {"axis": 1, "indices": [2, 1, 0]}, ()),
        ("Sub", {"value": [0.1, 0.2, 0.3], "axis": 1}, ()),
        ("Div", {"value": 0.5}, ()),
    )
    found = read_input_stage(graph)
    assert found is not None
    assert found.scale == pytest.approx([2 / 255] * 3)
    assert found.offset == pytest.approx([-0.2, -0.4, -0.6])
    assert found.order == (2, 1, 0)
    assert found.steps == ("Mul_0", "Gather_1", "Sub_2", "Div_3")


def test_stored_values_are_read_with_weights_only() -> None:
    mean = Parameter("mean", (3,), trainable=False, role="constant")
    graph = chain(("Mul", {"value": 1 / 255}, ()), ("Sub", {"axis": 1}, (mean,)))
    found = read_input_stage(graph)
    assert found is not None
    assert (found.steps, found.unread) == (("Mul_0",), ("Sub_1",))
    found = read_input_stage(graph, {"mean": np.array([0.1, 0.2, 0.3])})
    assert found is not None
    assert found.unread == ()
    assert found.offset == pytest.approx([-0.1, -0.2, -0.3])


def test_what_is_not_affine_ends_the_head() -> None:
    found = read_input_stage(chain(("Relu", {}, ()), ("Mul", {"value": 2.0}, ())))
    assert found is not None
    assert found.steps == ()
    found = read_input_stage(chain(("Div", {"value": 2.0, "constant_first": True}, ())))
    assert found is not None
    assert found.steps == ()


COLOURS = Parameter("matrix", (3, 3, 1, 1), role="weight", layout="OIHW")
SINGLE = {"kernel_shape": [1, 1], "strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0]}


@pytest.mark.parametrize(
    "step",
    [
        ("Pow", {"value": 0.4545}, ()),
        ("Clip", {"min": 0.0, "max": 1.0}, ()),
        ("Div", {"value": 1.0, "constant_first": True}, ()),
        ("Conv", {**SINGLE, "group": 1, "out_channels": 3, "bias": False}, (COLOURS,)),
    ],
    ids=["gamma", "clip", "reciprocal", "colour matrix"],
)
@pytest.mark.parametrize("behind", [(), (("Sub", {"value": 0.5}, ()),)], ids=["last", "within"])
def test_a_stage_that_is_no_affine_step_is_not_read_in_part(step, behind) -> None:
    graph = chain(("Mul", {"value": 1 / 255}, ()), ("Sub", {"value": 0.5}, ()), step, *behind)
    found = read_input_stage(graph)
    assert found is not None
    assert (found.scale, found.offset, found.steps) == ((1.0,) * 3, (0.0,) * 3, ())
    assert set(found.unread) == {"Mul_0", "Sub_1", f"{step[0]}_2"} | {"Sub_3" for _ in behind}
    assert fed_alike(RAW, found, outside(TORCH)) is None


def test_a_layer_of_the_network_is_no_step_of_the_stage() -> None:
    wide = Parameter("weight", (16, 3, 1, 1), role="weight", layout="OIHW")
    layer = ("Conv", {**SINGLE, "group": 1, "out_channels": 16, "bias": False}, (wide,))
    found = read_input_stage(chain(("Mul", {"value": 1 / 255}, ()), layer))
    assert found is not None
    assert (found.steps, found.unread) == (("Mul_0",), ())


@pytest.mark.parametrize("spec", [TORCH, RAW, replace(TORCH, value_range=(-1.0, 1.0))])
def test_outside_says_what_the_numbers_become(spec: Preprocessing) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 5, 3)).astype(np.uint8)
    found = outside(spec)
    expected = pixels * np.array(found.scale) + np.array(found.offset)
    np.testing.assert_allclose(to_input(pixels, spec, "NHWC"), expected, atol=2e-5)


def test_the_words_are_those_of_a_specification() -> None:
    assert effective(RAW, RESCALING).sentence() == "RGB, [-1, 1]"
    words = "RGB, [0, 1], mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
    assert outside(TORCH).sentence() == words
    caffe = replace(RAW, mean=(103.939, 116.779, 123.68), channel_order="BGR")
    assert outside(caffe).sentence() == "BGR, [0, 255], mean 103.9 116.8 123.7"


@pytest.mark.parametrize("spec", [TORCH, replace(RAW, value_range=(-1.0, 1.0))])
def test_scaled_outside_and_inside_is_said(spec: Preprocessing) -> None:
    assert effective(spec, RESCALING).warning == "scaled twice"
    assert effective(RAW, RESCALING).warning is None
    assert effective(spec, InputStage((1.0,) * 3, (0.0,) * 3, (0, 1, 2))).warning is None


def test_scaled_nowhere_is_said_only_where_the_network_should() -> None:
    nothing = InputStage((1.0,) * 3, (0.0,) * 3, (0, 1, 2))
    assert effective(RAW, nothing).warning == "not scaled"
    caffe = replace(RAW, inside_network=False, mean=(103.939, 116.779, 123.68))
    assert effective(caffe, nothing).warning is None
    unread = replace(nothing, unread=("normalization",))
    assert effective(RAW, unread).warning is None


def test_a_network_that_transforms_for_itself_is_fed_as_the_other() -> None:
    """torchvision's GoogLeNet takes ImageNet's mean and std and turns them into [-1, 1]."""
    scale = tuple(s / 0.5 for s in STD)
    offset = tuple((m - 0.5) / 0.5 for m in MEAN)
    transform = InputStage(scale, offset, (0, 1, 2), ("transform_input",))
    assert effective(TORCH, transform).same(effective(RAW, RESCALING))
    assert effective(TORCH, transform).sentence() == "RGB, [-1, 1]"


numbers = st.floats(0.01, 4)
triples = st.tuples(numbers, numbers, numbers)


@given(triples, triples, triples, triples, st.permutations([0, 1, 2]))
def test_fed_alike_feeds_alike(
    scale: tuple[float, float, float],
    offset: tuple[float, float, float],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    order: list[int],
) -> None:
    own = InputStage(scale, offset, tuple(order), ("own",))
    wanted = outside(replace(TORCH, mean=mean, std=std))
    wanted = replace(wanted, channels=effective(TORCH, own).channels)
    found = fed_alike(TORCH, own, wanted)
    assert found is not None
    fed = effective(found, own)
    assert fed.scale == pytest.approx(wanted.scale, rel=1e-6, abs=1e-9)
    assert fed.offset == pytest.approx(wanted.offset, rel=1e-5, abs=1e-6)


@pytest.mark.torch
def test_googlenet_as_it_is_published(tmp_path: Path) -> None:
    """Its ``transform_input`` undoes what its own preprocessing does."""
    names = ("torchvision:googlenet", "torchvision:inception_v3")
    with WorkerPool() as engine:
        found = compare_preprocessing(engine, *(registry.resolve(name) for name in names))
    assert {one.factor for one in found.findings} == {"crop", "input size"}
    first, _ = found.sides
    assert first.effective is not None
    assert first.effective.sentence() == "RGB, [-1, 1]"


@pytest.mark.keras
@pytest.mark.torch
def test_the_same_numbers_inside_and_outside() -> None:
    """Keras's EfficientNetV2-B0 has inside what torchvision's networks have outside."""
    names = ("keras:EfficientNetV2B0", "torchvision:efficientnet_b0")
    with WorkerPool() as engine:
        found = compare_preprocessing(engine, *(registry.resolve(name) for name in names))
    assert "normalisation" not in {one.factor for one in found.findings}
    assert found.sides[0].warning is None
