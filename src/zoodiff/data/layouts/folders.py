"""Reads folders of images: one folder per class, or a flat folder with labels in another file.

The folder of a class is named by a WordNet id, by a name of an ImageNet class, by a number or by
any word. Numbers are ordered by value: sorted as text, 10 would come before 2, a common cause of
wrong accuracies.
"""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Mapping, Sequence

from zoodiff.data import imagenet
from zoodiff.data.containers.process import Container, ContainerError, MemorySource
from zoodiff.data.images import LARGEST_IMAGE, ImageSet, Samples, Stamp, is_image
from zoodiff.data.labels import IMAGENET_1K, MOST_CLASSES, LabelSpace
from zoodiff.data.labels import number as class_number
from zoodiff.data.listing import Tree, name_of, tree, unpacked
from zoodiff.data.places import Place, content_of, lines_of
from zoodiff.errors import UsageError

_WNID = re.compile(r"n\d{8}")
_KAGGLE = "LOC_val_solution.csv"
_DEVKIT = "ILSVRC2012_validation_ground_truth.txt"
_MOST_FLAT = 500_000
"""Most images of a flat folder; ImageNet has 100,000 test images."""
LARGEST_TRUTH = 128 << 20
"""Most bytes of a file with the labels of a flat folder."""
_LARGEST_DEVKIT = 8 << 20


def read(folder: Place, space: LabelSpace | None, truth: Place | None) -> ImageSet:
    """Return the images below a folder; raise UsageError if there are none."""
    try:
        below = tree(folder, is_image)
    except OSError as error:
        raise UsageError(f"cannot list {folder} ({error.strerror or error})") from None
    flat = below.files.pop("", [])
    if below.files and not flat:
        return _by_class(folder, below, space)
    if not flat:
        raise UsageError(f"there is no image in {folder}")
    if len(flat) > _MOST_FLAT:
        raise UsageError(f"{folder} holds more than {_MOST_FLAT:,} images in one folder")
    below.files = {"": flat}
    return _flat(folder, below, space, truth)


def _by_class(folder: Place, below: Tree, space: LabelSpace | None) -> ImageSet:
    if len(below.files) > MOST_CLASSES:
        raise UsageError(f"{folder} holds more than {MOST_CLASSES:,} folders of images")
    class_by_folder, own_space, notes = _numbers(list(below.files), space)
    names: list[str] = []
    labels: list[int] = []
    stamps = Stamp()
    for top in list(below.files):
        for entry in below.files.pop(top):  # removed as names are created, to save memory
            image, size, changed = unpacked(entry)
            names.append(f"{top}/{image}")
            labels.append(class_by_folder[top])
            stamps.add((top, image, size, changed, class_by_folder[top]))
    return ImageSet(
        folder.name,
        "a folder for each class",
        Samples(names, labels),
        own_space,
        lambda k, most=LARGEST_IMAGE: content_of(folder / names[k], most),
        stamps.digest,
        (*notes, *below.notes),
    )


def _numbers(
    names: Sequence[str], space: LabelSpace | None
) -> tuple[dict[str, int], LabelSpace, tuple[str, ...]]:
    """Return the class of each folder, the label space, and notes."""
    if space is not None and space.names:
        known = {imagenet.plain(name): k for k, name in enumerate(space.names)}
        missing = [name for name in names if imagenet.plain(name) not in known]
        if not missing:
            return {name: known[imagenet.plain(name)] for name in names}, space, ()
        if any(class_number(name) is None for name in names):
            raise UsageError(f"the folder {missing[0]} is no class of the label space {space.name}")
    if all(_WNID.fullmatch(name) for name in names):
        foreign = [name for name in names if name not in imagenet.by_wnid()]
        if foreign:
            raise UsageError(
                f"the folder {foreign[0]} is no class of ImageNet-1k; leave it out, or give a "
                "label space of its own with --data-labels (data_labels in a study)"
            )
        return {name: imagenet.by_wnid()[name] for name in names}, IMAGENET_1K, ()
    numbers = {name: n for name in names if (n := class_number(name)) is not None}
    if len(numbers) == len(names):
        if max(numbers.values()) >= MOST_CLASSES:
            raise UsageError(
                f"the folder {max(names, key=numbers.__getitem__)} is no number of a class; "
                f"classes are numbered up to {MOST_CLASSES - 1}"
            )
        numbered = space or LabelSpace("numbered folders", max(numbers.values()) + 1)
        outside = [name for name in names if numbers[name] >= numbered.classes]
        if outside:
            raise UsageError(
                f"the folder {outside[0]} is outside the label space {numbered.name} of "
                f"{numbered.classes} classes"
            )
        return numbers, numbered, ("folders are named by numbers and ordered by value",)
    by_name = {name: imagenet.class_of(name) for name in names}
    if all(number is not None for number in by_name.values()) and space in (None, IMAGENET_1K):
        classes = {name: number for name, number in by_name.items() if number is not None}
        return classes, IMAGENET_1K, ("folders were matched with the names of ImageNet's classes",)
    if space is not None:
        first = next(name for name, number in by_name.items() if number is None)
        raise UsageError(f"the folder {first} is no class of the label space {space.name}")
    ordered = sorted(names)
    own = LabelSpace("folders", len(ordered), names=tuple(ordered))
    return {name: k for k, name in enumerate(ordered)}, own, ()


def _flat(
    folder: Place,
    below: Tree,
    space: LabelSpace | None,
    truth: Place | None,
) -> ImageSet:
    entries = below.files[""]
    names = [name_of(entry) for entry in entries]
    labels, own_space, layout, notes = _labels(folder, names, space, truth)
    stamps = Stamp()
    for name, entry in zip(names, entries, strict=True):
        stamps.add((unpacked(entry), labels.get(name)))
    return ImageSet(
        folder.name,
        layout,
        Samples(names, [labels.get(name) for name in names]),
        own_space,
        lambda k, most=LARGEST_IMAGE: content_of(folder / names[k], most),
        stamps.digest,
        (*notes, *below.notes),
    )


def _labels(
    folder: Place, names: Sequence[str], space: LabelSpace | None, truth: Place | None
) -> tuple[Mapping[str, int], LabelSpace | None, str, tuple[str, ...]]:
    place = truth or _ground_truth(folder)
    if place is not None:
        if place.suffix == ".csv":
            labels = _of_kaggle(place, names)
            layout = "a flat folder with Kaggle's solution file"
        elif place.name == _DEVKIT:
            labels = _of_devkit(place, names)
            layout = "a flat folder with the devkit's ground truth"
        else:
            labels, space = _of_list(place, names, space)
            layout = f"a flat folder with the labels of {place.name}"
        missing = [name for name in names if name not in labels]
        if missing:
            raise UsageError(f"{place} has no label for {missing[0]} (of {len(missing)} images)")
        return labels, space or IMAGENET_1K, layout, ()
    if all(_WNID.match(name) for name in names):
        ids = {name: imagenet.by_wnid().get(name[:9]) for name in names}
        labels = {name: label for name, label in ids.items() if label is not None}
        if len(labels) < len(names):
            first = next(name for name in names if name not in labels)
            raise UsageError(f"{first} begins with an id that is no class of ImageNet-1k")
        return labels, IMAGENET_1K, "a flat folder whose names begin with WordNet ids", ()
    return {}, None, "a flat folder without labels", ("no image has a label",)


def _ground_truth(folder: Place) -> Place | None:
    """Return the file with the labels of the ILSVRC 2012 validation set, if in a usual place."""
    for place in (folder, folder.parent, folder.parent.parent):
        for name in (_KAGGLE, _DEVKIT):
            for below in ("", "data", "ILSVRC2012_devkit_t12/data", "devkit/data"):
                path = place / below / name
                if path.is_file():
                    return path
    return None


def _of_kaggle(path: Place, names: Sequence[str]) -> dict[str, int]:
    """Return the labels of these images from rows ``ImageId,PredictionString`` of a CSV file."""
    image_names = set(names)
    labels = {}
    try:
        rows = (next(csv.reader([line])) for line in lines_of(path, LARGEST_TRUTH) if line)
        keys = next(rows, [])
        for values in rows:
            row = dict(zip(keys, values, strict=False))
            image, words = row.get("ImageId"), row.get("PredictionString", "").split()
            if not image or not words or words[0] not in imagenet.by_wnid():
                raise UsageError(
                    f"{path} is not Kaggle's LOC_val_solution.csv (row {str(row)[:200]})"
                )
            if f"{image}.JPEG" in image_names:
                labels[f"{image}.JPEG"] = imagenet.by_wnid()[words[0]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot read the labels {path} ({error})") from None
    return labels


def _of_devkit(path: Place, names: Sequence[str]) -> dict[str, int]:
    """Return the labels of these images from one ILSVRC2012_ID per line, in order of the images.

    ``meta.mat`` beside the file maps these ids to WordNet ids, whose order they do not follow. It
    is parsed in a separate process.
    """
    meta = path.with_name("meta.mat")
    if not meta.is_file():
        raise UsageError(
            f"{path.name} numbers classes as the devkit does; its meta.mat must lie beside it"
        )
    devkit = Container([MemorySource(b"")])
    try:
        content = MemorySource(content_of(meta, _LARGEST_DEVKIT))
        wnid = devkit.ask("devkit", sources=[content])[0]["ids"]
        order = [
            imagenet.by_wnid()[wnid[str(class_number(line.strip()))]]
            for line in lines_of(path, _LARGEST_DEVKIT)
            if line.strip()
        ]
    except (OSError, ContainerError) as error:
        raise UsageError(f"cannot read the devkit beside {path} ({error})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"cannot read the devkit beside {path} ({error!r})") from None
    finally:
        devkit.close()
    labels = {}
    for name in names:
        match = re.search(r"_(\d{8})\.", name)
        if match is None or not 1 <= int(match[1]) <= len(order):
            raise UsageError(f"{name} is not named like an image of ILSVRC 2012's validation set")
        labels[name] = order[int(match[1]) - 1]
    return labels


def _of_list(
    path: Place, names: Sequence[str], space: LabelSpace | None
) -> tuple[dict[str, int], LabelSpace | None]:
    """Return the labels of these images from one ``name label`` per line.

    A label is a number, a WordNet id or a name of a class.
    """
    image_names = set(names)
    labels: dict[str, int] = {}
    try:
        for line in lines_of(path, LARGEST_TRUTH):
            if not line.strip():
                continue
            name, _, label = line.strip().replace(",", " ").replace("\t", " ").partition(" ")
            label = label.strip()
            number = class_number(label)
            number = imagenet.class_of(label) if number is None else number
            if number is None or (space is not None and number >= space.classes):
                raise UsageError(
                    f'{path} gives {name[:200]} the class "{label[:200]}", which does not exist'
                )
            last = posixpath.basename(name)
            if last in image_names:
                labels[last] = number
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the labels {path} ({error})") from None
    return labels, space
