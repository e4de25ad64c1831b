"""JSON that contains its own hash, so that any change of a copy is detected."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from zoodiff.bounded import json as bounded
from zoodiff.errors import StoreError
from zoodiff.text import well_formed_values

HASH_KEY = "sha256"
"""The key of the hash over the canonical JSON of all other keys."""


class DamagedError(StoreError):
    """A damaged file of the store; the message says how."""


def canonical_json(value: object) -> bytes:
    """Return JSON as bytes, the same for every order of the keys.

    Lone surrogates, from non-UTF-8 names, are written as the text of their escapes.
    """
    try:
        return _canonical(value).encode()
    except UnicodeEncodeError:
        return _canonical(well_formed_values(value)).encode()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(content: dict[str, Any]) -> str:
    """Return the sha256 over the canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


def self_hashed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with its hash added."""
    return {**content, HASH_KEY: digest_of(content)}


def parsed(raw: bytes) -> dict[str, Any]:
    """Parse the object in a JSON file; raise DamagedError if it is invalid."""
    try:
        value = bounded.parse(raw)
    except ValueError as error:
        reason = f": {error}" if isinstance(error, bounded.TooManyError) else ""
        raise DamagedError(f"it is not whole{reason}") from None
    if not isinstance(value, dict):
        raise DamagedError("it is not whole")
    return value


def read_self_hashed(raw: bytes, *, canonical: bool) -> tuple[dict[str, Any], str, bool]:
    """Return the content of a file, its hash, and whether the file carried the hash.

    Raises DamagedError if the file is not a JSON object, does not match the hash that it carries,
    or is not canonical JSON although ``canonical`` requires it.
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
    """Return canonical JSON without its hash.

    The hash is cut out of the bytes, because serialising thousands of records again would take most
    of the time of a resumed run. The cut piece cannot occur elsewhere in the content: that would be
    a fixed point of sha256.
    """
    member = canonical_json({HASH_KEY: written_digest})[1:-1]
    for piece in (member + b",", b"," + member, member):
        if piece in written:
            return written.replace(piece, b"", 1)
    raise AssertionError("the hash is a member of the canonical JSON")
