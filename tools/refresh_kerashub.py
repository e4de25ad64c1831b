"""Write ``src/zoodiff/zoos/data/kerashub.json`` from the installed KerasHub.

    $(zoodiff env create kerashub) tools/refresh_kerashub.py [--check]

Runs in the zoo's own environment. Names, places, descriptions and numbers of values are those of
KerasHub's ``*_presets.py``. Configurations are those that its own converters of timm's models give
for the checkpoint a preset was converted from, and those of ``kerashub_configurations.py``; one is
written only if its network has exactly as many values as KerasHub publishes. The canonical names
are in ``src/zoodiff/zoos/names/table.csv``, by hand. Nothing is downloaded and no weights are
allocated.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parent
sys.path[:0] = [str(TOOLS), str(TOOLS.parent / "src")]

from kerashub_configurations import CONFIGURED, FILTERS_OF_THE_HEAD, TIMM  # noqa: E402

from zoodiff.preprocessing.spec import Preprocessing  # noqa: E402
from zoodiff.zoos.keras.backend import import_keras, unallocated  # noqa: E402
from zoodiff.zoos.kerashub import networks  # noqa: E402
from zoodiff.zoos.kerashub.catalogue import IMAGENET_12K, WEIGHTS, Preset  # noqa: E402
from zoodiff.zoos.names.table import by_entry  # noqa: E402
from zoodiff.zoos.timm.catalogue import ZOO as TIMM_ZOO  # noqa: E402

TARGET = TOOLS.parent / "src/zoodiff/zoos/data/kerashub.json"
FEATURES = ("DINOV2Backbone", "DINOV3Backbone")
"""Backbones of images without a classifier in KerasHub; those with one are found by it."""
CONVERTERS = ("cspnet", "densenet", "efficientnet", "hgnetv2", "mobilenet", "resnet", "vgg")
NOT_IMAGENET = ("ade20k", "cityscapes", "imagenet21k", "enc_gemma3n")
"""Parts of the names of presets of networks with a classifier that are published without one."""


def catalogue() -> str:
    """Return the catalogue as its file holds it."""
    keras, tf = import_keras()
    import keras_hub
    from keras_hub.src.utils.preset_utils import BUILTIN_PRESETS_FOR_BACKBONE

    models = []
    for backbone, presets in BUILTIN_PRESETS_FOR_BACKBONE.items():
        classifies = networks.classifier_class(backbone) is not None
        if classifies or backbone.__name__ in FEATURES:
            for name, raw in presets.items():
                models.append(_model(keras, tf, name, raw, backbone, classifies))
    head = {"written_by": "tools/refresh_kerashub.py", "keras_hub": keras_hub.__version__}
    lines = ",\n".join(json.dumps(m) for m in sorted(models, key=lambda m: str(m["name"])))
    return json.dumps(head)[:-1] + ', "models": [\n' + lines + "\n]}\n"


def _model(
    keras: Any, tf: Any, name: str, raw: Mapping[str, Any], backbone: Any, classifies: bool
) -> dict[str, Any]:
    with_head = classifies and not any(part in name for part in NOT_IMAGENET)
    config, head = _configuration(name, backbone)
    preset = Preset(
        name=name,
        handle=raw["kaggle_handle"].removeprefix("kaggle://"),
        backbone=backbone.__name__,
        classes=1000 if with_head else None,
        config=config,
        head=head if with_head else {},
        published=raw["metadata"]["params"],
        counted=None,
    )
    size = _size(name, raw["metadata"]["description"])
    preset, reason = _confirmed(keras, tf, preset, size)
    row = by_entry().get(("kerashub", name))
    return {
        "name": name,
        "architecture": row.name if row else name,
        "weights": [{"name": WEIGHTS, "default": True, "url": preset.url, **_parameters(preset)}],
        "preprocessing": _preprocessing(name, size),
        "labels": _labels(name) if with_head else "no classes",
        "input_shape": [3, *size],
        "note": _note(name, preset, reason, raw["metadata"]["description"]),
        "needs_file": preset.config is None,
        "preset": {key: value for key, value in asdict(preset).items() if key != "name"},
    }


def _configuration(name: str, backbone: Any) -> tuple[dict[str, Any] | None, dict[str, int]]:
    """Return the arguments of the backbone and of the head, as far as they are known."""
    if name in CONFIGURED:
        return CONFIGURED[name][1], {}
    if name not in TIMM:
        return None, {}
    architecture, _, tag = TIMM[name].partition(".")
    for converter in CONVERTERS:
        module = importlib.import_module(f"keras_hub.src.utils.timm.convert_{converter}")
        if module.backbone_cls is backbone:
            config = {"architecture": architecture, "pretrained_cfg": {"tag": tag}}
            heads = (
                h for start, h in FILTERS_OF_THE_HEAD.items() if architecture.startswith(start)
            )
            return module.convert_backbone_config(config), next(heads, {})
    raise LookupError(f"KerasHub has no converter for {name} of {TIMM[name]}")


def _confirmed(
    keras: Any, tf: Any, preset: Preset, size: tuple[int, int]
) -> tuple[Preset, str | None]:
    """Return the preset with what has the published number; without its configuration if none."""
    if preset.config is None:
        return preset, "the package has no configuration of it"
    if _labels(preset.name) == IMAGENET_12K.name:
        return replace(preset, config=None), (
            "its checkpoint tells 11,821 classes apart, and the number of values that KerasHub "
            "publishes is that of 1,000 classes"
        )
    try:
        with unallocated(keras, tf):
            network = networks.build(preset, (*size, 3))
            numbers = networks.counts(network)
    except tf.errors.OperatorNotAllowedInGraphError:
        # As in the backend: a layer computes an index table by tensors.
        with keras.StatelessScope(initialize_variables=False):
            numbers = networks.counts(networks.build(preset, (*size, 3)))
    for counted, number in numbers.items():
        if number == preset.published:
            return replace(preset, counted=counted), None
    numbers_in_words = ", ".join(f"{number:,} ({what})" for what, number in numbers.items())
    return replace(preset, config=None), (
        f"KerasHub publishes {preset.published:,} values, and the configuration that its converter "
        f"gives has {numbers_in_words}"
    )


@cache
def _recipe(name: str) -> Preprocessing | None:
    """Return timm's preprocessing of the checkpoint that a preset was converted from."""
    architecture, _, tag = TIMM.get(name, "").partition(".")
    for model in TIMM_ZOO.models():
        if model.name == architecture:
            own = [w.preprocessing for w in model.weights if w.name == tag]
            return own[0] if own else None
    return None


def _size(name: str, description: str) -> tuple[int, int]:
    """Return height and width: of the configuration, the checkpoint, or the description."""
    if name in CONFIGURED and "image_shape" in CONFIGURED[name][1]:
        height, width, _ = CONFIGURED[name][1]["image_shape"]
        return height, width
    recipe = _recipe(name)
    if recipe is not None and recipe.input_size is not None:
        return recipe.input_size
    stated = re.search(r"(\d+)x\1", description) or re.search(r"_(\d{3,4})$", name)
    if name == "xception_41_imagenet":
        return (299, 299)  # tools/checkpoint_conversion/convert_xception_checkpoints.py
    return (int(stated[1]), int(stated[1])) if stated else (224, 224)


def _preprocessing(name: str, size: tuple[int, int]) -> dict[str, Any]:
    """Return what KerasHub's code makes of timm's configuration; resizing is on Kaggle only."""
    recipe = _recipe(name)
    if recipe is None:
        spec = Preprocessing(input_size=size)
    else:
        spec = Preprocessing(
            input_size=size,
            channel_order="RGB",
            value_range=(0.0, 1.0),
            mean=recipe.mean,
            std=recipe.std,
            layout="NHWC",
            published="partial",
            source="keras_hub.src.utils.timm.preset_loader.TimmPresetLoader.load_image_converter "
            f"of timm:{TIMM[name].replace('.', '@')}",
        )
    return {key: value for key, value in spec.to_dict().items() if value is not None}


def _parameters(preset: Preset) -> dict[str, int]:
    """Return the published number, where it is that of the entry's parameters alone."""
    return {"parameters": preset.published} if preset.counted == "classifier trainable" else {}


def _labels(name: str) -> str:
    """Return the label space of a classifier, as the tag of timm's checkpoint says it."""
    return IMAGENET_12K.name if TIMM.get(name, "").endswith("_in12k") else "imagenet-1k"


def _note(name: str, preset: Preset, reason: str | None, description: str) -> str:
    notes = []
    if name in TIMM:
        notes.append(f"converted from timm:{TIMM[name].replace('.', '@')}")
    elif name in CONFIGURED:
        notes.append(f"converted from {CONFIGURED[name][0]}")
    if preset.handle.split("/")[3] != name:
        notes.append(f"KerasHub's place of its weights is that of {preset.handle.split('/')[3]}")
    if reason is not None:
        notes.append(
            f"{reason}; describing it wants config.json of {preset.url}, fetched by: "
            f"zoodiff show kerashub:{name}"
        )
    return "; ".join(notes) or description


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the catalogue, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    text = catalogue()
    if options.check:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET}, {len(text.encode()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
