"""Names that conceal what the networks are (NAM101 to NAM104)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

_RAISED_BY = "`zoodiff names`"
_TORCHVISION = (
    "torchvision, resnet50: "
    "https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet50.html"
)

TWO_NETWORKS = Rule(
    code="NAM101",
    name="one name for two networks",
    effect="measurement",
    cause="Entries of one name, with the same input and classes, have different structures, and no "
    "variant is known that would explain it; or an entry carries the name of a network that it is "
    "not. A softmax at the end and preprocessing inside a network do not count, nor do biases and "
    "batch norms.",
    consequence="Accuracy, latency and weights are compared as those of one network, and are not.",
    advice="zoodiff diff names the differences between two of the entries.",
    references=(_TORCHVISION, "arXiv:1512.03385"),
    raised_by=_RAISED_BY,
)
TWO_NAMES = Rule(
    code="NAM102",
    name="one network under two names",
    effect="measurement",
    cause="Entries of different names have the same fingerprint: one of them was named after its "
    "training, its authors or its weights.",
    consequence="Results for one network are taken for results of two, and weights that could be "
    "exchanged are not.",
    advice="Compare the entries with zoodiff diff; if it finds no difference, compare them as one.",
    references=("DeiT, whose architecture is that of ViT: arXiv:2012.12877",),
    raised_by=_RAISED_BY,
)
UNTOLD_VARIANT = Rule(
    code="NAM103",
    name="variant that its name does not tell",
    effect="measurement",
    cause="By the hand-checked table of names, an entry departs from the network that its name "
    "means, for example in padding, strides or norms, and nothing in its name says so.",
    consequence="The entry is taken for the nominal network: weights do not fit, or fit and give "
    "other outputs.",
    advice="Name the variant when reporting results; zoodiff diff shows where it differs.",
    references=(_TORCHVISION, "arXiv:2003.13678"),
    raised_by=_RAISED_BY,
)
CHANGED_DEFAULT = Rule(
    code="NAM104",
    name="default weights that changed between versions",
    effect="measurement",
    cause="By the sources of the zoo's package, the weights that a model has by default are others "
    "in a newer version. A file that was only stored again under another hash does not count.",
    consequence="The same line of code gives other accuracies after an upgrade, with another "
    "recipe, other training data or another number of classes.",
    advice="Name the weights (`zoo:model@weights`) and the version of the package; zoodiff records "
    "both with each measurement.",
    references=(
        "torchvision 0.13, weights and `pretrained`: "
        "https://pytorch.org/blog/introducing-torchvision-new-multi-weight-support-api/",
    ),
    raised_by=_RAISED_BY,
)
