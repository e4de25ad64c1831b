"""The canonical architecture of a row of the other tables, by its zoo's names.

The names come from ``claims.csv`` where it has the model, then from rules. A name that no rule
knows stays as the zoo writes it: a row is never given to an architecture by likeness.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from claims_build import architectures

Row = dict[str, str]

OUR_ZOOS = {
    "keras_applications": "keras",
    "tf_model_garden": "tfmg",
    "onnx_model_zoo": "onnx",
    "mmdeploy (mmpretrain models)": "mmdeploy",
}
"""Names of zoos that zoodiff calls otherwise."""

GENERIC = {
    # Qualcomm AI Hub names a family; the weights, or the parameters it lists, say which member.
    ("qai_hub_models", "beit"): "beit_base_patch16",
    ("qai_hub_models", "efficientformer"): "efficientformer_l1",
    ("qai_hub_models", "efficientvit_b2_cls"): "efficientvit_b2",
    ("qai_hub_models", "efficientvit_l2_cls"): "efficientvit_l2",
    ("qai_hub_models", "internimage"): "internimage_t",
    ("qai_hub_models", "levit"): "levit_128s",
    ("qai_hub_models", "mobile_vit"): "mobilevit_s",
    ("qai_hub_models", "nasnet"): "nasnet_large",
    ("qai_hub_models", "regnet"): "regnetx_3200mf",
    ("qai_hub_models", "resnext101"): "resnext101_32x8d",
    ("qai_hub_models", "resnext50"): "resnext50_32x4d",
    ("qai_hub_models", "sequencer2d"): "sequencer2d_s",
    ("qai_hub_models", "shufflenet_v2"): "shufflenet_v2_x0.5",
    ("qai_hub_models", "vit"): "vit_base_patch16",
    ("qai_hub_models", "wideresnet50"): "wide_resnet50_2",
    ("onnx_model_zoo", "AlextNet-int8"): "alexnet",
    ("paddleclas", "CLIP_vit_base_patch16_224"): "vit_base_patch16_clip",
    ("paddleclas", "MobileNetV3_Large_x1_25"): "mobilenet_v3_large_1.25",
    ("paddleclas", "RegNetX_32GF"): "regnetx_32000mf",
    ("paddleclas", "SwinTransformer_base"): "swin_base",
    ("paddleclas", "SwinTransformer_tiny"): "swin_tiny",
    ("tflite_hosted_models", "Inception_V1"): "googlenet",
    ("tflite_hosted_models", "ResNet_V2_101"): "resnet101v2",
}
# A recipe or a precision behind PaddleClas's name of the network.
_PADDLE_RECIPE = re.compile(r"(_ssld(_v2)?|_rsb|(?<=_vd)_v2)?(_int8)?$")
_PADDLE_WIDTH = re.compile(r"^(MobileNetV[12])_x1_0$")
_QUANTISED = re.compile(r"_quant$")
_FACTOR_AND_SIZE = re.compile(r"^(Mobilenet_V[12]|MnasNet)_(\d\.\d+)_(\d+)$")
_SIZE = re.compile(r"[_-]\d{3}$")


def fold(name: str) -> str:
    """Return a name in lower case, without hyphens, underscores, dots and spaces."""
    return re.sub(r"[-_. ]", "", name).lower()


class Names:
    """Looks architectures up by the zoo's name of the model."""

    def __init__(self, collected: Iterable[Row]) -> None:
        """Learn the names of ``claims.csv``, as collected."""
        rows = list(collected)
        canonical = architectures.canonical(rows)
        self.known = set(canonical.values())
        self._of_model: dict[tuple[str, str], str] = {}
        self._folded: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            name = canonical[row["architecture_family"]]
            self._of_model[row["zoo"], row["model"]] = name
            if row["zoo"] == "timm":  # benchmarks name no pretraining tag
                self._of_model["timm", row["model"].partition(".")[0]] = name
        for name in self.known:
            self._folded[fold(name)].add(name)

    def architecture(self, row: Row) -> str:
        """Return the canonical architecture; the zoo's own name if no rule knows it."""
        zoo, model = row["zoo"], row["model"]
        if zoo.startswith("mmdeploy"):
            stem = row["weights"].rpartition("/")[2].removesuffix(".py")
            return self._of_model.get(("mmpretrain", stem)) or self._same(model) or model
        if zoo in ("transformers", "keras_hub"):
            return model  # a class of processors, for every size of a family
        for name in _spellings(zoo, model):
            architecture = (
                GENERIC.get((zoo, name)) or self._of_model.get((zoo, name)) or self._same(name)
            )
            if architecture:
                return architecture
        return model

    def _same(self, name: str) -> str | None:
        names = self._folded.get(fold(name), set())
        return next(iter(names)) if len(names) == 1 else None


def _spellings(zoo: str, model: str) -> list[str]:
    """Return the zoo's name, and the names that it has without recipe, precision and size."""
    names = [model]
    if zoo == "timm":
        names.append(model.partition(".")[0])
        names.append(_SIZE.sub("", names[-1]))
    elif zoo == "paddleclas":
        plain = _PADDLE_RECIPE.sub("", model.removeprefix("Fix_"))
        names += [plain, _PADDLE_WIDTH.sub(r"\1", plain), _SIZE.sub("", plain)]
        # timm's hgnetv2 is PaddleClas's PP-HGNetV2.
        names.append(re.sub(r"^PPHGNetV2", "hgnetv2", plain))
    elif zoo == "tflite_hosted_models":
        plain = _QUANTISED.sub("", model)
        match = _FACTOR_AND_SIZE.match(plain)
        names += [plain, _with_factor(match) if match else _SIZE.sub("", plain)]
    return list(dict.fromkeys(names))


def _with_factor(match: re.Match[str]) -> str:
    """MobileNet's nominal width has no factor in the canonical name; MnasNet's has."""
    base, factor = match[1].lower(), float(match[2])
    if base == "mnasnet":
        return f"mnasnet_{factor}"
    return base if factor == 1 else f"{base}_{factor:g}"
