"""Tar shards as WebDataset writes them: files of one name and several endings are one sample."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

from zoodiff.data.images import ImageSet, Sample, is_image, stamp, stat_of
from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.errors import UsageError

_LABELS = ("cls", "json", "label")
_LARGEST_LABEL = 1 << 20


def read(files: Sequence[Path], space: LabelSpace | None) -> ImageSet:
    """Images of tar shards; nothing is unpacked, each is read where it lies."""
    samples: list[Sample] = []
    places: list[tuple[Path, int, int]] = []
    for path in files:
        for name, place, label in _shard(path):
            samples.append(Sample(f"{path.name}/{name}", label))
            places.append((path, *place))
    if not samples:
        raise UsageError(f"there is no image in {files[0]}")
    labelled = all(sample.label is not None for sample in samples)

    def get(number: int) -> bytes:
        path, offset, size = places[number]
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    return ImageSet(
        files[0].stem if len(files) == 1 else files[0].parent.name,
        f"{len(files)} tar shards" if len(files) > 1 else "a tar shard",
        samples,
        (space or IMAGENET_1K) if labelled else None,
        get,
        stamp([stat_of(path) for path in files]),
        () if labelled else ("not every image has a label",),
    )


def _shard(path: Path) -> list[tuple[str, tuple[int, int], int | None]]:
    images: dict[str, tuple[str, tuple[int, int]]] = {}
    labels: dict[str, int] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if not member.isfile():
                    continue  # links and devices are nothing to read
                folder, _, base = member.name.rpartition("/")
                key, _, ending = base.partition(".")
                key = f"{folder}/{key}" if folder else key
                if is_image(member.name):
                    images.setdefault(key, (member.name, (member.offset_data, member.size)))
                elif ending in _LABELS and member.size <= _LARGEST_LABEL:
                    file = archive.extractfile(member)
                    label = _label(file.read() if file else b"", ending)
                    if label is not None:
                        labels[key] = label
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UsageError(f"the shard {path} cannot be read ({error})") from None
    return [(name, place, labels.get(key)) for key, (name, place) in images.items()]


def _label(data: bytes, ending: str) -> int | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    if ending == "json" and isinstance(found, dict):
        found = next((found[k] for k in ("label", "cls", "class") if k in found), None)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
