"""What a study of everything would cost: every published network of six zoos on 50,000 images.

    python benchmarks/full_study.py FOLDER

The networks are those that the catalogue of claims has an ImageNet top-1 for, once for each set of
weights in single precision. Their MACs are the zoo's own figure, else another zoo's for the same
architecture, else the mean of the zoo. Costs of one image and of one multiply-accumulate are
processor time measured here, on images of FOLDER and networks of torchvision with random weights,
so that other programs on the machine change them little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from zoodiff.claims import catalogue
from zoodiff.claims.catalogue import Claim

IMAGES = 50_000
ZOOS = ("torchvision", "keras", "tfmg", "onnx", "timm", "mmpretrain")
NETWORKS = ("mobilenet_v2", "resnet18", "resnet50", "efficientnet_b0", "vit_b_16")
PREDICTIONS_MB = 22.8 / 8
"""Of one entry on 50,000 images: benchmarks/images_memory.py."""
CORES, LOAD_SECONDS = 32, 15.0
"""Of the machines that the sums are for; and the time from nothing to a loaded network."""

COST = """
import json, sys, time
import numpy as np
from pathlib import Path
from zoodiff.graph.cost import count
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.pixels import pixels
from zoodiff.zoos import registry
from zoodiff.zoos.torchvision.backend import TorchvisionBackend

names, files = sys.argv[2:], [p.read_bytes() for p in sorted(Path(sys.argv[1]).rglob("*.JPEG"))]
spec = registry.resolve("torchvision:resnet50").preprocessing
wanted = [geometry_of(spec)]
pixels(files[0], wanted)
begin = time.process_time()
for data in files:
    pixels(data, wanted)
found = {"decode": (time.process_time() - begin) / len(files),
         "bytes": sum(map(len, files)) / len(files)}
backend = TorchvisionBackend()
for name in names:
    macs = count(backend.describe(name, "random")).macs
    network = backend.load(name, "random", seed=0, threads=1)
    data = np.random.default_rng(0).standard_normal((8, 3, 224, 224), dtype=np.float32)
    times = []
    for _ in range(4):
        begin = time.process_time()
        network.run(data)
        times.append((time.process_time() - begin) / 8)
    found[name] = [macs, min(times)]
print(json.dumps(found))
"""


def networks() -> dict[str, list[Claim]]:
    """By zoo, one claim for each set of weights of each network."""
    found: dict[str, dict[tuple[str, str | None], Claim]] = defaultdict(dict)
    for claim in catalogue.load():
        if claim.zoo in ZOOS and claim.top1_percent is not None and claim.precision == "fp32":
            found[claim.zoo].setdefault((claim.model, claim.weights), claim)
    return {zoo: list(claims.values()) for zoo, claims in found.items()}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    done = subprocess.run(
        [sys.executable, "-c", COST, str(options.folder), *NETWORKS],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    costs = json.loads(done.stdout.splitlines()[-1])
    decode, image_bytes = costs.pop("decode"), costs.pop("bytes")
    print(f"decode and resize: {1e3 * decode:.1f} ms; an image: {image_bytes / 1e3:.0f} kB")
    rates = {name: 1e12 * seconds / macs for name, (macs, seconds) in costs.items()}
    for name, (macs, seconds) in costs.items():
        print(f"{name}: {macs / 1e9:.2f} GMACs, {1e3 * seconds:.1f} ms, {rates[name]:.0f} ms/GMAC")
    rate = statistics.median(rates.values()) / 1e3  # seconds per GMAC
    listed = networks()
    known: dict[str, list[int]] = defaultdict(list)
    for claims in listed.values():
        for claim in claims:
            if claim.macs:
                known[claim.architecture].append(claim.macs)
    print("| zoo | networks | MACs known | GMACs an image | GB of weights | core hours |")
    print("|---|---|---|---|---|---|")
    total = [0, 0.0, 0.0, 0.0]
    all_macs: list[float] = []
    all_sizes: list[int] = []
    architectures: set[tuple[str, str]] = set()
    for zoo, claims in listed.items():
        macs = [
            claim.macs
            or (statistics.median(known[claim.architecture]) if known[claim.architecture] else None)
            for claim in claims
        ]
        architectures |= {(claim.architecture, zoo) for claim in claims}
        mean = statistics.mean([one for one in macs if one] or [4e9])
        gmacs = sum(one or mean for one in macs) / 1e9
        sizes = [claim.bytes or 4 * (claim.parameters or 0) or None for claim in claims]
        size = sum(one or statistics.mean([s for s in sizes if s] or [1e8]) for one in sizes) / 1e9
        hours = IMAGES * gmacs * rate / 3600
        all_macs += [(one or mean) / 1e9 for one in macs]
        all_sizes += [one for one in sizes if one]
        share = sum(one is not None for one in macs)
        print(f"| {zoo} | {len(claims)} | {share} | {gmacs:,.0f} | {size:.1f} | {hours:,.0f} |")
        for k, value in enumerate((len(claims), gmacs, size, hours)):
            total[k] += value
    count, gmacs, size, hours = total
    print(f"| together | {count} | | {gmacs:,.0f} | {size:.1f} | {hours:,.0f} |")
    passes = -(-count // 10)
    decoding = passes * IMAGES * decode / 3600
    traffic = passes * IMAGES * image_bytes / 1e9
    print(f"decoding, in {passes} passes of 10 networks: {decoding:,.0f} core hours")
    print(f"images read: {traffic:,.0f} GB; weights fetched once: {size:.0f} GB")
    loading = count * LOAD_SECONDS * CORES / 3600
    print(f"loading once on each of {CORES} cores: {loading:,.0f} core hours")
    everything = hours + decoding + loading
    print(f"machine hours of {CORES} cores: {everything / CORES:,.0f}")
    print(f"store: {count * PREDICTIONS_MB / 1e3:.1f} GB of predictions")
    for text, chosen in (
        ("over 50 GMACs", [one for one in all_macs if one > 50]),
        ("at most 1 GMAC", [one for one in all_macs if one <= 1]),
    ):
        print(f"{text}: {len(chosen)} networks, {100 * sum(chosen) / gmacs:.1f} % of all GMACs")
    print(f"weights of the twelve largest: {sum(sorted(all_sizes)[-12:]) / 1e9:.0f} GB")
    zoos_of = [name for name, _ in architectures]
    several = sum(zoos_of.count(name) > 1 for name in set(zoos_of))
    print(f"architectures of more than one zoo: {several}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
