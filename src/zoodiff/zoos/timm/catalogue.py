"""The zoo ``timm``: every architecture and every published tag of PyTorch Image Models.

The catalogue is ``data/timm.json``, written by ``tools/refresh_timm.py`` from timm's registry;
reading it imports no framework. ``names.csv`` beside this file has the canonical names, by hand:
of each model that another zoo has too, and of each whose canonical name is not timm's own. A
model that departs from what the name means elsewhere says how (``variant``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from zoodiff.data.labels import IMAGENET_1K, NO_CLASSES, LabelSpace
from zoodiff.entry import RANDOM
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Entry, Model, Weights, WorkerSpec

HUB = "https://huggingface.co/"

_WORKER = WorkerSpec(
    name="timm",
    backend="zoodiff.zoos.timm.backend:TimmBackend",
    confined=False,  # it fetches the weights that it publishes
    distributions=("torch", "torchvision", "timm"),
    extra="timm",
)

_LARGER = {
    space.classes: space
    for space in (
        LabelSpace("imagenet-21k-miil", 11221),
        LabelSpace("imagenet-12k", 11821),
        LabelSpace("imagenet-21k-winter21", 19168),
        LabelSpace("imagenet-22k", 21841),
        LabelSpace("imagenet-22k-ms", 21842),
        LabelSpace("imagenet-21k-goog", 21843),
    )
}
"""Label spaces by their number of classes, as ``timm.data.imagenet_info`` tells them apart."""
_UNSAID = LabelSpace("not said by timm", 1000)


@dataclass(frozen=True)
class Published:
    """The data file: the version of timm that it was written from, recipes and models."""

    version: str
    recipes: tuple[Preprocessing, ...]
    models: tuple[Any, ...]


@dataclass(frozen=True)
class TimmZoo:
    """The catalogue side of timm."""

    name: str = "timm"
    title: str = "PyTorch Image Models"
    worker: WorkerSpec = _WORKER
    takes_checkpoints: bool = True
    """Whether a file with weights can be put into its models: ``zoo:model@weights.pth``."""
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """All architectures, ordered by name."""
        return _models()

    def alone(self, entry: Entry, seed: int) -> str:
        """Python that defines ``run(x)`` by timm alone."""
        name, weights, own = entry.model.name, entry.weights_name, ""
        published = not entry.foreign and weights != RANDOM
        if entry.foreign:
            own = f"timm.models.load_checkpoint(network, {weights!r})\n"
        full = f"{name}.{weights}" if published else name
        return _ALONE.format(seed=seed, name=full, pretrained=published, own=own)


_ALONE = """\
import timm
import torch

torch.manual_seed({seed})
network = timm.create_model({name!r}, pretrained={pretrained})
{own}network.eval()


def run(x):
    with torch.inference_mode():
        return network(torch.from_numpy(x)).numpy()
"""


@cache
def published() -> Published:
    """Return the data file."""
    text = files("zoodiff.zoos").joinpath("data/timm.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    recipes = tuple(Preprocessing.from_dict(one) for one in raw["recipes"])
    return Published(raw["timm"], recipes, tuple(raw["models"]))


@cache
def names() -> Mapping[str, catalogues.Name]:
    """The canonical names of models, where they are not timm's own or are shared."""
    return catalogues.names(files(__package__).joinpath("names.csv").read_text(encoding="utf-8"))


def labels(tag: str, classes: int) -> LabelSpace:
    """The label space of weights with so many outputs.

    Weights of 1,000 classes are of ImageNet-1k where their tag says so, or where there is no tag;
    what gives features or embeddings has no classes.

    >>> labels("a1_in1k", 1000).name, labels("augreg_in21k", 21843).name, labels("openai", 512).name
    ('imagenet-1k', 'imagenet-21k-goog', 'no classes')
    """
    if classes == IMAGENET_1K.classes:
        return IMAGENET_1K if not tag or "in1k" in tag.split("_") else _UNSAID
    return _LARGER.get(classes, NO_CLASSES)


@cache
def _models() -> tuple[Model, ...]:
    known = published()
    return tuple(_model(raw, known.recipes) for raw in known.models)


def _model(raw: Sequence[Any], recipes: Sequence[Preprocessing]) -> Model:
    name, tags, recipe, classes = raw
    called = names().get(name, catalogues.Name(name, None))
    own = labels(tags[0][0] if tags else "", classes)
    preprocessing = recipes[recipe]
    assert preprocessing.input_size is not None
    weights = tuple(
        Weights(
            name=tag,
            default=number == 0,
            url=_url(rest[0] if rest else f"timm/{name}.{tag}"),
            preprocessing=recipes[its_recipe],
            labels=labels(tag, its_classes),
        )
        for number, (tag, its_recipe, its_classes, *rest) in enumerate(tags)
    )
    return Model(
        name=name,
        architecture=called.architecture,
        weights=weights,
        preprocessing=preprocessing,
        labels=own,
        input_shape=(3, *preprocessing.input_size),
        note=called.variant,
    )


def _url(place: str) -> str:
    return place if "://" in place else HUB + place


ZOO = TimmZoo()
