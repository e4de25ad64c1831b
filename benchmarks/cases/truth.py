"""Finds out whether two files compute the same, by running both on random inputs.

Runtimes are used directly, their optimisations off; nothing of zoodiff is. Each deviation is held
against the spread of the outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Run = Callable[[Array], list[Array]]

SAME, DIFFERENT = 3e-5, 1e-4
"""Deviations below and above which two outputs are the same and different."""
_OPEN = {"N": 2, "H": 16, "W": 16}
"""Sizes for dimensions that a file leaves open."""


@dataclass(frozen=True)
class Signature:
    """What a network takes: sizes, ``None`` where open, and the type of its values."""

    shape: tuple[int | str | None, ...]
    kind: str


@dataclass(frozen=True)
class Truth:
    """What came of running both files."""

    same: bool | None
    """Whether they compute the same; ``None`` for a deviation between the two bounds."""
    deviation: float
    """Largest deviation over the spread of A's outputs; infinite for other shapes or NaN."""


def truth(a: Path, b: Path, *, runtime: str = "native", draws: int = 4) -> Truth:
    """Run both files on the same random inputs and compare their outputs.

    Side B gets the inputs in its own layout where it has the channels last.
    """
    if runtime == "recipe":
        return _verdict(_with_recipes(a, b, draws))
    (run_a, takes_a), (run_b, takes_b) = (_open(path, runtime) for path in (a, b))
    worst = 0.0
    for seed in range(draws):
        inputs = _inputs(takes_a, seed)
        worst = max(worst, _deviation(run_a(inputs), run_b(_laid_out(inputs, takes_b))))
        if seed == 0 and runtime != "reference":  # random networks differ from themselves
            worst = max(worst, _deviation(run_b(_laid_out(inputs, takes_b)), run_a(inputs)))
    return _verdict(worst)


def _verdict(deviation: float) -> Truth:
    same = True if deviation < SAME else False if deviation > DIFFERENT else None
    return Truth(same, deviation)


def _with_recipes(a: Path, b: Path, draws: int) -> float:
    """Feed both networks photographs, each prepared by the recipe beside its network."""
    from benchmarks.cases.photographs import photograph, prepared

    (run_a, _), (run_b, _) = _with_onnxruntime(a), _with_onnxruntime(b)
    images = [photograph(seed) for seed in range(draws)]
    return max(_deviation(run_a(prepared(image, a)), run_b(prepared(image, b))) for image in images)


def _inputs(takes: Signature, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    sizes = [
        size if isinstance(size, int) and size > 0 else _OPEN.get(str(size), 2)
        for size in takes.shape
    ]
    if takes.kind == "uint8":
        return rng.integers(0, 256, sizes, dtype=np.uint8)
    return rng.standard_normal(sizes).astype(takes.kind)


def _laid_out(inputs: Array, takes: Signature) -> Array:
    if inputs.ndim == 4:
        channels_last = takes.shape[-1] == 3 and inputs.shape[-1] != 3
        channels_first = takes.shape[1] == 3 and inputs.shape[1] != 3
        if channels_last:
            inputs = np.moveaxis(inputs, 1, -1)
        elif channels_first:
            inputs = np.moveaxis(inputs, -1, 1)
    return np.ascontiguousarray(inputs)


def _deviation(a: list[Array], b: list[Array]) -> float:
    if len(a) != len(b):
        return float("inf")
    worst = 0.0
    for left, right in zip(a, b, strict=True):
        if left.shape != right.shape:
            return float("inf")
        x, y = left.astype(np.float64), right.astype(np.float64)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return float("inf")
        spread = max(float(np.abs(x - x.mean()).max()), 1e-30)
        worst = max(worst, float(np.abs(x - y).max()) / spread)
    return worst


def _open(path: Path, runtime: str) -> tuple[Run, Signature]:
    if runtime == "reference":
        return _with_reference(path)
    suffixes: dict[str, Callable[[Path], tuple[Run, Signature]]] = {
        ".onnx": _with_onnxruntime,
        ".tflite": _with_litert,
        ".keras": _with_keras,
        ".pt2": _with_torch,
    }
    return suffixes[path.suffix](path)


def _with_onnxruntime(path: Path) -> tuple[Run, Signature]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    kinds = {"tensor(uint8)": "uint8", "tensor(float16)": "float16"}
    takes = Signature(tuple(entry.shape), kinds.get(entry.type, "float32"))

    def run(inputs: Array) -> list[Array]:
        return list(session.run(None, {entry.name: inputs.astype(takes.kind)}))

    return run, takes


def _with_reference(path: Path) -> tuple[Run, Signature]:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(path))
    entry = evaluator.proto_.graph.input[0]
    dims = entry.type.tensor_type.shape.dim
    takes = Signature(tuple(d.dim_value or d.dim_param for d in dims), "float32")

    def run(inputs: Array) -> list[Array]:
        with np.errstate(all="ignore"):
            return list(evaluator.run(None, {entry.name: inputs}))

    return run, takes


def _with_litert(path: Path) -> tuple[Run, Signature]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path),
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    (entry,) = interpreter.get_input_details()
    kind = np.dtype(entry["dtype"]).name
    takes = Signature(tuple(int(size) for size in entry["shape_signature"]), kind)

    def run(inputs: Array) -> list[Array]:
        interpreter.resize_tensor_input(entry["index"], list(inputs.shape))
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], inputs.astype(kind))
        interpreter.invoke()
        return [interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()]

    return run, takes


def _with_keras(path: Path) -> tuple[Run, Signature]:
    import keras

    model = keras.saving.load_model(path, compile=False)
    takes = Signature(tuple(model.inputs[0].shape), "float32")

    def run(inputs: Array) -> list[Array]:
        outputs = model(inputs.astype("float32"), training=False)
        values = outputs if isinstance(outputs, list | tuple) else [outputs]
        return [keras.ops.convert_to_numpy(value) for value in values]

    return run, takes


def _with_torch(path: Path) -> tuple[Run, Signature]:
    import torch

    program = torch.export.load(path)
    module = program.module()
    name = program.graph_signature.user_inputs[0]
    (node,) = [n for n in program.graph.nodes if n.name == name]
    sizes = tuple(s if isinstance(s, int) else None for s in node.meta["val"].shape)

    def run(inputs: Array) -> list[Array]:
        with torch.no_grad():
            outputs = module(torch.from_numpy(inputs))
        values = outputs if isinstance(outputs, list | tuple) else [outputs]
        return [value.numpy() for value in values]

    return run, Signature(sizes, "float32")
