"""Checkpoints: finished parts of a pass over a data set, stored until its records are written."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol

from zoodiff.accuracy.predictions import Predictions
from zoodiff.bounded import json as bounded
from zoodiff.bounded import zips
from zoodiff.store.files import Files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_LARGEST = 32 << 20
"""Most bytes of a part; 64 images take 3,000 bytes per entry."""


@dataclass(frozen=True, eq=False)
class Part:
    """Predictions of all entries for some images."""

    number: int
    images: Sequence[int]
    """Numbers of the images that could be decoded."""
    labels: NDArray[np.int64]
    hashes: Sequence[bytes]
    """sha256 of the bytes of all images, including those that could not be decoded."""
    left_out: dict[int, str]
    """Images that could not be decoded, and why."""
    predictions: dict[str, Predictions]
    """By the names of the entries."""
    outputs: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """(images, outputs) by entry, if complete outputs are requested; not written to disk."""
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What workers reported per entry: ``loaded``, ``versions``, ``decoder`` and ``repeated``."""


class PartStore(Protocol):
    """Stores finished parts and returns them."""

    wants_outputs: bool
    """Whether parts should include the complete outputs."""

    def has(self, number: int) -> bool:
        """Return whether a part is stored and undamaged."""
        ...

    def put(self, part: Part) -> None:
        """Store a part."""
        ...

    def get(self, number: int) -> Part:
        """Return the part of this number."""
        ...


class Memory:
    """Stores parts in memory, with complete outputs."""

    wants_outputs = True

    def __init__(self) -> None:
        self._parts: dict[int, Part] = {}

    def has(self, number: int) -> bool:
        """Return whether a part is stored."""
        return number in self._parts

    def put(self, part: Part) -> None:
        """Store a part."""
        self._parts[part.number] = part

    def get(self, number: int) -> Part:
        """Return the part of this number."""
        return self._parts[number]


class Parts:
    """Stores parts as files in a folder; a damaged part counts as missing."""

    wants_outputs = False

    def __init__(self, files: Files, folder: str) -> None:
        self._files, self._folder = files, folder

    def has(self, number: int) -> bool:
        """Return whether a part is stored and undamaged."""
        try:
            self.get(number)
        except Exception:  # numpy and zipfile raise many kinds for damage
            return False
        return True

    def put(self, part: Part) -> None:
        """Store a part."""
        self._files.write(self._path(part.number), to_bytes(part), flush=False)

    def get(self, number: int) -> Part:
        """Read a part; raise OSError or ValueError if it is missing or damaged."""
        return from_bytes(number, self._files.read(self._path(number), _LARGEST))

    def remove(self) -> None:
        """Remove all parts."""
        for name in self._files.names(self._folder):
            self._files.remove(f"{self._folder}/{name}")

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:06d}.npz"


def to_bytes(part: Part) -> bytes:
    """Return a part as the bytes of a numpy ``.npz`` file, without complete outputs."""
    import numpy as np

    names = list(part.predictions)
    facts = {
        "names": names,
        "left_out": {str(k): why for k, why in part.left_out.items()},
        "hashes": [sha.hex() for sha in part.hashes],
        "facts": part.facts,
    }
    arrays: dict[str, Any] = {
        "facts": np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8),
        "images": np.asarray(part.images, dtype=np.int64),
        "labels": part.labels,
    }
    for k, name in enumerate(names):
        arrays |= {f"{k}/{key}": value for key, value in part.predictions[name].arrays().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _check(content: bytes) -> None:
    """Raise ValueError or BadZipFile for an archive that unpacks to more bytes than it has.

    ``numpy.savez`` does not compress, so a compressed file was not written by zoodiff.
    """
    size, file = len(content), io.BytesIO(content)
    zips.check(file, size)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > size:
                raise ValueError(f"{member.filename[:200]} is compressed")
            with archive.open(member) as array:
                _check_header(array, member.file_size)


def _check_header(file: IO[bytes], size: int) -> None:
    """Raise ValueError for an array whose header declares more bytes than ``size``."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, kind = read(file)
    if kind.hasobject or kind.itemsize * math.prod(shape) > size:
        raise ValueError(f"an array of {shape} in {size:,} bytes")


def from_bytes(number: int, content: bytes) -> Part:
    """Return the part in ``content``; raise ValueError, KeyError or BadZipFile if damaged."""
    import numpy as np

    _check(content)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        facts = bounded.parse(arrays["facts"].tobytes())
        predictions = {
            name: Predictions.joined(
                [
                    {
                        key: arrays[f"{k}/{key}"]
                        for key in ("classes", "probabilities", "rank", "probability")
                    }
                ]
            )
            for k, name in enumerate(facts["names"])
        }
        images = arrays["images"].tolist()
        for name, prediction in predictions.items():
            if {len(values) for values in prediction.arrays().values()} != {len(images)}:
                raise ValueError(f"{name} has not one answer per image")
        return Part(
            number,
            images,
            arrays["labels"],
            [bytes.fromhex(sha) for sha in facts["hashes"]],
            {int(k): why for k, why in facts["left_out"].items()},
            predictions,
            facts=facts["facts"],
        )
