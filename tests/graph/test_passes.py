"""All passes together; each by itself is tested in ``passes``, in the file of its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support import plants
from support.networks import NETWORKS, network, trials
from support.passes import NAMES
from support.small import Draft
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.layers import LayerGraph
from zoodiff.graph.passes import PASSES
from zoodiff.graph.weights import Drawn


def test_every_pass_has_a_file_of_tests() -> None:
    files = {path.stem for path in (Path(__file__).parent / "passes").glob("test_*.py")}
    assert files == {f"test_{name}" for name in NAMES}


def test_every_pass_gives_its_mathematics() -> None:
    for one in PASSES:
        assert len(one.mathematics) > 100, one.name


def test_an_unknown_pass_is_named() -> None:
    with pytest.raises(UsageError, match='no pass "padings"; the passes are'):
        canonical(network(NETWORKS[0]), without=["padings"])


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.name.split(".")[0])
def test_canonical_graphs_are_a_fixed_point(path) -> None:
    once = canonical(network(path))
    assert [n.op for n in canonical(once).nodes] == [n.op for n in once.nodes]


@pytest.mark.parametrize("name", sorted(set(plants.EQUIVALENT_FORMS) - {"renamed"}))
def test_equivalent_forms_compute_the_same(name: str) -> None:
    """The planted forms are equivalent: by numbers, not by the passes' word."""
    done = 0
    for path, original, changed, _ in trials(plants.EQUIVALENT_FORMS[name], f"numbers {name}", 2):
        clean = canonical(original), canonical(changed)
        if unsupported(clean[0]) or "inception" in path.name:
            continue
        image = np.random.default_rng(1).standard_normal(original.inputs[0].shape)
        drawn = Drawn(clean[0], 0, 0.3)
        results = [
            next(iter(evaluate(g, {g.inputs[0].name: image}, drawn, np.float32).values()))
            for g in clean
        ]
        np.testing.assert_allclose(results[1], results[0], rtol=2e-3, atol=2e-4)
        done += 1
    assert done


def test_a_circle_is_an_error() -> None:
    d = Draft()
    d.add("Tanh", "n1", (1, 4, 8, 8))
    d.add("Tanh", "n0")
    with pytest.raises(MeasurementError, match="runs in a circle at tanh"):
        canonical(d.graph("n1"))


def test_an_empty_graph_is_a_graph() -> None:
    d = Draft()
    found = canonical(d.graph("x"))
    assert not found.nodes
    assert LayerGraph(found).outputs == [-1]
