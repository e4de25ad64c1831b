"""The graphs that records name: one compressed JSON file each, named by the hash of its bytes.

A record of a difference names the graphs that were compared, so that they can be looked at when the
network can no longer be described. A graph that is read was written by anybody: its size, its hash
and its structure are checked.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib

from zoodiff.bounded import json as bounded
from zoodiff.errors import StoreError
from zoodiff.graph import validate
from zoodiff.graph.ir import Graph
from zoodiff.store.files import Files

FOLDER = "graphs"
LARGEST = 4 << 20
"""Bytes of a file; most graphs take 5,000 to 100,000."""
_LARGEST_TEXT = 16 << 20
"""Bytes of its text."""
_MOST_VALUES = 1_000_000
"""Values of JSON in a graph."""
NAME = re.compile(rf"{FOLDER}/(?P<digest>[0-9a-f]{{64}})\.json\.gz")


def file_name(digest: str) -> str:
    """Return the path of a graph below the store."""
    return f"{FOLDER}/{digest}.json.gz"


def digest_of(content: bytes) -> str:
    """Return the name of a packed graph: the sha256 of its bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def packed(graph: Graph) -> bytes | None:
    """Return the file of a graph; None for a graph that is larger than a store keeps.

    The same graph gives the same bytes.
    """
    text = json.dumps(graph.to_dict(), separators=(",", ":")).encode()
    if len(text) > _LARGEST_TEXT or not bounded.is_small(text, values=_MOST_VALUES):
        return None
    content = gzip.compress(text, compresslevel=6, mtime=0)
    return content if len(content) <= LARGEST else None


def unpacked(content: bytes) -> Graph:
    """Return the graph in a file, checked as one that a worker sends.

    Raises ValueError for anything else.
    """
    try:
        with gzip.open(io.BytesIO(content)) as file:
            text = file.read(_LARGEST_TEXT + 1)
        if len(text) > _LARGEST_TEXT:
            raise ValueError("its text is too long")
        graph = Graph.from_dict(bounded.parse(text, values=_MOST_VALUES))
        validate.check(graph)
    except (OSError, EOFError, zlib.error, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not a graph ({type(error).__name__})") from None
    return graph


def is_intact(files: Files, digest: str) -> bool:
    """Return whether a store has a graph, with the bytes of its name.

    Raises OSError if the file cannot be read.
    """
    try:
        return digest_of(files.read(file_name(digest), LARGEST)) == digest
    except FileNotFoundError:
        return False


def read(files: Files, digest: str) -> Graph:
    """Return a graph of a store.

    Raises StoreError for a graph that is missing, damaged, or not what it should be.
    """
    try:
        content = files.read(file_name(digest), LARGEST)
        if digest_of(content) != digest:
            raise ValueError("its content does not match its name")
        return unpacked(content)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"the graph {digest[:16]} in {files.where} cannot be read ({str(error)[:200]})"
        ) from None
