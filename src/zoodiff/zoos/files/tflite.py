"""The worker side of TFLite files."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import Network, WeightsState
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.held import Held

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph


@dataclass
class TFLiteNetwork:
    """The weights of a file, as the real numbers that they stand for. It is not run."""

    weights_sha256: str | None
    _held: Held
    weights_state: WeightsState = "file"
    input_shape: tuple[int, ...] = ()
    layout: Literal["NCHW", "NHWC"] = field(default="NHWC")

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """By the names of the file's graph; integers are given as real numbers."""
        return self._held

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Raise MeasurementError: the file is what it is."""
        raise MeasurementError("weights cannot be put into a TFLite file")

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raise MeasurementError: only the structure and the weights are read."""
        raise MeasurementError("zoodiff reads TFLite files and does not run them yet")

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: a file does not say how images are prepared."""
        raise MeasurementError("a TFLite file does not say how images are prepared")


class TFLiteFiles:
    """TFLite files; see ``zoodiff.zoos.base.Backend``."""

    def versions(self) -> Mapping[str, str]:
        """Version of the package that reads the files."""
        return {"tflite": importlib.metadata.version("tflite")}

    def models(self) -> Sequence[str]:
        """None: files are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the file; weights are not read."""
        from zoodiff.frontends.tflite_file import graph_from_file

        path, _ = opened(model)
        return graph_from_file(path, path.name)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Count what the file holds: constants of more than one element that are no integers.

        Zeros in the place of a bias and what is no weight count too, so this is an upper bound.
        """
        from math import prod

        from zoodiff.frontends.tflite_reader import read

        path, _ = opened(model)
        held = [t for t in read(path).tensors if t.constant and prod(t.shape) > 1]
        real = [t for t in held if t.quantization or t.dtype.startswith(("float", "bfloat"))]
        return {"parameters": sum(prod(t.shape) for t in real), "statistics": 0}

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        """Open the weights of the file."""
        path, _ = opened(model)
        if weights == RANDOM:
            raise MeasurementError(f"weights cannot be put into {path.name}, a TFLite file")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return TFLiteNetwork(digest, held(path))


def held(path: Path) -> Held:
    """The weights of a file by their names in its graph."""
    from zoodiff.frontends.tflite_file import weights_of

    found = weights_of(path)

    def refuse(weights: Mapping[str, NDArray[Any]]) -> None:
        raise MeasurementError("weights cannot be put into a TFLite file")

    return Held(
        {name: weight.shape for name, weight in found.items()},
        lambda name: found[name].read(),
        refuse,
    )
