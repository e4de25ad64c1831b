"""Asks the kecam backend for facts; run by the environment's interpreter, writes JSON.

python kecam_probe.py FOLDER

``models``: classifiers of the installed package. ``published``: files written into FOLDER, loaded
by the package's own loader. ``seeds``: whether random weights come from the seed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from zoodiff.errors import ZoodiffError
from zoodiff.zoos.kecam import weights
from zoodiff.zoos.kecam.backend import KecamBackend

SMALL = "MobileNetV3Small050"
SLASHED = "EdgeNeXt_XX_Small"
"""Its weights have slashes in their names."""


def pixels(network: Any) -> Any:
    return np.random.default_rng(0).normal(size=network.input_shape).astype(np.float32)


def seeds(backend: KecamBackend) -> list[bool]:
    first, same, other = (
        backend.load(SMALL, "random", seed=seed, threads=2).weights() for seed in (3, 3, 4)
    )
    name = next(name for name in first if name.endswith("kernel"))
    return [bool((first[name] == values[name]).all()) for values in (same, other)]


def written(backend: KecamBackend, model: str, path: Path) -> Any:
    """Write a network's weights as the package's files have them; return its output."""
    from keras.src.legacy.saving import legacy_h5_format

    network = backend.load(model, "random", seed=11, threads=2)
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network._model)  # type: ignore[attr-defined]
    return network.run(pixels(network))


def without_a_layer(file: h5py.File) -> None:
    file.attrs["layer_names"] = [n for n in file.attrs["layer_names"] if n != "predictions"]


def with_another_shape(file: h5py.File) -> None:
    group = file["predictions"]
    name = next(n for n in group.attrs["weight_names"] if np.asarray(group[n]).ndim == 2)
    values = np.asarray(group[name])[:, :7]
    del group[name]
    group[name] = values


def published(backend: KecamBackend, folder: Path) -> dict[str, Any]:
    """Load files of the package's cache, complete and not; errors as sentences."""
    found: dict[str, Any] = {}
    for model in (SMALL, SLASHED):
        path = folder / f"{model}.h5"
        expected = written(backend, model, path)
        backend._package.backend.get_file = lambda *_, path=path, **__: str(path)
        network = backend.load(model, None, seed=0, threads=2)
        same = bool(np.array_equal(network.run(pixels(network)), expected))
        found[model] = [network.weights_state, same, bool(network.weights_sha256)]
    changes: dict[str, Callable[[h5py.File], None]] = {
        "a layer less": without_a_layer,
        "another shape": with_another_shape,
    }
    for case, change in changes.items():
        path = folder / "changed.h5"
        written(backend, SMALL, path)
        with h5py.File(path, "r+") as file:
            change(file)
        backend._package.backend.get_file = lambda *_, path=path, **__: str(path)
        found[case] = sentence(lambda: backend.load(SMALL, None, seed=0, threads=2))

    def offline(*_: object, **__: object) -> str:
        raise OSError("no network")

    backend._package.backend.get_file = offline
    found["offline"] = sentence(lambda: backend.load(SMALL, None, seed=0, threads=2))
    (folder / "text.h5").write_text("no HDF5")
    backend._package.backend.get_file = lambda *_, **__: str(folder / "text.h5")
    found["no HDF5"] = sentence(lambda: backend.load(SMALL, None, seed=0, threads=2))
    return found


def slashed(folder: Path) -> list[bool]:
    """Whether a layer is read that the file calls by a name with a slash, and keeps its own."""
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    layer = keras.layers.Dense(3, name="block_dense")
    model = keras.Sequential([keras.Input((4,)), layer])
    values = [np.array(value) for value in model.get_weights()]
    path = folder / "slashed.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
        file.move("block_dense", "block/dense")
        file.attrs["layer_names"] = ["block/dense"]
    layer.set_weights([np.zeros_like(value) for value in values])
    names = weights.read(model, path, keras.Model.load_weights)
    same = all(np.array_equal(a, b) for a, b in zip(model.get_weights(), values, strict=True))
    return [same, layer.name == "block_dense", names == {"block_dense"}]


def sentence(action: Callable[[], object]) -> str:
    try:
        action()
    except ZoodiffError as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def refused(backend: KecamBackend) -> dict[str, str]:
    found = {
        "model": sentence(lambda: backend.describe("MobileNetV3Small51", None)),
        "weights": sentence(lambda: backend.describe(SMALL, "imagenet21k")),
    }
    del backend._builders[SMALL]  # type: ignore[attr-defined]
    found["version"] = sentence(lambda: backend.describe(SMALL, "random"))
    return found


def main() -> None:
    (folder,) = sys.argv[1:]
    backend = KecamBackend()
    answers = {
        "models": list(backend.models()),
        "versions": dict(backend.versions()),
        "seeds": seeds(backend),
        "published": published(backend, Path(folder)),
        "slashed": slashed(Path(folder)),
        "refused": refused(backend),
    }
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
