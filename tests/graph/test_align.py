"""Alignment by itself: the truth is which layer was which before names and order were changed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.networks import NETWORKS, network
from support.small import Draft
from zoodiff.graph.align import Alignment, align
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph, Tensor
from zoodiff.graph.layers import LayerGraph
from zoodiff.rules.example import TinyNetwork

SOME = ("resnet18", "shufflenet_v2_x1_0", "squeezenet1_1", "MobileNetV3Small")
ACTIVATIONS = ("Relu", "Tanh", "Sigmoid", "Elu")


def layers(graph: Graph) -> LayerGraph:
    return LayerGraph(canonical(graph))


def names(alignment: Alignment) -> set[tuple[str, str]]:
    a, b = alignment.a.layers, alignment.b.layers
    return {(a[i].name, b[j].name) for i, j in alignment.pairs}


def left(alignment: Alignment) -> tuple[list[str], list[str]]:
    a, b = alignment.a.layers, alignment.b.layers
    return [a[i].name for i in alignment.only_a], [b[j].name for j in alignment.only_b]


def chain(*ops: str, out: int = 4) -> Graph:
    """Convolutions with an activation behind each."""
    d, x = Draft(), "x"
    for op in ops:
        x = d.add(op, d.conv(x, out=out), **({"alpha": 1.0} if op == "Elu" else {}))
    return d.graph(x)


def disguised(graph: Graph, seed: int) -> tuple[Graph, dict[str, str]]:
    """The network with other names in another order that its edges allow, and name -> new name."""
    r = random.Random(seed)
    numbers = r.sample(range(10_000), len(graph.nodes))
    new = {node.name: f"layer {n}" for node, n in zip(graph.nodes, numbers, strict=True)}
    ready, made = [], {tensor.name for tensor in graph.inputs}
    waiting = list(graph.nodes)
    while waiting:
        able = [node for node in waiting if made.issuperset(node.inputs)]
        node = r.choice(able)
        waiting.remove(node)
        made.update(node.outputs)
        ready.append(replace(node, name=new[node.name]))
    return replace(graph, nodes=tuple(ready)), new


@pytest.mark.parametrize("path", [p for p in NETWORKS if any(s in p.name for s in SOME)], ids=str)
def test_a_network_under_other_names_is_found_layer_by_layer(path) -> None:
    clean = canonical(network(path))
    other, new = disguised(clean, 7)
    found = align(LayerGraph(clean), LayerGraph(other))
    assert left(found) == ([], [])
    assert [pair for pair in names(found) if new[pair[0]] != pair[1]] == []


def test_a_layer_more_is_the_only_one_without_a_counterpart() -> None:
    short, long = chain("Relu", "Tanh", "Relu"), chain("Relu", "Tanh", "Sigmoid", "Relu")
    found = align(layers(short), layers(long))
    only_a, only_b = left(found)
    assert only_a == []
    # The third convolution and its activation; which of two equal convolutions is more is open.
    assert {found.b.layers[j].op for j in found.only_b} == {"Conv", "Sigmoid"}
    assert len(only_b) == 2
    kept = [(found.a.layers[i].op, found.b.layers[j].op) for i, j in found.pairs]
    assert all(one == two for one, two in kept)


@pytest.mark.parametrize("place", range(3))
def test_a_layer_less_is_the_only_one_without_a_counterpart(place: int) -> None:
    d, x, all_names = Draft(), "x", []
    for op in ACTIVATIONS[:3]:
        x = d.add(op, x)
        all_names.append(d.nodes[-1].name)
    whole = d.graph(x)
    d, x = Draft(), "x"
    for position, op in enumerate(ACTIVATIONS[:3]):
        x = x if position == place else d.add(op, x)
    found = align(layers(whole), layers(d.graph(x)))
    assert left(found) == ([all_names[place]], [])


def test_one_of_its_family_stands_in_the_place_of_a_layer() -> None:
    found = align(layers(chain("Relu", "Relu", "Relu")), layers(chain("Relu", "Tanh", "Relu")))
    assert left(found) == ([], [])
    assert [(found.a.layers[i].op, found.b.layers[j].op) for i, j in found.pairs] == [
        ("Conv", "Conv"), ("Relu", "Relu"), ("Conv", "Conv"), ("Relu", "Tanh"),
        ("Conv", "Conv"), ("Relu", "Relu"),
    ]  # fmt: skip


def test_layers_of_other_families_are_no_pair() -> None:
    d = Draft()
    pool = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0], "ceil_mode": False}
    pooled = d.graph(d.add("MaxPool", "x", (1, 4, 4, 4), **pool))
    d = Draft()
    found = align(layers(pooled), layers(d.graph(d.add("Tanh", "x"))))
    assert found.pairs == ()
    assert (found.only_a, found.only_b) == ((0,), (0,))


def branches(first: str, second: str, *, swapped: bool = False) -> Graph:
    """Two branches that differ only by their last activation, added."""
    d = Draft()
    ends = {}
    for op in (second, first) if swapped else (first, second):
        ends[op] = d.add(op, d.conv(d.add("Relu", d.conv("x"))))
    return d.graph(d.add("Sub", [ends[first], ends[second]]))


def test_branches_are_told_apart_by_what_reads_them() -> None:
    a, b = branches("Tanh", "Sigmoid"), branches("Tanh", "Sigmoid", swapped=True)
    found = align(layers(a), layers(b))
    assert left(found) == ([], [])
    across = {("conv0", "conv4"), ("conv2", "conv6"), ("conv4", "conv0"), ("conv6", "conv2")}
    assert across <= names(found)


def test_inputs_are_aligned_in_their_order() -> None:
    found = align(layers(chain("Relu")), layers(chain("Relu")))
    assert found.to_b[-1] == -1 == found.to_a[-1]


def test_axes_that_are_added_behind_the_last_are_understood() -> None:
    """Means of channels, stretched over the image that they scale."""
    net = TinyNetwork(size=4)
    means = net.add("ReduceMean", "image", (1, 3), axes=[2, 3], keepdims=False)
    wide = net.add("Unsqueeze", means, (1, 3, 1, 1), axes=[2, 3])
    graph = net.graph(net.add("Mul", ("image", wide)))
    pairs = align(LayerGraph(graph), LayerGraph(graph))
    assert not pairs.only_a and not pairs.only_b


def test_networks_without_layers_have_no_pairs() -> None:
    d = Draft()
    found = align(layers(d.graph("x")), layers(chain("Relu")))
    assert found.pairs == ()
    assert len(found.only_b) == 2


ops = st.lists(st.sampled_from(ACTIVATIONS), min_size=1, max_size=6)


@given(ops, ops, st.sampled_from([4, 8]))
def test_every_layer_is_in_one_pair_or_left_over(one, other, out: int) -> None:
    a, b = layers(chain(*one)), layers(chain(*other, out=out))
    found = align(a, b)
    assert sorted([*(i for i, _ in found.pairs), *found.only_a]) == list(range(len(a.layers)))
    assert sorted([*(j for _, j in found.pairs), *found.only_b]) == list(range(len(b.layers)))
    assert list(found.pairs) == sorted(found.pairs)
    assert found.to_a == {j: i for i, j in found.to_b.items()}


@given(ops, ops)
def test_order_is_kept_along_a_chain(one, other) -> None:
    """Layers of a chain are aligned without crossing."""
    found = align(layers(chain(*one)), layers(chain(*other)))
    assert [j for _, j in found.pairs] == sorted(j for _, j in found.pairs)


def test_branches_of_two_inputs_are_told_apart() -> None:
    """They are added, and only their inputs say which is which: -1 and -2 have one hash."""

    def sum_of(*sources: str) -> Graph:
        d = Draft()
        d.tensors["y"] = Tensor("y", (1, 4, 8, 8))
        d.inputs.append(d.tensors["y"])
        branch = {source: d.add("Relu", d.conv(source)) for source in sources}
        return d.graph(d.add("Add", [branch["x"], branch["y"]]))

    alignment = align(layers(sum_of("x", "y")), layers(sum_of("y", "x")))
    assert names(alignment) >= {("conv0", "conv2"), ("conv2", "conv0")}
