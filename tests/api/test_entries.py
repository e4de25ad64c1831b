"""Entries from Python: listed, counted by hand, and grouped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zoodiff
from support.small import Draft
from zoodiff.api import entries
from zoodiff.errors import UnknownNameError, UsageError
from zoodiff.graph.ir import Graph


def test_models_are_listed_by_architecture_and_zoo() -> None:
    listed = zoodiff.list_entries("RESNET50", zoos=["torchvision", "keras"])
    assert listed["resnet50"] == {"keras": ["ResNet50"], "torchvision": ["resnet50"]}
    assert "vgg16" not in listed
    assert {zoo for by_zoo in listed.values() for zoo in by_zoo} <= {"torchvision", "keras"}


def test_a_glob_matches_whole_names_of_architectures_or_models() -> None:
    assert set(zoodiff.list_entries("vgg1?", zoos=["torchvision"])) == {
        *("vgg11", "vgg13", "vgg16", "vgg19")
    }
    assert list(zoodiff.list_entries("ResNet50V2", zoos=["keras"])) == ["resnet50v2"]


def test_shared_architectures_are_those_of_two_zoos() -> None:
    everything, shared = zoodiff.list_entries(), zoodiff.list_entries(shared=True)
    assert shared == {name: zoos for name, zoos in everything.items() if len(zoos) > 1}
    assert 0 < len(shared) < len(everything)


def test_what_nothing_matches_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match='matches "zzzz"'):
        zoodiff.list_entries("zzzz")
    with pytest.raises(UnknownNameError, match="did you mean torchvision"):
        zoodiff.list_entries(zoos=["tochvision"])


def test_the_catalogue_alone_needs_no_network() -> None:
    facts = zoodiff.entry_facts("torchvision:resnet50", catalogue_only=True)
    assert (facts.graph, facts.counts, facts.fingerprint, facts.layers) == (None, None, None, [])
    assert facts.input_shape == (3, 224, 224)
    assert {claim.top1_percent for claim in facts.claims} >= {76.13, 80.858}
    assert "counts" not in facts.to_dict()


@pytest.mark.onnx
def test_facts_of_a_file_are_those_it_was_made_with(tmp_path: Path) -> None:
    """A 1x1 convolution of 3 to 3 channels and a linear layer of 3 to 5 on 8x8 pixels."""
    pytest.importorskip("onnx", reason="the onnx extra")
    from support.text.hostile_world import network

    network(tmp_path / "net.onnx", outputs=5)
    facts = zoodiff.entry_facts(str(tmp_path / "net.onnx"), save=tmp_path / "graph.json")
    assert facts.counts is not None
    assert facts.counts.parameters == 3 * 3 + 3 * 5
    assert facts.counts.macs == 3 * 3 * 8 * 8 + 3 * 5
    assert facts.input_shape == (1, 3, 8, 8)
    layers = [layer for layer in facts.layers if layer.has_parameters]
    assert [(layer.parameters, layer.macs) for layer in layers] == [(9, 576), (15, 15)]
    assert layers[0].shape == (1, 3, 8, 8)
    assert len(facts.to_dict(layers=True)["layers"]) == len(facts.layers)
    saved = json.loads((tmp_path / "graph.json").read_text())
    assert {node["op"] for node in saved["nodes"]} >= {"Conv"}
    assert zoodiff.fingerprints([str(tmp_path / "net.onnx")]) == {
        str(facts.entry.ref): facts.fingerprint
    }
    with pytest.raises(UsageError, match="should end in"):
        zoodiff.entry_facts(str(tmp_path / "net.onnx"), save=tmp_path / "graph.xyz")


def one_layer(channels: int) -> Graph:
    draft = Draft()
    return draft.graph(draft.conv("x", channels))


def test_groups_hold_entries_of_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs stand for what workers would describe: two are one network, one is another."""
    graphs = {"a:one": one_layer(4), "b:two": one_layer(4), "b:three": one_layer(5)}
    told: list[object] = []

    def survey(zoos: object, **given: object) -> object:
        told.append((zoos, given["limits"]))
        return graphs, {"b:four": "it is broken"}

    monkeypatch.setattr(entries, "survey", survey)
    limits = zoodiff.Limits(5.0)
    grouped = zoodiff.group_by_fingerprint(zoos=["a", "b"], limits=limits)
    assert sorted(grouped.groups.values()) == [("a:one", "b:two"), ("b:three",)]
    assert grouped.not_described == {"b:four": "it is broken"}
    assert told == [(["a", "b"], limits)]
    one = zoodiff.group_by_fingerprint("ONE")
    assert list(one.groups.values()) == [("a:one", "b:two")]
    assert zoodiff.group_by_fingerprint("t?o").groups == one.groups
    assert zoodiff.group_by_fingerprint("t?").groups == {}
