"""Ends of networks: output (ARC140), head (ARC142), auxiliary heads (ARC143)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.likeness import family
from zoodiff.rules.context import AlignedPair, Difference, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule


def _at_end(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether the layers give an output and nothing else is computed from them."""
    inside = {layer.index for layer in layers}
    reaches = any(index in inside for index in graph.outputs)
    return reaches and all(user in inside for i in inside for user, _ in graph.layers[i].users)


def _output(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    kinds = {family(layer) for layer in layers}
    gates = all(layer.op == "Sigmoid" for layer in layers)
    return _at_end(graph, layers) and (kinds == {"output"} or gates)


def _auxiliary(networks: AlignedPair) -> Iterable[Difference]:
    graphs = (networks.a, networks.b)
    unused = [sum(p.size for p in g.graph.unused_parameters if p.trainable) for g in graphs]
    outputs = [len(graph.outputs) for graph in graphs]
    if bool(unused[0]) == bool(unused[1]) and outputs[0] == outputs[1]:
        return
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


def _ending(*, softmax: bool = False, gate: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    x = net.add("Sigmoid", x) if gate else x
    x = net.linear(net.means(net.conv(x, 8)), 10)
    return net.graph(net.add("Softmax", x, axis=1) if softmax else x)


def _features(*, longer: bool = False, classifier: bool = False) -> Graph:
    """A body that ends in features, or in a classifier behind them."""
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    x = net.add("Relu", net.conv(x, 8, 5, name="more"), name="more/relu") if longer else x
    x = net.means(net.add("Relu", net.conv(x, 8)))
    return net.graph(net.linear(x, 10) if classifier else x)


def _owning(*unused: Parameter) -> Graph:
    net = TinyNetwork()
    x = net.means(net.add("Relu", net.conv("image", 8)))
    return net.graph(net.linear(x, 10), unused=unused)


OUTPUT = Rule(
    code="ARC140",
    name="output",
    effect="output",
    cause="One network ends in a softmax or sigmoid, the other in logits.",
    consequence="Both rank the classes equally. A second softmax on top of probabilities flattens "
    "them, and a loss or a threshold made for one output is wrong for the other.",
    advice="Check the output before you apply a softmax.",
    references=("mlcommons/inference#1739",),
    check=for_regions("ARC140"),
    describes=Description(_output),
    example=Example(
        networks=lambda: (_ending(), _ending(softmax=True)),
        twin=lambda: (_ending(), _ending(gate=True)),
        twin_shows="The sigmoid is an activation inside the network.",
    ),
)
HEAD = Rule(
    code="ARC142",
    name="head",
    effect="function",
    cause="The networks have different classifiers: other pools or linear layers follow the last "
    "convolution of the body.",
    consequence="Parameters and accuracy differ. The features before the head agree.",
    advice="For transfer learning you can still exchange the bodies.",
    references=("Keras applications, include_top, https://keras.io/api/applications/",),
    check=for_regions("ARC142"),
    describes=Description(_at_end, rank=2),
    after=("ARC122", "ARC124", "ARC130", "ARC140", "ARC150", "ARC160", "ARC163"),
    example=Example(
        networks=lambda: (_features(), _features(classifier=True)),
        twin=lambda: (_features(), _features(longer=True)),
        twin_shows="The additional layers are in the body: other layers follow.",
    ),
)
AUXILIARY_HEADS = Rule(
    code="ARC143",
    name="auxiliary heads",
    effect="training",
    cause="One network owns classifiers that only training uses (Inception, GoogLeNet), or gives "
    "more than one output.",
    consequence="It has more parameters and larger files. The first output is the same at "
    "inference.",
    advice="Use the first output only.",
    references=(
        "C. Szegedy et al., Going deeper with convolutions, CVPR 2015, arXiv:1409.4842 (section 5)",
    ),
    check=_auxiliary,
    example=Example(
        networks=lambda: (_owning(), _owning(Parameter("auxiliary.weight", (10, 8)))),
        twin=lambda: (_owning(), _owning(Parameter("steps", (1,), trainable=False))),
        twin_shows="The unused tensor is a counter, which training does not learn.",
    ),
)
