"""Bring spellings of a network's name to one form, by rules and without any table.

The form of a spelling has no separators, no recipe (training, data set, opset, file format), no
input size and one word per size and width: ``resnet50_8xb32_in1k``, ``ResNet50_v1b`` and
``resnet-50-pytorch`` have the form of ``resnet50``. Canonical names are brought to the same form,
so a rule says which spellings are equal, never which of them is the right one.
"""

from __future__ import annotations

import re
from functools import cache

_Rule = tuple[re.Pattern[str], str]
_LONGEST = 200


def _rules(*pairs: tuple[str, str]) -> tuple[_Rule, ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


_OPSET = re.compile(r"-\d{1,2}(-int8|-qdq)?$")
"""The opset that ends a file's name in the ONNX Model Zoo: ``resnet50-v1-12-int8``."""

_PYTORCHCV = _rules(
    (r"^bn_(vgg\d+)b?$", r"\1_bn"),
    (r"^bninception$", "inception_v2"),
    # The ending b: stride on the 3x3 (ResNets); b and c: TensorFlow's SAME (EfficientNets).
    (r"^(alexnet|\w*resnet[a-z]*\d+)b$", r"\1"),
    (r"^(mobilenet(v2)?|shufflenetv2)b(?=_)", r"\1"),
    (r"^(efficientnet_b\d)[bc]$", r"\1"),
    (r"^efficientnet_edge_([sml])[a-z]+_b$", r"efficientnet_e\1"),
    (r"^preresnet(?=\d)", "resnetv2_"),
    (r"^resnetbc(?=\d)", "resnet"),
    (r"^resnest(a|abc)(?=\d)", "resnest"),
    (r"^resneta(\d+)$", r"resnet\1d"),
    (r"^wrn(?=\d)", "wide_resnet"),
    (r"^sknet50$", "skresnext50_32x4d"),
    (r"^(vovnet\d+)$", r"\1a"),
    (r"^hrnetv2_", "hrnet_"),
    (r"^(hrnet_w\d+_small)_v1$", r"\1"),
    (r"^squeezenet_v1_", "squeezenet1_"),
    (r"^shufflenet_g3(?=_)", "shufflenet"),
    (r"^mnasnet_b1$", "mnasnet"),
    (r"^mnasnet_a1$", "semnasnet"),
    (r"^(spnasnet)$", r"\1_100"),
    (r"^fbnet_cb$", "fbnetc_100"),
    (r"^nasnet_4a1056$", "nasnet_mobile"),
    (r"^nasnet_6a4032$", "nasnet_large"),
)
"""How pytorchcv spells variants and networks whose papers name them by numbers."""
_FRACTION = re.compile(r"_w(\d?)(?:d(\d+))?$")
"""The width that ends a name of pytorchcv: ``w3d4`` is 3/4, ``wd2`` a half."""

_CASED = _rules(
    (r"^vit_G(?=\d)", "vit_gigantic_patch"),
    (r"^vit_g(?=\d)", "vit_giant_patch"),
    # OpenMMLab: network, then training and data set, joined by underscores.
    (r"_[^_]*(3rdparty|\d+xb\d+|-pre(?=[-_])|[a-z]-pre$).*$", ""),
)
"""Rules that need upper and lower case, or hyphens apart from underscores."""

_RECIPES = _rules(
    (r"^[\w.-]+/", ""),  # slim/, skip/, or the owner of a repository
    (r"_\(8_bit\)$", ""),
    (r"\(alpha=([\d.]+)\)", r"_\1"),
    (r"^(tf|tv|gluon|legacy|dm|ig|ssl|swsl|adv|ens_adv|light|quantized|bvlc)_", ""),
    (r"^bvlc(?=alexnet)", ""),
    (r"_(ra\d?|a\d|ft|sw|sw_ft|agc|ra4_e3600_r\d+)_imagenet$", ""),
    (r"_(int8|qdq|quant|fp16|wsl|ema|pytorch|tf|tv|paddle|caffe2|dist|auto_aug|seer)$", ""),
    (r"(?<=^efficientnet_[bl]\d)_ns$", ""),
    (r"_ssld(_v2)?(_fix)?$", ""),
    (r"_(in2[12](ft1)?k|22k(ft1k)?|in1k|1k|[pf]t22k|imagenet|imagenet_?(1|21|22)k)$", ""),
    (r"_legacy(?=_)", ""),
    (r"^(mae|mocov3)_(?=vit_)", ""),
    (r"_(caffe2|tf)(?=_)", ""),
)
"""Who trained or converted a network, on what, and in which format it is published."""

_SIZES = _rules(
    (r"_\d+px$", ""),
    (r"_window\d+(to\d+)?(_\d+(to\d+)?)?", ""),
    (r"(?<=^swin)(v2)?_(\w+)_w\d+", r"\1_\2"),
    (r"(?<=patch\d\d)_\d{3}(?=_|$)", ""),
    (r"(?<=patch\d)_\d{3}(?=_|$)", ""),
    (
        r"(?<!levit)(?<!levit_conv)(?<!regnet[xyzv])(?<!regnet_[xyz])(?<!ghostnetv[23])_(96|128|160|192|224|240|256|288|299|320|331|336|384|408|448|475|480|512|518"
        r"|560|576|800)$",
        "",
    ),
)
"""Input sizes, and windows, which follow them."""

_WORDS = _rules(
    (r"swintransformer", "swin"),
    (r"_?linear$", "_li"),
    (r"^alt_gvt", "twins_svt"),
    (r"^pcpvt", "twins_pcpvt"),
    (r"minimalistic", "minimal"),
    # Patches and sizes of transformers.
    (r"_p(\d+)(?=_|$)", r"_patch\1"),
    (r"_patch4(?=_|$)", ""),
    (r"^vit_ti?_?(\d+)$", r"vit_tiny_patch\1"),
    (r"^vit_s_?(\d+)$", r"vit_small_patch\1"),
    (r"^vit_b_?(\d+)$", r"vit_base_patch\1"),
    (r"^vit_l_?(\d+)$", r"vit_large_patch\1"),
    (r"^vit_h_?(\d+)$", r"vit_huge_patch\1"),
    (r"^vit_e_?(\d+)$", r"vit_enormous_patch\1"),
    (r"^(swin|swin_?v2|maxvit|davit)_t$", r"\1_tiny"),
    (r"^(swin|swin_?v2|davit)_s$", r"\1_small"),
    (r"^(swin|swin_?v2|davit)_b$", r"\1_base"),
    (r"^davit_l$", "davit_large"),
    (r"^davit_h$", "davit_huge"),
    (r"^davit_g$", "davit_giant"),
    (r"^dino_?v2_vit_?(small|base|large|giant)_?(\d+)$", r"vit_\1_patch\2_dinov2"),
    # Swin V2 of timm's author, with norms at the ends of stages.
    (r"^(swin_?v2)_?(tiny|small)_?ns$", r"\1_cr_\2_ns"),
    (r"^(deit_(tiny|small|base)(_distilled)?)$", r"\1_patch16"),
    (r"^tnt_(s|b)(mall|ase)?(_patch16)?$", r"tnt_\1"),
    (r"^clip_(vit_\w+)$", r"\1_clip"),
    (r"^(beitv2|eva)_vit_", r"\1_"),
    (r"^mobilevit_(x*)_?small$", r"mobilevit_\1s"),
    # ResNets: gluon's v1b is the ResNet with the stride on the 3x3, PaddlePaddle's vd is v1d.
    (r"^resnet_?v1([bcds]?)_?(\d+)$", r"resnet\2\1"),
    (r"(?<=^resnet)(\d+)(_caffe2)?_v1b?(?=_|$)", r"\1"),
    (r"(?<=^resnet)(\d+)_v1([cds])(?=_|$)", r"\1\2"),
    (r"^resnet_?v([cd])_?(\d+)$", r"resnet\2\1"),
    (r"(?<=^resnet)_?(\d+)_v([cd])$", r"\1\2"),
    (r"^resnet_?v2_?(\d+)$", r"resnet\1v2"),
    (r"^(wide_?resnet_?(50|101))$", r"\1_2"),
    (r"^((se_?)?resnext_?(50|101))$", r"\1_32x4d"),
    (r"^resnext_?(\d+)_vd_", r"resnext\1d_"),
    # The widths of Res2Net's v1b are those of its nominal network.
    (r"^res2net_?(\d+)_v(?:d|1b)_26w_4s$", r"res2net\1d"),
    (r"^resnest_?(\d+)[de]$", r"resnest\1"),
    (r"^(hrnet_w\d+)_c$", r"\1"),
    (r"^(resnext_?(50|101)d)$", r"\1_32x4d"),
    (r"^(regnet_?z\w+_evo)$", r"\1s"),
    (r"^(bot|halo)(net|next)(se|eca)(\d+t)$", r"\3_\1\2\4s"),
    (r"^(mobilenet_?v3_?(?:large|small))_?(\d{3})$", r"\1_\2"),
    (r"^mlp_?mixer_?(?=[a-z])", "mixer_"),
    (r"^gmlp_?tiny_?(?=\d)", "gmlp_ti"),
    (r"^resmlp_b(?=\d)", "resmlp_big_"),
    # Networks with two names, or whose nominal size is left out.
    (r"^(googlenet|inception)_?v1$", "googlenet"),
    (r"^googlenet_?v([234])$", r"inception_v\1"),
    (r"nasnet_?a_?", "nasnet_"),
    (r"^efficientnet_?edgetpu_?([sml])(mall|edium|arge)?$", r"efficientnet_e\1"),
    (r"^efficientnet_?v1_?(?=[bl])", "efficientnet_"),
    (r"^efficientnet_?v2_?t$", "efficientnet_v2_rw_t"),
    (r"^efficientnet_condconv_", "efficientnet_cc_"),
    (r"^alexnet_v2$", "alexnet"),
    (r"^vgg_a$", "vgg11"),
    (r"^densenet$", "densenet121"),
    (r"^shufflenet$", "shufflenet_v1"),
    (r"^mobilenet_?(?=\d|$)", "mobilenet_v1_"),
    (r"^rexnet_v1_", "rexnet_"),
    (r"^squeezenet_?1\.", "squeezenet1_"),
    (r"^pp(?=hgnet|lcnet)", ""),
    (r"^lcnet_?(?=\d{3}$)", "lcnet_"),
    (r"^mobilevit_v2_?(?=\d)", "mobilevitv2_"),
    (r"^(hiera\w*)_hf$", r"\1"),
    (r"^efficientnet_?2_rw_", "efficientnet_v2_rw_"),
    (r"^(xception\d+)_deeplab$", r"\1"),
)
"""Other words for the same thing."""

_SCALED = re.compile(r"^(mobilenet|mobilevitv2|mnasnet|semnasnet|ghostnet|lcnet|rexnet|shufflenet)")
_WIDTH = re.compile(r"_?x?(?<!v)(?<![v\d])(\d)[._](\d+)x?$|_(\d)(\d\d)(?=d?$)|_(\d)x$")
_REGNET = re.compile(r"^regnet_?([a-z])_?(\d+(?:[._]\d+)?)(mf|gf)?(?=_|$|h)")


@cache
def form(spelling: str, zoo: str = "") -> str:
    """Return the form of a spelling: equal for spellings that the rules cannot tell apart.

    ``zoo`` is the zoo whose spelling it is, if known: a number at the end of a file's name in the
    ONNX Model Zoo is an opset, elsewhere a depth, and an ending of pytorchcv's names a variant.

    >>> form("ResNet50_v1b") == form("resnet50_8xb32_in1k") == form("resnet-50-pytorch")
    True
    >>> form("regnetx_004") == form("regnet_x_400mf"), form("vit_g14") == form("vit_G14")
    (True, False)
    """
    text = spelling[:_LONGEST]
    if zoo == "onnx":
        text = _OPSET.sub("", text)
    if zoo == "pytorchcv":
        text = _FRACTION.sub(_fraction, _applied(text, _PYTORCHCV))
    text = _applied(text, _CASED)
    text = re.sub(r"[-\s]+", "_", text.lower())
    text = _applied(_until_stable(text), _WORDS)
    text = _until_stable(text)
    if _SCALED.match(text):
        text = _WIDTH.sub(_width, text)
    text = _REGNET.sub(_regnet, text)
    return re.sub(r"_", "", text)


def _until_stable(text: str) -> str:
    """Apply the rules of recipes and sizes until neither changes the text."""
    while True:
        shorter = _applied(_applied(text, _RECIPES), _SIZES)
        if shorter == text or not shorter:
            return text
        text = shorter


def _applied(text: str, rules: tuple[_Rule, ...]) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


def _fraction(match: re.Match[str]) -> str:
    """Return a width that is written as a fraction as a decimal; nothing for 1."""
    whole, part = int(match[1] or 1), int(match[2] or 1)
    return "" if whole == part else f"_{whole / max(1, part):.2f}"


def _width(match: re.Match[str]) -> str:
    """Return a width factor as one word; nothing for 1."""
    whole, part = next(
        (whole, part or "0")
        for whole, part in ((match[1], match[2]), (match[3], match[4]), (match[5], ""))
        if whole
    )
    value = float(f"{whole}.{part}")
    return "" if value == 1 else f"_x{value:g}"


def _regnet(match: re.Match[str]) -> str:
    """Return a RegNet by its MFLOPs; timm counts in units of 10."""
    kind, number, unit = match[1], match[2].replace("_", "."), match[3]
    if unit is None and "." in number:
        return match[0]
    factor = {"gf": 1000, "mf": 1, None: 100}[unit]
    return f"regnet{kind}{float(number) * factor:g}mf"
