"""Export for Model Explorer (https://github.com/google-ai-edge/model-explorer).

Formats, of version 0.1 of the viewer: graphs as in ``graph_builder.py``, node data as in
``node_data_builder.py``, and the mapping of nodes as in ``sync_navigation.ts``, which the viewer
takes under "Upload mapping from computer".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from zoodiff.graph.layers import LayerGraph
from zoodiff.picture import levels
from zoodiff.picture.blocks import prefixes
from zoodiff.picture.facts import LayerFacts, plain
from zoodiff.picture.scene import PlacedRow, Scene
from zoodiff.picture.subject import Subject
from zoodiff.text import json_text

_VALUES = {style.level: len(levels.STYLES) - 1 - k for k, style in enumerate(levels.STYLES)}
"""Node data are numbers: 0 for equal layers, the most for causes."""
_IDS = ("a", "b")
_GRAPHS = ("A", "B")
"""Ids of the two graphs."""


def contents(subject: Subject, scene: Scene) -> dict[str, bytes]:
    """Return the files by name: two graphs, the mapping, and node data for each graph."""
    graphs = subject.evident.graphs
    names = plain(graphs.a.name), plain(graphs.b.name)
    files: dict[str, Any] = {
        f"{_IDS[side]}.json": _collection(
            scene, (graphs.alignment.a, graphs.alignment.b)[side], side, names[side]
        )
        for side in (0, 1)
    }
    files["mapping.json"] = _mapping(scene)
    for side in (0, 1):
        files[f"findings_{_IDS[side]}.json"] = {_GRAPHS[side]: _findings(scene, side)}
        if any(row.deviation is not None for row in scene.rows):
            files[f"outputs_{_IDS[side]}.json"] = {_GRAPHS[side]: _outputs(scene, side)}
    return {name: json_text(value).encode() for name, value in files.items()}


def node_id(row: PlacedRow, side: int) -> str | None:
    """Return the id of a node: ``layer 12``, ``input 0``; None where a side has none."""
    index = row.row.side(side)
    return None if index is None else f"{row.row.kind} {index}"


def _collection(scene: Scene, graph: LayerGraph, side: int, name: str) -> dict[str, Any]:
    nodes = []
    for row in scene.rows:
        facts, identity = (row.a, row.b)[side], node_id(row, side)
        if facts is not None and identity is not None:
            nodes.append(_node(row, facts, identity, _sources(row, graph, side), scene))
    return {"label": name, "graphs": [{"id": _GRAPHS[side], "nodes": nodes}]}


def _sources(row: PlacedRow, graph: LayerGraph, side: int) -> list[str]:
    """Ids of the nodes that a node reads, in order."""
    index = row.row.side(side)
    if index is None or row.row.kind == "input":
        return []
    read = [graph.outputs[index]] if row.row.kind == "output" else list(graph.layers[index].inputs)
    return [f"layer {x}" if x >= 0 else f"input {-1 - x}" for x in read]


def _node(
    row: PlacedRow, facts: LayerFacts, identity: str, sources: Sequence[str], scene: Scene
) -> dict[str, Any]:
    path = prefixes(facts.name) if row.row.kind == "layer" else []
    attributes = [("name", facts.name)]
    for node in facts.nodes:
        attributes += [(f"{node.op}: {key}", value) for key, value in node.attributes]
    attributes += [(w.role or "weight", f"{w.name} {w.shape} {w.dtype}") for w in facts.weights]
    if facts.macs:
        attributes.append(("multiply-accumulates", f"{facts.macs:,}"))
    for number in row.findings:
        finding = scene.findings[number].finding
        attributes.append(
            (finding.code, plain(f"{finding.name}: {finding.left} | {finding.right}"))
        )
    return {
        "id": identity,
        "label": facts.op,
        "namespace": "/".join(_steps(path)),
        "attrs": [{"key": key, "value": value} for key, value in attributes],
        "incomingEdges": [
            {"sourceNodeId": source, "sourceNodeOutputId": "0", "targetNodeInputId": str(k)}
            for k, source in enumerate(sources)
        ],
        "outputsMetadata": [{"id": "0", "attrs": [{"key": "shape", "value": facts.shape}]}],
    }


def _steps(path: Sequence[str]) -> list[str]:
    """The parts of a path: ["layer1", "layer1.0"] are "layer1" and "0"."""
    steps, before = [], ""
    for prefix in path:
        steps.append(prefix[len(before) :].strip("./_:").replace("/", "_"))
        before = prefix
    return [step for step in steps if step]


def _mapping(scene: Scene) -> dict[str, Any]:
    """The aligned nodes; those without counterpart are mapped to nothing."""
    entries = []
    for row in scene.rows:
        left, right = node_id(row, 0), node_id(row, 1)
        if left is not None and right is None and row.row.elsewhere is not None:
            right = node_id(scene.rows[row.row.elsewhere], 1)
        elif left is None:
            continue
        if left is not None and right is not None:
            entries.append({"leftNodeIds": [left], "rightNodeIds": [right]})
    return {
        "type": "sync_navigation",
        "mappingEntries": entries,
        "disableMappingFallback": True,
        "showDiffHighlights": False,
    }


def _findings(scene: Scene, side: int) -> dict[str, Any]:
    results = {}
    for row in scene.rows:
        identity = node_id(row, side)
        if identity is not None and row.level != "equal":
            style = levels.STYLE[row.level]
            results[identity] = {
                "value": _VALUES[row.level],
                "bgColor": style.ground,
                "textColor": style.ink,
            }
    return {"name": "zoodiff: what differs", "results": results}


def _outputs(scene: Scene, side: int) -> dict[str, Any]:
    results = {}
    for row in scene.rows:
        identity = node_id(row, side)
        if identity is not None and row.deviation is not None and math.isfinite(row.deviation):
            results[identity] = {"value": float(f"{row.deviation:.4g}")}
    return {
        "name": "zoodiff: outputs apart",
        "results": results,
        "gradient": [
            {"stop": 0, "bgColor": "#ffffff"},
            {"stop": 1, "bgColor": levels.STYLE["cause"].ground},
        ],
    }
