"""Rules about what a network is fed and compared with, found by running it."""

from __future__ import annotations

from zoodiff.rules.base import Rule, register

_OWN = "Feed the network what it was trained with: its zoo's own preprocessing, or what fits it."

for code, name, cause, consequence, advice in (
    (
        "PRE101",
        "channel order",
        "The network expects its channels in another order: OpenCV reads BGR, the networks that "
        "came from Caffe want BGR, nearly all others RGB.",
        "From 5 to 30 points of top-1; networks that rely on shapes suffer less, and no error is "
        "raised.",
        _OWN + " Set channel_order.",
    ),
    (
        "PRE102",
        "normalisation",
        "Pixels are brought to another range, or by another mean and deviation, than the network "
        "was trained with; or twice, or not at all, where the network does it by itself.",
        "From a fraction of a point to all of the accuracy.",
        _OWN + " Set value_range, mean and std; `zoodiff diff` shows what is inside a network.",
    ),
    (
        "PRE103",
        "crop",
        "Another part of the image is taken: squashed to the input size instead of cropped, or a "
        "crop of another share of the short side.",
        "Some points of top-1: objects have other proportions and sizes than in training.",
        _OWN + " Set resize, resize_policy and crop_fraction.",
    ),
    (
        "PRE104",
        "interpolation",
        "Images are resized by another kernel, or with antialiasing on one side only.",
        "Mostly below half a point between bilinear and bicubic; several points for nearest, or "
        "without antialiasing where images are made much smaller.",
        _OWN + " Set interpolation and antialias.",
    ),
    (
        "PRE105",
        "library",
        "Another library decodes and resizes. Libraries differ in the JPEG decoder's arithmetic, "
        "in rounding, in where pixels have their centres, and in antialiasing.",
        "Mostly below half a point; more where one of them does not antialias.",
        "Use the library that the zoo evaluates with. Set library.",
    ),
    (
        "PRE106",
        "input size",
        "The network is fed images of another size than it was evaluated with.",
        "Objects appear larger or smaller than in training; a point or more in both directions.",
        "Use the published input size.",
    ),
    (
        "PRE107",
        "scaled twice",
        "Pixels are brought to a small range before the network, which rescales them again by "
        "itself: its first layer sees nearly the same value everywhere.",
        "Accuracy near chance, or some tens of points below what is published.",
        "Feed the network pixels in [0, 255]: leave value_range, mean and std out, and say "
        "inside_network = true.",
    ),
    (
        "PRE108",
        "not scaled",
        "The network is said to rescale its pixels by itself, but its graph does not: it was saved "
        "or exported without its preprocessing layers.",
        "Values a hundred times larger than in training reach the first layer; accuracy is lost.",
        "Scale outside the network: set value_range, mean and std.",
    ),
    (
        "LAB101",
        "labels shifted by one",
        "The classes are counted from 1 on one side and from 0 on the other, or one side has a "
        "background class before the first.",
        "Next to no image is right, while the answers look sensible.",
        "Name the label space with --labels (imagenet-1001 has a background class), or correct the "
        "file with the labels.",
    ),
    (
        "LAB102",
        "labels sorted as strings",
        "Folders or names with numbers were sorted as words, so that 10 comes before 2.",
        "Nearly all classes are taken for others.",
        "Number the classes by their values.",
    ),
    (
        "LAB103",
        "labels of other classes",
        "The labels do not mean what the outputs mean: a permuted label file, the devkit's numbers "
        "taken for sorted WordNet ids, or a data set of other classes.",
        "Accuracy at chance, while the answers are sure and various.",
        "Check the file with the labels against a few images by eye; give the label space of the "
        "file with --labels.",
    ),
    (
        "ACC101",
        "network",
        "Fed the same pixels, the two networks still differ: other weights, another architecture, "
        "or another precision.",
        "What remains of a difference when the preprocessing is the same.",
        "See `zoodiff diff` for the architectures and `zoodiff diff --weights` for the weights.",
    ),
):
    register(Rule(code, name, "measurement", cause, consequence, advice))
