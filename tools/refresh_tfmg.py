"""Write ``src/zoodiff/zoos/data/tfmg.json``; run with the interpreter of the environment tfmg.

    PYTHONPATH=src "$ZOODIFF_TFMG_PYTHON" tools/refresh_tfmg.py [--check]

Which classifiers there are, and how they are built without further configuration, comes from the
installed packages. What no package ships is written down below with its source in the repository
tensorflow/models: the YAML files of experiments, the READMEs with the checkpoints, and slim's
preprocessing. ``--check`` writes nothing and ends with 1 where the file is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from zoodiff.zoos.tfmg import official as tfmg_official
from zoodiff.zoos.tfmg import slim as tfmg_slim

TARGET = Path(__file__).resolve().parents[1] / "src" / "zoodiff" / "zoos" / "data" / "tfmg.json"

YAML = "official/vision/configs/experiments/image_classification/imagenet_{}.yaml"
README = "official/vision/README.md"
CHECKPOINTS = "https://storage.googleapis.com/tf_model_garden/vision"
SLIM_CHECKPOINTS = "http://download.tensorflow.org/models"

SWISH = {"norm_activation": {"activation": "swish"}}

PUBLISHED: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    # name: (YAML file, experiment where it is another one, changes besides the variant)
    "resnet_26": ("resnet26_tpu", None, {}),
    "resnet_50": ("resnet50_tpu", None, {}),
    "resnet_rs_50": ("resnetrs50_i160", None, {}),
    "resnet_rs_101": ("resnetrs101_i192", None, {"input_size": [192, 192, 3]}),
    "resnet_rs_152": ("resnetrs152_i256", None, {"input_size": [256, 256, 3]}),
    "resnet_rs_200": ("resnetrs200_i256", None, {"input_size": [256, 256, 3]}),
    "resnet_rs_270": ("resnetrs270_i256", None, {"input_size": [256, 256, 3]}),
    "resnet_rs_350": ("resnetrs350_i320", None, {"input_size": [320, 320, 3]}),
    "resnet_rs_420": ("resnetrs420_i320", None, {"input_size": [320, 320, 3]}),
    "dilated_resnet_50": (
        "resnet50_deeplab_tpu",
        None,
        {"backbone": {"dilated_resnet": {"output_stride": 16}}, **SWISH},
    ),
    "dilated_resnet_101": (
        "resnet101_deeplab_tpu",
        None,
        {
            "backbone": {
                "dilated_resnet": {
                    "output_stride": 16,
                    "stem_type": "v1",
                    "se_ratio": 0.25,
                    "multigrid": [1, 2, 4],
                    "last_stage_repeats": 1,
                }
            },
            **SWISH,
        },
    ),
    "mobilenet_v1": ("mobilenetv1_tpu", None, {}),
    "mobilenet_v2": ("mobilenetv2_tpu", None, {}),
    "mobilenet_v3_large": ("mobilenetv3large_tpu", None, {}),
    "mobilenet_v3_small": ("mobilenetv3small_tpu", None, {}),
    "mobilenet_multi_avg": ("mobilenetv3.5_avg_tpu", None, {}),
    "mobilenet_multi_avg_seg": ("mobilenetv3.5_avgseg_tpu", None, {}),
    "mobilenet_v4_conv_small": (
        "mobilenetv4_conv_small_tpu",
        None,
        {"norm_activation": {"norm_epsilon": 1e-6}},
    ),
    "mobilenet_v4_conv_medium": (
        "mobilenetv4_conv_medium_tpu",
        None,
        {"input_size": [256, 256, 3]},
    ),
    "mobilenet_v4_conv_medium_seg": (
        "mobilenetv4_conv_medium_seg_tpu",
        None,
        {"input_size": [256, 256, 3]},
    ),
    "mobilenet_v4_conv_large": ("mobilenetv4_conv_large_tpu", None, {"input_size": [384, 384, 3]}),
    "mobilenet_v4_hybrid_medium": (
        "mobilenetv4_hybrid_medium_tpu",
        None,
        {"input_size": [256, 256, 3]},
    ),
    "mobilenet_v4_hybrid_large": (
        "mobilenetv4_hybrid_large_tpu",
        None,
        {"input_size": [384, 384, 3]},
    ),
    "vit_ti16": ("vitti16_i224_tpu", "deit_imagenet_pretrain", {}),
    "vit_s16": ("vits16_i224_tpu", "deit_imagenet_pretrain", {}),
    "vit_b16": (
        "vitb16_i224_tpu",
        "deit_imagenet_pretrain",
        {"backbone": {"vit": {"representation_size": 0}}},
    ),
    "vit_l16": ("vitl16_i224_tpu", "deit_imagenet_pretrain", {}),
    "vit_h14": (
        "vith14_i384_tpu",
        "vit_imagenet_finetune",
        {"backbone": {"vit": {"representation_size": 0}}},
    ),
}

NOTES = {
    "resnet_101": "README.md publishes a ReLU network; imagenet_resnet101_tpu.yaml says swish",
    "resnet_152": "README.md publishes a ReLU network; imagenet_resnet152_tpu.yaml says swish",
    "vit_ti16": "a layer of 768 before the logits comes from the experiment; the YAML is silent",
    "vit_s16": "a layer of 768 before the logits comes from the experiment; the YAML is silent",
    "vit_l16": "a layer of 768 before the logits comes from the experiment; the YAML is silent",
}
EFFICIENTNET_NOTE = (
    "no published experiment: the package's default configuration, which has no "
    "squeeze-and-excitation (se_ratio 0) and ReLU instead of swish"
)
DEFAULT_NOTE = "no experiment file for this variant: {} with another {}"

CHECKPOINT_FILES: dict[str, list[tuple[str, int]]] = {
    # name: archives and the input size that they were trained at, the default one first
    "resnet_50": [("resnet/resnet-50-i224", 224)],
    "resnet_101": [("resnet/resnet-101-i224", 224)],
    "resnet_152": [("resnet/resnet-152-i224", 224)],
    "resnet_rs_50": [("resnet-rs/resnet-rs-50-i160", 160)],
    "resnet_rs_101": [
        ("resnet-rs/resnet-rs-101-i192", 192),
        ("resnet-rs/resnet-rs-101-i160", 160),
    ],
    "resnet_rs_152": [
        ("resnet-rs/resnet-rs-152-i256", 256),
        ("resnet-rs/resnet-rs-152-i224", 224),
        ("resnet-rs/resnet-rs-152-i192", 192),
    ],
    "resnet_rs_200": [("resnet-rs/resnet-rs-200-i256", 256)],
    "resnet_rs_270": [("resnet-rs/resnet-rs-270-i256", 256)],
    "resnet_rs_350": [
        ("resnet-rs/resnet-rs-350-i320", 320),
        ("resnet-rs/resnet-rs-350-i256", 256),
    ],
    "vit_ti16": [("vit/vit-deit-imagenet-ti16", 224)],
    "vit_s16": [("vit/vit-deit-imagenet-s16", 224)],
    "vit_b16": [("vit/vit-deit-imagenet-b16", 224)],
    "vit_l16": [("vit/vit-deit-imagenet-l16", 224)],
}
"""From official/vision/README.md."""

SLIM_FILES = {
    "inception_v1": "inception_v1_2016_08_28",
    "inception_v2": "inception_v2_2016_08_28",
    "inception_v3": "inception_v3_2016_08_28",
    "resnet_v1_50": "resnet_v1_50_2016_08_28",
    "resnet_v1_101": "resnet_v1_101_2016_08_28",
    "resnet_v1_152": "resnet_v1_152_2016_08_28",
    "resnet_v2_50": "resnet_v2_50_2017_04_14",
    "resnet_v2_101": "resnet_v2_101_2017_04_14",
    "resnet_v2_152": "resnet_v2_152_2017_04_14",
    "vgg_16": "vgg_16_2016_08_28",
    "vgg_19": "vgg_19_2016_08_28",
}
"""From research/slim/README.md; the stem ends in the date."""

VIT_ARCHITECTURES = {
    "ti": "tiny",
    "s": "small",
    "b": "base",
    "l": "large",
    "h": "huge",
    "g": "giant",
    "G": "gigantic",
    "e": "enormous",
}
SLIM_ARCHITECTURES = {
    "alexnet_v2": "alexnet",
    "inception_v1": "googlenet",
    "overfeat": "overfeat",
    "vgg_a": "vgg11",
}


def main() -> int:
    """Write the catalogue, or compare it."""
    models = sorted([*official(), *slim()], key=lambda model: model["name"])
    text = json.dumps({"models": models}, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    print(f"{len(models)} models in {TARGET}")
    return 0


def official() -> list[dict[str, Any]]:
    """Entries of official.vision."""
    return [_official(*known) for known in tfmg_official.known()]


def _official(name: str, experiment: str, backbone: str, variant: int | str) -> dict[str, Any]:
    key = "model_name" if backbone == "vit" else "model_id"
    file, other, changes = PUBLISHED.get(name, (None, None, {}))
    experiment = other or experiment
    chosen = {key: variant, **changes.get("backbone", {}).get(backbone, {})}
    overrides: dict[str, Any] = {
        **{k: v for k, v in changes.items() if k not in {"backbone", "input_size"}},
        "backbone": {"type": backbone, backbone: chosen},
    }
    config = tfmg_official.model_config(experiment, overrides)
    if experiment == "image_classification":
        # The general experiment leaves both open; these are those of all others.
        overrides["num_classes"] = config.num_classes or 1001
    size = changes.get("input_size") or list(config.input_size) or [224, 224, 3]
    if name == "vit_h14":
        size = [384, 384, 3]
    note = NOTES.get(name)
    if backbone == "efficientnet":
        note = EFFICIENTNET_NOTE
    elif file is None and name not in {"resnet_101", "resnet_152", "revnet_56"}:
        note = DEFAULT_NOTE.format(experiment, key)
    classes = tfmg_official.model_config(experiment, overrides).num_classes
    if classes != 1001:
        raise SystemExit(f"{name}: {classes} classes instead of 1001")
    weights = [
        {
            "name": stem.rpartition("/")[2],
            "default": position == 0,
            "url": f"{CHECKPOINTS}/{stem}.tar.gz",
            **({"preprocessing": _official_preprocessing(at)} if at != size[0] else {}),
        }
        for position, (stem, at) in enumerate(CHECKPOINT_FILES.get(name, []))
    ]
    return {
        "name": name,
        "architecture": _architecture(name),
        "experiment": experiment,
        "overrides": overrides,
        "source": YAML.format(file) if file else None,
        "weights": weights,
        "preprocessing": _official_preprocessing(size[0]),
        "labels": "imagenet-1k with background",
        "input_shape": [3, size[0], size[1]],
        "note": note,
    }


def _official_preprocessing(size: int) -> dict[str, Any]:
    from official.vision.ops import preprocess_ops

    return {
        "input_size": [size, size],
        "resize_policy": "central_square",
        "crop_fraction": preprocess_ops.CENTER_CROP_FRACTION,
        "library": "tensorflow",
        "interpolation": "bilinear",
        "antialias": False,
        "channel_order": "RGB",
        "value_range": [0.0, 255.0],
        "mean": [round(value, 4) for value in preprocess_ops.MEAN_RGB],
        "std": [round(value, 4) for value in preprocess_ops.STDDEV_RGB],
        "layout": "NHWC",
        "published": "yes",
        "source": "official/vision/dataloaders/classification_input.py",
    }


def _architecture(name: str) -> str:
    for prefix, other in (("resnet_rs_", "resnetrs"), ("dilated_resnet_", "dilated_resnet")):
        if name.startswith(prefix):
            return other + name.removeprefix(prefix)
    if match := re.fullmatch(r"vit_([a-zA-Z]+)(\d+)", name):
        return f"vit_{VIT_ARCHITECTURES[match[1]]}_patch{match[2]}"
    if name.startswith("mobilenet_v4_"):
        return name.replace("mobilenet_v4_", "mobilenetv4_")
    return re.sub(r"^(resnet|revnet)_", r"\1", name)


def slim() -> list[dict[str, Any]]:
    """Entries of slim."""
    return [_slim(name, module) for name, module in tfmg_slim.known().items()]


def _slim(name: str, module: str) -> dict[str, Any]:
    size = tfmg_slim.default_image_size(name) or _size_in_docs(name, module)
    caffe = module in {"vgg", "resnet_v1", "alexnet", "overfeat"}
    if module == "resnet_v2":
        size = 299  # README: Inception pre-processing and an input image size of 299
    return {
        "name": tfmg_slim.PREFIX + name,
        "architecture": _slim_architecture(name),
        "experiment": None,
        "overrides": {},
        "source": f"tf_slim.nets.{module}",
        "weights": _slim_weights(name),
        "preprocessing": _slim_preprocessing(module, name, size),
        "labels": "imagenet-1k" if caffe else "imagenet-1k with background",
        "input_shape": [3, size, size],
        "note": _slim_note(name, module),
    }


def _slim_note(name: str, module: str) -> str | None:
    if name in SLIM_FILES:
        if module == "resnet_v2":
            return "the network declares 224 px; the README publishes 299 px"
        return "converted from Caffe" if module in {"vgg", "resnet_v1"} else None
    return "no checkpoint is published"


def _slim_architecture(name: str) -> str:
    if name in SLIM_ARCHITECTURES:
        return SLIM_ARCHITECTURES[name]
    if match := re.fullmatch(r"resnet_v([12])_(\d+)", name):
        return f"resnet{match[2]}" + ("v2" if match[1] == "2" else "")
    return re.sub(r"^vgg_", "vgg", name)


def _slim_weights(name: str) -> list[dict[str, Any]]:
    stem = SLIM_FILES.get(name)
    if stem is None:
        return []
    since = "-".join(stem.rsplit("_", 3)[1:])
    url = f"{SLIM_CHECKPOINTS}/{stem}.tar.gz"
    return [{"name": stem, "default": True, "url": url, "since": since}]


def _slim_preprocessing(module: str, name: str, size: int) -> dict[str, Any]:
    if module in {"alexnet", "overfeat"}:
        return {"published": "no"}
    common: dict[str, Any] = {
        "input_size": [size, size],
        "library": "tensorflow",
        # slim resizes by the operator of TensorFlow 1, whose pixels have no centres.
        "interpolation": "bilinear_tf1",
        "antialias": False,
        "channel_order": "RGB",
        "layout": "NHWC",
        "published": "yes",
    }
    if module.startswith("inception") or module == "resnet_v2":
        return {
            **common,
            "resize_policy": "central_fraction_then_squash",
            "crop_fraction": 0.875,
            "value_range": [-1.0, 1.0],
            "source": "research/slim/preprocessing/inception_preprocessing.py",
        }
    del name
    return {
        **common,
        "resize": 256,
        "resize_policy": "short_side",
        "value_range": [0.0, 255.0],
        "mean": [123.68, 116.78, 103.94],
        "source": "research/slim/preprocessing/vgg_preprocessing.py",
    }


def _size_in_docs(name: str, module: str) -> int:
    """OverFeat says its size in its documentation only: "resize input to 231x231"."""
    import importlib

    function = getattr(importlib.import_module(f"tf_slim.nets.{module}"), name)
    match = re.search(r"resize input to (\d+)x\1", " ".join((function.__doc__ or "").split()))
    if match is None:
        raise SystemExit(f"slim's {name} declares no input size")
    return int(match[1])


if __name__ == "__main__":
    sys.exit(main())
