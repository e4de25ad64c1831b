"""Load the published weights of keras_cv_attention_models by its own loader, and check them.

The package's loader leaves weights random where a file cannot be had, where a layer is not in it,
and where a shape differs. Here each of these is an error.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from zoodiff.entry import RANDOM
from zoodiff.errors import WeightsUnavailableError
from zoodiff.zoos.kecam.package import plain
from zoodiff.zoos.runtime import hub
from zoodiff.zoos.scan import hdf5


@dataclass
class Loaded:
    """What was fetched and read while a network was built."""

    files: list[Path] = field(default_factory=list)
    layers: set[str] = field(default_factory=set)
    """Names of the layers in the files."""
    failure: str | None = None
    """Why a file could not be had."""


@dataclass(frozen=True)
class Asked:
    """A file that the package would fetch: its address and its MD5."""

    url: str
    md5: str | None


@contextlib.contextmanager
def without_files(
    package: ModuleType, keras: Any, seen: Callable[[Asked], None] | None = None
) -> Iterator[None]:
    """Build for published weights without fetching or reading them; ``seen`` gets each file."""

    def get_file(fname: str, origin: str = "", *_: object, **named: Any) -> str:
        if seen is not None:
            seen(Asked(origin, named.get("file_hash")))
        return fname

    with _loader(package, keras, get_file, lambda *_, **__: None):
        yield


@contextlib.contextmanager
def checked(package: ModuleType, keras: Any) -> Iterator[Loaded]:
    """Let the package fetch and load files, each completely or with WeightsUnavailableError.

    Keras checks the MD5 that the package publishes, when a file is fetched and when it is read from
    the cache. Files are HDF5 and are scanned before they are read (RefusedError).
    """
    fetch, load = package.backend.get_file, keras.Model.load_weights
    loaded = Loaded()

    def get_file(*arguments: object, **named: object) -> str:
        try:
            path: str = fetch(*arguments, **named)
        except Exception as error:  # the package catches it, and leaves the weights random
            loaded.failure = " ".join(str(error).split())[:200]
            raise
        loaded.files.append(Path(path))
        return path

    def load_weights(model: Any, path: str, *_: object, **__: object) -> None:
        loaded.layers |= read(model, Path(path), load)

    with _loader(package, keras, get_file, load_weights), _impatient():
        yield loaded


def complete(network: Any, loaded: Loaded, name: str) -> None:
    """Raise WeightsUnavailableError unless every layer's weights were in the files."""
    if loaded.failure or not loaded.files:
        raise WeightsUnavailableError(
            f"the published weights of {name} could not be had "
            f"({loaded.failure or 'the package has no such file'}); "
            f"connect to that address or use @{RANDOM}"
        )
    missing = [
        layer.name for layer in network.layers if layer.weights and layer.name not in loaded.layers
    ]
    if missing:
        raise WeightsUnavailableError(
            f"{loaded.files[0]} does not hold the weights of {name}: it lacks {len(missing)} of "
            f"its layers, {missing[0]} among them; use @{RANDOM}"
        )


def read(model: Any, path: Path, load: Callable[..., None]) -> set[str]:
    """Read a file by the names of its layers; return these names.

    Raises WeightsUnavailableError if a shape differs, RefusedError for a file that is not safe.
    """
    import h5py

    with path.open("rb") as file:
        hdf5.check(file, path.name)
    renamed = [(layer, layer.name) for layer in model.layers]
    try:
        with h5py.File(path, "r") as opened:
            group = opened.get("model_weights", opened)
            # Keras divides a long list over several attributes.
            lists = [names for key, names in group.attrs.items() if key.startswith("layer_names")]
            names = [_text(name) for part in lists for name in part]
        slashed = {plain(name): name for name in names if "/" in name}
        for layer, name in renamed:
            layer.name = slashed.get(name, name)
        load(model, str(path), by_name=True, skip_mismatch=False)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsUnavailableError(
            f"{path} does not hold the published weights of this network "
            f"({' '.join(str(error).split())[:200]}); delete it and try again, or use @{RANDOM}"
        ) from error
    finally:
        for layer, name in renamed:
            layer.name = name
    return set(map(plain, names))


def _text(name: str | bytes) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else name


@contextlib.contextmanager
def _loader(
    package: ModuleType,
    keras: Any,
    get_file: Callable[..., str],
    load_weights: Callable[..., None],
) -> Iterator[None]:
    """Replace the functions by which the package fetches and reads files."""
    before = package.backend.get_file, keras.Model.load_weights
    package.backend.get_file, keras.Model.load_weights = get_file, load_weights
    try:
        yield
    finally:
        package.backend.get_file, keras.Model.load_weights = before


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Let a silent connection count as failed."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(hub.SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
