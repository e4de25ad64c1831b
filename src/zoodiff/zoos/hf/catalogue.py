"""The zoo ``hf``: architectures with default configurations, and known checkpoints of the hub.

An architecture is named by its class, ``hf:ResNetForImageClassification``, and has random weights.
A checkpoint is named by its repository, ``hf:microsoft/resnet-50@REVISION``. ``checkpoints.csv``
beside this file has known ones, by hand from transformers' own conversion scripts: canonical name,
configuration and labels, so that they are described without a network. Where the configuration is
not known, the repository's own is needed. Any other repository, and any folder laid out like one,
is an entry too (``entries.py``). Reading this imports no framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from zoodiff.data.labels import NO_CLASSES, LabelSpace
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Entry, Model, Weights, WorkerSpec, Zoo
from zoodiff.zoos.hf import snapshots
from zoodiff.zoos.hf.architectures import Architecture, architectures, known
from zoodiff.zoos.hf.entries import entry_of
from zoodiff.zoos.hf.image_processor import has_defaults, specification
from zoodiff.zoos.hf.known_checkpoints import Checkpoint, checkpoints

_WORKER = WorkerSpec(
    name="hf",
    backend="zoodiff.zoos.hf.backend:HfBackend",
    confined=False,  # it fetches the checkpoints that it lists; any other is foreign
    distributions=("torch", "torchvision", "transformers", "safetensors"),
    extra="hf",
)


@dataclass(frozen=True)
class HfZoo:
    """The catalogue side of transformers."""

    name: str = "hf"
    title: str = "Hugging Face transformers"
    worker: WorkerSpec = _WORKER
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """All architectures and known checkpoints, ordered by name."""
        return _models()

    def unlisted(self, reference: ModelRef) -> Entry | None:
        """Return the entry of a repository, or of a folder; None for what the catalogue has."""
        return entry_of(cast(Zoo, self), reference)

    def has_recipe(self, model: Model) -> bool:
        """Return whether transformers has a class of image processor for a class of networks."""
        own = architectures().get(model.name)
        return own is not None and has_defaults(own.model_type)

    def fetched(self, model: Model) -> Entry | None:
        """Return the entry of a known checkpoint's files, if the cache has them."""
        if model.name not in checkpoints():
            return None
        return entry_of(cast(Zoo, self), ModelRef(self.name, model.name, None))

    def alone(self, entry: Entry, seed: int) -> str:
        """Python that defines ``run(x)`` by transformers alone."""
        name = entry.model.name
        if name in architectures():
            make = f"transformers.{name}(transformers.{name}.config_class())"
        else:
            checkpoint = checkpoints()[name]
            own = f"transformers.{checkpoint.architecture.name}"
            values = {**(checkpoint.values or {}), "num_labels": checkpoint.labels.classes}
            make = f"{own}({own}.config_class(**{values!r}))"
            if entry.weights_name != RANDOM:
                make = f"{own}.from_pretrained({name!r}, revision={entry.weights_name!r})"
        return _ALONE.format(seed=seed, make=make)


_ALONE = """\
import torch
import transformers

torch.manual_seed({seed})
network = {make}.eval()


def run(x):
    with torch.inference_mode():
        output = network(torch.from_numpy(x))
    return (output.logits if "logits" in output else output.feature_maps[-1]).numpy()
"""


@cache
def _models() -> tuple[Model, ...]:
    models = [_of_class(a) for a in architectures().values()]
    models += [_of_checkpoint(c) for c in checkpoints().values()]
    return tuple(sorted(models, key=lambda model: model.name))


def _of_class(architecture: Architecture) -> Model:
    labels = NO_CLASSES
    if architecture.kind == "classifier":
        labels = LabelSpace(f"{architecture.classes} classes without names", architecture.classes)
    return Model(
        name=architecture.name,
        architecture=architecture.name.lower(),
        preprocessing=_class_preprocessing(architecture),
        labels=labels,
        input_shape=architecture.input_shape,
        note=f"default configuration of transformers {known().version}",
    )


def _class_preprocessing(architecture: Architecture) -> Preprocessing:
    """Return the defaults of the image processor, where they fit the network's input."""
    spec = specification({}, model_type=architecture.model_type)
    if spec.input_size == architecture.input_shape[1:]:
        return spec
    return Preprocessing()


def _of_checkpoint(checkpoint: Checkpoint) -> Model:
    unknown = "its configuration is in its repository only" if checkpoint.values is None else None
    return Model(
        name=checkpoint.repository,
        architecture=checkpoint.name,
        weights=(Weights(snapshots.MAIN, default=True, url=snapshots.url(checkpoint.repository)),),
        labels=checkpoint.labels,
        input_shape=(3, checkpoint.size, checkpoint.size),
        note="; ".join(text for text in (checkpoint.variant, unknown) if text) or None,
        needs_file=checkpoint.values is None,
    )


ZOO = HfZoo()
