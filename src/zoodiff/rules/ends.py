"""Rules about the ends of a network: input, preprocessing, head, output."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.layers import LayerGraph
from zoodiff.rules.base import Rule, register
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, Undo
from zoodiff.rules.layers import arithmetic

_PASSING = frozenset({"LogSoftmax", "Reshape", "Sigmoid", "Softmax", "Squeeze"})


def _classes(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op not in {"Conv", "Gemm"} or not (
        _last(networks.a, pair.a.index) and _last(networks.b, pair.b.index)
    ):
        return
    found = pair.claim("out_features", "out_channels")
    if found is not None:
        yield pair.difference("ARC141", found[0], found[1], "out_features", "out_channels")


def _pixels(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    found = pair.claim("pixels")
    if found is None:
        return
    sides = [[x.node, *x.chain] for x in found]
    kept = [any(node.parameters for node in nodes) for nodes in sides]
    if kept[0] != kept[1]:
        words = ["numbers kept as weights" if k else "numbers kept as constants" for k in kept]
        yield pair.difference(
            "ARC152", words[0], words[1], "pixels", noun="places", undo=Undo.PIXELS
        )
    else:
        left, right = ("; ".join(map(arithmetic, nodes)) for nodes in sides)
        yield pair.difference("ARC150", left, right, "pixels", noun="places", undo=Undo.PIXELS)


register(
    Rule(
        "ARC152",
        "preprocessing weights",
        "parametrisation",
        "Both networks prepare their pixels themselves; one keeps the numbers for it as weights, "
        "the other as constants of the graph (as exporters do).",
        "The same functions can be expressed; whether the numbers agree, the weights tell.",
        "Compare the numbers.",
        pair=_pixels,
    )
)


def _last(graph: LayerGraph, index: int) -> bool:
    """Whether nothing with weights is computed from a layer."""
    seen, waiting = set(), [index]
    while waiting:
        for user, _ in graph.layers[waiting.pop()].users:
            if graph.layers[user].op not in _PASSING | {"GlobalAveragePool", "Relu"}:
                return False
            if user not in seen:
                seen.add(user)
                waiting.append(user)
    return True


register(
    Rule(
        "ARC141",
        "number of classes",
        "function",
        "The last layer has another number of outputs. TensorFlow's networks often have 1001: "
        "class 0 is background, and all others are shifted by one.",
        "Labels are shifted: without knowing, accuracy is near zero.",
        "Drop the first output, or shift the labels.",
        pair=_classes,
    )
)


def _inputs(networks: AlignedPair) -> Iterable[Difference]:
    for one, other in zip(networks.a.inputs, networks.b.inputs, strict=False):
        if one != other:
            left, right = ("x".join(str(n) for n in shape[1:]) for shape in (one, other))
            yield Difference("ARC151", left, right, undo=Undo.NOTHING, noun="inputs")
    if len(networks.a.inputs) != len(networks.b.inputs):
        yield Difference(
            "ARC151",
            f"{len(networks.a.inputs)} inputs",
            f"{len(networks.b.inputs)} inputs",
            undo=Undo.NOTHING,
            noun="inputs",
        )


register(
    Rule(
        "ARC151",
        "input size",
        "function",
        "The networks take images of another size, or another number of channels.",
        "MACs, latency and accuracy differ; padding may fall on other sides.",
        "Accuracies at two sizes are not one figure: state the size beside each.",
        networks=_inputs,
    )
)


def _auxiliary(networks: AlignedPair) -> Iterable[Difference]:
    unused = [
        sum(p.size for p in graph.graph.unused_parameters if p.trainable)
        for graph in (networks.a, networks.b)
    ]
    outputs = [len(graph.outputs) for graph in (networks.a, networks.b)]
    if bool(unused[0]) != bool(unused[1]) or outputs[0] != outputs[1]:
        words = [f"{n:,} parameters that inference does not use" if n else "none" for n in unused]
        if outputs[0] != outputs[1]:
            words = [f"{n} outputs" for n in outputs]
        yield Difference(
            "ARC143",
            words[0],
            words[1],
            undo=Undo.NOTHING,
            noun="heads",
            parameters=unused[1] - unused[0],
        )


register(
    Rule(
        "ARC143",
        "auxiliary heads",
        "training",
        "One network owns classifiers that only training uses (Inception, GoogLeNet), or gives "
        "more than one output.",
        "More parameters and larger files; the same function at inference where the first output "
        "is taken.",
        "Take the first output; drop the others.",
        networks=_auxiliary,
    )
)

for code, name, effect, cause, consequence, advice in (
    (
        "ARC140",
        "output",
        "output",
        "One network ends in a softmax or sigmoid, the other in logits.",
        "The same ranking of classes; a second softmax on top of probabilities flattens them, and "
        "a loss or a threshold made for one is wrong for the other.",
        "Look before applying a softmax.",
    ),
    (
        "ARC142",
        "head",
        "function",
        "Behind the last convolution of the body the networks go on differently: other pools, "
        "other linear layers.",
        "Parameters and accuracy differ; features agree.",
        "For transfer learning the bodies may still be exchanged.",
    ),
    (
        "ARC150",
        "preprocessing inside",
        "function",
        "One network scales or normalises its pixels itself, the other expects them prepared.",
        "Doing it twice, or not at all, costs from 5 to 40 points of top-1 without any error.",
        "Feed the network what its own zoo feeds it: see the preprocessing of `zoodiff show`.",
    ),
):
    register(Rule(code, name, effect, cause, consequence, advice))  # type: ignore[arg-type]
