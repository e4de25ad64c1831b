"""Images per second of `zoodiff accuracy` against what this machine can do, and against timm.

    python benchmarks/throughput.py FOLDER [--images N]

FOLDER holds ``images`` whose names begin with WordNet ids. The limit on c cores is
c / (CPU time of the network alone + CPU time of one decode and resize), all measured in this run;
networks have random weights. ``timm`` is its own loader and a plain loop, with as many threads and
workers as cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zoodiff.accuracy.checkpoints import Memory
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.evaluator import Evaluator
from zoodiff.accuracy.measure import default_pipelines
from zoodiff.accuracy.subject import evaluated_entry
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.zoos import registry

BATCH = 16
SETS = (
    ("mobilenet_v3_small",),
    ("resnet18",),
    ("mobilenet_v3_small", "resnet18", "squeezenet1_1"),
)

ALONE = """
import json, sys, time
import numpy as np
from pathlib import Path
from zoodiff.zoos.torchvision.backend import TorchvisionBackend
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.numbers import to_input
from zoodiff.preprocessing.pixels import pixels
from zoodiff.zoos import registry

name, folder, batch = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
files = [path.read_bytes() for path in sorted(folder.rglob("*.JPEG"))[:192]]
spec = registry.resolve(f"torchvision:{name}").preprocessing
wanted = [geometry_of(spec)]
pixels(files[0], wanted)
begin = time.process_time()
made = [pixels(data, wanted)[0] for data in files]
decode = (time.process_time() - begin) / len(files)
network = TorchvisionBackend().load(name, "random", seed=0, threads=1)
data = to_input(np.stack(made[:batch]), spec, "NCHW")
for _ in range(3):
    network.run(data)
begin = time.process_time()
for _ in range(12):
    network.run(data)
print(json.dumps([decode, (time.process_time() - begin) / 12 / batch]))
"""

TIMM = """
import json, sys, time
from zoodiff.torch_compat import import_torchvision
import_torchvision()
import torch, torchvision
from timm.data import create_dataset, create_loader

name, folder, batch, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
model = torchvision.models.get_model(name, weights=None).eval()
data = create_dataset("", root=folder)
loader = create_loader(
    data, input_size=(3, 224, 224), batch_size=batch, use_prefetcher=False, is_training=False,
    interpolation="bilinear", num_workers=threads, crop_pct=0.875, pin_memory=False,
    device=torch.device("cpu"),
)
times, counts = [], []
with torch.inference_mode():
    for images, target in loader:
        model(images).argmax(1)
        times.append(time.perf_counter())
        counts.append(len(images))
skip = 4
print(json.dumps(sum(counts[skip:]) / (times[-1] - times[skip - 1])))
"""


def process(script: str, *arguments: str, threads: int = 1) -> object:
    """What a script prints, run in a process of its own with so many threads."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )
    return json.loads(done.stdout.splitlines()[-1])


def ours(names: tuple[str, ...], folder: Path, pipelines: int) -> float:
    """Images per second between the first and the last chunk."""
    images = open_images(str(folder))
    seen: list[tuple[int, float]] = []
    with WorkerPool() as engine:
        subjects = [
            evaluated_entry(engine, registry.resolve(f"torchvision:{name}@random"))
            for name in names
        ]
        Evaluator(
            engine,
            subjects,
            images,
            Memory(),
            PassOptions(
                pipelines=pipelines,
                batch=BATCH,
                step=lambda done, of: seen.append((done, time.perf_counter())),
            ),
        ).run()
    (first, begin), (last, end) = seen[pipelines], seen[-pipelines]
    return (last - first) / (end - begin)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    options = parser.parse_args()
    pipelines = default_pipelines()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "val"
        files = sorted((options.folder / "images").glob("*.JPEG"))
        for k in range(options.images):
            source = files[k % len(files)]
            place = folder / source.name[:9] / f"{k}.JPEG"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source)
        alone: dict[str, tuple[float, float]] = {}
        for name in sorted({name for names in SETS for name in names}):
            decode, network = process(ALONE, name, str(folder), str(BATCH))  # type: ignore[misc]
            alone[name] = decode, network
        print("| entries | decode ms | networks ms | limit /s | zoodiff /s | share | timm share |")
        print("|---|---|---|---|---|---|---|")
        for names in SETS:
            decode = min(alone[name][0] for name in names)
            network = sum(alone[name][1] for name in names)
            limit = pipelines / (decode + network)
            reached = ours(names, folder, pipelines)
            other = ""
            if len(names) == 1:
                rate = process(
                    TIMM, names[0], str(folder), str(BATCH), str(pipelines), threads=pipelines
                )
                other = f"{float(str(rate)) / limit:.2f}"
            print(
                f"| {', '.join(names)} | {1e3 * decode:.2f} | {1e3 * network:.2f} | {limit:.1f} "
                f"| {reached:.1f} | {reached / limit:.2f} | {other} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
