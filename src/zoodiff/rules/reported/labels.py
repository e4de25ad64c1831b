"""Labels and outputs with different meanings (LAB101 to LAB107)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

_RAISED_BY = "`zoodiff accuracy --infer-preprocessing`"
_BY_CLASS = "`zoodiff accuracy`"

SHIFTED = Rule(
    code="LAB101",
    name="labels shifted by one",
    effect="measurement",
    cause="One side counts the classes from 1 and the other from 0, or one side has a background "
    "class before the first.",
    consequence="Almost every prediction is wrong, although the predictions look sensible.",
    advice="Name the label space with --labels (imagenet-1001 has a background class), or correct "
    "the file with the labels.",
    references=("mlcommons/inference#550", "tensorflow/tpu#507", "pytorch/glow#1651"),
    raised_by=_RAISED_BY,
)
SORTED_AS_STRINGS = Rule(
    code="LAB102",
    name="labels sorted as strings",
    effect="measurement",
    cause="Folders or names with numbers were sorted as words, so that 10 comes before 2.",
    consequence="Almost all classes are confused.",
    advice="Sort the classes by their numbers.",
    references=("modestyachts/ImageNetV2#4",),
    raised_by=_RAISED_BY,
)
OTHER_CLASSES = Rule(
    code="LAB103",
    name="labels of other classes",
    effect="measurement",
    cause="Labels and outputs have different meanings: the label file has another order, the "
    "devkit's numbers were read as sorted WordNet ids, or the data set has other classes.",
    consequence="Accuracy is at chance, although predictions are confident and diverse.",
    advice="Check the label file with a few images. Set the label space with --labels.",
    references=("BVLC/caffe#4106", "apache/mxnet#5557", "tensorflow/lucid#65"),
    raised_by=f"{_RAISED_BY} and `--explain`",
)
EXCHANGED = Rule(
    code="LAB104",
    name="two classes exchanged",
    effect="measurement",
    cause="Two rows of the last layer, or two names in a list of classes, are exchanged.",
    consequence="Images of these two classes are wrong, all others are right. Top-1 falls little, "
    "so that the cause is hard to see.",
    advice="Compare the lists of classes, and the rows of the last layer with "
    "`zoodiff diff --weights`.",
    references=("NVIDIA/DIGITS#1564",),
    raised_by=_BY_CLASS,
)
SHIFTED_BLOCK = Rule(
    code="LAB105",
    name="blocks of classes exchanged or shifted",
    effect="measurement",
    cause="Rows of the last layer were put together in another order, or a class was inserted or "
    "left out in a list of classes, so that all behind it are shifted.",
    consequence="Images of these classes are wrong, all others are right.",
    advice="Compare the lists of classes where the block begins and ends, and the rows of the last "
    "layer with `zoodiff diff --weights`.",
    references=("xingyizhou/CenterNet#671", "pytorch/vision#1734"),
    raised_by=_BY_CLASS,
)
NEVER_PREDICTED = Rule(
    code="LAB106",
    name="class never predicted",
    effect="measurement",
    cause="The row of the class in the last layer is zeroed or damaged, its bias is far too low, "
    "or no training image was of the class, as where two classes of one name were merged.",
    consequence="All images of the class are wrong and count for similar classes.",
    advice="Compare the row of the class and its bias with those of others, or the network with "
    "another export: `zoodiff diff --weights`.",
    references=("pytorch/vision#1734", "nottombrown/imagenet-stubs#2"),
    raised_by=_BY_CLASS,
)
CONSTANT = Rule(
    code="LAB107",
    name="output of a class is constant",
    effect="measurement",
    cause="The row of the class in the last layer is zeroed, as by pruning, or by loading a "
    "checkpoint that lacks it.",
    consequence="The class has the same score for every image: it is predicted where all others "
    "score lower, or never.",
    advice="Load the row again, and compare the weights with `zoodiff diff --weights`.",
    references=(
        "S. Han et al., Learning both weights and connections for efficient neural networks, "
        "NeurIPS 2015 (pruning)",
    ),
    raised_by=_BY_CLASS,
)
