"""How many images would show whether a network was trained with bilinear or bicubic images.

    python benchmarks/interpolation.py FOLDER

FOLDER holds ``images`` and ``models`` as the tests' real material does. Every image is resized by
both at several sizes, which are repeated measurements of one difference: that of the true class's
log probability, bilinear less bicubic, by which inference tests all other factors. Printed are its
mean, its deviation between images, Student's t, and the images that a test at 1 in 1,000 would need
to show a mean of this size with a power of 80 %. A negative mean says that bicubic fits better.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from planted import FILES
from scipy.stats import norm

from zoodiff.accuracy.attribution.inference import LEVEL, likelihood
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.preprocessing_runs import Trials
from zoodiff.accuracy.subject import evaluated_entry
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.zoos import registry

SIZES = (224, 240, 256, 272, 288, 320)
"""Short sides; 256 is the usual one."""


def main() -> int:
    """Print a line a size and one for all sizes together, for each file."""
    folder = Path(sys.argv[1])
    images = open_images(str(folder / "images"))
    for file, (right, shift) in FILES.items():
        with WorkerPool() as engine:
            one = evaluated_entry(
                engine, registry.resolve(str(folder / "models" / file)), changes=right
            )
            trials = Trials(engine, one, images, PassOptions(pipelines=2))
            found = []
            for size in SIZES:
                answers = trials(
                    [
                        replace(one.spec, resize=size, interpolation=interpolation)
                        for interpolation in ("bilinear", "bicubic")
                    ]
                )
                assert trials.labels is not None
                bilinear, bicubic = (likelihood(one, trials.labels + shift) for one in answers)
                found.append(bilinear - bicubic)
                print(f"{file[:32]:32s} short side {size}: {_words(found[-1])}")
            print(f"{file[:32]:32s} all sizes: {_words(np.mean(found, axis=0))}")
    return 0


def _words(values: np.ndarray) -> str:
    average, deviation = float(values.mean()), float(values.std(ddof=1))
    t = average / deviation * math.sqrt(len(values))
    needed = (norm.ppf(1 - LEVEL) + norm.ppf(0.8)) ** 2 * (deviation / average) ** 2
    return f"{average:+.4f}, deviation {deviation:.3f}, t {t:+.2f}; {needed:,.0f} images"


if __name__ == "__main__":
    sys.exit(main())
