"""Check whether the user allowed the code of a file, by its content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from zoodiff.rules.security import refusal
from zoodiff.zoos.base import ALLOWED_CODE


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_allowed(path: Path, sha256: str | None = None) -> bool:
    """Whether the user allowed the content of a file; ``sha256`` is its hash if known."""
    permitted = os.environ.get(ALLOWED_CODE, "").split(",")
    return any(permitted) and (sha256 or digest(path)) in permitted


def demand(path: Path, description: str, sha256: str | None = None) -> None:
    """Raise RefusedError (SEC103) if the user did not allow the code of a file.

    ``description`` names the kind of code; ``sha256`` is the file's hash if known.
    """
    if not is_allowed(path, sha256):
        raise refusal(
            "SEC103",
            f"{path} carries code ({description}) that nobody allowed to run; if you trust "
            f"who made it, add --allow-code {path.name} (sha256:{sha256 or digest(path)})",
        )
