"""Runs opaque nodes of ONNX operators, one at a time, by ONNX's reference implementation.

Only operators that this interpreter lacks are run so. The reference has no limits of its own, so
what could use time or memory without bound is refused here: operators that read files or compile
patterns, results larger than ``_MOST``, and control flow, which ``control`` runs. Random operators
are refused, since their results are no function of their inputs.
See docs/decisions/reference-evaluator.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import AttributeValue, Node
from zoodiff.graph.onnx_forms import domain_of, newest, versions
from zoodiff.graph.onnx_nodes import constants_of, places_of, tensor_of
from zoodiff.graph.operators.random_numbers import ONNX as RANDOM
from zoodiff.graph.values import is_real, numpy_type

_REFUSED = frozenset({"ImageDecoder", "RegexFullMatch"})
"""ImageDecoder opens the data of a file with another library; patterns may take forever."""
CONTROL = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_DOMAINS = frozenset({"", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training"})
_MOST = 2**27
"""The largest result, in elements."""
_SIZED_BY_INPUT = {
    "CenterCropPad": 1,
    "ConstantOfShape": 0,
    "Expand": 1,
    "MaxUnpool": 2,
    "AffineGrid": 1,
    "BlackmanWindow": 0,
    "HammingWindow": 0,
    "HannWindow": 0,
}
"""Operators whose result has the extents that an operand holds, and its position."""
_MULTIPLIED_BY_INPUT = {"OneHot": 1, "Tile": 1, "Upsample": 1, "DFT": 1}
"""Operators whose result has the size of the data times an operand."""


def obstacle(node: Node) -> str:
    """Return why a node cannot be run by the reference; empty where it can."""
    try:
        checks = (_unknown, _refused, _unread)
        return next((reason for check in checks if (reason := check(node))), "")
    except ImportError:
        return "ONNX is not installed"
    except (TypeError, ValueError, OverflowError):
        return "a constant operand is malformed"


def _unknown(node: Node) -> str:
    domain, op = domain_of(node.op)
    known = domain in _DOMAINS and newest(domain, op) is not None
    return "" if known else "it is no ONNX operator"


def _refused(node: Node) -> str:
    op = domain_of(node.op)[1]
    if op in RANDOM or (op == "Dropout" and _may_train(node)):
        return "its results are random"
    return "it is not run on data of others" if op in _REFUSED else ""


def _unread(node: Node) -> str:
    constants = constants_of(node)
    if _has_graph(node, *domain_of(node.op)):
        return "it has a nested graph"
    if any(value is None for value in constants.values()):
        return "the graph does not hold the values of an operand"
    moved = "m" in places_of(node, constants)
    return "a weight is stored in another order or type" if moved else ""


def _has_graph(node: Node, domain: str, op: str) -> bool:
    """Whether an attribute of a node is a nested graph, or one that the frontend does not read."""
    declared = {name: a for s in versions(domain, op) for name, a in s.attributes.items()}
    unread = {"GRAPH", "GRAPHS", "SPARSE_TENSOR", "SPARSE_TENSORS", "TYPE_PROTOS"}
    return any(
        name in declared and value is not None and declared[name].type.name in unread
        for name, value in node.attributes.items()
    )


def _may_train(node: Node) -> bool:
    training = constants_of(node).get(2)
    has_training = len(places_of(node, constants_of(node))) > 2
    return has_training and (training is None or bool(np.any(training)))


def operands_of(node: Node, computed: Sequence[Any], weights: Sequence[Any]) -> list[Any]:
    """Return the operands by position, None for one that is left out; nested graphs' come last."""
    constants = constants_of(node)
    tensors, parameters = iter(computed), iter(weights)
    operands: list[Any] = []
    for position, letter in enumerate(places_of(node, constants)):
        if letter == "c":
            operands.append(constants[position])
        elif letter in "xo":
            operands.append(next(tensors))
        else:
            operands.append(next(parameters) if letter in "wv" else None)
    return operands


def run(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Return the results of a node on operands by position.

    Raises MeasurementError where the node cannot be run.
    """
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    domain, op = domain_of(node.op)
    version = node.attributes.get("form") or newest(domain, op) or 1
    assert isinstance(version, int)
    _check_size(op, node, operands)
    operands = _in_one_precision(domain, op, version, operands)
    names = ["" if value is None else f"i{k}" for k, value in enumerate(operands)]
    wanted = str(node.attributes.get("results") or "x" * len(node.outputs))
    outputs = [f"r{k}" if letter == "x" else "" for k, letter in enumerate(wanted)]
    try:
        proto = helper.make_node(op, names, outputs, domain=domain)
        proto.attribute.extend(_attributes(node, domain, op, version))
        graph = helper.make_graph(
            [proto],
            "node",
            [helper.make_empty_tensor_value_info(name) for name in names if name],
            [helper.make_empty_tensor_value_info(name) for name in outputs if name],
        )
        opsets = [helper.make_opsetid(domain, version)]
        if domain:
            opsets.append(helper.make_opsetid("", newest("", "Add") or 1))
        model = helper.make_model(graph, opset_imports=opsets)
        feeds = {n: v for n, v in zip(names, operands, strict=True) if n}
        with np.errstate(all="ignore"):
            return list(ReferenceEvaluator(model).run(None, feeds))
    except MemoryError:
        raise MeasurementError(f"{node.name} needs more memory than there is") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise MeasurementError(
            f"{node.name}, a {node.op}, cannot be run by ONNX's reference "
            f"({type(error).__name__}: {reason})"
        ) from error


def _attributes(node: Node, domain: str, op: str, version: int) -> list[Any]:
    """Return the operator's own attributes as protobuf."""
    schema = next(s for s in reversed(versions(domain, op)) if s.since_version <= version)
    return [
        _attribute(name, value, schema.attributes[name].type.name)
        for name, value in node.attributes.items()
        if name in schema.attributes and value is not None
    ]


def _attribute(name: str, value: AttributeValue, kind: str) -> Any:
    """Return an attribute as protobuf; tensors and types are text."""
    from google.protobuf import json_format
    from onnx import AttributeProto, TypeProto, helper, numpy_helper

    content: Any = int(value) if isinstance(value, bool) else value
    if kind == "TENSOR":
        content = numpy_helper.from_array(tensor_of(str(value)))
    elif kind == "TENSORS":
        content = [numpy_helper.from_array(tensor_of(str(text))) for text in content]
    elif kind == "TYPE_PROTO":
        content = json_format.Parse(str(value), TypeProto())
    number = AttributeProto.AttributeType.Value(kind)
    return helper.make_attribute(name, content, attr_type=number)


def _in_one_precision(domain: str, op: str, version: int, operands: Sequence[Any]) -> list[Any]:
    """Return operands with those of one type parameter in the same, widest precision.

    Casts between real numbers are no part of a canonical graph.
    """
    schema = next(s for s in reversed(versions(domain, op)) if s.since_version <= version)
    formal = list(schema.inputs)
    groups: dict[str, list[int]] = {}
    for k, value in enumerate(operands):
        if formal and is_real(value):
            kind = formal[min(k, len(formal) - 1)].type_str
            groups.setdefault(kind, []).append(k)
    result = list(operands)
    for places in groups.values():
        names = {operands[k].dtype.name for k in places}
        if len(names) > 1:
            widest = max(names, key=lambda name: (numpy_type(name).itemsize, name))
            wide = "float32" if names == {"bfloat16", "float16"} else widest
            for k in places:
                result[k] = operands[k].astype(numpy_type(wide))
    return result


def _check_size(op: str, node: Node, operands: Sequence[Any]) -> None:
    """Raise MeasurementError where a result would be larger than is allowed."""
    sizes: Any = None
    factor = 1
    if op in _SIZED_BY_INPUT and _SIZED_BY_INPUT[op] < len(operands):
        sizes = operands[_SIZED_BY_INPUT[op]]
    elif op in _MULTIPLIED_BY_INPUT and _MULTIPLIED_BY_INPUT[op] < len(operands):
        sizes, factor = operands[_MULTIPLIED_BY_INPUT[op]], np.asarray(operands[0]).size
    elif op == "Resize":
        sizes = next((v for v in reversed(operands[1:]) if v is not None and np.size(v)), None)
        factor = np.asarray(operands[0]).size
        if len(operands) > 3 and operands[3] is not None and np.size(operands[3]):
            factor = 1
    elif op == "Range" and len(operands) > 2:
        start, limit, step = (float(np.asarray(v).reshape(-1)[0]) for v in operands[:3])
        sizes = [abs(limit - start) / abs(step) if step else 0.0]
    elif op == "Pad" and len(operands) > 1:
        extents, pads = np.shape(operands[0]), np.abs(np.asarray(operands[1])).reshape(-1)
        sizes = [n + int(np.max(pads, initial=0)) * 2 for n in extents]
    if sizes is None:
        return
    numbers = [max(abs(float(n)), 1e-9) for n in np.asarray(sizes).reshape(-1)]
    if factor * prod(numbers) > _MOST:
        raise MeasurementError(f"{node.name} has a result of more than {_MOST} elements")
