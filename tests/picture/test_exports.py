"""Exports for other viewers, held against the formats that these document."""

from __future__ import annotations

import json
import re

import pytest

from support.pictures import graph, picture, renamed
from zoodiff.equivalence.layer_outputs import LayerOutputs
from zoodiff.picture import model_explorer, netron


@pytest.fixture(scope="module")
def drawing():
    layers = LayerOutputs(tuple((k, k, 0.01 * k) for k in range(20)), 1e-5, "p")
    a, b = graph("torchvision__resnet50"), graph("keras__ResNet50")
    return picture(a, b, ("resnet50", "ResNet50"), layers)


@pytest.fixture(scope="module")
def files(drawing):
    contents = model_explorer.contents(drawing.subject, drawing.scene)
    return {name: json.loads(content) for name, content in contents.items()}


def nodes(files, side: str):
    (found,) = files[f"{side}.json"]["graphs"]
    return {node["id"]: node for node in found["nodes"]}


@pytest.mark.parametrize("side", ["a", "b"])
def test_graphs_have_the_fields_of_graph_builder(files, side: str) -> None:
    """``Graph`` and ``GraphNode`` of model_explorer.graph_builder."""
    collection = files[f"{side}.json"]
    assert set(collection) == {"label", "graphs"}
    found = nodes(files, side)
    assert len(found) == len(collection["graphs"][0]["nodes"])
    for node in found.values():
        assert set(node) == {
            "id",
            "label",
            "namespace",
            "attrs",
            "incomingEdges",
            "outputsMetadata",
        }
        assert all(set(attr) == {"key", "value"} for attr in node["attrs"])
        assert all(isinstance(attr["value"], str) for attr in node["attrs"])
        for edge in node["incomingEdges"]:
            assert set(edge) == {"sourceNodeId", "sourceNodeOutputId", "targetNodeInputId"}
            assert edge["sourceNodeId"] in found
    assert "layer1/0" in {node["namespace"] for node in found.values()} or side == "b"


def test_the_mapping_is_one_to_one_between_existing_nodes(drawing, files) -> None:
    """``SyncNavigationData`` of sync_navigation.ts; a node may be in one entry only."""
    mapping = files["mapping.json"]
    assert mapping["type"] == "sync_navigation"
    assert mapping["disableMappingFallback"] is True
    lefts = [i for entry in mapping["mappingEntries"] for i in entry["leftNodeIds"]]
    rights = [i for entry in mapping["mappingEntries"] for i in entry["rightNodeIds"]]
    assert len(set(lefts)) == len(lefts) and set(lefts) <= set(nodes(files, "a"))
    assert len(set(rights)) == len(rights) and set(rights) <= set(nodes(files, "b"))
    pairs = drawing.subject.evident.graphs.alignment.pairs
    assert len([i for i in lefts if i.startswith("layer")]) == len(pairs)


@pytest.mark.parametrize("side", ["a", "b"])
def test_node_data_have_the_fields_of_node_data_builder(drawing, files, side: str) -> None:
    """``ModelNodeData.to_json_string``: graph ids -> ``GraphNodeData``."""
    for kind in ("findings", "outputs"):
        (data,) = files[f"{kind}_{side}.json"].values()
        assert set(files[f"{kind}_{side}.json"]) == {files[f"{side}.json"]["graphs"][0]["id"]}
        assert set(data) <= {"results", "name", "thresholds", "gradient"}
        assert set(data["results"]) <= set(nodes(files, side))
        for result in data["results"].values():
            assert set(result) <= {"value", "bgColor", "textColor"}
            assert isinstance(result["value"], int | float)
    (findings,) = files[f"findings_{side}.json"].values()
    differing = [
        row
        for row in drawing.scene.rows
        if row.level != "equal" and row.row.side("ab".index(side)) is not None
    ]
    assert len(findings["results"]) == len(differing)


@pytest.mark.onnx
def test_netron_finds_the_findings_at_the_nodes(drawing) -> None:
    onnx = pytest.importorskip("onnx")
    contents = netron.contents(drawing.subject, drawing.scene)
    assert set(contents) == {"a.onnx", "b.onnx"}
    model = onnx.load_from_string(contents["a.onnx"])
    assert model.ir_version >= 10
    by_name = {
        node.name: {p.key: p.value for p in node.metadata_props} for node in model.graph.node
    }
    conv = by_name["layer2.0.conv1"]
    assert conv["zoodiff.counterpart"] == "conv3_block1_1_conv"
    assert conv["zoodiff.ARC101"] == "stride placement: 2 on the 3x3 | 2 on the 1x1"
    assert by_name["layer2.0.bn1"]["zoodiff.ARC120"].startswith("epsilon: 1e-05")
    assert set(by_name["relu"]) == {"zoodiff.counterpart", "zoodiff.outputs"}


@pytest.mark.onnx
def test_hostile_names_are_visible_in_exports() -> None:
    onnx = pytest.importorskip("onnx")
    plain = graph("torchvision__squeezenet1_1")
    made = picture(renamed(plain, "a\x1b]0;x\x07\u202e"), plain)
    model = onnx.load_from_string(netron.contents(made.subject, made.scene)["b.onnx"])
    texts = [p.value for node in model.graph.node for p in node.metadata_props]
    assert any("\\x1b" in text for text in texts)
    assert not re.search(r"[\x00-\x1f\x7f\u202e]", "".join(texts))
    for content in model_explorer.contents(made.subject, made.scene).values():
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", content)
