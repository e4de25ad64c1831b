"""Export for Netron (https://netron.app): both graphs as ONNX, with the findings in the metadata.

ONNX has ``metadata_props`` on nodes since version 10 of its format (ONNX 1.16), and Netron shows
them in the properties of a node. The files are written from the graphs that were compared, with the
names of the sources and without the values of weights: a model file is never read here, since only
a confined worker may open one.
"""

from __future__ import annotations

from zoodiff.graph.export import to_onnx
from zoodiff.graph.layers import LayerGraph
from zoodiff.picture.facts import plain
from zoodiff.picture.levels import STYLE
from zoodiff.picture.scene import PlacedRow, Scene
from zoodiff.picture.subject import Subject

Notes = dict[str, dict[str, str]]
"""Metadata by the name of a node."""


def contents(subject: Subject, scene: Scene) -> dict[str, bytes]:
    """Return the two files by name.

    Raises MissingFrameworkError without the onnx package.
    """
    graphs = subject.evident.graphs
    sides = (graphs.a, graphs.alignment.a), (graphs.b, graphs.alignment.b)
    return {
        f"{name}.onnx": to_onnx(side.graph, notes(scene, layers, number))
        for number, (name, (side, layers)) in enumerate(zip(("a", "b"), sides, strict=True))
    }


def notes(scene: Scene, graph: LayerGraph, side: int) -> Notes:
    """Return the metadata of the nodes of one network."""
    result: Notes = {}
    for row in scene.rows:
        index = row.row.side(side)
        if row.row.kind != "layer" or index is None:
            continue
        texts = _texts(row, scene, side)
        for node in (graph.layers[index].node, *graph.layers[index].chain):
            result.setdefault(node.name, {}).update(texts)
    return result


def _texts(row: PlacedRow, scene: Scene, side: int) -> dict[str, str]:
    counterpart = (row.b, row.a)[side]
    if row.row.elsewhere is not None:
        partner = scene.rows[row.row.elsewhere]
        counterpart = (partner.b, partner.a)[side]
    texts = {"zoodiff.counterpart": counterpart.name if counterpart else "none"}
    if row.level != "equal":
        texts["zoodiff.answer"] = STYLE[row.level].words
    for number in row.findings:
        finding = scene.findings[number].finding
        key, count = f"zoodiff.{finding.code}", 2
        while key in texts:
            key, count = f"zoodiff.{finding.code}.{count}", count + 1
        texts[key] = plain(f"{finding.name}: {finding.left} | {finding.right}")
    if row.weights is not None:
        texts["zoodiff.weights"] = row.weights.sameness
    if row.deviation is not None:
        texts["zoodiff.outputs"] = f"apart by {row.deviation:.2g} of their spread"
    return texts
