"""Asks the kerashub backend for facts; run by the environment's interpreter, writes JSON.

python kerashub_probe.py FOLDER NAME...

``models``: presets that the installed KerasHub has. ``outputs``: the graphs of NAME... interpreted
in numpy against TensorFlow. ``published``: presets written into FOLDER, loaded by KerasHub's own
loader.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from support.interpret import interpret
from zoodiff.errors import ZoodiffError
from zoodiff.zoos.kerashub import networks
from zoodiff.zoos.kerashub.backend import KerasHubBackend
from zoodiff.zoos.kerashub.catalogue import presets

SMALL, LARGER = "mobilenet_v3_small_050_imagenet", "mobilenet_v3_small_100_imagenet"


def outputs(backend: KerasHubBackend, names: list[str]) -> dict[str, Any]:
    """The largest difference of the interpreted graph's outputs, and their largest value."""
    found = {}
    for name in names:
        network = backend.load(name, "random", seed=1, threads=2)
        batch = np.random.default_rng(0).normal(size=network.input_shape).astype(np.float32)
        expected = network.run(batch)
        graph = backend.describe(name, "random")
        got = interpret(graph, network.weights(), batch)
        found[name] = [float(np.abs(got - expected).max()), float(np.abs(expected).max())]
    return found


def published(backend: KerasHubBackend, folder: Path) -> dict[str, Any]:
    """Whether a preset written here is loaded, and what is said of another network's."""
    from keras_hub.src.utils.preset_utils import BUILTIN_PRESETS

    batch = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype(np.float32)
    for name in (SMALL, LARGER):
        network = networks.build(presets()[name], (224, 224, 3))
        network.save_to_preset(str(folder / name))
        if name == SMALL:
            expected = network(batch, training=False).numpy()
            saved = [variable.numpy() for variable in network.weights]
    BUILTIN_PRESETS[SMALL]["kaggle_handle"] = str(folder / SMALL)
    loaded = backend.load(SMALL, None, seed=1, threads=2)
    read = list(loaded.weights().values())
    answer: dict[str, Any] = {
        "state": loaded.weights_state,
        "equal": len(read) == len(saved) and all(map(np.array_equal, read, saved)),
        "difference": float(np.abs(loaded.run(batch) - expected).max()),
        "largest": float(np.abs(expected).max()),
    }
    for handle in (folder / LARGER, folder / "nowhere"):
        BUILTIN_PRESETS[SMALL]["kaggle_handle"] = str(handle)
        try:
            backend.load(SMALL, None, seed=1, threads=2)
        except ZoodiffError as error:
            answer[handle.name] = str(error)
    return answer


def main() -> None:
    """Answer all questions, in one process: starting TensorFlow takes longer than the answers."""
    backend = KerasHubBackend()
    folder, *names = sys.argv[1:]
    answers = {
        "models": backend.models(),
        "outputs": outputs(backend, names),
        "published": published(backend, Path(folder)),
    }
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
