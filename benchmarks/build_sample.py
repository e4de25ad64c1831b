"""Build a sample of a zoo's networks and print processor seconds per network.

    ZOODIFF_HOME=/some/empty/folder python benchmarks/build_sample.py timm 100

Every n-th model by name is taken. What the cache has is not built again, so name an empty home.
The whole table is built by ``zoodiff names --all --build``, which goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import resource
import time

from zoodiff.architecture import structures
from zoodiff.zoos import registry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zoo")
    parser.add_argument("networks", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    zoo = registry.find_zoo(options.zoo)
    models = list(registry.models(zoo.name).values())
    step = max(1, len(models) // options.networks)
    entries = [
        registry.Entry(zoo, model, model.default_weights)
        for model in models[::step][: options.networks]
    ]
    started = time.monotonic()
    prints, failures = structures.build(entries, jobs=options.jobs)
    wall = time.monotonic() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, workers = (each.ru_utime + each.ru_stime for each in used)
    print(f"{len(prints)} built, {len(failures)} failed, {wall:.0f} s of wall time")
    print(f"processor seconds: {own:.1f} here, {workers:.1f} in workers")
    print(f"per network: {(own + workers) / len(entries):.2f}")
    print(f"largest worker: {used[1].ru_maxrss / 1e6:.2f} GB")
    for name, reason in failures.items():
        print(f"{name}: {reason}")


if __name__ == "__main__":
    main()
