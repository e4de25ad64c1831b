"""Which graphs of a comparison are distinct, and which two of them are compared."""

from __future__ import annotations

from support.records import a_record
from zoodiff.architecture.distinct_graphs import distinct_graphs, pairs_of_graphs
from zoodiff.store.records import Record


def entries(fingerprints: str) -> list[Record]:
    """Entries a, b, c, ... whose graphs have these letters as fingerprints; "-" is none."""
    return [
        a_record(name, fingerprint=None if letter == "-" else letter)
        for name, letter in zip("abcdefghijklmnopqrstuvwxyz", fingerprints, strict=False)
    ]


def pairs(fingerprints: str) -> list[str]:
    graphs = distinct_graphs(entries(fingerprints))
    return [first.entry + second.entry for first, second in pairs_of_graphs(graphs)]


def test_entries_with_equal_fingerprints_have_one_graph() -> None:
    graphs = distinct_graphs(entries("1212"))
    assert [[record.entry for record in graph] for graph in graphs] == [["a", "c"], ["b", "d"]]
    assert pairs("1212") == ["ab"]
    assert pairs("11") == []


def test_an_entry_without_fingerprint_has_a_graph_of_its_own() -> None:
    assert pairs("--") == ["ab"]
    assert pairs("1-1") == ["ab"]


def test_up_to_eight_graphs_all_pairs_are_compared() -> None:
    assert len(pairs("12345678")) == 28


def test_of_more_graphs_each_is_compared_with_the_most_frequent() -> None:
    assert pairs("123456789")[:2] == ["ab", "ac"]
    assert pairs("1234567899")[:2] == ["ia", "ib"]
    assert len(pairs("1234567899")) == 8
