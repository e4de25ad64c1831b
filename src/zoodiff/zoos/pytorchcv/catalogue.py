"""The zoo ``pytorchcv``: the image classifiers of the package of that name.

``models.csv`` is written by ``tools/refresh_pytorchcv.py`` from the package; reading it imports no
framework. ``names.csv`` has the canonical names, by hand: of each model that another zoo has too,
and of each whose canonical name is not pytorchcv's own. A model that departs from what the name
means elsewhere says how (``variant``).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from zoodiff.data.labels import CIFAR_10, CIFAR_100, IMAGENET_1K, LabelSpace
from zoodiff.entry import RANDOM
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Entry, Model, Weights, WorkerSpec

VERSION = "0.0.74"
"""The version of pytorchcv that ``models.csv`` was written from."""
RELEASES = "https://github.com/osmr/imgclsmob/releases/download"
COLUMNS = (
    *("model", "dataset", "size", "scale", "parameters", "error", "top1_error", "top5_error"),
    *("operations", "preprocessing", "release", "sha1"),
)
"""Columns of ``models.csv``.

``error`` is the one in the file's name, in hundredths of a percent, of ImageNet the top-5 error;
``operations`` are MACs, in millions with the letter M.
"""

_LABELS = {
    "in1k": IMAGENET_1K,
    "cifar10": CIFAR_10,
    "cifar100": CIFAR_100,
    "svhn": LabelSpace("svhn", 10),
    "cub": LabelSpace("cub-200-2011", 200),
}
_SOURCE = (
    "the README of pytorchcv (torchvision's transforms), its model_metainfos.csv (sizes), and "
    "imagenet1k_cls_dataset.py of osmr/imgclsmob, to which the README refers"
)
_WORKER = WorkerSpec(
    name="pytorchcv",
    backend="zoodiff.zoos.pytorchcv.backend:PytorchcvBackend",
    confined=False,  # it fetches the weights that it publishes
    distributions=("torch", "torchvision", "pytorchcv"),
    extra="pytorchcv",
)


@dataclass(frozen=True)
class PytorchcvZoo:
    """The catalogue side of pytorchcv."""

    name: str = "pytorchcv"
    title: str = "pytorchcv"
    worker: WorkerSpec = _WORKER
    takes_checkpoints: bool = True
    """Whether a file with weights can be put into its models: ``zoo:model@weights.pth``."""
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """Return all classifiers, ordered by name."""
        return _models()

    def alone(self, entry: Entry, seed: int) -> str:
        """Return Python that defines ``run(x)`` by pytorchcv alone."""
        name, own = entry.model.name, ""
        published = not entry.foreign and entry.weights_name != RANDOM
        if entry.foreign:
            own = (
                f"state = torch.load({entry.weights_name!r}, weights_only=True)\n"
                "network.load_state_dict(state.get('state_dict', state), strict=False)\n"
            )
        return _ALONE.format(seed=seed, name=name, pretrained=published, own=own)


_ALONE = """\
import torch
try:
    import torchvision
except RuntimeError:  # torchvision built for another torch; two operators that it lacks then
    import sys
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
from pytorchcv.model_provider import get_model

torch.manual_seed({seed})
network = get_model({name!r}, pretrained={pretrained})
{own}network.eval()


def run(x):
    with torch.inference_mode():
        output = network(torch.from_numpy(x))
    return (output[0] if isinstance(output, (tuple, list)) else output).numpy()
"""


@dataclass(frozen=True)
class Published:
    """What pytorchcv publishes of a model; None for what it does not."""

    name: str
    dataset: str
    size: int
    """Height and width of the network's input."""
    scale: float | None
    """Input size per length of the short side of the resized image."""
    parameters: int | None
    error: str | None
    """The error in the name of the file with weights, in hundredths of a percent."""
    top1_error: str | None
    top5_error: str | None
    operations: str | None
    """Operations as printed, ``1132.33M``."""
    usual_preprocessing: bool
    """Whether the README names no other preprocessing than the usual one."""
    release: str | None
    sha1: str | None

    @property
    def file(self) -> str | None:
        """The name of the file with weights; None if there is none."""
        return f"{self.name}-{self.weights}.pth" if self.weights else None

    @property
    def weights(self) -> str | None:
        """The name of the weights: error and checksum, as in the name of their file."""
        return f"{self.error}-{self.sha1[:8]}" if self.error and self.sha1 else None

    @property
    def url(self) -> str:
        """The address of the archive that holds the file with weights."""
        return f"{RELEASES}/{self.release}/{self.file}.zip"


@cache
def published() -> Mapping[str, Published]:
    """Return what the package publishes, by model."""
    text = files(__package__).joinpath("models.csv").read_text(encoding="utf-8")
    return {row["model"]: _published(row) for row in csv.DictReader(text.splitlines())}


def _published(row: Mapping[str, str]) -> Published:
    return Published(
        name=row["model"],
        dataset=row["dataset"],
        size=int(row["size"]),
        scale=float(row["scale"]) if row["scale"] else None,
        parameters=int(row["parameters"]) if row["parameters"] else None,
        error=row["error"] or None,
        top1_error=row["top1_error"] or None,
        top5_error=row["top5_error"] or None,
        operations=row["operations"] or None,
        usual_preprocessing=row["preprocessing"] != "other",
        release=row["release"] or None,
        sha1=row["sha1"] or None,
    )


@dataclass(frozen=True)
class Name:
    """What a model is called in all zoos, and how it departs from what that name means."""

    architecture: str
    variant: str | None


@cache
def names() -> Mapping[str, Name]:
    """Return the canonical names of models, where they are not pytorchcv's own or are shared."""
    text = files(__package__).joinpath("names.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["model"]: Name(row["architecture"], row["variant"] or None) for row in rows}


def preprocessing(known: Published) -> Preprocessing:
    """Return the preprocessing with which pytorchcv measured a model's errors.

    Of ImageNet-1k it is that of torchvision's transforms: the short side becomes the input size by
    ``scale``, rounded up. Of other data sets, and where the README says "non-standard", only the
    size of the input is stated.
    """
    size = (known.size, known.size)
    usual = known.dataset == "in1k" and known.usual_preprocessing
    if not usual or known.scale is None:
        return Preprocessing(
            input_size=size, channel_order="RGB", published="partial", source=_SOURCE
        )
    return Preprocessing(
        input_size=size,
        resize=math.ceil(known.size / known.scale),
        resize_policy="short_side",
        library="pillow",
        interpolation="bilinear",
        antialias=True,
        channel_order="RGB",
        value_range=(0.0, 1.0),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        layout="NCHW",
        published="yes",
        source=_SOURCE,
    )


@cache
def _models() -> tuple[Model, ...]:
    return tuple(map(_model, published().values()))


def _model(known: Published) -> Model:
    called = names().get(known.name, Name(known.name, None))
    weights: tuple[Weights, ...] = ()
    if known.weights:
        weights = (
            Weights(
                name=known.weights,
                default=True,
                url=known.url,
                parameters=known.parameters,
                since=known.release,
            ),
        )
    return Model(
        name=known.name,
        architecture=called.architecture,
        weights=weights,
        preprocessing=preprocessing(known),
        labels=_LABELS[known.dataset],
        input_shape=(3, known.size, known.size),
        note=called.variant,
    )


ZOO = PytorchcvZoo()
