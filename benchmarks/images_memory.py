"""Memory and disk of one pass over as many images as ImageNet's validation set has.

    python benchmarks/images_memory.py [--images 50000] [--entries 8]

The images are small and the networks tiny (1,000 outputs each), since neither changes what is kept
per image; the memory of all processes together is sampled while the pass runs, shared memory
counted once, and what 64 images need (interpreters, libraries, networks) is shown beside it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = 1000
FIELDS = ["value_range=0,1", "mean=0,0,0", "std=1,1,1"]


def network(path: Path, seed: int) -> str:
    """Pooling to 4 x 4 and a linear layer: an ONNX file with 1,000 outputs."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((CLASSES, 48)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["y"], transB=1),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", CLASSES])
    graph = helper.make_graph(
        nodes, "tiny", [image], [scores], [numpy_helper.from_array(weight, "w")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return str(path)


def paint(folder: Path, count: int) -> None:
    """So many small images in 1,000 folders."""
    rng = np.random.default_rng(0)
    for k in range(count):
        place = folder / f"{k % CLASSES:04d}"
        place.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(buffer, "JPEG", quality=50)
        (place / f"{k}.jpg").write_bytes(buffer.getvalue())


PASS = """
import sys, zoodiff
folder, limit, *fields = sys.argv[1:]
names = sorted(str(p) for p in __import__("pathlib").Path(folder).glob("*.onnx"))
zoodiff.accuracy(names, folder + "/images", folder + "/results" + limit, limit=int(limit),
                 preprocessing=fields)
"""


def pss(pid: int) -> int:
    """Proportional set size in bytes: what processes share is counted once in their sum."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def tree(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += (task / "children").read_text().split()
    except OSError:
        return found
    for child in dict.fromkeys(children):
        found += tree(int(child))
    return list(dict.fromkeys(found))


def measured(folder: Path, images: int) -> dict[str, float]:
    """Run a pass and return its peak memory, GiB, and its seconds."""
    begin, peak, parent = time.perf_counter(), 0, 0
    command = [sys.executable, "-c", PASS, str(folder), str(images), *FIELDS]
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            sizes = [pss(pid) for pid in tree(process.pid)]
            peak, parent = max(peak, sum(sizes)), max(parent, sizes[0])
            time.sleep(0.2)
    if process.returncode:
        sys.exit("the pass failed")
    seconds = time.perf_counter() - begin
    return {"GiB": peak / 2**30, "parent GiB": parent / 2**30, "seconds": seconds}


def main() -> None:
    """Paint, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--entries", type=int, default=8)
    asked = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k in range(asked.entries):
            network(folder / f"n{k}.onnx", k)
        paint(folder / "images", asked.images)
        few, all_of_them = measured(folder, 64), measured(folder, asked.images)
        kept = sum(p.stat().st_size for p in (folder / f"results{asked.images}").rglob("*.parquet"))
    result = {"64 images": few, f"{asked.images} images": all_of_them, "Parquet MB": kept / 1e6}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
