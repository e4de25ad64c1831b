"""JSON that contains its own hash, so that any change of a copy is detected."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from zoodiff.bounded import json as bounded
from zoodiff.errors import StoreError
from zoodiff.text import well_formed_values

HASH_KEY = "sha256"
"""The key of the hash, which is over the canonical JSON of everything beside it."""


class DamagedError(StoreError):
    """A damaged file of the store; the message says how."""


def canonical_json(value: object) -> bytes:
    """One byte string per value, whatever the order of its keys was.

    Lone surrogates, from names that are no UTF-8, are written as the text of their escapes.
    """
    try:
        return _canonical(value).encode()
    except UnicodeEncodeError:
        return _canonical(well_formed_values(value)).encode()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(content: dict[str, Any]) -> str:
    """sha256 over the canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


def self_hashed(content: dict[str, Any]) -> dict[str, Any]:
    """The content with its hash."""
    return {**content, HASH_KEY: digest_of(content)}


def parsed(raw: bytes) -> dict[str, Any]:
    """Parse the object in a JSON file; raise DamagedError if it is invalid."""
    try:
        found = bounded.parse(raw)
    except ValueError as error:
        reason = f": {error}" if isinstance(error, bounded.TooManyError) else ""
        raise DamagedError(f"it is not whole{reason}") from None
    if not isinstance(found, dict):
        raise DamagedError("it is not whole")
    return found


def read_self_hashed(raw: bytes, *, canonical: bool) -> tuple[dict[str, Any], str, bool]:
    """The content of a file, its hash, and whether it carried one.

    Raises DamagedError where it is not whole, carries another hash than its own, or is to be
    ``canonical`` JSON and is not.
    """
    content = parsed(raw)
    try:
        written = _canonical(content).encode()
    except (ValueError, RecursionError):  # surrogates, which cannot be written
        raise DamagedError("it is not whole") from None
    carried = HASH_KEY in content
    written_digest = content.pop(HASH_KEY, None)
    digest = hashlib.sha256(_without(written_digest, written) if carried else written).hexdigest()
    if (canonical and written != raw) or (carried and written_digest != digest):
        raise DamagedError("its content does not match its hash")
    return content, digest, carried


def _without(written_digest: object, written: bytes) -> bytes:
    """Canonical JSON without its hash.

    Cut out of the bytes, since writing each of thousands of records out once more would take most
    of a resume. What is cut cannot be part of the content: that would be a fixed point of sha256.
    """
    member = canonical_json({HASH_KEY: written_digest})[1:-1]
    for piece in (member + b",", b"," + member, member):
        if piece in written:
            return written.replace(piece, b"", 1)
    raise AssertionError("canonical JSON holds its members as they are written alone")
