"""One comparison gives one result, wherever Python puts its objects and however it hashes text."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from support.networks import NETWORKS, network
from support.transformers import stack
from zoodiff.architecture.diff import diff
from zoodiff.graph.ir import Graph
from zoodiff.graph.mutable import MutableNode

TESTS = Path(__file__).parents[1]
HEADS: dict[str, Any] = {"heads": 2}
PAIRS = {
    "a deeper transformer": lambda: (stack(*[HEADS] * 3), stack(*[HEADS] * 9)),
    "norms behind the blocks": lambda: (stack(*[HEADS] * 4, before=False), stack(*[HEADS] * 5)),
    "one head": lambda: (stack(*[HEADS] * 4), stack(HEADS, {}, {}, HEADS)),
    **{
        f"{a.name}, {b.name}": (lambda a=a, b=b: (network(a), network(b)))
        for a, b in list(permutations(NETWORKS[:: len(NETWORKS) // 4], 2))[:6]
    },
}


def everything(a: Graph, b: Graph) -> str:
    """Return all that a comparison says, as text."""
    compared = diff(a, b, "a", "b")
    texts = [side.canonical.to_json() for side in (compared.a, compared.b)]
    said = [compared.to_dict(), compared.alignment.pairs, compared.passes, *texts]
    return json.dumps([*said, [repr(f.differences) for f in compared.findings]])


def scatter(seed: int) -> None:
    """Let the next objects of the size of a node lie at addresses in no order."""
    slots = tuple(f"slot{k}" for k in range(len(MutableNode.__slots__)))
    junk_type = type("Junk", (), {"__slots__": slots})
    junk = [junk_type() for _ in range(5000)]
    random.Random(seed).shuffle(junk)
    while junk:
        junk.pop()


@pytest.mark.parametrize("name", PAIRS)
def test_a_comparison_does_not_depend_on_addresses(name: str) -> None:
    a, b = PAIRS[name]()
    results = set()
    for seed in range(4):
        scatter(seed)
        results.add(everything(a, b))
    assert len(results) == 1


def test_a_comparison_does_not_depend_on_how_text_is_hashed() -> None:
    program = "from architecture import test_repeated_runs as t; t.print_all()"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1 and len(next(iter(printed))) > 10_000


def print_all() -> None:
    """Print what every comparison says; runs in a process of its own."""
    scatter(int(os.environ["PYTHONHASHSEED"]))
    for pair in PAIRS.values():
        print(everything(*pair()))
