"""A backend whose every text is untrusted: errors, last words, versions, names, facts."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from zoodiff import errors
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor


def _texts() -> list[str]:
    path = Path(__file__).resolve().parents[1] / "support" / "text" / "hostile_texts.py"
    spec = importlib.util.spec_from_file_location("hostile_texts", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [text for text in module.TEXTS.values() if len(text) < 1000]


TEXTS = _texts()


class Network:
    weights_state = "random"
    weights_sha256 = None
    layout = "NCHW"
    weights_bytes = 48
    input_shape = (1, 3, 8, 8)

    def __init__(self) -> None:
        self.scope = {text: text for text in TEXTS} | {"mode": "", "entry_point": TEXTS[0]}

    def run(self, batch: Any) -> Any:
        return batch.reshape(len(batch), -1)[:, :4].astype(np.float32)

    def prepare(self, images: Any) -> Any:
        return images.astype(np.float32).transpose(0, 3, 1, 2)


class Backend:
    def versions(self) -> dict[str, str]:
        return {text: text for text in TEXTS}

    def models(self) -> list[str]:
        return list(TEXTS)

    def describe(self, model: str, weights: str | None) -> Graph:
        said = "\n".join(TEXTS)
        if model == "crashes":
            sys.stderr.write(" ".join(TEXTS).replace("\n", " ").replace("\r", " ") + "\n")
            sys.stderr.flush()
            os._exit(7)
        if model == "refuses":
            raise errors.WeightsUnavailableError(said)
        if model == "raises":
            raise ValueError(said)
        if model == "lies":
            raise type(TEXTS[0], (Exception,), {})(said)
        weight = Parameter(TEXTS[0], (4, 3))
        nodes = []
        last = TEXTS[1]
        for number, text in enumerate(TEXTS):
            attributes = {text: text, "name": text, "op_type": number}
            nodes.append(Node(text, text, (last,), (f"{text}{number}",), attributes))
            last = f"{text}{number}"
        nodes.append(
            Node(
                "Gemm", TEXTS[2], (last,), ("y",), {"in_features": 3, "out_features": 4}, (weight,)
            )
        )
        tensors = {TEXTS[1]: Tensor(TEXTS[1], (1, 3)), "y": Tensor("y", (1, 4))}
        tensors |= {f"{t}{k}": Tensor(f"{t}{k}", (1, 3)) for k, t in enumerate(TEXTS)}
        return Graph(
            source=TEXTS[3],
            inputs=(Tensor(TEXTS[1], (1, 3)),),
            outputs=(Tensor("y", (1, 4)),),
            nodes=tuple(nodes),
            tensors=tensors,
        )

    def facts(self, model: str, weights: str | None) -> dict[str, Any]:
        return {"parameters": 12, "statistics": 0, **{text: text for text in TEXTS}}

    def modes(self) -> tuple[str, ...]:
        return tuple(TEXTS)

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        if model == "refuses":
            raise errors.MeasurementError("\n".join(TEXTS))
        return Network()


def make() -> Backend:
    return Backend()
