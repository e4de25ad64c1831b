"""The graphs of real networks that the tests keep, and how many of them a test takes."""

from __future__ import annotations

import gzip
import random
from functools import cache
from pathlib import Path

from support import plants
from zoodiff.graph.ir import Graph

NETWORKS = sorted((Path(__file__).parents[1] / "graph" / "networks").glob("*.json.gz"))


@cache
def network(path: Path) -> Graph:
    return Graph.from_json(gzip.decompress(path.read_bytes()).decode())


def trials(plant: plants.Plant, seed: str, count: int):
    """Changed networks: (path, original, changed, what was changed)."""
    r = random.Random(seed)
    done = 0
    for _ in range(count * 60):
        path = r.choice(NETWORKS)
        found = plants.planted(network(path), plant, r)
        if found is not None:
            done += 1
            yield path, network(path), *found
        if done == count:
            return
