"""Tar shards as WebDataset writes them: files of one name and several endings are one sample."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence

from zoodiff.data.images import ImageSet, Sample, is_image, stamp
from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.data.places import Place, part_of, size_of, stat_of
from zoodiff.errors import UsageError
from zoodiff.rules.security import climbs, refusal
from zoodiff.tars import Bounded

_LABELS = ("cls", "json", "label")
_LARGEST_LABEL = 1 << 20
_DAMAGE = (
    *(tarfile.TarError, OSError, EOFError),
    # What tarfile raises for numbers that are none, and for headers behind a thousand others.
    *(ArithmeticError, LookupError, RecursionError, TypeError, ValueError),
)
_BLOCK = 512
"""Bytes of a tar archive's blocks; one of zeros, at least, is its end mark."""


def read(files: Sequence[Place], space: LabelSpace | None) -> ImageSet:
    """Images of tar shards; nothing is unpacked, each is read where it lies."""
    samples: list[Sample] = []
    places: list[tuple[Place, int, int]] = []
    notes: list[str] = []
    for path in files:
        found, whole = _shard(path)
        if not whole:
            notes.append(f"the shard {path} has no end mark, so images may be missing")
        for name, place, label in found:
            samples.append(Sample(f"{path.name}/{name}", label))
            places.append((path, *place))
    if not samples:
        raise UsageError(f"there is no image in {files[0]}")
    labelled = all(sample.label is not None for sample in samples)
    if not labelled:
        notes.append("not every image has a label")

    def get(number: int) -> bytes:
        path, offset, size = places[number]
        return part_of(path, offset, size)

    return ImageSet(
        files[0].stem if len(files) == 1 else files[0].resolve().parent.name,
        f"{len(files)} tar shards" if len(files) > 1 else "a tar shard",
        samples,
        (space or IMAGENET_1K) if labelled else None,
        get,
        stamp([stat_of(path) for path in files]),
        tuple(notes),
    )


def _shard(path: Place) -> tuple[list[tuple[str, tuple[int, int], int | None]], bool]:
    """Name, place and label of each image, and whether the archive ends as it should."""
    images: dict[str, tuple[str, tuple[int, int]]] = {}
    labels: dict[str, int] = {}
    end = 0
    try:
        size = size_of(path)
        with (
            path.open("rb") as file,
            tarfile.open(fileobj=Bounded(file, size), mode="r:") as archive,
        ):
            for member in archive:
                if member.size < 0:
                    # Python before 3.12.12 and 3.13.6 reads such an archive for ever.
                    raise UsageError(f"the shard {path} holds a file of {member.size} bytes")
                end = member.offset_data + (member.size if member.isfile() else 0)
                if end > size:
                    break
                if climbs(member.name):
                    raise refusal("SEC120", f"the shard {path} holds a file {member.name!r}")
                if not member.isfile():
                    continue  # links and devices are nothing to read
                folder, _, base = member.name.rpartition("/")
                key, _, ending = base.partition(".")
                key = f"{folder}/{key}" if folder else key
                if is_image(member.name):
                    images.setdefault(key, (member.name, (member.offset_data, member.size)))
                elif ending in _LABELS and member.size <= _LARGEST_LABEL:
                    inside = archive.extractfile(member)
                    label = _label(inside.read() if inside else b"", ending)
                    if label is not None:
                        labels[key] = label
    except _DAMAGE as error:
        raise UsageError(f"the shard {path} cannot be read ({error})") from None
    rest = size - -(-end // _BLOCK) * _BLOCK
    if end > size or 0 < rest < _BLOCK:
        raise UsageError(
            f"the shard {path} is cut off at {size:,} bytes, in the middle of a file; fetch it "
            "again"
        )
    found = [(name, place, labels.get(key)) for key, (name, place) in images.items()]
    return found, rest >= _BLOCK


def _label(data: bytes, ending: str) -> int | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if ending == "json" and isinstance(found, dict):
        found = next((found[k] for k in ("label", "cls", "class") if k in found), None)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
