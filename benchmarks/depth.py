"""Describe and compare deep networks on the meta device: time and memory by depth.

    python -m benchmarks.depth FILE [--large] [--depths 12,24,48,96]

A vision transformer and a decoder of transformers are built on PyTorch's meta device, where weights
have shapes and no values, described by ``zoodiff.describe``, and compared with a second one that
lacks a bias or has another epsilon. ``--large`` takes a ViT-L of 24 layers and a decoder of 32
layers and 7 billion parameters; otherwise narrow networks of several depths are taken. Each runs
in a process of its own. FILE gets one JSON line per network; what it has is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LARGE = {"vit-large": ("vit", 24, True), "decoder-7b": ("llama", 32, True)}
"""Kind, layers, and whether it has its usual width."""
_TIMES = 3
"""How often a comparison is timed; the least time counts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the networks that the file lacks and print a table of all that it has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="one JSON line per network")
    parser.add_argument("--large", action="store_true", help="the two large networks")
    parser.add_argument("--depths", default="12,24,48,96", help="layers, separated by commas")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        kind, depth, wide = json.loads(options.measure)
        print(json.dumps(measured(kind, depth, wide=wide)))
        return 0
    rows = _stored(options.file)
    depths = [int(depth) for depth in options.depths.split(",")]
    narrow = {f"{kind}-{n}": (kind, n, False) for kind in ("vit", "llama") for n in depths}
    for name, case in (LARGE if options.large else narrow).items():
        if name in rows:
            continue
        command = [sys.executable, "-m", "benchmarks.depth", str(options.file)]
        run = subprocess.run(
            [*command, "--measure", json.dumps(case)], capture_output=True, text=True, check=False
        )
        if run.returncode:
            print(run.stderr, file=sys.stderr)
            return 1
        rows[name] = {"network": name, **json.loads(run.stdout.splitlines()[-1])}
        with options.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[name]) + "\n")
    _print(rows)
    return 0


def _stored(file: Path) -> dict[str, dict[str, Any]]:
    if not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    return {row["network"]: row for row in map(json.loads, lines)}


def on_meta_device(kind: str, layers: int, *, wide: bool, epsilon: float = 1e-6) -> Any:
    """Return a network on the meta device and its inputs, by name."""
    import torch
    from benchmarks.small_transformers.networks import plain
    from transformers import LlamaConfig, LlamaModel, ViTConfig, ViTModel

    vit = {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096}
    narrow = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
    with torch.device("meta"):
        if kind == "vit":
            sizes = vit if wide else narrow
            configuration: Any = ViTConfig(
                num_hidden_layers=layers, layer_norm_eps=epsilon, **sizes
            )
            inputs = {"pixel_values": torch.empty(1, 3, 224, 224)}
            return plain(ViTModel(configuration).eval(), tuple(inputs), {}), inputs
        more = {} if wide else {**narrow, "num_key_value_heads": 2}
        configuration = LlamaConfig(num_hidden_layers=layers, rms_norm_eps=epsilon, **more)
        inputs = {"input_ids": torch.empty(1, 128, dtype=torch.int64)}
        model = LlamaModel(configuration).eval()
        return plain(model, tuple(inputs), {"use_cache": False}), inputs


def measured(kind: str, layers: int, *, wide: bool) -> dict[str, Any]:
    """Return times in seconds, the answer, and the largest memory of this process in MB."""
    import resource

    import zoodiff
    from zoodiff.architecture.diff import diff
    from zoodiff.torch_compat import import_torchvision

    import_torchvision()
    a, inputs = on_meta_device(kind, layers, wide=wide)
    b, _ = on_meta_device(kind, layers, wide=wide, epsilon=1e-3)
    zoodiff.describe(on_meta_device(kind, 1, wide=False)[0], example=inputs)  # imports
    start = time.perf_counter()
    graph = zoodiff.describe(a, example=inputs)
    described = time.perf_counter() - start
    other = zoodiff.describe(b, example=inputs)
    times = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        compared = diff(graph, other, "a", "b")
        times.append(time.perf_counter() - start)
    report = zoodiff.diff(a, b, example=inputs)
    return {
        "layers": layers,
        "parameters": sum(p.numel() for p in a.parameters()),
        "nodes": len(graph.nodes),
        "describe": round(described, 2),
        "diff": round(min(times), 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "findings": [[f.code, f.count] for f in compared.findings],
        "answer": report.answer.sentence,
    }


def _print(rows: dict[str, dict[str, Any]]) -> None:
    heads = ("network", "layers", "parameters", "nodes", "describe s", "diff s", "ms a layer", "MB")
    print("".join(f"{head:>14}" for head in heads))
    for name, row in rows.items():
        each = 1000 * row["diff"] / row["layers"]
        cells = (name, row["layers"], f"{row['parameters']:,}", row["nodes"], row["describe"])
        more = (row["diff"], f"{each:.1f}", row["peak_mb"])
        print("".join(f"{cell!s:>14}" for cell in (*cells, *more)))
    for name, row in rows.items():
        print(f"{name}: {row['answer']}; {row['findings']}")


if __name__ == "__main__":
    sys.exit(main())
