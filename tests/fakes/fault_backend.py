"""The worker's side of the zoos of the fault suite: numpy only, the same answers every time."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from zoodiff.graph.ir import Graph, Node, Parameter, Tensor

FEATURES = {"small": 4, "wide": 8, "deep": 12}
_PAUSE = 0.002
"""Seconds that everything takes, so that faults find something at work."""


def note(text: str) -> None:
    """Write down that something was really done, where the suite counts it."""
    log = os.environ.get("FAULT_LOG")
    if log:
        with open(log, "a") as file:  # noqa: PTH123 - appended in one write
            file.write(text + "\n")


class Network:
    weights_state = "published"
    layout = "NCHW"
    input_shape = (1, 3, 8, 8)

    def __init__(self, model: str) -> None:
        rng = np.random.default_rng(sum(map(ord, model)))
        self.name = model
        self.weight = rng.normal(size=(3 * 8 * 8, 4)).astype(np.float32)
        self.weights_sha256 = f"{sum(map(ord, model)):064x}"

    def run(self, batch: Any) -> Any:
        time.sleep(_PAUSE)
        if len(batch) > 1:
            note(f"classify {self.name} {len(batch)}")
        flat = np.asarray(batch, dtype=np.float32).reshape(len(batch), -1)
        # Row by row: a product of matrices may depend on how many rows there are.
        return np.stack([row @ self.weight for row in flat])

    def prepare(self, images: Any) -> Any:
        return images.astype(np.float32).transpose(0, 3, 1, 2)


class Backend:
    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__}

    def models(self) -> list[str]:
        return list(FEATURES)

    def describe(self, model: str, weights: str | None) -> Graph:
        time.sleep(_PAUSE)
        note(f"describe {model}")
        features = FEATURES[model]
        return Graph(
            source="fault",
            inputs=(Tensor("x", (1, 3)),),
            outputs=(Tensor("y", (1, features)),),
            nodes=(
                Node(
                    "Gemm",
                    "fc",
                    ("x",),
                    ("y",),
                    {"in_features": 3, "out_features": features},
                    (Parameter("fc.weight", (features, 3)),),
                ),
            ),
            tensors={"x": Tensor("x", (1, 3)), "y": Tensor("y", (1, features))},
        )

    def facts(self, model: str, weights: str | None) -> dict[str, Any]:
        return {"parameters": FEATURES[model] * 3, "statistics": 0}

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        note(f"load {model}")
        return Network(model)


def make() -> Backend:
    return Backend()
