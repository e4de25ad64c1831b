"""The record of a comparison of graphs says what ``zoodiff diff --graph-only`` says."""

from __future__ import annotations

from dataclasses import replace

import pytest

import zoodiff
from support.onnx_networks import network
from support.records import a_record
from zoodiff.equivalence import graph_difference
from zoodiff.equivalence.graph_difference import MOST_FINDINGS, GraphPair
from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph
from zoodiff.rules.catalogue import rules
from zoodiff.store.records import DifferenceValues
from zoodiff.study.graph_answers import answer_line

PAIR = GraphPair(a_record("one", fingerprint="zd2:1"), a_record("two", fingerprint="zd2:2"))
EXAMPLES = [rule for rule in rules() if rule.check is not None and rule.example is not None]


def compared(graphs: tuple[Graph, Graph]) -> DifferenceValues:
    values = PAIR.record(*graphs).values
    assert isinstance(values, DifferenceValues)
    return values


@pytest.mark.parametrize("rule", EXAMPLES, ids=lambda rule: rule.code)
def test_the_answer_of_every_rules_example_agrees_with_diff(rule) -> None:
    for networks in (rule.example.networks, rule.example.twin):
        values = compared(networks())
        line = answer_line(values)
        codes = {finding.code for finding in values.findings}
        assert codes == set(values.of_effect) | set(values.up_to)
        assert values.has_effect == bool(values.of_effect)
        assert all(f"{code} " in line for code in values.because)
        if values.relation == "different functions":
            assert line.startswith("different functions: ")
            assert values.sentence.startswith("different functions: ")
        else:
            # Both sentences name the same relation of architectures.
            said = values.sentence.removeprefix("not decided: ").partition(", but ")[0]
            relation, _, named = said.partition(" (" if "(" in said else " up to ")
            assert line.startswith(relation)
            assert all(code in line for code in named.rstrip(")").split(", ") if code)
            assert ("different" in line) == ("different" in said)


def test_the_stored_findings_have_codes_names_places_and_effects() -> None:
    rule = next(rule for rule in EXAMPLES if rule.code == "ARC101")
    values = compared(rule.example.networks())
    (finding,) = values.findings
    assert (finding.code, finding.name, finding.effect) == ("ARC101", rule.name, "function")
    assert finding.has_effect
    assert finding.places
    assert finding.left != finding.right
    assert values.fingerprints == ["zd2:1", "zd2:2"]
    assert (values.relation, values.sameness) == ("not decided", "different")
    assert "were not compared" in values.sentence


def test_a_record_is_bounded_and_keeps_what_has_an_effect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = next(rule for rule in EXAMPLES if rule.code == "ARC101")
    graphs = rule.example.networks()
    original = graph_difference.diff

    def many(*args: object) -> object:
        found = original(*args)  # type: ignore[arg-type]
        (finding,) = found.findings
        harmless = replace(finding, code="ARC113", effect="parametrisation")
        long = replace(finding, left="x" * 10_000, places_a=("y" * 10_000,) * 3)
        return replace(found, findings=(*[harmless] * 60, long))

    monkeypatch.setattr(graph_difference, "diff", many)
    values = compared(graphs)
    assert len(values.findings) == MOST_FINDINGS
    assert values.more_findings == 61 - MOST_FINDINGS
    assert values.findings[0].code == "ARC101"
    assert len(values.findings[0].left) <= 300
    assert len(values.findings[0].places) <= 300
    assert answer_line(values).startswith("different architectures, because ARC101 ")
    assert "more" not in answer_line(values)


def test_an_internal_error_costs_the_pair_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(graph_difference, "diff", broken)
    graphs = EXAMPLES[0].example.networks()
    with pytest.raises(MeasurementError, match=r"internal error, IndexError.*please report it"):
        compared(graphs)


def test_the_key_names_both_records_in_order() -> None:
    assert PAIR.key != GraphPair(PAIR.second, PAIR.first).key
    changed = GraphPair(PAIR.first, PAIR.second.model_copy(update={"key": "0" * 64}))
    assert PAIR.key != changed.key


@pytest.mark.onnx
def test_files_get_the_sentence_of_diff(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network(tmp_path / "one.onnx")
    network(tmp_path / "wide.onnx", kernel=5)
    network(tmp_path / "half.onnx", seed=2)
    result = zoodiff.compare_entries(["one.onnx", "wide.onnx", "half.onnx"], tmp_path / "r")
    (difference,) = result.differences
    report = zoodiff.diff("one.onnx", "wide.onnx", graph_only=True)
    assert difference.values.sentence == report.answer.sentence
    assert difference.values.relation == report.answer.relation
    assert [f.code for f in difference.values.findings] == [f.code for f in report.findings]
    same = zoodiff.diff("one.onnx", "half.onnx", graph_only=True)
    assert same.sameness == "same"
    assert result.graphs[0].same == "file:one.onnx and file:half.onnx: the same architecture"


def test_blocks_that_share_layers_are_named_without_an_error() -> None:
    """A layer is named once among the places, so that the second block has no names left."""
    rule = next(rule for rule in EXAMPLES if rule.code == "ARC101")
    (finding,) = graph_difference.diff(*rule.example.networks(), "a", "b").findings
    twice = replace(finding, count=2, noun="blocks", differences=finding.differences * 2)
    assert twice.where == replace(twice, count=1, differences=finding.differences).where
    unnamed = replace(twice, places_a=(), places_b=())
    assert unnamed.where == "blocks"
