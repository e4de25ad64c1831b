"""The backend of the fake zoo: numpy only, and every way in which a worker can fail."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np

from zoodiff.errors import WeightsUnavailableError
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.zoos.runtime import load_stages, modes


class Network:
    weights_state = "random"
    weights_sha256 = None
    layout = "NCHW"
    weights_bytes = 48

    def __init__(self, scale: float, times: int = 1, model: str = "small") -> None:
        self.input_shape = (1, 3, 8, 8)
        self.scale, self.times, self.model = scale, times, model

    def run(self, batch: Any) -> Any:
        if self.model == "hungry":  # some 80 MB an image, long enough to be seen
            held = np.ones((len(batch), 10_000_000))
            time.sleep(0.5)
            del held
        if self.model == "refuses-two" and len(batch) > 1:
            raise MemoryError("no room for two")
        if self.model == "sticks" and len(batch) > 1:
            time.sleep(600)
        for _ in range(self.times - 1):
            batch = batch.copy()
        return (batch.reshape(len(batch), -1)[:, :4] * self.scale).astype(np.float32)

    def prepare(self, images: Any) -> Any:
        return images.astype(np.float32).transpose(0, 3, 1, 2)


class Backend:
    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__}

    def models(self) -> list[str]:
        return ["small", "wide"]

    def describe(self, model: str, weights: str | None) -> Graph:
        print("noise on standard output must not disturb the protocol")
        if model == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if model == "hangs":
            time.sleep(600)
        if model == "eats":
            hog = [np.ones(30_000_000) for _ in range(4)]
            time.sleep(60)
            del hog
        if model == "refuses":
            raise WeightsUnavailableError("the weights of refuses are not published")
        if model == "raises":
            raise ValueError("a bug\nin the backend")
        features = {"small": 4, "wide": 8}.get(model, 4)
        weight = Parameter("fc.weight", (features, 3))
        return Graph(
            source="fake",
            inputs=(Tensor("x", (1, 3)),),
            outputs=(Tensor("y", (1, features)),),
            nodes=(
                Node(
                    "Gemm",
                    "fc",
                    ("x",),
                    ("y",),
                    {"in_features": 3, "out_features": features},
                    (weight,),
                ),
            ),
            tensors={"x": Tensor("x", (1, 3)), "y": Tensor("y", (1, features))},
        )

    def facts(self, model: str, weights: str | None) -> dict[str, Any]:
        features = {"small": 4, "wide": 8}.get(model, 4)
        return {"parameters": features * 3, "statistics": 0}

    def modes(self) -> tuple[str, ...]:
        return ("plain", "doubled")

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        if model == "crashes":
            os._exit(7)
        mode = modes.choose(mode, self.modes(), "the fake zoo")
        with load_stages.stage(load_stages.BUILD), load_stages.stage(load_stages.WEIGHTS):
            network = Network(1.0 + seed, 2 if mode == "doubled" else 1, model)
        network.scope = {"mode": mode, "entry_point": "run"}
        return network


def make() -> Backend:
    return Backend()
