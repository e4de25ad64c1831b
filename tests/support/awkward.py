"""Images as they are met: real ones where there are any, and the awkward ones of the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from zoodiff.recipes.awkward import awkward, scene

__all__ = ["awkward", "real", "scene"]

REAL = Path(__file__).resolve().parents[3] / "shared" / "real" / "images"


@cache
def real() -> dict[str, bytes]:
    """The real images beside the repository; none where they are absent."""
    return {path.name: path.read_bytes() for path in sorted(REAL.glob("*.JPEG"))}
