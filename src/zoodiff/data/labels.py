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
    """``name`` identifies the order of the classes; ``background`` says that index 0 is none."""

    name: str
    classes: int
    background: bool = False
    names: tuple[str, ...] = ()
    """One for each class, where they are known."""


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

BY_NAME = {
    space.name: space
    for space in (IMAGENET_1K, IMAGENET_1001, DIGITS_10, MNIST_10, CIFAR_10, CIFAR_100)
}
MOST_CLASSES = 100_000
_LARGEST_FILE = 16 << 20
"""Bytes of a file with one class a line."""
_NUMBER = re.compile(r"[0-9]{1,12}")
_KNOWN = {**BY_NAME, "imagenet": IMAGENET_1K, "imagenet-1001": IMAGENET_1001}


def number(text: str) -> int | None:
    """Return the class index in a text, None for any other text.

    Python takes more characters for digits than it turns into numbers, and long numbers not at all.

    >>> number("012"), number("²"), number("1.0")
    (12, None, None)
    """
    return int(text) if _NUMBER.fullmatch(text) else None


def find(name_or_file: str) -> LabelSpace:
    """A label space by its name, or from a file with one class a line.

    A line is a WordNet id, a name, or a number and a name. Raises UsageError for neither.
    """
    path = Path(name_or_file)
    if name_or_file in _KNOWN or not filenames.is_file(path):
        return known(name_or_file)
    try:
        return of_file(path.name, files.open_regular(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the label file {path} ({error})") from None


def known(name: str) -> LabelSpace:
    """A label space by its name; raises UsageError for a name that it does not know."""
    if name not in _KNOWN:
        raise UsageError(
            f'no label space "{name}"; there are {", ".join(_KNOWN)}, or name a file with one '
            "class a line"
        )
    return _KNOWN[name]


def of_file(name: str, file: BinaryIO) -> LabelSpace:
    """The label space of an open file with one class a line, which is closed.

    Raises UsageError for less than two classes or more than there are, OSError and
    UnicodeDecodeError where it cannot be read.
    """
    names: list[str] = []
    for place, line in enumerate(files.lines(file, _LARGEST_FILE)):
        if line.strip():
            names.append(_name(line, place))
        if len(names) > MOST_CLASSES:
            raise UsageError(f"the label file {name} has more than {MOST_CLASSES:,} classes")
    if len(names) < 2:
        raise UsageError(f"the label file {name} has {len(names)} lines; one class a line is meant")
    return LabelSpace(name, len(names), background=_is_background(names[0]), names=tuple(names))


def _name(line: str, place: int) -> str:
    head, separator, rest = line.strip().partition(" ")
    head = head.rstrip(":,")
    if head.startswith("n") and head[1:].isdigit() and len(head) == 9:
        return head
    counted = separator and number(head) in (place, place + 1)
    return rest.strip() if counted else line.strip()


def _is_background(name: str) -> bool:
    return name.strip().lower() in {"background", "dummy", "none"}


def mapping(outputs: LabelSpace, images: LabelSpace) -> NDArray[np.int64]:
    """For each class of the images, the class of the outputs that means the same; -1 for none.

    Raises UsageError where no two classes can be matched.
    """
    import numpy as np

    if outputs == images:
        return np.arange(images.classes)
    shift = int(outputs.background) - int(images.background)
    plain = not outputs.names and not images.names
    if plain and outputs.name.split()[0] == images.name.split()[0]:
        moved = np.arange(images.classes) + shift
        if images.background:
            moved[0] = -1
        return moved
    theirs = {name: k for k, name in enumerate(_meanings(outputs)) if name}
    found = np.array([theirs.get(name, -1) if name else -1 for name in _meanings(images)])
    if len(found) == 0 or (found < 0).all():
        raise UsageError(
            f"the label spaces {outputs.name} and {images.name} have no class in common; give the "
            "entry's label space with --labels (labels in a study), a name or a file with one "
            "class a line"
        )
    return found


def _meanings(space: LabelSpace) -> list[str]:
    """A word for each class by which classes of two spaces are matched; empty for background."""
    from zoodiff.data import imagenet

    if space.name.split()[0] == IMAGENET_1K.name and not space.names:
        return ([""] if space.background else []) + list(imagenet.wnids())
    found = []
    for name in space.names:
        place = imagenet.class_of(name)
        known = place is not None and not _is_background(name)
        found.append(
            imagenet.wnids()[place] if known and place is not None else imagenet.plain(name)
        )
    if space.background and found:
        found[0] = ""
    return found
