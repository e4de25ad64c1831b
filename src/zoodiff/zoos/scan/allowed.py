"""Whether the user allowed the code of a file, by its content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from zoodiff.rules.security import refusal
from zoodiff.zoos.base import ALLOWED_CODE


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_allowed(path: Path, sha256: str | None = None) -> bool:
    """Whether the file as it is now, or was when it was hashed, is one that the user allowed."""
    permitted = os.environ.get(ALLOWED_CODE, "").split(",")
    return any(permitted) and (sha256 or digest(path)) in permitted


def demand(path: Path, what: str, sha256: str | None = None) -> None:
    """Raise RefusedError (SEC103) if the user did not allow the code of a file.

    ``sha256`` is that of the file where it was hashed already.
    """
    if not is_allowed(path, sha256):
        raise refusal(
            "SEC103",
            f"{path} carries code ({what}) that nobody allowed to run; if you trust who made it, "
            f"add --allow-code {path.name} (sha256:{sha256 or digest(path)})",
        )
