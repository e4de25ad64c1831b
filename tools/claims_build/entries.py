"""Which entry of zoodiff a claim is about: ``zoo:entry_model@entry_weights``, or none."""

from __future__ import annotations

import re

from zoodiff.zoos import registry

Row = dict[str, str]

# Names of functions in tf_slim.nets; the other TF-slim networks are not in that package.
_SLIM = re.compile(r"(resnet_v[12]_\d+|vgg_\d+|inception_v[123])_(\d{4}_\d\d_\d\d)$")


def collection(row: Row, zoo: str) -> str:
    """The part of the zoo that publishes the claim; empty where the zoo has only one."""
    if zoo == "keras":
        if row["source_repo"] == "keras-team/keras-applications":
            return "keras_applications"
        return "code" if row["source_repo"] == "keras-team/keras" else "documentation"
    if zoo == "tfmg":
        return "official" if row["weights_id"].startswith("official") else "slim"
    return ""


def weights(row: Row, zoo: str) -> str:
    """The weights as the zoo names them, without what the other columns say."""
    name = row["weights_id"]
    if zoo == "keras":
        return "imagenet"
    if zoo == "torchvision":
        return name.partition(".")[2]
    if zoo == "onnx":
        return name.partition(" ")[2]
    return re.sub(r"^(slim|official)/", "", re.sub(r"^official/vision ", "", name))


def entry(row: Row, zoo: str, part: str) -> tuple[str, str]:
    """(entry_model, entry_weights); empty where zoodiff has no such entry."""
    if zoo == "torchvision":
        # Quantised models are not entries.
        quantised = row["model"].startswith("quantized_")
        return ("", "") if quantised else (row["model"], weights(row, zoo))
    if zoo == "keras":
        return _keras(row, part)
    if zoo == "onnx":
        return re.sub(r"\.onnx$", "", weights(row, zoo)), "published"
    if zoo == "tfmg":
        return _official(row) if part == "official" else _slim(row)
    if zoo == "timm":  # its names are resnet50.a1_in1k
        return row["model"].partition(".")[0], weights(row, zoo)
    return _paddleclas(row) if zoo == "paddleclas" else ("", "")


def _paddleclas(row: Row) -> tuple[str, str]:
    """The claims name the usual weights ``default``, and others behind the network's name."""
    name = row["weights_id"]
    usual = name == "default"
    model = registry.models("paddleclas").get(
        row["model"].removesuffix("" if usual else f"_{name}")
    )
    weights = "pretrained" if usual else name
    if model is None or weights not in {known.name for known in model.weights}:
        return "", ""
    return model.name, weights


def _keras(row: Row, part: str) -> tuple[str, str]:
    model = row["model"]
    if part == "documentation":
        return model, "imagenet"
    size = re.fullmatch(r"mobilenet_v3_(large|small)_1\.0_224", model)
    if size:
        return f"MobileNetV3{size[1].title()}", "imagenet"
    # The README's names are those of keras.applications but for hyphens and the width factor.
    name = model.removesuffix("(alpha=1.0)").replace("-B", "B")
    # Docstrings list width factors and minimalistic networks too; the weights in Keras Applications
    # are one entry each, that of the nominal network.
    known = "(" not in name and not name.startswith(("ResNeXt", "mobilenet_v"))
    if model == "mobilenet_v2_1.0_224":
        return "MobileNetV2", "imagenet"
    return (name, "imagenet") if known else ("", "")


def _slim(row: Row) -> tuple[str, str]:
    stem = re.sub(r"\.(tar\.gz|tgz)$", "", weights(row, "tfmg"))
    match = _SLIM.fullmatch(stem)
    return (f"slim/{match[1]}", stem) if match else ("", "")


def _official(row: Row) -> tuple[str, str]:
    name = row["model"].lower()
    if name.startswith("vit-"):
        return "vit_" + name[4:], ""
    return name.replace("-", "_"), ""
