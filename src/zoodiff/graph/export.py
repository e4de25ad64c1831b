"""Write a graph for viewers: ONNX without weights, and Graphviz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from zoodiff.errors import MissingFrameworkError, UsageError
from zoodiff.graph.ir import Graph, Node
from zoodiff.text import graphviz, json_text, visible

_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float16": 10}
"""Numbers of ``onnx.TensorProto.DataType``."""
NO_NOTES: Mapping[str, Mapping[str, str]] = MappingProxyType({})


def save(graph: Graph, path: Path) -> None:
    """Write a graph as JSON, ONNX or Graphviz, by the file's suffix.

    Raises UsageError for another suffix or a file that cannot be written, MissingFrameworkError
    for ONNX without the ``onnx`` package.
    """
    writers = {".json": _json, ".onnx": to_onnx, ".dot": _dot, ".gv": _dot}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise UsageError(f"{path} should end in {', '.join(writers)}, which says the format")
    content = writer(graph)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); make room or permit writing there, or "
            "name another file"
        ) from None


def _json(graph: Graph) -> bytes:
    return (json_text(graph.to_dict(), indent=None) + "\n").encode()


def to_onnx(graph: Graph, notes: Mapping[str, Mapping[str, str]] = NO_NOTES) -> bytes:
    """Return the graph as a serialised ONNX model for viewers such as Netron; it cannot be run.

    Weights are inputs of the network by name and shape, without values. Nodes keep their canonical
    attributes, in the domain ``zoodiff``, so that a viewer shows all of them. ``notes`` are put
    into the metadata of nodes, by the node's name.
    """
    try:
        from onnx import helper
    except ImportError:
        raise MissingFrameworkError(
            'writing ONNX needs the onnx package; install it with: pip install "zoodiff[onnx]"'
        ) from None
    named = _Shown()
    weights = {p.name: p for node in graph.nodes for p in node.parameters}
    inputs = [_value(helper, named(t.name), t.shape, t.dtype) for t in graph.inputs]
    inputs += [_value(helper, named(p.name), p.shape, p.dtype) for p in weights.values()]
    outputs = [_value(helper, named(t.name), t.shape, t.dtype) for t in graph.outputs]
    ends = {x.name for x in (*graph.inputs, *graph.outputs)}
    inner = [
        _value(helper, named(name), t.shape, t.dtype)
        for name, t in graph.tensors.items()
        if name not in ends
    ]
    nodes = [
        helper.make_node(
            visible(node.op.replace("::", "_")),
            [named(name) for name in (*node.inputs, *(p.name for p in node.parameters))],
            [named(name) for name in node.outputs],
            name=visible(node.name),
            domain="zoodiff",
        )
        for node in graph.nodes
    ]
    for node, written in zip(graph.nodes, nodes, strict=True):
        # As arguments of make_node, some names would clash with its own.
        written.attribute.extend(
            helper.make_attribute(visible(name), _attribute(value))
            for name, value in sorted(node.attributes.items())
            if value not in (None, [])
        )
        for key, text in notes.get(node.name, {}).items():
            written.metadata_props.add(key=visible(key), value=visible(text))
    onnx_graph = helper.make_graph(nodes, visible(graph.source), inputs, outputs, value_info=inner)
    model = helper.make_model(
        onnx_graph,
        producer_name="zoodiff",
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("zoodiff", 1)],
    )
    content: bytes = model.SerializeToString()
    return content


class _Shown:
    """Names of tensors with visible characters only; different names stay different."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._taken: set[str] = set()

    def __call__(self, name: str) -> str:
        if name not in self._shown:
            plain = shown = visible(name)
            number = 1
            while shown in self._taken:
                number += 1
                shown = f"{plain} ({number})"
            self._shown[name] = shown
            self._taken.add(shown)
        return self._shown[name]


def _attribute(value: object) -> Any:
    if isinstance(value, list | tuple):
        return [_attribute(item) for item in value]
    return visible(value) if isinstance(value, str) else value


def _value(helper: ModuleType, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    sizes = [None if extent < 0 else extent for extent in shape]
    return helper.make_tensor_value_info(name, _TYPES.get(dtype, 1), sizes)


def _dot(graph: Graph) -> bytes:
    """Write the graph for Graphviz: one box per node with operator and attributes."""
    lines = ["digraph network {", "  node [shape=box, fontname=Helvetica, fontsize=10];"]
    source = {t.name: f"input{k}" for k, t in enumerate(graph.inputs)}
    for k, tensor in enumerate(graph.inputs):
        lines.append(f"  input{k} [label={graphviz(_sized(tensor.name, tensor.shape))}];")
    for k, node in enumerate(graph.nodes):
        lines.append(f"  n{k} [label={graphviz(*_described(graph, node))}];")
        for tensor_name in node.inputs:
            if tensor_name in source:
                lines.append(f"  {source[tensor_name]} -> n{k};")
        source |= dict.fromkeys(node.outputs, f"n{k}")
    for k, tensor in enumerate(graph.outputs):
        lines.append(f"  output{k} [label={graphviz(_sized('output', tensor.shape))}];")
        if tensor.name in source:
            lines.append(f"  {source[tensor.name]} -> output{k};")
    return ("\n".join([*lines, "}"]) + "\n").encode()


def _described(graph: Graph, node: Node) -> list[str]:
    shape = graph.tensors[node.outputs[0]].shape if node.outputs[0] in graph.tensors else ()
    settings = [f"{k} {v}" for k, v in sorted(node.attributes.items()) if k in _SHOWN]
    return [_sized(node.op, shape), node.name, *settings]


_SHOWN = frozenset({"kernel_shape", "strides", "pads", "group", "epsilon", "axis", "value"})


def _sized(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} {'x'.join(str(n) for n in shape)}"
