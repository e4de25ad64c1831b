"""Runs canonical graphs with weights in the reference runtime, ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.preprocessing_runs import Recipe, Trials
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph
from zoodiff.graph.onnx_export import to_model
from zoodiff.zoos import registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LARGEST = 2**31 - 2**20
"""Most bytes of one ONNX file, a limit of the format."""


class ReferenceRuntime:
    """Runs networks in the reference runtime; a context manager that owns the exported files."""

    def __init__(
        self,
        trials: Callable[[EvaluatedEntry], Trials],
        subjects: tuple[EvaluatedEntry, EvaluatedEntry],
        recipes: tuple[Sequence[Recipe], Sequence[Recipe]],
    ) -> None:
        self._trials, self._subjects, self._recipes = trials, subjects, recipes
        self._folder = tempfile.TemporaryDirectory(prefix="zoodiff-", ignore_cleanup_errors=True)
        self._count = 0

    def __enter__(self) -> ReferenceRuntime:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def __call__(
        self, graph: Graph, weights: Mapping[str, Any], on_first: bool
    ) -> NDArray[np.float64]:
        """Return the share of recipes with which a graph with these weights is right, (images,).

        The recipes are those of the first network or of the second. Raises MeasurementError if the
        graph cannot be exported to the runtime or run there.
        """
        import numpy as np

        content = _serialised(graph, weights)
        self._count += 1
        path = Path(self._folder.name) / f"network{self._count}.onnx"
        path.write_bytes(content)
        side = 0 if on_first else 1
        source = self._subjects[side]
        subject = replace(source, entry=registry.resolve(str(path)), defaulted=(), input_stage=None)
        right_per_recipe = self._trials(subject).right(self._recipes[side])
        path.unlink()
        return np.mean([right.astype(np.float64) for right in right_per_recipe], axis=0)  # type: ignore[no-any-return]


def _serialised(graph: Graph, weights: Mapping[str, Any]) -> bytes:
    size = 4 * sum(p.size for node in graph.nodes for p in node.parameters)
    if size > _LARGEST:
        raise MeasurementError(f"{graph.source} has {size / 2**30:.1f} GiB of weights, too many")
    return to_model(graph, weights)
