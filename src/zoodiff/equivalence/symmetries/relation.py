"""A relation between the weights of two networks, and the kinds that there are."""

from __future__ import annotations

from dataclasses import dataclass

KINDS: dict[str, str] = {
    "channels permuted": "channels in another order, in the layers that write and read them",
    "output channels permuted": "outputs of a layer in another order, which the next layers do "
    "not undo",
    "input channels permuted": "columns in another order, which no earlier layer explains",
    "input channels reversed": "the channels of the network's input in reversed order (RGB, BGR)",
    "heads permuted": "heads of an attention in another order, in all its layers",
    "inner order of heads": "elements inside heads in another order",
    "fused layout": "the rows of a fused query, key and value weight in another arrangement",
    "parts exchanged": "layers that read the same tensor, or parts of one, exchanged (a gate and "
    "the value of a gated unit)",
    "gates exchanged": "gates of a recurrent layer in another order",
    "flattening order": "columns behind a flattened map in another order (channels first or last)",
    "patch order": "columns behind patches in another order",
    "patch merging order": "neighbouring patches merged into one token in another order",
    "groups permuted": "groups of a grouped convolution in another order",
    "multiplier order": "outputs of a depthwise convolution in another order per channel",
    "kernels turned": "kernels rotated, flipped or transposed",
    "weight transposed": "a square matrix transposed",
    "factors moved": "positive factors moved from one layer to the next layers",
    "signs moved": "signs moved from one layer to the next layers",
    "factor": "one factor on all weights of a layer",
    "channel factors": "factors per channel, which the next layers do not undo",
    "signs": "signs per channel, which the next layers do not undo",
    "classes exchanged": "two classes exchanged in the last layer",
    "classes shifted": "all classes shifted (a background class first)",
    "class blocks exchanged": "two blocks of classes exchanged",
    "classes permuted": "classes in another order",
    "classes added": "classes that only one network has; the others are equal",
    "class zeroed": "the row of a class is zero in one network",
    "rows zeroed": "all weights of some outputs are zero in one network",
    "weights zeroed": "single weights are zero in one network (pruning)",
    "norm folded": "a norm or a scale folded into the weights before it",
    "bias moved": "a bias moved into the norm behind it, or out of it",
    "zero bias dropped": "a bias of zeros in one network only",
    "rounded to half precision": "weights rounded to half precision (IEEE 754 binary16)",
    "rounded to bfloat16": "weights rounded to bfloat16",
    "quantised per tensor": "each weight within half of one step per layer",
    "quantised per channel": "each weight within half of a step per output",
    "read in another order": "equal weights, whose inputs arrive in another order",
    "bias changed": "the weights have a relation, the biases or statistics differ",
    "key bias changed": "the bias of the keys of an attention differs, which a softmax cancels",
    "normalisation changed": "means and deviations of a normalisation inside the network differ",
    "computed otherwise": "a weight that a file computes from constants in another way (position "
    "embeddings resized)",
    "elements changed": "a few single weights differ",
    "rows changed": "the weights of some outputs or inputs of a layer differ",
    "changed": "all weights differ slightly (further training, noise)",
    "unrelated": "weights without a relation (initialised again)",
    "other shapes": "weights of different shapes",
    "in one network only": "a layer with weights that the other network lacks",
}
"""The vocabulary of ``WeightRelation.kind``: a kind never changes its meaning."""


@dataclass(frozen=True)
class WeightRelation:
    """How the weights of some layers are related, verified element by element.

    ``undone`` says whether every layer that reads what is transformed undoes the transformation;
    None where that is not known or there is nothing to undo.
    """

    kind: str
    layers: tuple[tuple[str, str], ...]
    """Names in the two networks; one is empty for a layer that only one of them has."""
    sentence: str
    undone: bool | None = None
