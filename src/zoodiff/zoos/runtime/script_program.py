"""Modules of TorchScript as programs of ``torch.export``, which have a graph."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    from zoodiff.frontends.torch.protocols import Module
    from zoodiff.graph.ir import Graph, Parameter, Tensor


def program_of_script(script: Any, arguments: tuple[Any, ...], source: str) -> Module:
    """Return the module of the program that TorchScript converts to, for a call like this one.

    Raises MeasurementError where torch cannot convert it.
    """
    from zoodiff.frontends.torch.tracing import quiet_export

    try:
        from torch._export.converter import TS2EPConverter

        with quiet_export(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: Module = TS2EPConverter(script, arguments).convert().module()
    except Exception as error:  # the converter raises many kinds
        reason = " ".join(str(error).split())[:200]
        raise MeasurementError(
            f"torch cannot turn {source} into a graph ({reason}); it can be run, and exported to "
            "ONNX by the code that made it"
        ) from None
    return module


def with_trained_weights(graph: Graph) -> Graph:
    """Return the graph with all weights but statistics trainable: the converter makes them buffers.

    Raises MeasurementError for a module without weights.
    """
    if not any(node.parameters for node in graph.nodes):
        raise MeasurementError(
            f"{graph.source} has no weights of its own: torch.jit.freeze made them constants of "
            "its code; take or save the module before it is frozen, or export it to ONNX"
        )

    def trained(p: Parameter) -> Parameter:
        return replace(p, trainable=p.role not in {"mean", "variance"})

    nodes = tuple(replace(n, parameters=tuple(map(trained, n.parameters))) for n in graph.nodes)
    return replace(graph, nodes=nodes)


def with_input_names(graph: Graph, names: Sequence[str]) -> Graph:
    """Return the graph with its inputs renamed in order, where the names are free and fit."""
    renamed = dict(zip((tensor.name for tensor in graph.inputs), names, strict=False))
    others = graph.tensors.keys() - renamed.keys()
    if len(names) != len(graph.inputs) or len(set(names)) < len(names) or others & set(names):
        return graph

    def tensor(old: Tensor) -> Tensor:
        return replace(old, name=renamed.get(old.name, old.name))

    return replace(
        graph,
        inputs=tuple(map(tensor, graph.inputs)),
        outputs=tuple(map(tensor, graph.outputs)),
        nodes=tuple(
            replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
            for node in graph.nodes
        ),
        tensors={renamed.get(name, name): tensor(each) for name, each in graph.tensors.items()},
    )
