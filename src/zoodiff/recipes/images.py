"""The images on which recipes are audited."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from zoodiff.errors import UsageError

_ENDINGS = {
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".ico", ".jp2")
}
_LARGEST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class AuditImage:
    """An image file."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """The hash of the content."""
        return hashlib.sha256(self.data).hexdigest()


def audit_images(folder: Path | None = None) -> tuple[AuditImage, ...]:
    """Return the images of a folder by name, or the awkward ones.

    Raises UsageError for a folder without images.
    """
    if folder is None:
        from zoodiff.recipes.awkward import awkward

        return tuple(AuditImage(name, data) for name, data in sorted(awkward().items()))
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder of images")
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in _ENDINGS]
    small = [path for path in files if path.is_file() and path.stat().st_size <= _LARGEST_BYTES]
    if not small:
        raise UsageError(f"{folder} has no images; it may have {', '.join(sorted(_ENDINGS))}")
    return tuple(AuditImage(path.name, path.read_bytes()) for path in small)


def hash_of(images: tuple[AuditImage, ...]) -> str:
    """Return one hash of the content of all images; their names do not count."""
    return hashlib.sha256("".join(sorted(image.sha256 for image in images)).encode()).hexdigest()
