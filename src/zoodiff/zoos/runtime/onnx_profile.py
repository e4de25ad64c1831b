"""Measure the latency of each operator of an ONNX file with ONNX Runtime's profiler."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zoodiff.errors import MeasurementError

_WARM_UP = 2
_NODE = "_kernel_time"
_LARGEST = 2**30
"""Largest file, in bytes, whose optimised graph is written to read the names of its tensors."""


def profile(
    path: Path, *, runs: int, batch: int, seed: int, threads: int, folder: Path
) -> dict[str, Any]:
    """Return the milliseconds of every operator in every run, on one fixed standard-normal input.

    The operators are those of the optimised graph: ``name``, ``op``, ``outputs`` (names of tensors,
    empty if unknown), ``weight`` (shape of the second input, or None), ``ms`` (one number per run).
    ``runs_ms`` are the latencies of whole runs, including the time between operators. Temporary
    files go to ``folder``. Profiling costs some microseconds per operator. Raises MeasurementError
    if ONNX Runtime cannot run the file.
    """
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    optimised, weights_file = folder / "optimised.onnx", "optimised.bin"
    if path.stat().st_size < _LARGEST:
        options.optimized_model_filepath = str(optimised)
        options.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", weights_file
        )
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        outputs = _outputs(optimised)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise MeasurementError(f"ONNX Runtime cannot profile {path.name} ({reason})") from None
    finally:
        for file in (optimised, folder / weights_file):
            file.unlink(missing_ok=True)
    model_input = session.get_inputs()[0]
    shape = [n if isinstance(n, int) and n > 0 else 1 for n in model_input.shape]
    shape[0] = batch
    data = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    for _ in range(_WARM_UP + runs):
        session.run(None, {model_input.name: data})
    written = Path(session.end_profiling())
    try:
        events = json.loads(written.read_text())
    finally:
        written.unlink(missing_ok=True)
    return read(events, outputs, skip=_WARM_UP)


def read(
    events: Iterable[Mapping[str, Any]], outputs: Mapping[str, list[str]], skip: int = 0
) -> dict[str, Any]:
    """Return the profiler's events by operator, without the first ``skip`` runs."""
    events = list(events)
    whole = sorted((e["ts"], e["ts"] + e["dur"]) for e in events if e["name"] == "model_run")[skip:]
    operators: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        if event["cat"] != "Node" or not event["name"].endswith(_NODE):
            continue
        run = next((k for k, (b, e) in enumerate(whole) if b <= event["ts"] <= e), None)
        if run is None:
            continue
        name, kind = event["name"].removesuffix(_NODE), event["args"].get("op_name", "")
        operator = operators.setdefault(
            (name, kind),
            {
                "name": name,
                "op": kind,
                "outputs": outputs.get(name, []),
                "weight": _second(event["args"]),
                "ms": [0.0] * len(whole),
            },
        )
        operator["ms"][run] += event["dur"] / 1e3
    return {"operators": list(operators.values()), "runs_ms": [(e - b) / 1e3 for b, e in whole]}


def _second(args: Mapping[str, Any]) -> list[int] | None:
    shapes = args.get("input_type_shape") or []
    return next(iter(shapes[1].values())) if len(shapes) > 1 else None


def _outputs(path: Path) -> dict[str, list[str]]:
    """Return the names of the output tensors of each operator of the optimised graph."""
    import onnx

    with contextlib.suppress(OSError):
        graph = onnx.load(str(path), load_external_data=False).graph
        return {node.name: list(node.output) for node in graph.node}
    return {}
