"""Exports of a network to files, and what the files compute when zoodiff is not asked."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from benchmarks.small_transformers.networks import Sample

EXPORTERS = ("torch.export", "dynamo", "torchscript")
_SUFFIX = {"torch.export": "pt2", "dynamo": "onnx", "torchscript": "onnx"}
ALIKE = 1e-3
"""Relative deviation below which a file computes what the network does."""
APART = 2e-2
"""Above which it does not; in between nothing is expected of an answer."""


class ExportError(Exception):
    """An exporter refuses a network, or writes a file that its own runtime does not run."""


def export(sample: Sample, exporter: str, folder: Path) -> Path:
    """Write a network to a file by one of the exporters; raises ExportError."""
    path = folder / f"{exporter}.{_SUFFIX[exporter]}"
    arguments, names = tuple(sample.inputs.values()), list(sample.inputs)
    said = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            torch.no_grad(),
            patch.dict(os.environ, TRANSFORMERS_DISABLE_TORCH_CHECK="1"),
        ):
            # What transformers checks about places in a text has no operator in ONNX.
            warnings.simplefilter("ignore")
            if exporter == "torch.export":
                torch.export.save(torch.export.export(sample.network, arguments), path)
            elif exporter == "dynamo":
                torch.onnx.export(
                    sample.network, arguments, path, input_names=names, dynamo=True, verbose=False
                )
            else:
                torch.onnx.export(
                    sample.network,
                    arguments,
                    path,
                    input_names=names,
                    opset_version=17,
                    dynamo=False,
                )
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
    Raises ExportError where the file's own runtime cannot run it.
    """
    worst = 0.0
    run = _program(path) if path.suffix == ".pt2" else _session(path, sample)
    for inputs in (sample.inputs, *sample.drawn(2)):
        wanted = [x.numpy() for x in sample.outputs(inputs)]
        try:
            given = run(inputs)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            raise ExportError(f"the file does not run: {reason}") from None
        worst = max(worst, (sample.apart or _apart)(wanted, given))
    return worst


def _program(path: Path) -> Any:
    module = torch.export.load(path).module()

    def run(inputs: Mapping[str, torch.Tensor]) -> list[Any]:
        with torch.no_grad():
            returned = module(*inputs.values())
        several = [returned] if isinstance(returned, torch.Tensor) else list(returned)
        return [x.numpy() for x in several]

    return run


def _session(path: Path, sample: Sample) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise ExportError(f"the file does not load: {reason}") from None
    taken = {each.name for each in session.get_inputs()}

    def run(inputs: Mapping[str, torch.Tensor]) -> list[Any]:
        return list(
            session.run(None, {n: value.numpy() for n, value in inputs.items() if n in taken})
        )

    return run


def _apart(wanted: Sequence[Any], given: Sequence[Any]) -> float:
    if len(wanted) != len(given):
        return float("inf")
    worst = 0.0
    for x, y in zip(wanted, given, strict=True):
        if x.shape != np.shape(y):
            return float("inf")
        if x.size:
            apart = np.abs(x.astype(np.float64) - np.asarray(y).astype(np.float64))
            spread = max(float(np.abs(x - x.mean()).max()), 1e-6)
            worst = max(worst, float(np.nan_to_num(apart, nan=np.inf).max()) / spread)
    return worst
