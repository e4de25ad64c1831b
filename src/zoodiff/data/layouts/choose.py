"""Recognises the layout of a data set by its path and opens it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path

from zoodiff import filenames
from zoodiff.addresses import is_address
from zoodiff.data import digits
from zoodiff.data.images import ImageSet
from zoodiff.data.labels import LabelSpace
from zoodiff.data.layouts import cifar, folders, parquet, shards, tfrecord
from zoodiff.data.listing import matching
from zoodiff.data.places import LOCAL, MOST_FILES, Address, Place, files_in, place
from zoodiff.errors import UsageError


def open_images(
    path: str, *, space: LabelSpace | None = None, truth: Place | None = None, split: str = ""
) -> ImageSet:
    """Return the images at a path or address: a folder, a file or a pattern of files.

    ``digits`` is the data set of this name that comes with scikit-learn. ``space`` is the label
    space of numeric labels if the layout does not state it; ``truth`` is the file with the labels
    of a flat folder; ``split`` chooses files by their names. Raises UsageError if there is no data
    set or its layout is unknown, MissingFrameworkError for the digits without scikit-learn.
    """
    if path == digits.NAME:
        return _digits(space, truth, split)
    files = _files(path)
    try:
        return _opened(path, files, space, truth, split)
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror or error})") from None


def _digits(space: LabelSpace | None, truth: Place | None, split: str) -> ImageSet:
    """Return the digits, with a note if there is a folder of the same name."""
    if truth is not None:
        raise UsageError(f"the data set {digits.NAME} has its labels; name no file with them")
    images = digits.images(space=space, split=split)
    if not filenames.exists(Path(digits.NAME)):
        return images
    note = f"this is the data set {digits.NAME}; write ./{digits.NAME} for the folder of that name"
    return replace(images, notes=(*images.notes, note))


def _opened(
    path: str, files: Sequence[Place], space: LabelSpace | None, truth: Place | None, split: str
) -> ImageSet:
    if len(files) == 1 and files[0].is_dir():
        folder = files[0]
        shards_inside = files_in(folder, lambda name: any(match(name) for _, match in _KINDS))
        for opener, match in _KINDS:
            chosen = [file for file in shards_inside if match(file.name)]
            if chosen:
                return opener(_split(chosen, split), space)
        nested = files_in(folder / "data", lambda name: name.endswith(".parquet"))
        if nested:
            return parquet.read(_split(nested, split), space)
        return folders.read(folder, space, truth)
    for opener, match in _KINDS:
        if all(match(file.name) for file in files):
            return opener(_split(files, split), space)
    raise UsageError(
        f"{path} is no data set that zoodiff knows; it reads folders of images, tar shards, "
        "Parquet, TFRecords and CIFAR binaries"
    )


_MOST_SEARCHES = 1_000
"""Most patterns with wildcards that one pattern with braces may expand to."""
_KINDS = (
    (parquet.read, lambda name: name.endswith(".parquet")),
    (shards.read, lambda name: name.endswith(".tar")),
    (tfrecord.read, lambda name: re.search(r"\.tfrecords?(-\d+-of-\d+)?$", name) is not None),
    (tfrecord.read, lambda name: re.fullmatch(r"(train|validation)-\d+-of-\d+", name) is not None),
    (cifar.read, lambda name: name in cifar.FILES),
)


def _split(files: Sequence[Place], split: str) -> Sequence[Place]:
    """Return the files of a split; if none is named, those of the validation or test split."""
    if split:
        chosen = [file for file in files if split in file.name]
        if not chosen:
            names = ", ".join(file.name for file in files[:5])
            raise UsageError(f'no file here has "{split}" in its name; there are {names}')
        return chosen
    for word in ("val", "test"):
        chosen = [file for file in files if re.search(rf"(^|[-_.]){word}", file.name)]
        if chosen:
            return chosen
    return files


def _files(path: str) -> list[Place]:
    if "\0" in path:
        raise UsageError(f"there is no data set at {path!r}, a name that no file has")
    scheme, _, local_path = path.partition("://")
    path = local_path if scheme in LOCAL else path
    if is_address(path):
        return _at_address(path)
    if filenames.exists(path):
        return [Path(path)]
    matches = matching(_braces(path))
    if not matches:
        raise UsageError(
            f"there is no data set at {path}; name a folder, shards or a file of images"
        )
    return list(matches)


def _at_address(address: str) -> list[Place]:
    """Return the files, or the single folder, at an address that may contain a pattern."""
    try:
        if not any(sign in address for sign in "*?[{"):
            whole = place(address)
            if not isinstance(whole, Address) or whole.exists():
                return [whole]
        matches = {
            str(file): file
            for pattern in _braces(address)
            for file in place(pattern.rpartition("/")[0]).glob(pattern.rpartition("/")[2])
        }
    except OSError as error:
        raise UsageError(f"cannot list {address} ({error.strerror or error})") from None
    if not matches:
        raise UsageError(f"there is no data set at {address}")
    return [matches[name] for name in sorted(matches)]


def _braces(pattern: str) -> list[str]:
    """Expand WebDataset's patterns ``{000..012}`` and ``{a,b}``."""
    parts: list[list[str]] = []
    for text in re.split(r"(\{[^{}]*\})", pattern):
        span = re.fullmatch(r"\{([0-9]{1,9})\.\.([0-9]{1,9})\}", text)
        if span:
            low, high = int(span[1]), int(span[2])
            _check_count(high - low, text)
            parts.append([f"{n:0{len(span[1])}d}" for n in range(low, high + 1)])
        elif text.startswith("{") and text.endswith("}"):
            parts.append(text[1:-1].split(","))
        else:
            parts.append([text])
    count = prod(map(len, parts))
    _check_count(count, pattern)
    if count > _MOST_SEARCHES and any(sign in pattern for sign in "*?["):
        raise UsageError(
            f"{pattern} stands for more than {_MOST_SEARCHES:,} patterns; name the files in braces "
            "alone, or with * alone"
        )
    return ["".join(choice) for choice in product(*parts)]


def _check_count(count: int, pattern: str) -> None:
    """Raise UsageError if a pattern stands for more files than a data set may have."""
    if count > MOST_FILES:
        raise UsageError(f"{pattern} stands for more than {MOST_FILES:,} files")
