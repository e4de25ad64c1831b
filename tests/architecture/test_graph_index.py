"""An index of graphs: exported, imported whole or not at all, and never believed unchecked."""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.small import Draft
from zoodiff.architecture import graph_cache, graph_holdings, graph_index, structures
from zoodiff.errors import StoreError
from zoodiff.graph.ir import Graph
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry

MODELS = ("resnet18", "resnet34", "vgg11")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "a"))
    monkeypatch.setattr(graph_cache, "_versions", lambda entry: {"torch": "1"})
    return tmp_path


@pytest.fixture
def elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Go on as another machine, with an empty cache."""
    return lambda: monkeypatch.setenv("ZOODIFF_HOME", str(home / "b"))


def entries() -> list[Entry]:
    return [registry.resolve(f"torchvision:{model}") for model in MODELS]


def network(channels: int) -> Graph:
    draft = Draft((1, 3, 8, 8))
    return draft.graph(draft.conv("x", channels))


def exported(home: Path) -> Path:
    """An index of three graphs with their fingerprints."""
    for number, entry in enumerate(entries()):
        graph_cache.save(str(graph_cache.key_of(entry)), network(4 + number))
    structures.known(entries())
    file = home / "all.idx"
    assert graph_index.export(file).graphs == 3
    return file


def rewritten(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the first graph of an index, and make its hashes fit again."""
    head, _, body = file.read_bytes().partition(b"\n")
    contents = json.loads(head)
    (block,) = contents["blocks"]
    lines = lzma.decompress(body).split(b"\n")
    line = json.loads(lines[0])
    change(line)
    text = b"\n".join([json.dumps(line).encode(), *lines[1:]])
    packed = lzma.compress(text)
    block |= {
        "bytes": len(packed),
        "text": len(text),
        "sha256": hashlib.sha256(packed).hexdigest(),
    }
    file.write_bytes(json.dumps(contents).encode() + b"\n" + packed)


def nothing_was_written() -> bool:
    cache = graph_cache.folder().parent
    return not cache.exists() or not [path for path in cache.rglob("*") if path.is_file()]


def test_what_one_machine_built_another_need_not_build(
    home: Path, elsewhere: Callable[[], None]
) -> None:
    file = exported(home)
    prints = structures.known(entries())
    elsewhere()
    assert structures.known(entries()) == {}
    assert graph_index.bring(file) == graph_index.ImportedIndex(new=3, known=0, usable=3)
    first, *_ = entries()
    assert graph_cache.load(str(graph_cache.key_of(first))) == network(4)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(structures, "fingerprints_of", lambda graph: pytest.fail("computed again"))
        assert structures.known(entries()) == prints
    assert graph_index.bring(file) == graph_index.ImportedIndex(new=0, known=3, usable=3)


def test_counts_travel_with_the_graphs(home: Path, elsewhere: Callable[[], None]) -> None:
    file = exported(home)
    elsewhere()
    graph_index.bring(file)
    first = structures.known(entries())[str(entries()[0].ref)]
    assert (first.parameters, first.macs) == (4 * 3 * 9, 4 * 3 * 9 * 8 * 8)


def test_the_same_cache_gives_the_same_bytes(home: Path) -> None:
    first = exported(home).read_bytes()
    graph_index.export(home / "again.idx")
    assert (home / "again.idx").read_bytes() == first


def test_graphs_of_other_versions_stay_and_are_not_used(
    home: Path, elsewhere: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exported(home)
    elsewhere()
    monkeypatch.setattr(graph_cache, "_versions", lambda entry: {"torch": "2"})
    assert graph_index.bring(file) == graph_index.ImportedIndex(new=3, known=0, usable=0)
    assert structures.known(entries()) == {}
    (row,) = graph_holdings.summary().zoos
    assert (row.zoo, row.graphs, row.usable) == ("torchvision", 3, 0)
    assert "torch 1" in row.versions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line["graph"]["nodes"][0].update(inputs=["nowhere"]), "is not valid"),
        (lambda line: line["graph"].pop("nodes"), "is not valid"),
        (lambda line: line["key"].update(entry="no reference"), "is not valid"),
        (lambda line: line["key"].update(code="../x"), "is not valid"),
        (lambda line: line["key"].update(more=1), "is not valid"),
        (lambda line: line.update(fingerprints=["zs3:x", "y", 1, 2]), "is not valid"),
        (lambda line: line.update(fingerprints=[1, 2]), "is not valid"),
        (
            lambda line: line["fingerprints"].__setitem__(
                1, line["fingerprints"][1][:-1] + "01"[line["fingerprints"][1][-1] == "0"]
            ),
            "are not those of its graph",
        ),
        (lambda line: line["fingerprints"].__setitem__(2, 1), "are not those of its graph"),
    ],
)
def test_nothing_of_an_index_with_one_wrong_graph_is_imported(
    home: Path,
    elsewhere: Callable[[], None],
    change: Callable[[dict[str, Any]], None],
    message: str,
) -> None:
    file = exported(home)
    rewritten(file, change)
    elsewhere()
    with pytest.raises(StoreError, match=message):
        graph_index.bring(file, check_all=True)
    assert nothing_was_written()


def test_an_index_that_is_cut_off_damaged_or_too_long_is_refused(
    home: Path, elsewhere: Callable[[], None]
) -> None:
    whole = exported(home).read_bytes()
    elsewhere()
    at = whole.index(b"\n") + 20
    flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    for damaged in (whole[:-1], flipped, whole + b"x"):
        (home / "damaged.idx").write_bytes(damaged)
        with pytest.raises(StoreError, match=r"damaged or cut off|holds more than"):
            graph_index.bring(home / "damaged.idx")
        assert nothing_was_written()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}\n", b"[]\n", b"\x00" * 100, b'{"index": 1}', b'{"index": "1", "blocks": []}\n'],
)
def test_another_file_is_no_index(home: Path, content: bytes) -> None:
    (home / "x").write_bytes(content)
    with pytest.raises(StoreError, match="is no index of graphs"):
        graph_index.bring(home / "x")


def test_a_newer_format_is_named(home: Path) -> None:
    (home / "x").write_bytes(b'{"index": 2, "future": true}\n')
    with pytest.raises(StoreError, match=r"newer zoodiff \(index format 2\)"):
        graph_index.bring(home / "x")


def test_a_block_that_expands_beyond_its_length_is_refused(
    home: Path, elsewhere: Callable[[], None]
) -> None:
    file = exported(home)
    head, _, body = file.read_bytes().partition(b"\n")
    contents = json.loads(head)
    contents["blocks"][0]["text"] -= 100
    file.write_bytes(json.dumps(contents).encode() + b"\n" + body)
    elsewhere()
    with pytest.raises(StoreError, match=r"cannot be decompressed|not as long"):
        graph_index.bring(file)
    contents["blocks"][0]["text"] = 1 << 40
    file.write_bytes(json.dumps(contents).encode() + b"\n" + body)
    with pytest.raises(StoreError, match="is no index of graphs"):
        graph_index.bring(file)
    assert nothing_was_written()


def test_an_interrupted_import_goes_on_behind_the_blocks_that_it_checked(
    home: Path, elsewhere: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_index, "_BLOCK", 1)  # a block per graph
    file = exported(home)
    elsewhere()
    original, checked = graph_index._graphs, []

    def interrupted(source: Path, block: Any, packed: bytes) -> Any:
        checked.append(block.sha256)
        if len(checked) == 3:
            raise KeyboardInterrupt
        return original(source, block, packed)

    monkeypatch.setattr(graph_index, "_graphs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        graph_index.bring(file)
    assert structures.known(entries()) == {}
    assert graph_index.bring(file).new == 3
    assert len(checked) == 4, "the first two were not checked again"
    assert not list(graph_cache.folder().parent.glob("index-*"))


def test_an_empty_cache_has_nothing_to_export(home: Path) -> None:
    with pytest.raises(StoreError, match="no graphs of timm to export; zoodiff names --build"):
        graph_index.export(home / "x", ["timm"])
    assert not list(home.glob("*x*"))


def test_a_damaged_graph_is_counted_and_left_out(home: Path) -> None:
    exported(home)
    next(iter(graph_cache.folder().iterdir())).write_bytes(b"x")
    assert (graph_holdings.summary().graphs, graph_holdings.summary().damaged) == (2, 1)
    assert graph_index.export(home / "y").graphs == 2
