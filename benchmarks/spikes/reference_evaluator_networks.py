"""Measure ONNX's ReferenceEvaluator, our interpreter and ONNX Runtime on whole networks.

    python benchmarks/spikes/reference_evaluator_networks.py [NETWORK ...]

Networks of torchvision, with random weights, are exported by PyTorch's exporter, and their files
are copied with every float32 made float64. Each runs once, on one thread and in a process of its
own, in each of the three and in each type. Times are of the processor; memory is the growth of the
process from before the file was read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

NETWORKS = (
    "alexnet",
    "squeezenet1_1",
    "resnet50",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_b_16",
)
RUNNERS = ("ReferenceEvaluator", "interpreter", "ONNX Runtime")
SECONDS = 120
"""For one network in one of the three."""


def export(folder: Path, name: str) -> None:
    """Write the file of a network in both types, and an input."""
    import onnx
    import torch
    from reference_evaluator import in_double

    from zoodiff.torch_compat import import_torchvision

    torch.manual_seed(0)
    module = import_torchvision().models.get_model(name, weights=None)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1 and not parameter.any():
                parameter.normal_(std=0.02)  # the head of vision transformers, before training
        # Statistics that fit the weights; others let rectifiers end all signals of a deep network.
        module.train()(torch.randn(2, 3, 224, 224))
    module.eval()
    image = torch.randn(1, 3, 224, 224)
    path = folder / f"{name}.float32.onnx"
    torch.onnx.export(module, (image,), path, dynamo=True, external_data=False, verbose=False)
    onnx.save(in_double(onnx.load(path)), folder / f"{name}.float64.onnx")
    np.save(folder / f"{name}.npy", image.numpy())
    print("{}")


def run(folder: Path, name: str, runner: str, kind: str) -> None:
    """Run a file once, keep its output, and print what it took."""
    import onnx
    from onnx import numpy_helper

    path, image = folder / f"{name}.{kind}.onnx", np.load(folder / f"{name}.npy").astype(kind)
    before = _memory("VmRSS")
    begin = time.process_time()
    if runner == "ReferenceEvaluator":
        from onnx.reference import ReferenceEvaluator

        evaluator = ReferenceEvaluator(onnx.load(path))
        loaded = time.process_time()
        (output, *_) = evaluator.run(None, {evaluator.input_names[0]: image})
    elif runner == "interpreter":
        from zoodiff.frontends.onnx.file import graph_from_file
        from zoodiff.graph.interpreter.run import evaluate

        graph = graph_from_file(path)
        model = onnx.load(path)
        weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        loaded = time.process_time()
        feeds = {graph.inputs[0].name: image}
        (output, *_) = evaluate(graph, feeds, weights, np.dtype(kind).type).values()
    else:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        loaded = time.process_time()
        (output, *_) = session.run(None, {session.get_inputs()[0].name: image})
    end = time.process_time()
    np.save(folder / f"{name}.{runner}.{kind}.npy", output)
    grown = _memory("VmHWM") - before
    print(json.dumps({"load": loaded - begin, "run": end - loaded, "memory": grown}))


def _memory(field: str) -> float:
    """Megabytes of this process, by the name that the kernel gives the figure."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1e3


def started(arguments: list[str], seconds: int) -> dict[str, Any] | str:
    """What a process of ours printed last; the reason where there is no result."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            [sys.executable, __file__, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **threads},
        )
    except subprocess.TimeoutExpired:
        return f"over {seconds} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["died"])[-1][:160]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(folder: Path, name: str) -> None:
    """Print one line for each type and runner."""
    results, outputs = {}, {}
    for kind in ("float64", "float32"):
        for runner in RUNNERS:
            result = started(["run", str(folder), name, runner, kind], SECONDS)
            results[kind, runner] = result
            if isinstance(result, dict):
                outputs[kind, runner] = np.load(folder / f"{name}.{runner}.{kind}.npy")
    exact = outputs.get(("float64", "interpreter"))
    if exact is not None and np.ptp(exact) < 1e-3 * np.abs(exact).max():
        print(f"| {name} | its outputs are all alike, which shows nothing |", flush=True)
        return
    base = results["float32", "ONNX Runtime"]
    for (kind, runner), result in results.items():
        if isinstance(result, str):
            print(f"| {name} | {kind} | {runner} | {result} |", flush=True)
            continue
        output, off = outputs[kind, runner], float("nan")
        if exact is not None:
            off = float(np.abs(output.astype(np.float64) - exact).max() / exact.std())
        ratio = result["run"] / base["run"] if isinstance(base, dict) else float("nan")
        more = result["memory"] / base["memory"] if isinstance(base, dict) else float("nan")
        print(
            f"| {name} | {kind} | {runner} | {output.dtype} | load {result['load']:.1f} s"
            f" | run {result['run']:.2f} s, x {ratio:.1f} | {result['memory']:.0f} MB, x {more:.1f}"
            f" | {off:.1e} |",
            flush=True,
        )


def main() -> None:
    warnings.filterwarnings("ignore")
    match sys.argv[1:]:
        case ["export", folder, name]:
            export(Path(folder), name)
        case ["run", folder, name, runner, kind]:
            run(Path(folder), name, runner, kind)
        case names:
            print(
                "| network | type | runner | output | load | run, to ONNX Runtime in float32 "
                "| memory | off from the interpreter in float64, over the outputs' spread |"
            )
            with tempfile.TemporaryDirectory() as scratch:
                for name in names or NETWORKS:
                    exported = started(["export", scratch, name], 300)
                    if isinstance(exported, str):
                        print(f"| {name} | not exported: {exported} |", flush=True)
                        continue
                    compare(Path(scratch), name)
                    for path in Path(scratch).glob(f"{name}.*"):
                        path.unlink()
            print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
