"""One operator of ONNX as a model, and a check of it against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zoodiff.frontends.onnx.file import graph_from_model
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import run, unsupported
from zoodiff.graph.ir import Graph
from zoodiff.zoos.runtime.onnx_session import Session

RNG = np.random.default_rng(7)
MICROSOFT = "com.microsoft"


def real(*shape: int) -> Any:
    return RNG.standard_normal(shape, dtype=np.float32)


def positive(*shape: int) -> Any:
    return (RNG.random(shape) + 0.5).astype(np.float32)


def whole(*shape: int, low: int = -100, high: int = 100, dtype: str = "int8") -> Any:
    return RNG.integers(low, high, shape).astype(dtype)


@dataclass
class Case:
    """A node with the values of its inputs; those named in ``fed`` are inputs of the network."""

    op: str
    inputs: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    fed: tuple[str, ...] = ("x",)
    outputs: tuple[str, ...] = ("y",)
    domain: str = MICROSOFT
    before: tuple[Any, ...] = ()
    tolerance: float = 2e-5

    def model(self, opset: int = 17) -> Any:
        absent = {name for name, values in self.inputs.items() if values is None}
        computed = {name for node in self.before for name in node.output}
        names = ["" if name in absent else name for name in self.inputs if name[0] != "_"]
        node = helper.make_node(
            self.op, names, list(self.outputs), name="node", domain=self.domain, **self.attributes
        )
        fed = [
            helper.make_tensor_value_info(
                name,
                helper.np_dtype_to_tensor_dtype(self.inputs[name].dtype),
                self.inputs[name].shape,
            )
            for name in self.fed
        ]
        stored = [
            numpy_helper.from_array(values, name)
            for name, values in self.inputs.items()
            if values is not None and name not in self.fed and name not in computed
        ]
        results = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in self.outputs
            if name
        ]
        graph = helper.make_graph([*self.before, node], "case", fed, results, stored)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def in_real_numbers(graph: Graph) -> Graph:
    """The graph without the rounding of data to integers, which the interpreter does not do."""
    nodes = [
        replace(node, attributes={k: v for k, v in node.attributes.items() if k != "quantized"})
        for node in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def assert_equal(case: Case, model: Any) -> None:
    feeds = {name: case.inputs[name] for name in case.fed}
    content = model.SerializeToString()
    session = Session(content, lambda: model, name="case", threads=1)
    expected = session.run_named(feeds)
    graph = in_real_numbers(
        canonical(graph_from_model(onnx.ModelProto.FromString(content), "case"))
    )
    assert unsupported(graph, opaque=True) == []
    results = run(graph, feeds, session.weights_access())
    for tensor, (name, wanted) in zip(graph.outputs, expected.items(), strict=True):
        spread = float(np.std(wanted))
        np.testing.assert_allclose(
            results[tensor.name], wanted, rtol=0, atol=case.tolerance * spread, err_msg=name
        )
