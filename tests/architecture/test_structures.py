"""Fingerprints of cached graphs are kept, and building goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.small import Draft
from zoodiff.architecture import graph_cache, structures
from zoodiff.graph import fingerprint
from zoodiff.graph.ir import Graph
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry

MODELS = ("resnet18", "resnet34", "vgg11")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path))
    monkeypatch.setattr(graph_cache, "_versions", lambda entry: {"torch": "1"})
    return tmp_path


def entries() -> list[Entry]:
    return [registry.resolve(f"torchvision:{model}") for model in MODELS]


def network(channels: int) -> Graph:
    draft = Draft((1, 3, 8, 8))
    return draft.graph(draft.conv("x", channels))


def fill(entry: Entry, graph: Graph) -> None:
    (key,) = graph_cache.keys_of([entry])
    assert key is not None and key == graph_cache.key_of(entry)
    graph_cache.save(key, graph)


def test_only_entries_with_a_cached_graph_are_known() -> None:
    first, second, _ = entries()
    fill(first, network(4))
    assert structures.known(entries()) == {
        str(first.ref): (
            fingerprint.structure(network(4)),
            fingerprint.fingerprint(network(4)),
            4 * 3 * 9,
            4 * 3 * 9 * 8 * 8,
        )
    }
    assert str(second.ref) not in structures.known(entries())


def test_a_fingerprint_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = entries()
    fill(first, network(4))
    before = structures.known([first])
    monkeypatch.setattr(structures, "fingerprints_of", lambda graph: pytest.fail("computed again"))
    assert structures.known([first]) == before


def test_a_damaged_file_is_written_again(home: Path) -> None:
    first, *_ = entries()
    fill(first, network(4))
    before = structures.known([first])
    for damage in ("", "[]", '{"x": 1}', '{"x": ["zs0:1", "zd2:1"]}'):
        (home / "cache" / "structures.json").write_text(damage)
        assert structures.known([first]) == before


def test_a_removed_graph_has_no_fingerprint_any_more() -> None:
    first, *_ = entries()
    fill(first, network(4))
    structures.known([first])
    for file in graph_cache.folder().iterdir():
        file.unlink()
    assert structures.known([first]) == {}


def test_building_describes_only_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = entries()
    fill(first, network(4))
    asked: list[str] = []

    def describe_all(
        missing: list[Entry], *, take: Callable[[Entry, Graph], str | None], **_: object
    ) -> tuple[dict[str, Graph], dict[str, str]]:
        asked.extend(str(entry.ref) for entry in missing)
        if second in missing:
            fill(second, network(5))
            assert take(second, network(5)) is None
        return {}, {str(third.ref): "no memory"}

    monkeypatch.setattr(structures, "describe_all", describe_all)
    totals: list[int] = []
    prints, failures = structures.build([first, second, third], begin=totals.append)
    assert totals == [2]
    assert asked == [str(second.ref), str(third.ref)]
    assert set(prints) == {str(first.ref), str(second.ref)}
    assert failures == {str(third.ref): "no memory"}
    asked.clear()
    structures.build([first, second, third])
    assert asked == [str(third.ref)]


def test_preprocessing_and_softmax_inside_do_not_make_another_network() -> None:
    first, second, _ = entries()
    fill(first, network(4))
    draft = Draft((1, 3, 8, 8))
    scaled = draft.add("Mul", "x", value=2.0)
    draft.add("Softmax", draft.conv(scaled, 4), axis=1)
    fill(second, draft.graph("n2"))
    prints = structures.known([first, second])
    assert prints[str(first.ref)].network == prints[str(second.ref)].network
    assert prints[str(first.ref)].exact != prints[str(second.ref)].exact


def test_fingerprints_are_written_although_building_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, _ = entries()

    def describe_all(
        missing: list[Entry], *, take: Callable[[Entry, Graph], str | None], **_: object
    ) -> None:
        fill(first, network(4))
        take(first, network(4))
        raise KeyboardInterrupt

    monkeypatch.setattr(structures, "describe_all", describe_all)
    with pytest.raises(KeyboardInterrupt):
        structures.build([first, second])
    monkeypatch.setattr(structures, "fingerprints_of", lambda graph: pytest.fail("computed again"))
    assert set(structures.known([first, second])) == {str(first.ref)}


def test_a_network_with_too_many_like_parts_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = entries()
    monkeypatch.setattr(structures, "fingerprints_of", lambda graph: None)

    def describe_all(
        missing: list[Entry], *, take: Callable[[Entry, Graph], str | None], **_: object
    ) -> tuple[dict[str, Graph], dict[str, str | None]]:
        return {}, {str(first.ref): take(first, network(4))}

    monkeypatch.setattr(structures, "describe_all", describe_all)
    assert structures.build([first]) == ({}, {str(first.ref): structures.TOO_ALIKE})
