"""Texts that people and files hand in: studies, sidecars, specifications, labels, references."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from support.fuzzing.mutations import json_, lines, words_of_text
from support.fuzzing.target import Target, fresh, placed, scratch

_REPOSITORY = Path(__file__).resolve().parents[3]


def study(data: bytes) -> None:
    """A study file, and what is planned from it; data sets are not opened."""
    from zoodiff.claims.discrepancies import rank
    from zoodiff.claims.table import parse
    from zoodiff.study.config import load_study, with_download
    from zoodiff.study.plan import plan

    loaded = with_download(load_study(str(placed("study.toml", data))))
    if loaded.study.claims is not None:
        rank(parse(loaded.study.claims).selection)
    if loaded.study.accuracy is None or loaded.study.accuracy.built_in:
        for task in plan(loaded).tasks[:3]:
            assert task.label and task.key(task.entries[0])


def study_seeds() -> Sequence[bytes]:
    small = b"""\
name = "small"
title = "A study"
question = "Why?"
seed = 3
top = 5
not_run = ["nothing"]
[architecture]
entries = ["torchvision:resnet18@IMAGENET1K_V1", "keras:ResNet50"]
architectures = ["alexnet"]
zoos = ["torchvision"]
[latency]
entries = ["mini-torch:digits_cnn"]
batch = 2
threads = 1
rounds = 5
block_seconds = 0.1
weights = "random"
[accuracy]
entries = ["mini-torch:digits_cnn"]
data = "digits"
limit = 10
max_bad_percent = 2.5
"""
    claims = b"""\
name = "claims"
title = "Claims"
[claims]
zoos = ["torchvision", "keras"]
as_of = 2022-03-31
inferred = ["zoos"]
notes = ["a"]
[claims.reasons]
zoos = "because"
[claims.published]
top = 10
first = 2.6
[[claims.alternatives]]
name = "another"
zoos = ["keras", "onnx"]
"""
    own = [path.read_bytes() for path in sorted((_REPOSITORY / "studies").glob("*.toml"))]
    return [small, claims, *own]


def sidecar(data: bytes) -> None:
    """The TOML beside a model file."""
    from zoodiff.preprocessing.completed import completed
    from zoodiff.preprocessing.geometry import geometry_of
    from zoodiff.zoos.files import sidecar

    folder = fresh("sidecar")
    (folder / "model.toml").write_bytes(data)
    found = sidecar.read(folder / "model.onnx")
    assert isinstance(found.preprocessing.sentence(), str)
    geometry_of(completed(found.preprocessing, (224, 224))[0])


def sidecar_seeds() -> Sequence[bytes]:
    return [
        b'architecture = "a"\nlabels = "imagenet-1001"\n[preprocessing]\ninput_size = [224, 224]\n'
        b'resize = 256\nresize_policy = "short_side"\ninterpolation = "bilinear"\n'
        b'library = "pillow"\nchannel_order = "RGB"\nvalue_range = [-1, 1]\n',
        b'labels = "imagenet"\n[preprocessing]\nresize = [299, 299]\nresize_policy = "squash"\n'
        b"mean = [0.5, 0.5, 0.5]\nstd = [0.2, 0.2, 0.2]\ncrop_fraction = 0.875\nexif = true\n"
        b'antialias = false\ninside_network = false\nlayout = "NHWC"\npublished = "partial"\n',
    ]


def specification(data: bytes) -> None:
    """A preprocessing, and one small image through all of its steps."""
    import numpy as np

    from zoodiff.errors import UsageError
    from zoodiff.preprocessing.completed import completed
    from zoodiff.preprocessing.geometry import Geometry, geometry_of
    from zoodiff.preprocessing.numbers import to_input
    from zoodiff.preprocessing.pixels import pixels
    from zoodiff.preprocessing.spec import Preprocessing
    from zoodiff.zoos.files.sidecar import specification

    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError("not JSON") from None
    found = specification(raw, "here")
    found.sentence()
    again = Preprocessing.from_dict(json.loads(json.dumps(found.to_dict())))
    how = geometry_of(completed(again, (32, 32))[0])
    if how.library == "tensorflow":
        how = replace(how, library="torchvision")
    given = pixels(_picture(), [Geometry.from_dict(json.loads(json.dumps(how.to_dict())))])[0]
    with np.errstate(all="ignore"):
        to_input(given[np.newaxis], again, "NCHW")


def _picture() -> bytes:
    from support.fuzzing.images import picture

    return picture("PNG")


def specification_seeds() -> Sequence[bytes]:
    every = {
        "input_size": [32, 32],
        "resize": 40,
        "resize_policy": "short_side",
        "library": "pillow",
        "interpolation": "bilinear",
        "channel_order": "BGR",
        "value_range": [0, 1],
        "mean": [0.4, 0.5, 0.6],
        "std": [0.2, 0.2, 0.2],
    }
    central = {
        "input_size": [24, 30],
        "crop_fraction": 0.875,
        "resize_policy": "central_square",
        "library": "torchvision",
        "interpolation": "bicubic",
        "antialias": False,
    }
    squash = {"resize": [20, 30], "resize_policy": "squash", "library": "opencv", "exif": True}
    share = {"crop_fraction": 0.5, "resize_policy": "central_fraction_then_squash"}
    return [json.dumps(one).encode() for one in (every, central, squash, share)]


def timm(data: bytes) -> None:
    """timm's data configuration."""
    from zoodiff.errors import UsageError
    from zoodiff.preprocessing.geometry import geometry_of
    from zoodiff.zoos.timm.pretrained_cfg import from_timm

    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError("not JSON") from None
    geometry_of(from_timm(raw))


def timm_seeds() -> Sequence[bytes]:
    given = {
        "input_size": [3, 224, 224],
        "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "crop_pct": 0.9,
        "crop_mode": "center",
    }
    return [json.dumps(given).encode(), json.dumps({**given, "crop_mode": "squash"}).encode()]


def claims(data: bytes) -> None:
    """A ``[claims]`` table, and the ranking by it."""
    from zoodiff.claims.discrepancies import rank
    from zoodiff.claims.table import parse
    from zoodiff.errors import UsageError

    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError("not JSON") from None
    if not isinstance(raw, dict):
        raise UsageError("not a table")  # TOML's outermost value always is one
    found = parse(raw)
    found.selection.rules()
    rank(found.selection)


def claims_seeds() -> Sequence[bytes]:
    import tomllib

    tables = []
    for text in study_seeds():
        found = tomllib.loads(text.decode()).get("claims")
        if found:
            tables.append(json.dumps(found, default=str).encode())
    return tables


def labels(data: bytes) -> None:
    """A label file, and its classes matched with ImageNet's."""
    from zoodiff.data.labels import IMAGENET_1K, find, mapping

    found = find(str(placed("labels.txt", data)))
    assert len(mapping(found, IMAGENET_1K)) == IMAGENET_1K.classes


def labels_seeds() -> Sequence[bytes]:
    return [
        b"n01440764\nn01443537\nn01484850\n",
        b"background\ntench\ngoldfish\ngreat white shark\n",
        b"0: tench\n1: goldfish\n2, crane\n",
        "tench\ngoldfish, Carassius auratus\nc\u00f4te\n".encode(),
    ]


def ground_truth(data: bytes) -> None:
    """The labels of a flat folder: a list, Kaggle's file or the devkit's, by the first byte."""
    from zoodiff.data.layouts import open_images

    folder = fresh("flat")
    for number in (1, 2):
        (folder / f"ILSVRC2012_val_0000000{number}.JPEG").write_bytes(b"x")
    kinds = ("labels.txt", "LOC_val_solution.csv", "ILSVRC2012_validation_ground_truth.txt")
    truth = folder / kinds[data[0] % 3 if data else 0]
    content, mark, meta = data[1:].partition(b"\0meta\0")
    truth.write_bytes(content)
    if mark:
        (folder / "meta.mat").write_bytes(meta)
    open_images(str(folder), truth=truth)


def ground_truth_seeds() -> Sequence[bytes]:
    import io

    import numpy as np
    from scipy.io import savemat

    kind = np.dtype([("ILSVRC2012_ID", "O"), ("WNID", "O")])
    synsets = np.array([(1, "n01440764"), (2, "n01443537")], dtype=kind)
    made = []
    for compressed in (False, True):
        buffer = io.BytesIO()
        savemat(buffer, {"synsets": synsets}, do_compression=compressed)
        made.append(b"\x02" + b"1\n2\n" + b"\0meta\0" + buffer.getvalue())
    name = b"ILSVRC2012_val_0000000"
    return [
        b"\x00" + name + b"1.JPEG 3\n" + name + b"2.JPEG,n01443537\n",
        b"\x01ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 2 3 4\n"
        b'ILSVRC2012_val_00000002,"n01443537 1 2 3 4 n01440764 1 2 3 4"\n',
        *made,
    ]


def class_folders(data: bytes) -> None:
    """A folder for each class, one name a line; where the system permits such a name."""
    from zoodiff.data.layouts import open_images

    folder = fresh("classes")
    for name in data.decode("utf-8", "surrogateescape").split("\n")[:6]:
        try:
            (folder / name).mkdir(exist_ok=True)
            if (folder / name).resolve().parent == folder.resolve():
                (folder / name / "1.jpg").write_bytes(b"x")
        except (OSError, ValueError):
            continue
    found = open_images(str(folder))
    assert all(found.read(k) == b"x" for k in range(len(found)))


def class_folders_seeds() -> Sequence[bytes]:
    return [b"n01440764\nn01443537", b"0\n1\n10\n2", b"tench\ngoldfish", b"cat\ndog\nother thing"]


def reference(data: bytes) -> None:
    """A reference to an entry, as the command takes it."""
    from zoodiff.zoos import registry

    text = data.decode("utf-8", "surrogateescape")
    if "/" in text:
        text = text.replace("/", str(scratch() / "none") + "/", 1)
    assert str(registry.resolve(text).ref)


def reference_seeds() -> Sequence[bytes]:
    return [
        b"torchvision:resnet50@IMAGENET1K_V1",
        b"keras:ResNet50",
        b"torchvision:resnet18@weights.pth",
        b"file:model.onnx?size=32@random",
        b"onnx:light_vgg19@random",
        b"model.tflite",
    ]


def pattern(data: bytes) -> None:
    """The path of a data set, with WebDataset's braces; below a folder that does not exist."""
    from zoodiff.data.layouts import open_images

    text = data.decode("utf-8", "surrogateescape")
    open_images(str(scratch() / "none") + "/" + text)


def pattern_seeds() -> Sequence[bytes]:
    return [b"shard-{000..012}.tar", b"{a,b}-{1..3}-*.parquet", b"val/*.tfrecord-?????"]


def changes(data: bytes) -> None:
    """Changes of a preprocessing as the command takes them."""
    from zoodiff.accuracy.subject import changes_of

    changes_of(data.decode("utf-8", "surrogateescape").split("\n"))


def changes_seeds() -> Sequence[bytes]:
    return [b"interpolation=bicubic\nmean=0.5,0.5,0.5\nresize=256\nantialias=false"]


TARGETS = (
    Target("study", study, study_seeds, lines, examples=15),
    Target("sidecar", sidecar, sidecar_seeds, lines),
    Target("specification", specification, specification_seeds, json_, ("torchvision", "cv2")),
    Target("timm", timm, timm_seeds, json_),
    Target("claims", claims, claims_seeds, json_),
    Target("labels", labels, labels_seeds, words_of_text),
    Target("ground_truth", ground_truth, ground_truth_seeds),
    Target("class_folders", class_folders, class_folders_seeds, words_of_text),
    Target("reference", reference, reference_seeds, words_of_text),
    Target("pattern", pattern, pattern_seeds, words_of_text),
    Target("changes", changes, changes_seeds, words_of_text),
)
