"""Plant faults in the preprocessing and the labels of real files, and see what is named.

    python benchmarks/planted.py FOLDER [--pairs]

FOLDER holds ``images`` and ``models`` as the tests' real material does. Each fault alone, with
``--pairs`` also each two together; and nothing planted, where nothing may be named.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from zoodiff.accuracy.attribution.inference import infer
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.preprocessing_runs import Trials
from zoodiff.accuracy.subject import evaluated_entry
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos import registry

IMAGENET = {
    "value_range": (0.0, 1.0),
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
USUAL = {
    "resize": 256,
    "resize_policy": "short_side",
    "interpolation": "bilinear",
    "library": "pillow",
    "channel_order": "RGB",
}
FILES: Mapping[str, tuple[dict[str, Any], int]] = {
    "mobilenet_v2_1.0_224_quant.edgetpu.tflite": ({**USUAL, "value_range": (-1.0, 1.0)}, 1),
    "mobilenet_v2_1.0_224_int8.tflm.tflite": ({**USUAL, **IMAGENET}, 0),
}
"""How each file was trained, and how many classes come before the first."""


def faults(spec: Preprocessing) -> dict[str, tuple[str, Any]]:
    """Name -> code that must be named, and the change: of the specification or of the labels."""
    symmetric = spec.value_range == (-1.0, 1.0)
    rng = np.random.default_rng(7)
    order = rng.permutation(1000)
    norm = IMAGENET if symmetric else {"value_range": (-1.0, 1.0), "mean": None, "std": None}
    return {
        "BGR": ("PRE101", {"channel_order": "BGR"}),
        "another mean and std": ("PRE102", norm),
        "[0, 1]": ("PRE102", {"value_range": (0.0, 1.0), "mean": None, "std": None}),
        "squash": ("PRE103", {"resize_policy": "squash", "resize": (224, 224)}),
        "bicubic": ("PRE104", {"interpolation": "bicubic"}),
        "labels one too high": ("LAB101", lambda labels: (labels + 1) % 1000),
        "labels one too low": ("LAB101", lambda labels: (labels - 1) % 1000),
        "permuted labels": ("LAB103", lambda labels: order[labels]),
    }


def main() -> int:
    """Print a line a case, and the shares."""
    folder, pairs = Path(sys.argv[1]), "--pairs" in sys.argv
    images = open_images(str(folder / "images"))
    named = planted = 0
    wrong = clean = 0
    for file, (right, shift) in FILES.items():
        with WorkerPool() as engine:
            one = evaluated_entry(
                engine, registry.resolve(str(folder / "models" / file)), changes=right
            )
            trials = Trials(engine, one, images, PassOptions(pipelines=2))
            trials([one.spec])
            assert trials.labels is not None
            known = faults(one.spec)
            cases: list[tuple[str, ...]] = [(), *((name,) for name in known)]
            if pairs:
                cases += [
                    two
                    for two in combinations(known, 2)
                    if known[two[0]][0][:5] != known[two[1]][0][:5] or "PRE" in known[two[0]][0]
                    if known[two[0]][0] != known[two[1]][0]
                ]
            for case in cases:
                spec, labels = one.spec, trials.labels
                for name in case:
                    change = known[name][1]
                    if callable(change):
                        labels = change(labels)
                    else:
                        spec = replace(spec, **change)
                found = infer(trials, spec, labels, np.arange(1000) + shift)
                expected = {known[name][0] for name in case}
                got = {suggestion.code for suggestion in found.suggestions}
                planted += len(expected)
                named += len(expected & got)
                wrong += len(got - expected)
                clean += not case
                mark = "" if expected == got else "   <-- " + ", ".join(sorted(expected ^ got))
                print(f"{file[:32]:32s} {' + '.join(case) or 'nothing'}: {sorted(got)}{mark}")
    print(f"named {named} of {planted} planted; {wrong} named that were not planted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
