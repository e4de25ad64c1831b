"""Graphs written for people and viewers."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from support.networks import NETWORKS, network
from zoodiff.errors import UsageError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.export import save
from zoodiff.graph.ir import Graph


@pytest.mark.parametrize("path", NETWORKS[:6], ids=lambda p: p.name.split(".")[0])
def test_json_comes_back(path: Path, tmp_path: Path) -> None:
    graph = canonical(network(path))
    save(graph, tmp_path / "x.json")
    assert Graph.from_json((tmp_path / "x.json").read_text()).to_dict() == graph.to_dict()


@pytest.mark.onnx
@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.name.split(".")[0])
def test_onnx_holds_every_node_attribute_and_weight(path: Path, tmp_path: Path) -> None:
    """Read back with the ONNX project's own package."""
    onnx = pytest.importorskip("onnx")
    graph = canonical(network(path))
    save(graph, tmp_path / "x.onnx")
    model = onnx.load(tmp_path / "x.onnx")
    onnx.checker.check_model(model)
    assert [node.name for node in model.graph.node] == [node.name for node in graph.nodes]
    for made, node in zip(model.graph.node, graph.nodes, strict=True):
        assert list(made.input) == [*node.inputs, *(p.name for p in node.parameters)]
        kept = {k for k, v in node.attributes.items() if v is not None and v != []}
        assert {a.name for a in made.attribute} == kept
    shapes = {
        i.name: tuple(d.dim_value for d in i.type.tensor_type.shape.dim) for i in model.graph.input
    }
    for p in (p for node in graph.nodes for p in node.parameters):
        assert shapes[p.name] == p.shape
    assert (tmp_path / "x.onnx").stat().st_size < 2_000_000  # no weights


def test_graphviz_draws_every_node_and_edge(tmp_path: Path) -> None:
    graph = canonical(network(NETWORKS[0]))
    save(graph, tmp_path / "x.dot")
    text = (tmp_path / "x.dot").read_text()
    made = {t for n in graph.nodes for t in n.outputs} | {t.name for t in graph.inputs}
    edges = sum(t in made for node in graph.nodes for t in node.inputs) + len(graph.outputs)
    assert len(re.findall(r"^  \w+ -> \w+;$", text, re.MULTILINE)) == edges
    assert len(re.findall(r"^  n\d+ \[label=", text, re.MULTILINE)) == len(graph.nodes)
    if shutil.which("dot"):
        subprocess.run(
            ["dot", "-Tsvg", str(tmp_path / "x.dot")], check=True, capture_output=True, timeout=600
        )


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"should end in \.json, \.onnx, \.dot"):
        save(canonical(network(NETWORKS[0])), tmp_path / "x.pdf")
    with pytest.raises(UsageError, match="cannot be written"):
        save(canonical(network(NETWORKS[0])), tmp_path / "missing" / "x.json")


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.name.split(".")[0])
def test_plain_values_are_those_of_asdict(path: Path) -> None:
    graph = canonical(network(path))
    plain = graph.to_dict()
    assert plain == asdict(graph)
    assert list(plain) == list(asdict(graph))
    assert [list(node) for node in plain["nodes"]] == [list(n) for n in asdict(graph)["nodes"]]
    for node in plain["nodes"]:
        node["attributes"].clear()
    assert graph.to_dict() == asdict(graph), "a copy, attributes included"
