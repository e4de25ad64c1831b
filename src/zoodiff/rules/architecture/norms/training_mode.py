"""Layers that behave at inference as in training: a batch norm (ARC125), a dropout (ARC126)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Difference, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule

_STORED, _OF_THE_BATCH = "stored statistics", "statistics of the batch"


def _norm_of_batch(layer: Layer) -> Node | None:
    """The batch norm of a layer that normalises with the statistics of the batch."""
    nodes = (layer.node, *layer.chain)
    return next(
        (n for n in nodes if n.op == "BatchNormalization" and n.attributes.get("training")), None
    )


def _norms(networks: AlignedPair) -> Iterable[Difference]:
    for i, j in networks.alignment.pairs:
        norms = [_norm_of_batch(networks.a.layers[i]), _norm_of_batch(networks.b.layers[j])]
        if (norms[0] is None) != (norms[1] is None):
            left, right = (_STORED if norm is None else _OF_THE_BATCH for norm in norms)
            yield _named(left, right, (i,), (j,))
    for i in networks.alignment.only_a:
        if _norm_of_batch(networks.a.layers[i]) is not None:
            yield _named(_OF_THE_BATCH, "none", (i,), ())
    for j in networks.alignment.only_b:
        if _norm_of_batch(networks.b.layers[j]) is not None:
            yield _named("none", _OF_THE_BATCH, (), (j,))


def _named(left: str, right: str, a: tuple[int, ...], b: tuple[int, ...]) -> Difference:
    return Difference("ARC125", left, right, a, b, undo=Undo.NOTHING, noun="batch norms")


def _only_dropouts(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    return {layer.op for layer in layers} == {"Dropout"}


def _normed(*, training: bool = False, momentum: float = 0.9) -> Graph:
    net = TinyNetwork()
    x = net.conv("image", 8)
    mode = {"training": True} if training else {}
    x = net.norm(x, momentum=momentum, **mode)
    return net.classifier(net.add("Relu", x))


def _dropped(*, dropout: bool = True, training: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    x = net.add("Dropout", x, ratio=0.5, training=training) if dropout else x
    return net.classifier(net.conv(x, 8))


BATCH_STATISTICS = Rule(
    code="ARC125",
    name="batch norm in training mode",
    effect="batch",
    cause="One network normalises with the mean and variance of the current batch, as in "
    "training. The other uses stored statistics.",
    consequence="Its output for an image depends on the other images of the batch. A single image "
    "is normalised by its own statistics.",
    advice="Export the network again in inference mode (`model.eval()`, `training=False`).",
    references=("microsoft/onnxruntime#4589", "S. Ioffe and C. Szegedy, Batch normalization, 2015"),
    check=_norms,
    example=Example(
        networks=lambda: (_normed(), _normed(training=True)),
        twin=lambda: (_normed(), _normed(momentum=0.99)),
        twin_shows="Only the momentum differs, which inference does not use.",
    ),
)
ACTIVE_DROPOUT = Rule(
    code="ARC126",
    name="active dropout",
    effect="chance",
    cause="One network sets random elements to 0 at inference too.",
    consequence="Its outputs for the same image differ each time. Some runtimes remove the layer: "
    "then the outputs depend on the runtime and its level of optimisation.",
    advice="Export the network again in inference mode.",
    references=("microsoft/onnxruntime#5549",),
    check=for_regions("ARC126"),
    describes=Description(_only_dropouts, rank=9),
    example=Example(
        networks=lambda: (_dropped(), _dropped(training=True)),
        twin=lambda: (_dropped(), _dropped(dropout=False)),
        twin_shows="The dropout of the first network is one of inference, which drops nothing.",
    ),
)
