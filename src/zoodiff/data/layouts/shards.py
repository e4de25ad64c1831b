"""Reads tar shards of WebDataset: files with one name and several endings are one sample."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence

from zoodiff.data.images import ImageSet, Samples, is_image, stamp
from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.data.layouts.extents import Extents
from zoodiff.data.places import Place, opened, size_of, stat_of
from zoodiff.errors import UsageError
from zoodiff.rules.security import climbs, refusal
from zoodiff.tars import content, members

_LABELS = ("cls", "json", "label")
_LARGEST_LABEL = 1 << 16
_LONGEST_NAME = 1_000
_DAMAGE = (
    *(tarfile.TarError, OSError, EOFError),
    # Raised by tarfile for invalid numbers and for a thousand headers in a row.
    *(ArithmeticError, LookupError, RecursionError, TypeError, ValueError),
)
_BLOCK = 512
"""Bytes of a block of a tar archive; the end mark is at least one block of zeros."""


def read(files: Sequence[Place], space: LabelSpace | None) -> ImageSet:
    """Return the images of tar shards, which are read in place without unpacking."""
    names: list[str] = []
    labels: list[int | None] = []
    places = Extents(files)
    notes: list[str] = []
    for number, path in enumerate(files):
        images, complete = _shard(path)
        if not complete:
            notes.append(f"the shard {path} has no end mark, so images may be missing")
        for name, start, size, label in images:
            names.append(f"{path.name}/{name}")
            labels.append(label)
            places.add(number, start, size)
    if not names:
        raise UsageError(f"there is no image in {files[0]}")
    labelled = None not in labels
    if not labelled:
        notes.append("not every image has a label")
    return ImageSet(
        files[0].stem if len(files) == 1 else files[0].resolve().parent.name,
        f"{len(files)} tar shards" if len(files) > 1 else "a tar shard",
        Samples(names, labels),
        (space or IMAGENET_1K) if labelled else None,
        places.read,
        stamp(stat_of(path) for path in files),
        tuple(notes),
    )


def _shard(path: Place) -> tuple[Iterator[tuple[str, int, int, int | None]], bool]:
    """Return name, start, size and label of each image, and whether the archive has an end mark."""
    images: dict[str, tuple[str, int, int]] = {}
    labels: dict[str, int] = {}
    end = 0
    try:
        with opened(path) as file:
            size = size_of(path)
            for member in members(file, size):
                end = member.offset_data + (member.size if member.isfile() else 0)
                if end > size:
                    break
                if climbs(member.name):
                    raise refusal("SEC120", f"the shard {path} holds a file {member.name!r}")
                if not member.isfile():
                    continue  # links and devices have no content
                if len(member.name) > _LONGEST_NAME:
                    raise UsageError(
                        f"the shard {path} holds a file whose name has {len(member.name):,} "
                        "characters"
                    )
                folder, _, base = member.name.rpartition("/")
                key, _, ending = base.partition(".")
                key = f"{folder}/{key}" if folder else key
                if is_image(member.name):
                    images.setdefault(key, (member.name, member.offset_data, member.size))
                elif ending in _LABELS and member.size <= _LARGEST_LABEL:
                    label = _label(content(file, member, _LARGEST_LABEL), ending)
                    if label is not None:
                        labels[key] = label
    except _DAMAGE as error:
        raise UsageError(f"the shard {path} cannot be read ({error})") from None
    remaining = size - -(-end // _BLOCK) * _BLOCK
    if end > size or 0 < remaining < _BLOCK:
        raise UsageError(
            f"the shard {path} is cut off at {size:,} bytes, in the middle of a file; fetch it "
            "again"
        )
    return ((*image, labels.get(key)) for key, image in images.items()), remaining >= _BLOCK


def _label(data: bytes, ending: str) -> int | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if ending == "json" and isinstance(value, dict):
        value = next((value[k] for k in ("label", "cls", "class") if k in value), None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
