"""Run the test cases of the ``onnx`` package through zoodiff's ONNX frontend and interpreter.

    python benchmarks/onnx_cases.py [--operator Cast] [--json FILE] [--list wrong] [NAME ...]

A case is a model with inputs and expected outputs. Its model becomes a canonical graph, which the
interpreter runs on the case's inputs. Whole numbers, truth values and texts are compared exactly,
real numbers within the case's own tolerance. Every case is run twice: with all inputs computed, and
with all but the first as weights of the file, as a network has them. It is ``right`` if the first
form is right and the second is not wrong; ``wrong`` if a form is; ``refused`` if the frontend
refuses the model; ``not run`` if the interpreter says that it cannot run the graph. It is
``rounded`` if it differs only by the rounding of the half precision in which the case computes:
bfloat16 rounds by 0.4 %, and the cases allow 0.1 %.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests

from zoodiff.errors import ZoodiffError
from zoodiff.frontends.onnx.file import graph_from_model
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import run, unsupported
from zoodiff.graph.ir import Graph
from zoodiff.graph.values import REAL

KINDS = ("simple", "pytorch-converted", "pytorch-operator")
STATES = ("right", "wrong", "refused", "not run", "rounded")
_STEPS = {"bfloat16": 2.0**-6, "float16": 2.0**-9}
"""Twice the relative distance of neighbouring numbers of a format."""
_RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomUniform")
_TRAINING = ("Adagrad", "Adam", "Gradient", "Momentum")


@dataclass(frozen=True)
class Outcome:
    """What became of a case; ``scope`` is empty, or says why the goal does not count it."""

    name: str
    operator: str
    state: str
    reason: str
    scope: str


def every_case() -> list[Any]:
    """Return the generated cases of operators, and those that the package holds as files."""
    stored = [case for kind in KINDS for case in load_model_tests(kind=kind)]
    return [*collect_testcases(None), *stored]


def outcome(case: Any) -> Outcome:
    """Run a case in both forms."""
    model, data_sets = _loaded(case)
    operator = _operator(case.name, model)
    scope = _scope(model)
    state, reason = "not run", "it has no data"
    for inputs, expected in data_sets:
        first = _state(model, inputs, expected, case, weights=False)
        second = _state(model, inputs, expected, case, weights=True)
        state, reason = first
        if second[0] == "wrong" != first[0]:
            state, reason = "wrong", f"with weights: {second[1]}"
        if state != "right":
            break
    return Outcome(case.name, operator, state, reason, scope)


def _state(
    model: onnx.ModelProto,
    inputs: Sequence[Any],
    expected: Sequence[Any],
    case: Any,
    *,
    weights: bool,
) -> tuple[str, str]:
    given, feeds, stored = prepared(model, inputs, weights=weights)
    try:
        read = graph_from_model(given, case.name)
        graph = canonical(read)
    except ZoodiffError as error:
        return "refused", str(error)
    cannot = unsupported(graph, opaque=True)
    if cannot:
        return "not run", f"the interpreter lacks {cannot[0]}"
    try:
        results = run(graph, _channels_first(read, graph, feeds), stored)
    except ZoodiffError as error:
        return "not run", str(error)
    values = [results[tensor.name] for tensor in graph.outputs]
    problem = difference(values, expected, case.rtol, case.atol)
    if not problem:
        return "right", ""
    return "rounded" if _rounded(values, expected, case) else "wrong", problem


def _rounded(values: Sequence[Any], expected: Sequence[Any], case: Any) -> bool:
    """Whether outputs of half precision differ by roundings alone, and the others do not differ."""
    if len(values) != len(expected):
        return False
    for value, wanted in zip(values, expected, strict=True):
        step = _STEPS.get(getattr(getattr(wanted, "dtype", None), "name", ""))
        tolerance = case.rtol if step is None else step
        if _difference(value, wanted, tolerance, case.atol):
            return False
    return True


def _channels_first(read: Graph, graph: Graph, feeds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs as the canonical graph has them: images with channels first."""
    turned = dict(feeds)
    for before, after in zip(read.inputs, graph.inputs, strict=True):
        if before.shape != after.shape:
            turned[after.name] = np.moveaxis(feeds[before.name], -1, 1)
    return turned


def prepared(
    model: onnx.ModelProto, inputs: Sequence[Any], *, weights: bool
) -> tuple[onnx.ModelProto, dict[str, Any], dict[str, Any]]:
    """Return a model with the shapes of its inputs, the inputs by name, and the weights.

    With ``weights``, all inputs but the first are weights of the model where they are tensors.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    held = {tensor.name for tensor in copy.graph.initializer}
    open_inputs = [value for value in copy.graph.input if value.name not in held]
    feeds: dict[str, Any] = {}
    for k, (value, data) in enumerate(zip(open_inputs, inputs, strict=False)):
        tensor = value.type.HasField("tensor_type") and isinstance(data, np.ndarray)
        if weights and k and tensor:
            copy.graph.initializer.append(_tensor(data, value))
            continue
        feeds[value.name] = data
        if tensor:
            del value.type.tensor_type.shape.dim[:]
            value.type.tensor_type.shape.SetInParent()
            for extent in data.shape:
                value.type.tensor_type.shape.dim.add().dim_value = extent
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in copy.graph.initializer}
    for node in copy.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            stored[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return copy, feeds, stored


def _tensor(data: Any, value: onnx.ValueInfoProto) -> onnx.TensorProto:
    if data.dtype.kind in "OUS":
        texts = [t if isinstance(t, bytes) else str(t).encode() for t in data.reshape(-1)]
        return onnx.helper.make_tensor(value.name, onnx.TensorProto.STRING, data.shape, texts)
    return numpy_helper.from_array(data, value.name)


def difference(results: Sequence[Any], expected: Sequence[Any], rtol: float, atol: float) -> str:
    """Return how results differ from what is expected; empty where they agree."""
    if len(results) != len(expected):
        return f"{len(results)} outputs, not {len(expected)}"
    pairs = enumerate(zip(results, expected, strict=True))
    problems = (f"output {k} {p}" for k, pair in pairs if (p := _difference(*pair, rtol, atol)))
    return next(problems, "")


def _difference(result: Any, expected: Any, rtol: float, atol: float) -> str:
    if expected is None or result is None:
        return "" if expected is result else "is there or missing"
    if isinstance(expected, list):
        if not isinstance(result, list) or len(result) != len(expected):
            return "is another sequence"
        parts = (_difference(*pair, rtol, atol) for pair in zip(result, expected, strict=True))
        return next((part for part in parts if part), "")
    return (
        "is a sequence"
        if isinstance(result, list)
        else _of_arrays(np.asarray(result), np.asarray(expected), rtol, atol)
    )


def _of_arrays(a: Any, b: Any, rtol: float, atol: float) -> str:
    if a.shape != b.shape:
        return f"has the shape {a.shape}, not {b.shape}"
    texts = a.dtype.kind in "OUS" or b.dtype.kind in "OUS"
    if texts:
        same = [_text(x) for x in a.reshape(-1)] == [_text(x) for x in b.reshape(-1)]
        return "" if same else "differs"
    real = a.dtype.name in REAL, b.dtype.name in REAL
    if real[0] != real[1] or (not real[1] and a.dtype != b.dtype):
        return f"is {a.dtype.name}, not {b.dtype.name}"
    if not real[1] and b.dtype.kind != "c":
        same = np.array_equal(a, b) or np.array_equal(
            a.astype(float), b.astype(float), equal_nan=True
        )
        return "" if same else "differs"
    kind = np.complex128 if b.dtype.kind == "c" else np.float64
    x, y = a.astype(kind), b.astype(kind)
    close = np.allclose(x, y, rtol, atol, equal_nan=True)
    return "" if close else f"differs by {np.nanmax(np.abs(x - y)):.3g}"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _loaded(case: Any) -> tuple[onnx.ModelProto, list[tuple[list[Any], list[Any]]]]:
    """Return the model of a case and its data, as arrays, lists and None."""
    if case.data_sets is not None:
        sets = [tuple([_plain(v) for v in part] for part in s) for s in case.data_sets]
        return case.model, sets
    folder = Path(case.model_dir)
    model = onnx.load(folder / "model.onnx")
    sets = []
    for data in sorted(folder.glob("test_data_set_*")):
        inputs = _stored(data, "input", model.graph.input)
        sets.append((inputs, _stored(data, "output", model.graph.output)))
    return model, sets


def _stored(folder: Path, side: str, declared: Sequence[onnx.ValueInfoProto]) -> list[Any]:
    count = len(list(folder.glob(f"{side}_*.pb")))
    values = []
    for k in range(count):
        data, kind = (folder / f"{side}_{k}.pb").read_bytes(), declared[k].type
        if kind.HasField("sequence_type"):
            values.append(numpy_helper.to_list(onnx.SequenceProto.FromString(data)))
        elif kind.HasField("optional_type"):
            values.append(numpy_helper.to_optional(onnx.OptionalProto.FromString(data)))
        else:
            values.append(numpy_helper.to_array(onnx.TensorProto.FromString(data)))
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value if value is None else np.asarray(value)


def operator_of(case: Any) -> str:
    """Return the operator that a case is of."""
    return _operator(case.name, _loaded(case)[0])


def _operator(name: str, model: onnx.ModelProto) -> str:
    nodes = [node for node in model.graph.node if node.op_type != "Constant"]
    if len(nodes) == 1:
        return str(nodes[0].op_type)
    return "functions written out" if "_expanded" in name else "several"


def _scope(model: onnx.ModelProto) -> str:
    ops = {node.op_type for node in model.graph.node}
    if any(op.startswith(_RANDOM) for op in ops):
        return "random"
    training = any(
        node.op_type == "Dropout" and len(node.input) > 2 and node.input[2]
        for node in model.graph.node
    )
    if training or ops & set(_TRAINING):
        return "training"
    return "files" if "ImageDecoder" in ops else ""


def _printed(outcomes: Iterable[Outcome], listed: Sequence[str]) -> None:
    rows = list(outcomes)
    by_operator: dict[str, Counter[str]] = {}
    for row in rows:
        by_operator.setdefault(row.operator, Counter())[row.state] += 1
    print(f"{'operator':32}" + "".join(f"{state:>9}" for state in STATES))
    for operator, counts in sorted(by_operator.items()):
        print(f"{operator:32}" + "".join(f"{counts[state] or '':>9}" for state in STATES))
    for title, chosen in (("all", rows), ("counted", [row for row in rows if not row.scope])):
        counts = Counter(row.state for row in chosen)
        share = counts["right"] / max(len(chosen), 1)
        print(f"{title:32}" + "".join(f"{counts[state]:>9}" for state in STATES) + f"  {share:.1%}")
    for row in rows:
        if row.state in listed:
            print(f"{row.state}: {row.name} ({row.operator}): {row.reason[:200]}")


def selected(cases: Iterable[Any], names: Sequence[str], operators: Sequence[str]) -> list[Any]:
    """Return the cases with these names or of these operators; all if neither is given."""
    if not names and not operators:
        return list(cases)
    return [
        case
        for case in cases
        if case.name in names or (operators and _operator(case.name, _loaded(case)[0]) in operators)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases and print what became of them; return 1 if one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="cases; all by default")
    parser.add_argument("--operator", action="append", default=[], help="cases of an operator")
    parser.add_argument("--json", type=Path, help="write every outcome to a file")
    parser.add_argument("--list", action="append", default=["wrong"], choices=STATES)
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    np.seterr(all="ignore")
    start = time.perf_counter()
    outcomes = [outcome(case) for case in selected(every_case(), options.names, options.operator)]
    _printed(outcomes, options.list)
    print(f"{len(outcomes)} cases in {time.perf_counter() - start:.0f} s")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in outcomes], indent=1))
    return int(any(row.state == "wrong" for row in outcomes))


if __name__ == "__main__":
    sys.exit(main())
