"""Fixtures for tests that ask zoos; ``describe`` and ``backend`` are of the module's ``ZOO``."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.graph.ir import Graph
from zoodiff.workers import messages

Describe = Callable[..., tuple[Graph, messages.Facts]]


@pytest.fixture(scope="module")
def engine() -> Iterator[WorkerPool]:
    """The workers that the tests of a module share; frameworks take seconds to start."""
    with WorkerPool() as pool:
        yield pool


@pytest.fixture(scope="module")
def describe(request: pytest.FixtureRequest, engine: WorkerPool) -> Describe:
    """What a worker of the zoo says of a model with weights, random by default, asked once."""
    spec = request.module.ZOO.worker

    @functools.cache
    def ask(model: str, weights: str | None = "random") -> tuple[Graph, messages.Facts]:
        said = engine.worker(spec).describe(model, weights, doing=f"describing {model}")
        return Graph.from_dict(said.graph), said.facts

    return ask


@pytest.fixture(scope="module")
def backend(request: pytest.FixtureRequest) -> Any:
    """The zoo's backend, in this process."""
    module, _, attribute = request.module.ZOO.worker.backend.partition(":")
    return getattr(importlib.import_module(module), attribute)()
