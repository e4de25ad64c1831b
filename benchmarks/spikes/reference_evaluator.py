"""Measure ONNX's ReferenceEvaluator against our interpreter and ONNX Runtime, operator by operator.

    python benchmarks/spikes/reference_evaluator.py

Every node test that the ``onnx`` package generates is run as it is, and, where it has float inputs,
with every float32 of it made float64. Right is what lies within the test's own tolerance. What
follows from the numbers is in docs/decisions/reference-evaluator.md; whole networks are measured by
``reference_evaluator_networks.py``.

Our interpreter gets each test through the ONNX frontend, twice: with all operands computed, and
with all but the first as weights, as a network has them. It is right where one form is right and
none is wrong.
"""

from __future__ import annotations

import logging
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator

from zoodiff.frontends.onnx.file import graph_from_model
from zoodiff.graph.interpreter.run import evaluate, unsupported

SECONDS = 20
"""Of the processor, for one test in one of the three."""
FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
Row = tuple[Any, dict[str, Any]]
"""A test, and what came of it by runner."""
Run = Callable[[onnx.ModelProto, Sequence[Any]], list[Any]]


class OverTimeError(Exception):
    pass


def by_reference(model: onnx.ModelProto, inputs: Sequence[Any]) -> list[Any]:
    names = [value.name for value in model.graph.input]
    return list(ReferenceEvaluator(model).run(None, dict(zip(names, inputs, strict=False))))


def by_runtime(model: onnx.ModelProto, inputs: Sequence[Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    arrays = [np.asarray(v) if isinstance(v, np.generic) else v for v in inputs]
    return list(session.run(None, dict(zip(names, arrays, strict=False))))


def by_ours(dtype: type[np.floating[Any]], weights: bool) -> Run:
    """Our interpreter; with ``weights``, all inputs but the first are."""

    def run(model: onnx.ModelProto, inputs: Sequence[Any]) -> list[Any]:
        copied = onnx.ModelProto()
        copied.CopyFrom(model)
        arrays = [np.asarray(value) for value in inputs]
        names = [value.name for value in copied.graph.input]
        feeds = dict(zip(names, arrays, strict=False))
        if weights:
            for name in names[1:]:
                if name in feeds:
                    tensor = numpy_helper.from_array(feeds[name], name)
                    copied.graph.initializer.append(tensor)
            feeds = {names[0]: feeds[names[0]]}
        values = {t.name: numpy_helper.to_array(t) for t in copied.graph.initializer}
        graph = graph_from_model(copied, "test")
        if unsupported(graph):
            raise NotImplementedError(unsupported(graph)[0])
        results = evaluate(graph, feeds, values, dtype)
        return [results[tensor.name] for tensor in graph.outputs]

    return run


def in_double(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a model with every float32 as float64."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    _widen_graph(copied.graph)
    return copied


def _widen_graph(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output, *graph.value_info):
        _widen_type(value.type)
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _widen_graph(attribute.g)
            elif attribute.type == onnx.AttributeProto.TENSOR:
                _widen_tensor(attribute.t)
            elif attribute.name in {"to", "dtype"} and attribute.i == FLOAT:
                attribute.i = DOUBLE
            elif node.op_type == "Constant" and attribute.name in {"value_float", "value_floats"}:
                whole = attribute.name == "value_floats"
                array = np.asarray(attribute.floats if whole else attribute.f, dtype=np.float64)
                attribute.CopyFrom(
                    onnx.helper.make_attribute("value", numpy_helper.from_array(array))
                )


def _widen_type(kind: onnx.TypeProto) -> None:
    while kind.HasField("sequence_type") or kind.HasField("optional_type"):
        sequence = kind.HasField("sequence_type")
        kind = kind.sequence_type.elem_type if sequence else kind.optional_type.elem_type
    if kind.HasField("tensor_type") and kind.tensor_type.elem_type == FLOAT:
        kind.tensor_type.elem_type = DOUBLE


def _widen_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == FLOAT:
        array = numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def wide(value: Any) -> Any:
    if isinstance(value, list):
        return [wide(part) for part in value]
    return value.astype(np.float64) if getattr(value, "dtype", None) == np.float32 else value


def is_near(result: Any, expected: Any, rtol: float, atol: float) -> bool:
    if isinstance(expected, list):
        pairs = zip(result, expected, strict=False)
        return len(result) == len(expected) and all(is_near(*pair, rtol, atol) for pair in pairs)
    if expected is None:
        return result is None
    result, expected = np.asarray(result), np.asarray(expected)
    if result.shape != expected.shape:
        return False
    if result.dtype.kind in "OUS" or expected.dtype.kind in "OUS":
        return bool((result.astype(str) == expected.astype(str)).all())
    kind = np.complex128 if "c" in (result.dtype.kind, expected.dtype.kind) else np.float64
    return np.allclose(result.astype(kind), expected.astype(kind), rtol, atol, equal_nan=True)


def outcome(run: Run, model: onnx.ModelProto, case: Any, inputs: Any, wanted: Any) -> Any:
    """(right, wrong or refused; the results or the reason)."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        results = run(model, inputs)
    except OverTimeError:
        return "over time", None
    except Exception as error:
        return "refused", f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    fits = all(is_near(*pair, case.rtol, case.atol) for pair in zip(results, wanted, strict=False))
    return ("right" if fits and len(results) == len(wanted) else "wrong"), results


def merged(outcomes: Iterable[Any]) -> Any:
    """Of the two forms in which our interpreter gets a test."""
    ranked = sorted(outcomes, key=lambda o: ("wrong", "over time", "right", "refused").index(o[0]))
    return ranked[0]


def allowed(model: onnx.ModelProto) -> bool:
    """Whether ONNX's own schemas let the operators of a model have these types."""
    try:
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except Exception:
        return False
    return True


def operator(case: Any) -> str:
    """What a test is of: its node; for functions that are written out, the whole test."""
    nodes = case.model.graph.node
    return str(nodes[0].op_type) if len(nodes) == 1 else f"({len(nodes)} nodes)"


def runners(dtype: type[np.floating[Any]]) -> dict[str, tuple[Run, ...]]:
    return {
        "ReferenceEvaluator": (by_reference,),
        "interpreter": (by_ours(dtype, False), by_ours(dtype, True)),
        "ONNX Runtime": (by_runtime,),
    }


def measure(cases: Sequence[Any], dtype: type[np.floating[Any]]) -> list[Row]:
    """Run every test in all three, those that ONNX has no double for left out; print counts."""
    rows: list[Row] = []
    for case in cases:
        inputs, wanted = ([_array(value) for value in part] for part in case.data_sets[0])
        model = case.model
        if dtype is np.float64:
            model, inputs = in_double(model), [wide(value) for value in inputs]
            if not allowed(model):
                continue
        results = {
            name: merged([outcome(run, model, case, inputs, wanted) for run in runs])
            for name, runs in runners(dtype).items()
        }
        rows.append((case, results))
    print(f"\n{dtype.__name__}: {len(rows)} of {len(cases)} tests")
    for name in runners(dtype):
        print(f"  {name}: {dict(Counter(results[name][0] for _, results in rows))}")
        for state in ("wrong", "over time", "refused"):
            print(f"    {state}: {operators(rows, lambda r, n=name, s=state: r[n][0] == s)}")
    return rows


def operators(rows: Sequence[Row], chosen: Callable[[dict[str, Any]], bool]) -> str:
    """The operators whose tests are chosen, with how many of how many."""
    every = Counter(operator(case) for case, _ in rows)
    some = Counter(operator(case) for case, results in rows if chosen(results))
    written_out = sum(count for name, count in some.items() if name.startswith("("))
    named = [f"{k} {v}/{every[k]}" for k, v in sorted(some.items()) if not k.startswith("(")]
    return ", ".join(named) + f"; of functions written out as nodes {written_out}"


def compare(single: Sequence[Row], double: Sequence[Row]) -> None:
    """Print what only the reference has, what ONNX Runtime lacks in double, and what is rounded."""

    def alone(results: dict[str, Any]) -> bool:
        return results["ReferenceEvaluator"][0] == "right" and results["interpreter"][0] != "right"

    print("\nright in ReferenceEvaluator and not in the interpreter:", operators(single, alone))
    runs = {case.name for case, results in single if results["ONNX Runtime"][0] == "right"}
    kept = [(case, results) for case, results in double if case.name in runs]
    print(
        f"of {len(kept)} tests that ONNX Runtime gets right in float32, refused in float64:",
        operators(kept, lambda results: results["ONNX Runtime"][0] == "refused"),
    )
    right = [row for row in double if row[1]["ReferenceEvaluator"][0] == "right"]
    print(
        "ReferenceEvaluator in float64 off from all others by more than 1e-9:",
        operators(right, is_impure),
    )


def is_impure(results: dict[str, Any]) -> bool:
    """Whether the reference is no double: off by more than 1e-9 from one of the others."""
    reference = results["ReferenceEvaluator"][1]
    others = [r for name, (s, r) in results.items() if s == "right" and "Ref" not in name]
    return bool(others) and not any(
        all(is_near(*pair, 1e-9, 1e-12) for pair in zip(reference, other, strict=True))
        for other in others
    )


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def interrupt(number: int, frame: FrameType | None) -> None:
    raise OverTimeError


def main() -> None:
    warnings.filterwarnings("ignore")
    np.seterr(all="ignore")
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(4)
    signal.signal(signal.SIGPROF, interrupt)
    cases = [case for case in collect_testcases(None) if case.data_sets]
    single = measure(cases, np.float32)
    floats = [
        case
        for case in cases
        if any(getattr(value, "dtype", None) == np.float32 for value in case.data_sets[0][0])
    ]
    compare(single, measure(floats, np.float64))


if __name__ == "__main__":
    main()
