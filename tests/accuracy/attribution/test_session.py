"""Which entries of a comparison are explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.colours import network, painted
from zoodiff.accuracy.attribution.session import Attribution
from zoodiff.accuracy.comparison import compare
from zoodiff.accuracy.measure import Settings, measure
from zoodiff.accuracy.subject import evaluated_entry
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.store.folder import Store
from zoodiff.zoos import registry


@pytest.mark.onnx
def test_random_networks_are_not_explained(tmp_path: Path) -> None:
    """Their accuracy is chance, and what would change it is chance as well."""
    data = painted(tmp_path / "data")
    paths = [network(tmp_path / f"{name}.onnx") for name in ("one", "two")]
    images, settings = open_images(str(data)), Settings()
    store = Store(tmp_path / "results")
    store.prepare()
    with WorkerPool() as engine:
        sides = [
            evaluated_entry(engine, registry.resolve(path + weights))
            for path, weights in zip(paths, ("", "@random"), strict=True)
        ]
        outcome = measure(engine, sides, images, store, settings)
        assert [record.weights.state for record in outcome.records] == ["file", "random"]
        reasons = Attribution(engine, images, settings, lambda done, of: None)
        assert reasons.fitted(sides[1]) is sides[1]
        reasons.explain(sides, compare(outcome.records, store))
        said = f"{sides[1].name} has random weights, so its accuracy is chance and has no reasons"
        assert reasons.problems == [said]
        assert reasons.explanations == []
        assert reasons.inferences == {}
