"""Small Keras networks: what Keras computes, and what their graphs compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoodiff.graph.canonical import canonical
from zoodiff.graph.cost import count
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph

BATCH = 2
Build = Callable[..., Any]


def network(build: Build, *shapes: Sequence[int], seed: int = 0) -> Any:
    """Return a functional model of tensors of these shapes (without batch), with drawn weights."""
    import keras

    keras.utils.set_random_seed(seed)
    inputs = [keras.Input(tuple(shape), name=f"x{k}") for k, shape in enumerate(shapes)]
    model = keras.Model(inputs, build(*inputs))
    random = np.random.default_rng(seed)
    for variable in model.variables:
        low = 0.3 if "variance" in variable.path else -1.0
        if "int" not in str(variable.dtype):
            variable.assign(random.uniform(low, 1.5, variable.shape))
    return model


def drawn(model: Any, *, positive: bool = False, seed: int = 1) -> list[NDArray[np.float32]]:
    """Return asymmetric inputs of a batch of two."""
    random = np.random.default_rng(seed)
    shapes = [(BATCH, *tensor.shape[1:]) for tensor in model.inputs]
    arrays = [random.standard_normal(shape) * 1.7 + 0.4 for shape in shapes]
    return [(np.abs(a) + 0.2 if positive else a).astype(np.float32) for a in arrays]


def computed(graph: Graph, model: Any, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return what a graph computes, in Keras's order of axes, each sample on its own."""
    from zoodiff.frontends.keras.functional import named_variables

    weights = {name: np.asarray(v.value) for name, v in named_variables(model).items()}
    rows = []
    for k in range(BATCH):
        sample = [array[k : k + 1] for array in inputs]
        sample = [x.transpose(0, 3, 1, 2) if x.ndim == 4 else x for x in sample]
        given = {t.name: x for t, x in zip(graph.inputs, sample, strict=True)}
        returned = evaluate(graph, given, weights)
        values = [np.asarray(returned[tensor.name]) for tensor in graph.outputs]
        rows.append([x.transpose(0, 2, 3, 1) if x.ndim == 4 else x for x in values])
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def assert_computes_what_keras_does(
    model: Any, *, positive: bool = False, one_by_one: bool = False, canonical_too: bool = True
) -> Graph:
    """Hold a model's graph, raw and canonical, against Keras on two samples; return the raw one.

    Where Keras computes something else of a batch of two, it is given each sample ``one_by_one``.
    """
    import keras

    from zoodiff.frontends.keras.functional import to_graph

    inputs = drawn(model, positive=positive)
    graph = to_graph(model)
    opaque = [node.op for node in graph.nodes if "::" in node.op]
    assert not opaque, opaque
    if one_by_one:
        runs = [keras.tree.flatten(model([x[k : k + 1] for x in inputs])) for k in range(BATCH)]
        expected = [np.concatenate(parts) for parts in zip(*runs, strict=True)]
    else:
        expected = [np.asarray(x) for x in keras.tree.flatten(model(inputs, training=False))]
    for each in (graph, canonical(graph)) if canonical_too else (graph,):
        found = computed(each, model, inputs)
        assert len(found) == len(expected)
        for result, truth in zip(found, expected, strict=True):
            assert result.shape == truth.shape
            scale = max(float(np.abs(truth).max()), 1e-3)
            np.testing.assert_allclose(result, truth, rtol=2e-5, atol=2e-5 * scale)
    total = sum(int(np.prod(v.shape)) for v in model.weights)
    counts = count(graph)
    assert counts.parameters + counts.statistics == total
    return graph
