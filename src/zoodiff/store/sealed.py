"""JSON that carries its own hash, so that a copy anywhere shows whether it is what was written."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from zoodiff.errors import StoreError

SEAL = "sha256"
"""The key of the hash, which is over the canonical JSON of everything beside it."""


class DamagedError(StoreError):
    """A file of the store is not what was written there; the message says in what way."""


def canonical_json(value: Any) -> bytes:
    """One byte string per value, whatever the order of its keys was."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(content: dict[str, Any]) -> str:
    """sha256 over the canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """The content with its hash."""
    return {**content, SEAL: digest_of(content)}


def parsed(raw: bytes) -> dict[str, Any]:
    """The object in a JSON file; raises DamagedError where there is none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise DamagedError("it is not whole") from None
    if not isinstance(found, dict):
        raise DamagedError("it is not whole")
    return found


def unsealed(found: dict[str, Any]) -> tuple[dict[str, Any], str, bool]:
    """The content, its hash, and whether it carried one; raises DamagedError where that differs."""
    content = {key: value for key, value in found.items() if key != SEAL}
    try:
        digest = digest_of(content)
    except (ValueError, RecursionError):  # surrogates, which cannot be written
        raise DamagedError("it is not whole") from None
    if SEAL in found and found[SEAL] != digest:
        raise DamagedError("its content does not match its hash")
    return content, digest, SEAL in found
