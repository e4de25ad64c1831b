"""The canonical architecture of a claim, where the collected family name is not it.

The collected names came from rules and a reading. What is changed here is changed for a reason
that stands beside it; a training recipe, a test size or a set of weights is no architecture.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

Row = dict[str, str]

RENAMED = {
    # Keras Hub presets: "ra", "ra2" and "imagenet" name the training, not the network.
    "csp_darknet_53_ra_imagenet": "cspdarknet53",
    "csp_resnet_50_ra_imagenet": "cspresnet50",
    "csp_resnext_50_ra_imagenet": "cspresnext50",
    "efficientnet_el_ra_imagenet": "efficientnet_el",
    "efficientnet_em_ra2_imagenet": "efficientnet_em",
    "efficientnet_es_ra_imagenet": "efficientnet_es",
    # Adversarially trained weights of the same networks.
    "adv_inception_v3": "inception_v3",
    "ens_adv_inception_resnet_v2": "inception_resnet_v2",
    # One network, two spellings.
    "edgenext_xsmall": "edgenext_x_small",
    "edgenext_xxsmall": "edgenext_xx_small",
    "regnetz_040h": "regnetz_040_h",
    # timm's names count in units of 10 MF, and "tv" is how torchvision rounds group widths.
    "regnety_1280": "regnety_128000mf",
    "regnety_2560": "regnety_256000mf",
    "regnetx_004_tv": "regnetx_400mf",
    "regnety_008_tv": "regnety_800mf",
    "regnety_080_tv": "regnety_8000mf",
    "gluon_resnet101_v1c": "resnet101c",
    "gluon_resnet101_v1s": "resnet101s",
    "gluon_resnet152_v1c": "resnet152c",
    "gluon_resnet152_v1s": "resnet152s",
    "gluon_resnet50_v1c": "resnet50c",
    "gluon_resnet50_v1s": "resnet50s",
    # gluon v1b is the ResNet with the stride on the 3x3, v1d the one with an average pool.
    "gluon_resnet18_v1b": "resnet18",
    "gluon_resnet34_v1b": "resnet34",
    "gluon_resnet50_v1b": "resnet50",
    "gluon_resnet101_v1b": "resnet101",
    "gluon_resnet152_v1b": "resnet152",
    "gluon_resnet50_v1d": "resnet50d",
    "gluon_resnet101_v1d": "resnet101d",
    "gluon_resnet152_v1d": "resnet152d",
    # SparK is a pre-training of ResNet-50.
    "resnet50_spark_pre_300e": "resnet50",
    # PaddleClas writes "vd" for "d" and "pp" before its own networks, which timm leaves out.
    "pphgnet_base": "hgnet_base",
    "pphgnet_small": "hgnet_small",
    "pphgnet_tiny": "hgnet_tiny",
    "pplcnet_x0_35": "lcnet_035",
    "pplcnet_x0_5": "lcnet_050",
    "pplcnet_x0_75": "lcnet_075",
    "pplcnet_x1_0": "lcnet_100",
    "pplcnet_x1_5": "lcnet_150",
    "pplcnetv2_base": "lcnetv2_base",
    "res2net101_vd_26w_4s": "res2net101d",
    "res2net50_vd_26w_4s": "res2net50d",
    "resnext50_vd_32x4d": "resnext50d_32x4d",
    "shufflenetv2_swish": "shufflenet_v2_swish",
    "xception41_deeplab": "xception41",
    "xception65_deeplab": "xception65",
    # Other zoos' names for these say nothing of "tf" or of noisy-student training.
    "tf_efficientnet_l2_ns": "efficientnet_l2",
    "tf_efficientnet_l2_ns_475": "efficientnet_l2",
}
# Data set of the weights in the name (its classifier may be larger than 1,000 classes).
_WEIGHTS_IN_NAME = re.compile(r"(_(?:224|384))?_(in2[12](ft1k|k)|imagenet(21k)?)$")
# Swin's window belongs to its input size; the collected names leave it out everywhere else.
_WINDOW_IN_NAME = re.compile(r"^(swin_\w+?)_patch4_window\d+(_\d+)?$")
# mmpretrain names self-supervised recipes in the model: resnet50_barlowtwins_pre, *_mae_1600e_pre.
_RECIPE_IN_NAME = re.compile(
    r"_(barlowtwins|byol|densecl|simsiam|simclr|swav|mocov[23]|mae)(_\d+e)?_pre$"
)
_SCALED = re.compile(r"(mobilenet|mnasnet|shufflenet|ghostnet|hbonet|rexnet|pplcnet|esnet)")
_SIZE = re.compile(r"^(.+)_(\d{3})$")
_PERCENT = re.compile(r"^lcnet_(\d{3})$")


def canonical(rows: Iterable[Row]) -> dict[str, str]:
    """Collected family -> canonical architecture."""
    families: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        families[row["architecture_family"]].add(row["input_size"])
    named = {family: _renamed(family) for family in families}
    return {family: _without_size(named[family], sizes) for family, sizes in families.items()}


def _renamed(family: str) -> str:
    family = RENAMED.get(family, family)
    family = _RECIPE_IN_NAME.sub("", _WEIGHTS_IN_NAME.sub("", family))
    family = _WINDOW_IN_NAME.sub(r"\1", family)
    # Converted TensorFlow weights, elsewhere collected without "tf".
    return re.sub(r"^tf_(efficientnetv2_|efficientnet_(?:cc_|e[sml]$)|mixnet_)", r"\1", family)


def _without_size(family: str, sizes: set[str]) -> str:
    """Strip a trailing test size: cait_s24_384 -> cait_s24; levit_384 is fed 224 and stays."""
    match = _SIZE.match(family)
    if match and sizes - {""} == {match[2]}:
        return match[1]
    return family


def variant(architecture: str) -> str:
    """How an architecture departs from its family's nominal network, from its name.

    >>> variant("mobilenet_v2_0.35"), variant("shufflenet_v2_x1.0"), variant("vgg16")
    ('width 0.35', '', '')
    """
    if architecture.endswith("_minimal"):
        return "minimal"
    if architecture.endswith("_pruned"):
        return "pruned"
    factor = re.search(r"_x?(\d+[._]\d+)$", architecture)
    if factor and _SCALED.match(architecture):
        value = float(factor[1].replace("_", "."))
        return "" if value == 1 else f"width {value:g}"
    percent = _PERCENT.match(architecture)
    if percent:
        return "" if percent[1] == "100" else f"width {int(percent[1]) / 100:g}"
    pruned = re.match(r"resnet.*_v1[bd]_(0\.\d+)$", architecture)
    return f"pruned {pruned[1]}" if pruned else ""
