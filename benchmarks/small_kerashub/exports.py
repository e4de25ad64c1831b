"""Keras's own exports of a network, and what the files compute when zoodiff is not asked."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.small_kerashub.networks import Arrays, Sample
from numpy.typing import NDArray

EXPORTERS = ("onnx", "litert", "tf_saved_model")
_FILES = {"onnx": "network.onnx", "litert": "network.tflite", "tf_saved_model": "network"}
ALIKE = 1e-3
"""Relative deviation below which a file computes what the network does."""
APART = 2e-2
"""Above which it does not; in between nothing is expected of an answer."""
Outputs = list[NDArray[Any]]


class ExportError(Exception):
    """Keras does not export a network, or its file does not run in its own runtime."""


def export(sample: Sample, exporter: str, folder: Path) -> Path:
    """Write a network to a file by one of Keras's exporters; raises ExportError.

    The signature has the extents of the sample's inputs and batch size 1.
    """
    import keras

    network = sample.network
    path = folder / _FILES[exporter]
    signature = [
        keras.tree.pack_sequence_as(
            network._inputs_struct,
            [
                keras.InputSpec(
                    dtype=str(sample.inputs[t.name].dtype),
                    shape=sample.inputs[t.name].shape,
                    name=t.name,
                )
                for t in network.inputs
            ],
        )
    ]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            network.export(path, format=exporter, verbose=False, input_signature=signature)
    except Exception as error:  # exporters fail in every way
        raise ExportError(_words(error)) from None
    return path


def _words(error: Exception) -> str:
    """The beginning and the end of a message: exporters put what happened last."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= 300 else f"{words[:120]} ... {words[-175:]}"


def deviation(sample: Sample, path: Path) -> float:
    """Return how far a file's outputs are from the network's, on its inputs and on others.

    Relative to the spread of each output, the largest over all; infinite where shapes differ.
    Outputs are paired so that they are as near as they can be on the first inputs. Raises
    ExportError where the file's own runtime cannot run it.
    """
    opened = {".onnx": _onnx, ".tflite": _litert}.get(path.suffix, _saved_model)
    try:
        run = opened(path)
    except Exception as error:
        raise ExportError(f"the file does not load: {_words(error)}") from None
    order: Sequence[int] | None = None
    worst = 0.0
    for inputs in (sample.inputs, *sample.drawn(2)):
        wanted = sample.outputs(inputs)
        try:
            given = run(inputs)
        except Exception as error:
            raise ExportError(f"the file does not run: {_words(error)}") from None
        order = order or _order(wanted, given)
        if order is None:
            return float("inf")
        worst = max(worst, *(apart(x, given[k]) for x, k in zip(wanted, order, strict=True)))
    return worst


def _order(wanted: Outputs, given: Outputs) -> Sequence[int] | None:
    """The places of a file's outputs in the order of the network's; None where there is none."""
    if len(wanted) != len(given):
        return None
    near = [[apart(x, y) for y in given] for x in wanted]
    return min(
        itertools.permutations(range(len(given))),
        key=lambda order: max(near[i][k] for i, k in enumerate(order)),
    )


def apart(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Return the largest deviation relative to the spread; infinite for other shapes."""
    if x.shape != np.shape(y):
        return float("inf")
    if not x.size:
        return 0.0
    difference = np.abs(x.astype(np.float64) - np.asarray(y).astype(np.float64))
    spread = max(float(np.abs(x - x.mean()).max()), 1e-6)
    return float(np.nan_to_num(difference, nan=np.inf).max()) / spread


def _onnx(path: Path) -> Callable[[Arrays], Outputs]:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(inputs: Arrays) -> Outputs:
        own = _named(names, inputs)
        return list(session.run(None, {name: inputs[own[name]] for name in names}))

    return run


def _litert(path: Path) -> Callable[[Arrays], Outputs]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    names = list(runner.get_input_details())

    def run(inputs: Arrays) -> Outputs:
        own = _named(names, inputs)
        return list(runner(**{name: inputs[own[name]] for name in names}).values())

    return run


def _saved_model(path: Path) -> Callable[[Arrays], Outputs]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    function = loaded.signatures["serving_default"]
    names = list(function.structured_input_signature[1])

    def run(inputs: Arrays) -> Outputs:
        own = _named(names, inputs)
        given = {name: tf.constant(inputs[own[name]]) for name in names}
        return [x.numpy() for x in function(**given).values()] if loaded else []

    return run


def _named(names: Sequence[str], inputs: Mapping[str, Any]) -> dict[str, str]:
    """The network's own names of a file's inputs; one input may be called anything."""
    if len(names) == len(inputs) == 1:
        return {names[0]: next(iter(inputs))}
    known = {name: name.partition(":")[0] for name in names}
    lacking = [name for name, own in known.items() if own not in inputs]
    if lacking:
        raise ValueError(f"the file takes {', '.join(lacking)}, the network {', '.join(inputs)}")
    return known
