"""The order in which rules claim differences: declared, complete, and kept."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from zoodiff.architecture.diff import diff
from zoodiff.graph.align import Alignment, align
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import LayerGraph
from zoodiff.rules.catalogue import in_order_of_claims, ordered, rules
from zoodiff.rules.context import Difference
from zoodiff.rules.engine import differences
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Rule

NETWORKS = Path(__file__).resolve().parents[1] / "graph" / "networks"
Pair = Callable[[], tuple[Graph, Graph]]
Layers = Callable[[TinyNetwork, str], str]


def nothing(net: TinyNetwork, x: str) -> str:
    return x


def single(op: str, **attributes: float) -> Layers:
    return lambda net, x: net.add(op, x, **attributes)


def group_norm(net: TinyNetwork, x: str) -> str:
    constants = {"epsilon": 1e-5, "scale": False, "center": False}
    return net.add("GroupNormalization", x, num_groups=2, axis=1, **constants)


def response_norm(net: TinyNetwork, x: str) -> str:
    return net.add("LRN", x, size=5, alpha=1e-4, beta=0.75, bias=1.0)


def gate(net: TinyNetwork, x: str) -> str:
    weights = net.add("Sigmoid", net.conv(net.means(x), 8, 1))
    return net.add("Mul", (x, weights), net.shape(x))


def mean_of_nine(net: TinyNetwork, x: str) -> str:
    return net.pool("AveragePool", x, 3, pads=[1, 1, 1, 1])


def block(net: TinyNetwork, x: str) -> str:
    """A residual block like those of ``on_shortcut``."""
    y = net.conv(net.add("Relu", net.conv(x, 8)), 8)
    return net.add("Relu", net.add("Add", (y, x)))


def gated_block(net: TinyNetwork, x: str) -> str:
    y = gate(net, net.conv(net.add("Relu", net.conv(x, 8)), 8))
    return net.add("Relu", net.add("Add", (y, x)))


def padding(net: TinyNetwork, x: str) -> str:
    pads = [0, 0, 0, 0, 0, 0, 1, 1]
    return net.add("Pad", x, (1, 8, 17, 17), pads=pads, mode="reflect")


def body(*steps: Layers) -> tuple[TinyNetwork, str]:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    for step in steps:
        x = step(net, x)
    return net, x


def on_shortcut(layers: Layers) -> Graph:
    net, x = body(block)
    y = net.conv(net.add("Relu", net.conv(x, 8)), 8)
    return net.classifier(net.add("Relu", net.add("Add", (y, layers(net, x)))))


def at_end(layers: Layers) -> Graph:
    net, x = body(block, block)
    return net.graph(layers(net, net.conv(x, 8, 5, bias=True)))


def inside(*layers: Layers) -> Graph:
    net, x = body(gated_block, *layers)
    return net.classifier(net.conv(x, 8, 5))


def pool(kernel: int, stride: int, pads: list[int]) -> Graph:
    net, x = body()
    x = net.pool("MaxPool", x, kernel, stride, pads=pads)
    return net.classifier(net.add("Relu", net.conv(x, 8)))


CONTESTED: dict[str, tuple[str, Pair]] = {
    "a response norm on a shortcut": (
        "ARC124",
        lambda: (on_shortcut(nothing), on_shortcut(response_norm)),
    ),
    "a group norm on a shortcut": (
        "ARC122",
        lambda: (on_shortcut(nothing), on_shortcut(group_norm)),
    ),
    "an activation on a shortcut": (
        "ARC130",
        lambda: (on_shortcut(nothing), on_shortcut(single("Tanh"))),
    ),
    "a gate on a shortcut": ("ARC160", lambda: (on_shortcut(nothing), on_shortcut(gate))),
    "a pool on a shortcut": ("ARC161", lambda: (on_shortcut(nothing), on_shortcut(mean_of_nine))),
    "a block with a gate": ("ARC160", lambda: (inside(), inside(gated_block))),
    "a softmax at the end": (
        "ARC140",
        lambda: (at_end(nothing), at_end(single("Softmax", axis=1))),
    ),
    "a sigmoid at the end": ("ARC140", lambda: (at_end(nothing), at_end(single("Sigmoid")))),
    "an activation at the end": ("ARC130", lambda: (at_end(nothing), at_end(single("Tanh")))),
    "a group norm at the end": ("ARC122", lambda: (at_end(nothing), at_end(group_norm))),
    "a response norm at the end": ("ARC124", lambda: (at_end(nothing), at_end(response_norm))),
    "a gate at the end": ("ARC160", lambda: (at_end(nothing), at_end(gate))),
    "a block at the end": ("ARC163", lambda: (at_end(nothing), at_end(block))),
    "a pool at the end": ("ARC142", lambda: (at_end(nothing), at_end(mean_of_nine))),
    "padding at the end": ("ARC142", lambda: (at_end(nothing), at_end(padding))),
    "a pool with another stride and padding": (
        "ARC102",
        lambda: (pool(3, 1, [1, 1, 1, 1]), pool(3, 2, [0, 0, 1, 1])),
    ),
}


@pytest.mark.parametrize("what", CONTESTED)
def test_what_several_rules_could_name_is_named_once(what: str) -> None:
    code, networks = CONTESTED[what]
    a, b = networks()
    for first, second in ((a, b), (b, a)):
        assert [f.code for f in diff(first, second, "a", "b").findings] == [code]


def as_early_as_possible(code: str) -> tuple[Rule, ...]:
    """The rules with only those before one that it has to come after."""
    rules_ = {rule.code: rule for rule in in_order_of_claims()}
    needed, waiting = set[str](), [code]
    while waiting:
        rule = rules_[waiting.pop()]
        regular = [x.code for x in rules_.values() if rule.fallback and not x.fallback]
        new = {rule.code, *rule.after, *regular} - needed
        needed |= new
        waiting += new - {rule.code}
    return tuple(sorted(in_order_of_claims(), key=lambda rule: rule.code not in needed))


def aligned(a: Graph, b: Graph) -> Alignment:
    return align(LayerGraph(canonical(a)), LayerGraph(canonical(b)))


def named(a: Graph, b: Graph, order: tuple[Rule, ...] | None = None) -> list[Difference]:
    return sorted(differences(aligned(a, b), order), key=repr)


def read(name: str) -> Graph:
    return Graph.from_json(gzip.decompress((NETWORKS / f"{name}.json.gz").read_bytes()).decode())


PAIRS: dict[str, Pair] = {
    **{rule.code: rule.example.networks for rule in rules() if rule.example},
    **{f"{rule.code} twin": rule.example.twin for rule in rules() if rule.example},
    **{what: networks for what, (_, networks) in CONTESTED.items()},
    "resnets": lambda: (read("torchvision__resnet50"), read("keras__ResNet50")),
    "alexnet": lambda: (read("onnx__light_bvlc_alexnet"), read("torchvision__vgg11_bn")),
    "mobile": lambda: (read("torchvision__mobilenet_v2"), read("keras__MobileNetV3Small")),
    "dense": lambda: (read("torchvision__densenet121"), read("torchvision__inception_v3")),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_only_what_rules_declare_of_their_order_matters(pair: str) -> None:
    a, b = PAIRS[pair]()
    expected = named(a, b)
    for rule in in_order_of_claims():
        assert named(a, b, as_early_as_possible(rule.code)) == expected, rule.code


def test_a_rule_comes_after_those_that_it_names() -> None:
    codes = [rule.code for rule in in_order_of_claims()]
    for rule in in_order_of_claims():
        assert all(codes.index(code) < codes.index(rule.code) for code in rule.after)
    last = [rule.code for rule in rules() if rule.fallback]
    assert sorted(codes[-len(last) :]) == last


def rule(code: str, *after: str) -> Rule:
    texts = dict.fromkeys(("name", "cause", "consequence", "advice"), "")
    return Rule(code=code, effect="function", references=(), after=after, **texts)


def test_an_order_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="ARC902 comes after ARC999, which is no such rule"):
        ordered([rule("ARC901"), rule("ARC902", "ARC999")])
    with pytest.raises(ValueError, match="come after each other: ARC902, ARC903"):
        ordered([rule("ARC901"), rule("ARC902", "ARC903"), rule("ARC903", "ARC902")])
