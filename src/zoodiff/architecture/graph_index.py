"""Export the cache of graphs as one file, and import such a file.

An index is a line of JSON, the contents, and then blocks of compressed lines, one line per graph:
its key, the graph, and its fingerprints and counts. The contents list each block with its length
and sha256. An index is untrusted: everything is bounded, and each block, key, graph and
fingerprint is checked before the first graph is put into the cache. An import that was interrupted
goes on behind the last block that it checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import lzma
import random
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zoodiff._version import __version__
from zoodiff.architecture import graph_cache, structures
from zoodiff.architecture.graph_holdings import Key, files, key_from, usable
from zoodiff.architecture.structures import Fingerprints
from zoodiff.bounded import json as bounded
from zoodiff.bounded.files import open_regular
from zoodiff.entry import ModelRef
from zoodiff.errors import StoreError, ZoodiffError
from zoodiff.graph import validate
from zoodiff.graph.ir import Graph

FORMAT = 1
_LONGEST = 2 * 2**20
"""Bytes of the line of contents: about 10,000 blocks."""
_BLOCK = 16 * 2**20
"""Bytes of text after which a block ends."""
_MOST_BLOCKS = 4096
_MOST_VALUES = 5_000_000
"""Values of JSON in one graph."""
_PRESET = 2
"""Of xz: higher ones take several times as long for little."""
_MEMORY = 64 * 2**20
"""Bytes that decompressing may take besides the text."""
_TRIED = 16
"""Graphs of an import whose fingerprints are computed again."""
_PRINT = re.compile(r"z[sd]\d{1,4}:[0-9a-f]{8,128}")


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    bytes: int = Field(ge=1, le=_BLOCK + graph_cache.LARGEST)
    text: int = Field(ge=1, le=_BLOCK + graph_cache.LARGEST)
    """Bytes of the text before it was compressed."""
    graphs: int = Field(ge=1, le=100_000)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Contents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    index: int
    zoodiff: str = Field(max_length=100)
    blocks: list[_Block] = Field(max_length=_MOST_BLOCKS)


@dataclass(frozen=True)
class ExportedIndex:
    """The graphs of an exported index, and its size."""

    graphs: int
    bytes: int
    text_bytes: int
    """Size before compression."""


@dataclass(frozen=True)
class ImportedIndex:
    """The graphs of an imported index."""

    new: int
    known: int
    """Graphs that the cache had already."""
    usable: int
    """Graphs of entries of this machine, in its versions; others stay and are not used."""


def export(target: Path, zoos: Iterable[str] = ()) -> ExportedIndex:
    """Write the graphs of the cache, or those of some zoos, into one file.

    Damaged graphs are left out. Raises StoreError if there is none or the file cannot be written.
    """
    wanted = set(zoos)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    body = target.with_name(f".{target.name}.{secrets.token_hex(4)}.blocks")
    blocks: list[_Block] = []
    try:
        with body.open("wb") as file:
            for lines in _blocks(_lines(wanted)):
                text = b"\n".join(lines)
                packed = packed_text(text)
                file.write(packed)
                digest = hashlib.sha256(packed).hexdigest()
                blocks.append(
                    _Block(bytes=len(packed), text=len(text), graphs=len(lines), sha256=digest)
                )
        if not blocks:
            whose = f" of {', '.join(sorted(wanted))}" if wanted else ""
            raise StoreError(
                f"there are no graphs{whose} to export; zoodiff names --build adds some"
            )
        contents = _Contents(index=FORMAT, zoodiff=__version__, blocks=blocks)
        with partial.open("wb") as file, body.open("rb") as source:
            file.write(contents.model_dump_json().encode() + b"\n")
            shutil.copyfileobj(source, file, 1 << 20)
        size = partial.stat().st_size
        partial.replace(target)
    except OSError as error:
        raise StoreError(
            f"cannot write {target} ({error.strerror or error}); make room, or name another file"
        ) from None
    finally:
        for left in (partial, body):
            left.unlink(missing_ok=True)
    return ExportedIndex(
        sum(block.graphs for block in blocks), size, sum(block.text for block in blocks)
    )


def bring(source: Path, *, check_all: bool = False) -> ImportedIndex:
    """Put the graphs of an index into the cache, once all of it is checked.

    Fingerprints of some graphs, chosen at random, are computed again, with ``check_all`` those of
    all. Raises StoreError, before the cache has changed, if the file cannot be read or a check
    fails.
    """
    try:
        with open_regular(source) as file:
            contents = _contents(source, file)
            staging = _Staging(contents)
            try:
                for number, block in enumerate(contents.blocks):
                    packed = file.read(block.bytes)
                    if hashlib.sha256(packed).hexdigest() != block.sha256:
                        raise StoreError(f"{source} is damaged or cut off in block {number + 1}")
                    if not staging.has(number):
                        staging.add(number, _graphs(source, block, packed))
                if file.read(1):
                    raise StoreError(f"{source} holds more than its contents list")
                staging.try_fingerprints(source, check_all=check_all)
            except StoreError:
                staging.remove()
                raise
            return staging.commit()
    except OSError as error:
        raise StoreError(f"cannot import {source} ({error.strerror or error})") from None


def _contents(source: Path, file: BinaryIO) -> _Contents:
    line = file.readline(_LONGEST)
    try:
        raw = bounded.parse(line)
        if isinstance(raw, dict) and isinstance(raw.get("index"), int) and raw["index"] > FORMAT:
            raise StoreError(
                f"{source} was written by a newer zoodiff (index format {raw['index']}); upgrade "
                "zoodiff to read it"
            )
        if not line.endswith(b"\n"):
            raise ValueError("no line")
        return _Contents.model_validate(raw)
    except (ValueError, ValidationError):
        raise StoreError(
            f"{source} is no index of graphs; make one with zoodiff index export"
        ) from None


@dataclass(frozen=True)
class _Line:
    """A graph of an index, checked."""

    key: str
    graph: dict[str, Any]
    prints: Fingerprints | None


def _graphs(source: Path, block: _Block, packed: bytes) -> Iterator[_Line]:
    """Yield the graphs of a block; raise StoreError for one that is invalid."""
    try:
        text = _unpacked(packed, block.text)
    except (lzma.LZMAError, EOFError):
        raise StoreError(f"a block of {source} cannot be decompressed") from None
    lines = text.split(b"\n")
    if len(text) != block.text or len(lines) != block.graphs:
        raise StoreError(f"a block of {source} is not as long as its contents say")
    for line in lines:
        if len(line) > graph_cache.LARGEST:
            raise StoreError(f"a graph in {source} is too large")
        named = "a graph"
        try:
            raw = bounded.parse(line, values=_MOST_VALUES)
            facts = key_from(raw["key"])
            named = facts.entry
            ModelRef.parse(facts.entry)
            validate.check(Graph.from_dict(raw["graph"]))
            yield _Line(_text_of(facts), raw["graph"], _prints(raw["fingerprints"]))
        except (ValueError, LookupError, TypeError, AttributeError, ZoodiffError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise StoreError(
                f"{named[:200]} in {source} is not valid ({reason}); nothing was imported"
            ) from None


class _Staging:
    """A folder beside the cache with the graphs of the blocks that are checked."""

    def __init__(self, contents: _Contents) -> None:
        digest = hashlib.sha256(contents.model_dump_json().encode()).hexdigest()
        self._folder = graph_cache.folder().parent / f"index-{digest[:16]}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._blocks = len(contents.blocks)

    def has(self, number: int) -> bool:
        """Whether an earlier import checked a block."""
        return self._prints_of(number).is_file()

    def add(self, number: int, lines: Iterable[_Line]) -> None:
        """Write the graphs of a block, and last their fingerprints."""
        prints: dict[str, tuple[Any, ...] | None] = {}
        for line in lines:
            name, data = graph_cache.file_name(line.key), graph_cache.encoded(line.key, line.graph)
            if data is None:
                raise StoreError(f"a graph of {line.key[:200]} is too large")
            (self._folder / name).write_bytes(data)
            prints[name] = None if line.prints is None else tuple(line.prints)
        partial = self._folder / f"{number}.tmp"
        partial.write_text(json.dumps(prints), encoding="utf-8")
        partial.replace(self._prints_of(number))

    def try_fingerprints(self, source: Path, *, check_all: bool) -> None:
        """Raise StoreError if a fingerprint of a graph is not the one that the index says."""
        stated = [item for item in self._prints().items() if structures.is_current(item[1])]
        chosen = stated if check_all else random.sample(stated, min(_TRIED, len(stated)))
        for name, prints in chosen:
            key, raw = graph_cache.decoded(self._folder / name)
            computed = structures.fingerprints_of(Graph.from_dict(raw))
            if computed is None or not _agree(computed, prints):
                entry = json.loads(key)["entry"]
                raise StoreError(
                    f"the fingerprints of {entry} in {source} are not those of its graph; "
                    "nothing was imported"
                )

    def commit(self) -> ImportedIndex:
        """Move the graphs into the cache."""
        folder = graph_cache.folder()
        folder.mkdir(parents=True, exist_ok=True)
        here, prints = usable(), self._prints()
        counts: Counter[str] = Counter()
        for name in prints:
            counts["usable"] += name in here
            if (folder / name).exists():
                counts["known"] += 1
            else:
                (self._folder / name).replace(folder / name)
                counts["new"] += 1
        structures.add({name: of for name, of in prints.items() if structures.is_current(of)})
        self.remove()
        return ImportedIndex(counts["new"], counts["known"], counts["usable"])

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prints_of(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def _prints(self) -> dict[str, Fingerprints]:
        """Return the fingerprints of all graphs by file; empty texts for one without any."""
        prints: dict[str, Fingerprints] = {}
        for number in range(self._blocks):
            raw = json.loads(self._prints_of(number).read_text(encoding="utf-8"))
            prints |= {name: Fingerprints(*(of or ("", ""))) for name, of in raw.items()}
        return prints


def _agree(computed: Fingerprints, stated: Fingerprints) -> bool:
    """Return whether fingerprints and counts are equal; counts that are not stated are."""
    pairs = zip(computed, stated, strict=True)
    return all(expected is None or own == expected for own, expected in pairs)


def _lines(zoos: set[str]) -> Iterator[bytes]:
    """Yield the lines of the graphs in the cache, sorted by their keys."""
    keys: list[tuple[str, Path]] = []
    for path in files():
        with contextlib.suppress(OSError, EOFError, ValueError, LookupError, TypeError):
            key = graph_cache.key_in(path)
            if not zoos or key_from(json.loads(key)).entry.partition(":")[0] in zoos:
                keys.append((key, path))
    stored = structures.stored()
    for key, path in sorted(keys, key=lambda item: item[0]):
        try:
            _, graph = graph_cache.decoded(path)
            validate.check(Graph.from_dict(graph))
        except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError):
            continue
        line = {"key": json.loads(key), "graph": graph, "fingerprints": stored.get(path.name)}
        yield json.dumps(line, separators=(",", ":")).encode()


def _blocks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size >= _BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _text_of(facts: Key) -> str:
    return json.dumps(facts.model_dump(), sort_keys=True)


def _prints(raw: Any) -> Fingerprints | None:
    """Return the fingerprints of a line; raise ValueError if they are none."""
    if raw is None:
        return None
    network, exact, parameters, macs = raw
    if not (_PRINT.fullmatch(network) and _PRINT.fullmatch(exact)):
        raise ValueError("it has no fingerprints")
    if not all(number is None or type(number) is int for number in (parameters, macs)):
        raise ValueError("its counts are no numbers")
    return Fingerprints(network, exact, parameters, macs)


def packed_text(text: bytes) -> bytes:
    """Return the text of a block, compressed."""
    return lzma.compress(text, preset=_PRESET)


def _unpacked(packed: bytes, most: int) -> bytes:
    """Return the text of a block; raise EOFError if it is not whole or longer than ``most``."""
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    text = decompressor.decompress(packed, max_length=most + 1)
    if not decompressor.eof or decompressor.unused_data:
        raise EOFError("it is not as long as its contents say")
    return text
