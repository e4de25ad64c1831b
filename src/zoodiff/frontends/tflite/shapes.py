"""Shapes that a TFLite file does not store, as LiteRT computes them.

Some files store only the shapes of inputs and constants, others shapes with an open batch size.
LiteRT computes shapes when it allocates tensors or, for dynamic shapes, when it runs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from zoodiff.errors import MeasurementError
from zoodiff.frontends.tflite.reader import FileNetwork


def with_shapes(network: FileNetwork, path: Path) -> FileNetwork:
    """Return the network with the shapes of a run on zeros; raise MeasurementError if it fails."""
    import numpy as np

    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        raise MeasurementError(
            f"{path.name} does not store the shapes of its tensors; install ai-edge-litert, which "
            "works them out"
        ) from None
    try:
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
        interpreter.allocate_tensors()
        for details in interpreter.get_input_details():
            interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
        interpreter.invoke()
        shapes = {d["index"]: tuple(map(int, d["shape"])) for d in interpreter.get_tensor_details()}
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(f"LiteRT cannot run {path.name} ({reason})") from None
    tensors = tuple(
        t if t.constant else replace(t, shape=shapes.get(t.index, t.shape)) for t in network.tensors
    )
    return replace(network, tensors=tensors)
