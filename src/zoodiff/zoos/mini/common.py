"""Recipes, augmentation and the cache of weights, for the backends of the mini-zoo."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.data import digits
from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import UnknownNameError
from zoodiff.zoos.base import WeightsState
from zoodiff.zoos.mini.catalogue import ARCHITECTURE
from zoodiff.zoos.runtime.weights_access import WeightsAccess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRAINED = "trained"
Arrays = Mapping[str, "NDArray[np.float32]"]
Prepare = Callable[["NDArray[np.uint8]"], "NDArray[np.float32]"]
"""Converts decoded images to a network's inputs."""


@dataclass(frozen=True)
class Recipe:
    """How one of the four networks is trained; the name of its cache is a hash of all fields."""

    framework: str
    optimiser: str
    learning_rate: float
    epochs: int
    batch: int
    seed: int
    images: int
    """Number of training images that are used."""
    shifts: bool
    """Whether images are shifted at random by up to one pixel."""
    label_smoothing: float = 0.0


@dataclass
class MiniNetwork:
    """A loaded network of the mini-zoo."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _call: Callable[[Any], Any]
    _prepare: Callable[[Any], Any]
    _access: Callable[[], WeightsAccess]
    scope: Mapping[str, str]

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the weights by their names in the graph."""
        return self._access()

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace weights by name."""
        self._access().assign(weights)

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs ``(batch, 10)`` for inputs in the network's own layout."""
        result: NDArray[np.float32] = self._call(batch)
        return result

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Apply the entry's own preprocessing to digits ``(batch, 8, 8, 1)``."""
        result: NDArray[np.float32] = self._prepare(images)
        return result


def check(model: str, weights: str | None) -> bool:
    """Return whether the weights are trained; raise UnknownNameError for an unknown name."""
    if model != ARCHITECTURE:
        raise UnknownNameError(
            f"no entry `{model}` in the mini-zoo{did_you_mean(model, [ARCHITECTURE])}"
        )
    if weights not in {None, TRAINED, RANDOM}:
        raise UnknownNameError(
            f'the mini-zoo has no weights "{weights}"; '
            f"there are {TRAINED} (the default) and {RANDOM}"
        )
    return weights != RANDOM


def state(trained: bool) -> WeightsState:
    """Return the state of the weights for records."""
    return "trained" if trained else "random"


def batches(
    recipe: Recipe, prepare: Prepare
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield the mini-batches of all epochs, with order and shifts drawn from the recipe's seed."""
    import numpy as np

    rng = np.random.Generator(np.random.PCG64(recipe.seed))
    train = digits.load().train
    chosen = rng.permutation(len(train.labels))[: recipe.images]
    for _ in range(recipe.epochs):
        order = rng.permutation(chosen)
        for first in range(0, len(order), recipe.batch):
            members = order[first : first + recipe.batch]
            images = train.images[members]
            if recipe.shifts:
                images = _shifted(images, rng)
            yield prepare(images), train.labels[members]


def _shifted(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    import numpy as np

    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    moves = rng.integers(0, 3, (len(images), 2))
    return np.stack([p[r : r + 8, c : c + 8] for p, (r, c) in zip(padded, moves, strict=True)])


def cached(recipe: Recipe, versions: Mapping[str, str], train: Callable[[], Arrays]) -> Path:
    """Return the file of trained weights (.npz without pickles); train them if it is missing.

    The name is a hash over recipe, versions and training images. The file is written under a
    temporary name and renamed, so an interrupted training leaves no file; two simultaneous
    trainings give the same weights.
    """
    import numpy as np

    request = {
        "recipe": asdict(recipe),
        "versions": dict(versions),
        "data": digits.load().train.sha256,
    }
    key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]
    path = _folder() / f"{recipe.framework}-{key}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.npz")
        try:
            arrays: dict[str, Any] = dict(train())
            np.savez(temporary, **arrays)
            temporary.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
    return path


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a file of weights, by name."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def digest(arrays: Arrays) -> str:
    """Return the sha256 of weights over names, shapes and values."""
    hasher = hashlib.sha256()
    for name in sorted(arrays):
        hasher.update(f"{name}{arrays[name].shape}".encode())
        hasher.update(arrays[name].astype("<f4").tobytes())
    return hasher.hexdigest()


def _folder() -> Path:
    named = os.environ.get("ZOODIFF_CACHE")
    return (Path(named) if named else Path.home() / ".cache" / "zoodiff") / "mini"
