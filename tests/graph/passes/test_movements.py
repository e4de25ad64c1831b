"""Reshapes, transpositions and slices in their shortest form."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import around, changed, clean_ops, ops, same_numbers
from support.small import Draft
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import LayerGraph

MOVES = {
    "shuffle": [(1, 2, 4, 8, 8), [0, 2, 1, 3, 4], (1, 8, 8, 8)],
    "there and back": [(1, 8, 64), [0, 2, 1], (1, 8, 8, 8), [0, 3, 1, 2], (1, 8, 8, 8)],
    "ones": [(8, 1, 8, 1, 8), [2, 1, 0, 3, 4], (1, 8, 8, 8)],
    "through a cut": [(1, 32, 16), [0, 2, 1], (1, 2, 256), [0, 2, 1], (1, 8, 8, 8)],
    "no common factor": [(1, 8, 64), [0, 2, 1], (1, 512), (1, 8, 8, 8)],
}


def moved(steps: list, shape: tuple[int, ...] = (1, 8, 8, 8)) -> Graph:
    d = Draft(shape)
    x = d.add("Tanh", "x")
    for step in steps:
        if isinstance(step, list):
            turned = tuple(d.tensors[x].shape[axis] for axis in step)
            x = d.add("Transpose", x, turned, perm=step)
        else:
            x = d.add("Reshape", x, step)
    return d.graph(d.conv(x))  # which keeps movements from going past it


@pytest.mark.parametrize("name", MOVES)
def test_movements_in_a_row_have_one_form(name: str) -> None:
    graph = moved(MOVES[name])
    same_numbers(graph)
    assert clean_ops(graph).count("Transpose") <= 1 + (name == "through a cut")


def test_movements_that_cancel_are_none() -> None:
    graph = moved([(1, 2, 4, 64), [0, 2, 1, 3], [0, 2, 1, 3], (1, 8, 8, 8)])
    assert clean_ops(graph) == ["Tanh", "Conv"]
    other = moved([(2, 4, 8, 8), [1, 0, 2, 3], (1, 4, 2, 64), [0, 2, 1, 3], (1, 8, 8, 8)])
    assert clean_ops(other) == ["Tanh", "Conv"]


def test_another_movement_is_another_graph() -> None:
    labels = {
        tuple(layer.label for layer in LayerGraph(canonical(moved(steps))).layers)
        for steps in (
            [(1, 2, 4, 8, 8), [0, 2, 1, 3, 4], (1, 8, 8, 8)],
            [(1, 4, 2, 8, 8), [0, 2, 1, 3, 4], (1, 8, 8, 8)],
            [(1, 8, 8, 8)],
        )
    }
    assert len(labels) == 3


@pytest.mark.parametrize("seed", range(30))
def test_any_row_of_movements_computes_the_same(seed: int) -> None:
    """Random divisions, orders and slices of one tensor."""
    random = np.random.default_rng(seed)
    d = Draft((1, 6, 4, 12))
    x = d.add("Tanh", "x")
    for _ in range(random.integers(2, 7)):
        shape = d.tensors[x].shape
        kind = random.choice(["Transpose", "Reshape", "Slice"])
        if kind == "Transpose":
            perm = [int(axis) for axis in random.permutation(len(shape))]
            x = d.add(kind, x, tuple(shape[axis] for axis in perm), perm=perm)
        elif kind == "Reshape":
            factors = [p for n in shape for p in _primes(n)]
            cuts = sorted(random.integers(0, len(factors) + 1, 3))
            parts = np.split(np.array(factors, dtype=int), cuts)
            made = tuple(int(np.prod(part)) for part in parts)
            x = d.add(kind, x, made)
        else:
            axis = int(random.integers(len(shape)))
            start = int(random.integers(shape[axis]))
            end = int(random.integers(start + 1, shape[axis] + 1))
            made = (*shape[:axis], end - start, *shape[axis + 1 :])
            x = d.add(kind, x, made, axes=[axis], starts=[start], ends=[end], steps=[1])
    same_numbers(d.graph(d.add("Exp", x)))


def _primes(n: int) -> list[int]:
    first = next((p for p in range(2, n + 1) if n % p == 0), None)
    return [first, *_primes(n // first)] if first else []


def test_a_movement_in_its_shortest_form_stays() -> None:
    before, after = around("movements", canonical(moved(MOVES["shuffle"])))
    assert ops(after) == ["Tanh", "Reshape", "Transpose", "Reshape", "Conv"]
    assert [n.attributes for n in after.nodes] == [n.attributes for n in before.nodes]


def test_the_pass_shortens_by_itself() -> None:
    after = changed("movements", moved(MOVES["there and back"]))
    assert ops(after).count("Transpose") <= 1
