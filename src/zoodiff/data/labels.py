"""Label spaces: the classes of an entry's outputs, and the mapping between two spaces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from zoodiff import filenames
from zoodiff.bounded import files
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelSpace:
    """The meaning of class indices, identified by ``name``; with ``background``, 0 is no class."""

    name: str
    classes: int
    background: bool = False
    names: tuple[str, ...] = ()
    """One name per class; empty if unknown."""


IMAGENET_1K = LabelSpace("imagenet-1k", 1000)
IMAGENET_1001 = LabelSpace("imagenet-1k with background", 1001, background=True)
DIGITS_10 = LabelSpace("digits", 10)
MNIST_10 = LabelSpace("mnist", 10)
CIFAR_10 = LabelSpace(
    "cifar-10",
    10,
    names=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
)
CIFAR_100 = LabelSpace("cifar-100", 100)
UNKNOWN = LabelSpace("unknown", 0)
NO_CLASSES = LabelSpace("no classes", 0)
"""Outputs are features or an embedding; however many there are, none is a class."""

BY_NAME = {
    space.name: space
    for space in (IMAGENET_1K, IMAGENET_1001, DIGITS_10, MNIST_10, CIFAR_10, CIFAR_100)
}
MOST_CLASSES = 100_000
_LARGEST_FILE = 16 << 20
"""Most bytes of a file with one class per line."""
_NUMBER = re.compile(r"[0-9]{1,12}")
_KNOWN = {**BY_NAME, "imagenet": IMAGENET_1K, "imagenet-1001": IMAGENET_1001}


def number(text: str) -> int | None:
    """Return the class index in a text, None for any other text.

    Only ASCII digits count, and at most 12 of them: ``str.isdigit`` accepts characters that ``int``
    refuses, and ``int`` refuses very long texts.

    >>> number("012"), number("²"), number("1.0")
    (12, None, None)
    """
    return int(text) if _NUMBER.fullmatch(text) else None


def find(name_or_file: str) -> LabelSpace:
    """Return the label space of a name, or of a file with one class per line.

    A line is a WordNet id, a name, or a number and a name. Raises UsageError if the name is unknown
    or the file cannot be read.
    """
    path = Path(name_or_file)
    if name_or_file in _KNOWN or not filenames.is_file(path):
        return known(name_or_file)
    try:
        return of_file(path.name, files.open_regular(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the label file {path} ({error})") from None


def known(name: str) -> LabelSpace:
    """Return the label space of a name; raise UsageError for an unknown name."""
    if name not in _KNOWN:
        raise UsageError(
            f'no label space "{name}"; there are {", ".join(_KNOWN)}, or name a file with one '
            "class per line"
        )
    return _KNOWN[name]


def of_file(name: str, file: BinaryIO) -> LabelSpace:
    """Return the label space of an open file with one class per line; close the file.

    Raises UsageError for fewer than two or more than ``MOST_CLASSES`` classes, OSError and
    UnicodeDecodeError if the file cannot be read.
    """
    names: list[str] = []
    for position, line in enumerate(files.lines(file, _LARGEST_FILE)):
        if line.strip():
            names.append(_name(line, position))
        if len(names) > MOST_CLASSES:
            raise UsageError(f"the label file {name} has more than {MOST_CLASSES:,} classes")
    if len(names) < 2:
        raise UsageError(
            f"the label file {name} has {len(names)} lines; it must have one class per line"
        )
    return LabelSpace(name, len(names), background=_is_background(names[0]), names=tuple(names))


def _name(line: str, position: int) -> str:
    """Return the class of a line, without the number before it if that is its position."""
    head, separator, name = line.strip().partition(" ")
    head = head.rstrip(":,")
    if head.startswith("n") and head[1:].isdigit() and len(head) == 9:
        return head
    counted = separator and number(head) in (position, position + 1)
    return name.strip() if counted else line.strip()


def _is_background(name: str) -> bool:
    return name.strip().lower() in {"background", "dummy", "none"}


def mapping(outputs: LabelSpace, images: LabelSpace) -> NDArray[np.int64]:
    """Return, per class of the images, the output class with the same meaning; -1 for none.

    The result is (classes of the images,). Raises UsageError if no class has a match.
    """
    import numpy as np

    if outputs == images:
        return np.arange(images.classes)
    shift = int(outputs.background) - int(images.background)
    unnamed = not outputs.names and not images.names
    if unnamed and outputs.name.split()[0] == images.name.split()[0]:
        shifted = np.arange(images.classes) + shift
        if images.background:
            shifted[0] = -1
        return shifted
    output_by_name = {name: k for k, name in enumerate(_meanings(outputs)) if name}
    matches = np.array([output_by_name.get(name, -1) if name else -1 for name in _meanings(images)])
    if len(matches) == 0 or (matches < 0).all():
        raise UsageError(
            f"the label spaces {outputs.name} and {images.name} have no class in common; give the "
            "entry's label space with --labels (labels in a study), a name or a file with one "
            "class per line"
        )
    return matches


def _meanings(space: LabelSpace) -> list[str]:
    """Return per class the text by which two spaces are matched; empty for the background."""
    from zoodiff.data import imagenet

    if space.name.split()[0] == IMAGENET_1K.name and not space.names:
        return ([""] if space.background else []) + list(imagenet.wnids())
    meanings = []
    for name in space.names:
        label = imagenet.class_of(name)
        known = label is not None and not _is_background(name)
        meanings.append(
            imagenet.wnids()[label] if known and label is not None else imagenet.plain(name)
        )
    if space.background and meanings:
        meanings[0] = ""
    return meanings
