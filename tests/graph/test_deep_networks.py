"""Networks of many equal blocks: what is paired, and how the work grows with the number of blocks.

Steps are counted, not timed: calls of Python functions, of which a comparison makes thousands.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from support.transformers import stack
from zoodiff.architecture.diff import Diff, diff
from zoodiff.graph.ir import Graph

PLAIN: dict[str, Any] = {}


def compared(a: Graph, b: Graph) -> Diff:
    return diff(a, b, "a", "b")


@pytest.mark.parametrize("before", [True, False], ids=["norm first", "norm behind"])
@pytest.mark.parametrize("blocks", [2, 3, 5])
def test_a_missing_block_is_missing_as_a_whole(blocks: int, before: bool) -> None:
    whole, shorter = (stack(*[PLAIN] * n, before=before) for n in (blocks, blocks - 1))
    for a, b in ((whole, shorter), (shorter, whole)):
        (finding,) = compared(a, b).findings
        assert (finding.code, finding.count) == ("ARC163", 1)
        layers = [name.rstrip("0123456789") for name in (*finding.places_a, *finding.places_b)]
        assert layers.count("layernormalization") == 2 and layers.count("gemm") == 6


@pytest.mark.parametrize("before", [True, False], ids=["norm first", "norm behind"])
def test_queries_keys_and_values_of_one_block_belong_together(before: bool) -> None:
    a, b = (stack(*[PLAIN] * n, before=before) for n in (3, 2))
    alignment = compared(a, b).alignment
    for i, j in alignment.pairs:
        first, second = alignment.a.layers[i], alignment.b.layers[j]
        if first.op == "MatMul":
            sources = [alignment.to_b[x] for x in first.inputs]
            assert sources == second.inputs


def test_the_end_of_a_gap_without_shortcut_stays() -> None:
    """A rectifier behind each convolution belongs to the convolution before it."""
    from support.small import Draft

    def chain(count: int) -> Graph:
        d, x = Draft(), "x"
        for _ in range(count):
            x = d.add("Relu", d.conv(x))
        return d.graph(x)

    (finding,) = compared(chain(3), chain(2)).findings
    assert [name.rstrip("0123456789") for name in finding.places_a] == ["conv", "relu"]


def steps(a: Graph, b: Graph) -> int:
    """How many calls a comparison and a fingerprint make."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        found = compared(a, b)
        assert found.a.fingerprint
    finally:
        sys.setprofile(None)
    return count


CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "every epsilon": {"epsilon": 1e-3},
    "every activation": {"activation": "Tanh"},
    "no activation": {"activation": None},
    "every mask": {"scores": lambda d, s: d.add("Mul", s, value=0.5)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_work_grows_as_the_number_of_blocks(name: str) -> None:
    counts = [steps(stack(*[PLAIN] * depth), stack(*[CHANGES[name]] * depth)) for depth in (8, 32)]
    assert counts[1] < 4.1 * counts[0]


def test_the_work_for_missing_blocks_grows_as_their_number() -> None:
    counts = [steps(stack(*[PLAIN] * n), stack(*[PLAIN] * (3 * n // 4))) for n in (8, 32)]
    assert counts[1] < 4.5 * counts[0]
