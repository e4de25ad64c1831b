"""Preprocessing: what a network is fed differs from what it was trained with (PRE101 to PRE112)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

_OWN = (
    "Use the preprocessing of the training: that of the network's zoo, or the one that fits best."
)
_COMPARED = "`zoodiff diff --preprocessing`, `zoodiff accuracy --explain`"
_AUDIT = "`zoodiff audit-recipes`"
_TRIED = f"{_COMPARED} and `--infer-preprocessing`"

CHANNEL_ORDER = Rule(
    code="PRE101",
    name="channel order",
    effect="measurement",
    cause="The network expects a different channel order. OpenCV reads BGR, and networks from "
    "Caffe expect BGR; nearly all others expect RGB.",
    consequence="It costs 5 to 30 points of top-1, less for networks that rely on shapes, and no "
    "error is raised.",
    advice=f"{_OWN} Set channel_order.",
    references=(
        "qubvel/classification_models#4",
        "opencv/opencv#9625",
        "openvinotoolkit/openvino#181",
    ),
    raised_by=f"{_TRIED}, {_AUDIT}",
)
NORMALISATION = Rule(
    code="PRE102",
    name="normalisation",
    effect="measurement",
    cause="Pixels have another range, mean or standard deviation than in training. They may also "
    "be scaled twice or not at all, if the network itself scales them.",
    consequence="It costs from a fraction of a point to all of the accuracy.",
    advice=f"{_OWN} Set value_range, mean and std. `zoodiff diff` shows the input stage.",
    references=(
        "tensorflow/tensorflow#46105",
        "mseitzer/pytorch-fid#3",
        "wang-xinyu/tensorrtx#100",
    ),
    raised_by=f"{_TRIED}, {_AUDIT}",
)
CROP = Rule(
    code="PRE103",
    name="crop",
    effect="measurement",
    cause="The crop differs from training: the image is squashed to the input size instead of "
    "cropped, or the crop keeps another share of the short side.",
    consequence="It costs some points of top-1, because objects have other proportions and sizes "
    "than in training.",
    advice=f"{_OWN} Set resize, resize_policy and crop_fraction.",
    references=(
        "huggingface/pytorch-image-models#1383",
        "yhhhli/BRECQ#7",
        "mlcommons/training#48",
    ),
    raised_by=f"{_TRIED}, {_AUDIT}",
)
INTERPOLATION = Rule(
    code="PRE104",
    name="interpolation",
    effect="measurement",
    cause="Images are resized with another kernel, or with antialiasing on one side only.",
    consequence="Bilinear instead of bicubic mostly costs less than half a point. Nearest, or no "
    "antialiasing in a strong reduction, costs several points.",
    advice=f"{_OWN} Set interpolation and antialias.",
    references=(
        "pytorch/vision#6506",
        "shift-happens-benchmark/icml-2022#62",
        "mlcommons/inference#555",
    ),
    raised_by=f"{_TRIED}, {_AUDIT}",
)
LIBRARY = Rule(
    code="PRE105",
    name="library",
    effect="measurement",
    cause="A different library decodes and resizes. Libraries differ in the arithmetic of the JPEG "
    "decoder, in rounding, in the position of pixel centres, and in antialiasing.",
    consequence="It mostly costs less than half a point; more if one of them does not antialias.",
    advice="Use the library of the zoo's evaluation. Set library.",
    references=(
        "mlcommons/inference#201",
        "mlcommons/inference#304",
        "PaddlePaddle/PaddleClas#592",
        "tensorflow/tensorflow#11623",
    ),
    raised_by=f"{_COMPARED}, {_AUDIT}",
)
INPUT_SIZE = Rule(
    code="PRE106",
    name="input size",
    effect="measurement",
    cause="The images have another size than in the zoo's evaluation.",
    consequence="Objects appear larger or smaller than in training. It costs a point or more in "
    "both directions.",
    advice="Use the published input size.",
    references=(
        "H. Touvron et al., Fixing the train-test resolution discrepancy, NeurIPS 2019, "
        "arXiv:1906.06423",
        "pytorch/vision#4936",
    ),
    raised_by=f"`zoodiff diff --preprocessing`, {_AUDIT}",
)
SCALED_TWICE = Rule(
    code="PRE107",
    name="scaled twice",
    effect="measurement",
    cause="Pixels are scaled to a small range before the network, which scales them again. The "
    "first layer receives nearly the same value everywhere.",
    consequence="Accuracy is near chance, or some tens of points below the published figure.",
    advice="Give the network pixels in [0, 255]: omit value_range, mean and std, and set "
    "inside_network = true.",
    references=("tensorflow/tensorflow#48066", "keras-team/keras#16982"),
    raised_by=_COMPARED,
)
NOT_SCALED = Rule(
    code="PRE108",
    name="not scaled",
    effect="measurement",
    cause="According to its zoo, the network scales its pixels, but its graph does not: it was "
    "saved or exported without its preprocessing layers.",
    consequence="Values a hundred times larger than in training reach the first layer. Accuracy is "
    "lost.",
    advice="Scale outside the network: set value_range, mean and std.",
    references=("keras-team/keras#16982", "tensorflow/tensorflow#48412"),
    raised_by=_COMPARED,
)
ORDER = Rule(
    code="PRE109",
    name="order of resize and crop",
    effect="measurement",
    cause="One recipe resizes the image and crops the result; the other crops the image and "
    "resizes the crop.",
    consequence="Both keep the same part of the image. Pixels differ by rounded sizes and "
    "positions, and at the borders: by up to tens of levels at sharp edges.",
    advice=f"{_OWN} Set resize_policy.",
    references=("lukemelas/EfficientNet-PyTorch#100", "pytorch/vision#429"),
    raised_by=_AUDIT,
)
ROUNDING = Rule(
    code="PRE110",
    name="rounding",
    effect="measurement",
    cause="Resized pixels are rounded to 8 bits in one recipe and stay real numbers in the other.",
    consequence="Pixels differ by up to half a level; more where a kernel overshoots the range of "
    "a pixel, which rounding cuts off.",
    advice="Use the same type of image as the zoo: an image of Pillow or a tensor of integers is "
    "rounded, a tensor of real numbers is not. Set rounded.",
    references=("pytorch/vision#8399", "huggingface/transformers#46262"),
    raised_by=_AUDIT,
)
ORIENTATION = Rule(
    code="PRE111",
    name="orientation",
    effect="measurement",
    cause="One recipe turns a photograph as its EXIF orientation says, the other does not. OpenCV "
    "turns it by default; Pillow, torchvision and TensorFlow do not.",
    consequence="Photographs that were taken upright are fed lying on their side. Images without "
    "an EXIF orientation are the same.",
    advice=f"{_OWN} Set exif.",
    references=("pytorch/vision#7977", "opencv/opencv#8854", "open-mmlab/mmcv#805"),
    raised_by=_AUDIT,
)
NOT_AS_STATED = Rule(
    code="PRE112",
    name="recipe not as stated",
    effect="measurement",
    cause="The zoo's own code makes other pixels than its recipe states, or the installed package "
    "is of another version than the recipe was read from.",
    consequence="Whoever follows the words measures another accuracy than whoever runs the code.",
    advice="Follow the code if the published accuracy was measured with it. Report the difference "
    "to the zoo.",
    references=("huggingface/transformers#28180",),
    raised_by=_AUDIT,
)
