"""Read ``config.json``, which anybody may have written, without transformers.

What names code, another repository or another implementation of a layer is refused or left out;
what is left only says how large the layers are. The classes that may be built are those of
``data/hf.json``: image classifiers and backbones of transformers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zoodiff.data import imagenet
from zoodiff.data.labels import (
    IMAGENET_1K,
    IMAGENET_1001,
    MOST_CLASSES,
    NO_CLASSES,
    LabelSpace,
)
from zoodiff.entry import did_you_mean
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.rules.security import refusal
from zoodiff.zoos.hf.architectures import Architecture, architectures, known

FILE = "config.json"
LARGEST = 32 << 20
"""Bytes of a configuration that is read; one with 21,843 labels has 2 MB."""

_CODE = ("auto_map", "custom_pipelines")
_LEFT_OUT = frozenset(
    {
        # They choose code: another attention, kernels of the hub, plans of parallel runs.
        *("attn_implementation", "experts_implementation", "use_kernels", "kernel_config"),
        *("base_model_tp_plan", "base_model_pp_plan", "distributed_config", "fusion_config"),
        # They choose another form of the outputs.
        *("return_dict", "use_return_dict", "output_attentions", "output_hidden_states"),
        *("torchscript", "pruned_heads", "gradient_checkpointing"),
        # They say nothing about the network.
        *("architectures", "transformers_version", "torch_dtype", "dtype", "name_or_path"),
        *("label2id", "problem_type", "model_type", "finetuning_task", "task_specific_params"),
    }
)
_LARGEST_NUMBER = 10**7
_MOST_LAYERS = 2_000
_LAYERS = ("num_hidden_layers", "num_layers", "depths", "depth", "num_blocks", "num_block_repeats")
_LARGEST_EXTENT = 16_384
_DEEPEST = 8
_SURE = 0.95
"""Share of the names that must be ImageNet's, in its order, for labels to count as ImageNet's; the
others may name several classes, as crane does, and none may name another one."""


@dataclass(frozen=True)
class NetworkConfig:
    """What a configuration says of a network."""

    architecture: Architecture
    values: Mapping[str, Any]
    """The arguments of the configuration's class."""
    labels: LabelSpace
    where: str
    """The file, for messages."""


def read(raw: Mapping[str, Any], where: str) -> NetworkConfig:
    """Return what a configuration says; raise RefusedError (SEC103) if it names code.

    Raises MeasurementError for what is no image classifier or backbone of transformers, and
    UsageError for impossible values.
    """
    for key in _CODE:
        if raw.get(key):
            raise refusal(
                "SEC103",
                f"{where} names Python code of its repository ({key}), and zoodiff runs none; "
                "a repository whose network is transformers' own needs no such key",
            )
    if raw.get("quantization_config"):
        raise MeasurementError(
            f"{where} is of quantised weights (quantization_config), which zoodiff does not load"
        )
    architecture = _architecture(raw, where)
    values = cleaned(raw)
    _check(values, where)
    return NetworkConfig(architecture, values, labels_of(raw, architecture, where), where)


def _architecture(raw: Mapping[str, Any], where: str) -> Architecture:
    """Return the class that the configuration names, or the classifier of its model type."""
    model_type = raw.get("model_type")
    stated = raw.get("architectures")
    names = [name for name in stated if isinstance(name, str)] if isinstance(stated, list) else []
    own = {name: a for name, a in architectures().items() if a.model_type == model_type}
    for name in names:
        if name in own:
            return own[name]
    if not isinstance(model_type, str):
        pretrained = "; it is timm's: name it timm:NAME@TAG" if "pretrained_cfg" in raw else ""
        raise MeasurementError(f"{where} has no model_type{pretrained}")
    if not own:
        types = sorted({a.model_type for a in architectures().values()})
        hint = did_you_mean(model_type, types)
        raise MeasurementError(
            f'{where}: the model type "{model_type}" has no image classifier or backbone in '
            f"transformers {known().version}{hint}"
        )
    if names:
        raise MeasurementError(
            f"{where} is of the class {names[0]}, and zoodiff runs {', '.join(own)} of the model "
            f'type "{model_type}"'
        )
    return min(own.values(), key=lambda architecture: architecture.kind == "backbone")


def cleaned(value: Any, depth: int = 0) -> Any:
    """Return a value without the keys that choose code or the form of outputs, at any depth."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {
            key: cleaned(item, depth + 1)
            for key, item in value.items()
            if key not in _LEFT_OUT and key not in _CODE and not key.startswith("_")
        }
    return [cleaned(item, depth + 1) for item in value] if isinstance(value, list) else value


def _check(values: Mapping[str, Any], where: str) -> None:
    """Raise UsageError for numbers that no network has."""
    for key, number in _numbers(values):
        if not math.isfinite(number) or abs(number) > _LARGEST_NUMBER:
            raise UsageError(f"{where}: {key} = {number:g} is too large for a network")
        if key == "image_size" and number > _LARGEST_EXTENT:
            raise UsageError(f"{where}: {key} = {number:g} is no size of an image")
    for key in _LAYERS:
        layers = values.get(key, 0)
        parts = [n for _, n in _numbers({key: layers})]
        if sum(parts) > _MOST_LAYERS:
            raise UsageError(f"{where}: {key} has more than {_MOST_LAYERS:,} layers")


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Yield all numbers, each with its key."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name != "id2label":
                yield from _numbers(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value


def labels_of(raw: Mapping[str, Any], architecture: Architecture, where: str) -> LabelSpace:
    """Return the label space that ``id2label`` states; raise UsageError if it has gaps."""
    if architecture.kind == "backbone":
        return NO_CLASSES
    stated = raw.get("id2label")
    if not isinstance(stated, Mapping):
        count = raw.get("num_labels", raw.get("_num_labels", architecture.classes))
        if not isinstance(count, int) or not 1 <= count <= MOST_CLASSES:
            raise UsageError(f"{where}: num_labels = {str(count)[:40]} is no number of classes")
        return LabelSpace(f"{count} classes without names", count)
    if not 1 <= len(stated) <= MOST_CLASSES:
        raise UsageError(f"{where}: id2label has {len(stated):,} classes")
    names = [stated.get(str(index), stated.get(index)) for index in range(len(stated))]
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"{where}: id2label does not number its classes from 0")
    return space(tuple(str(name) for name in names))


def space(names: tuple[str, ...]) -> LabelSpace:
    """Return the label space of classes with these names: ImageNet's, if they are."""
    background = names[0].strip().lower() == "background"
    classes = names[1:] if background else names
    expected = IMAGENET_1001 if background else IMAGENET_1K
    if len(names) == expected.classes:
        meant = [imagenet.class_of(name) for name in classes]
        right = sum(number == index for index, number in enumerate(meant))
        if right >= _SURE * len(classes) and right + meant.count(None) == len(classes):
            return expected
    if all(name == f"LABEL_{index}" for index, name in enumerate(names)):
        return LabelSpace(f"{len(names)} classes without names", len(names))
    return LabelSpace("classes of config.json", len(names), background=background, names=names)


def image_size(values: Mapping[str, Any], default: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of a configuration's images, ``default`` where it has none."""
    inner = values.get("vision_config")
    size = values.get("image_size") or (
        inner.get("image_size") if isinstance(inner, Mapping) else None
    )
    if isinstance(size, int) and size > 0:
        return size, size
    if isinstance(size, list | tuple) and size and all(isinstance(n, int) and n > 0 for n in size):
        return (size[0], size[1]) if len(size) == 2 else (size[0], size[0])
    return default
