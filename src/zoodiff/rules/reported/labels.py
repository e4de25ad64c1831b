"""Labels that do not mean what the outputs mean (LAB101 to LAB103)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

_RAISED_BY = "`zoodiff accuracy --infer-preprocessing`"

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
