"""The worker side of the zoo ``onnx``: finds, checks, describes and runs its files."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import (
    MeasurementError,
    UnknownNameError,
    UsageError,
    WeightsUnavailableError,
)
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Model, Network, WeightsState
from zoodiff.zoos.digest import sha256_of
from zoodiff.zoos.onnx.catalogue import ZOO
from zoodiff.zoos.runtime import hub, load_stages, modes
from zoodiff.zoos.runtime.onnx_session import Session, open_file, precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

REPOSITORY = "onnxmodelzoo/legacy_models"


def light_folder() -> Path:
    """Return the folder of light graphs of the installed ``onnx`` package, without importing it."""
    spec = importlib.util.find_spec("onnx")
    if spec is None or spec.origin is None:
        raise MeasurementError(
            "the light graphs come with the onnx package; "
            'install it with: pip install "zoodiff[onnx]"'
        )
    return Path(spec.origin).parent / "backend" / "test" / "data" / "light"


@dataclass
class OnnxNetwork:
    """A session of ONNX Runtime on the CPU."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _call: Session
    _preprocessing: Preprocessing
    scope: Mapping[str, str]

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return initialisers and constants by name."""
        return self._call.weights_access()

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace initialisers and constants by name, and restart the session."""
        self._call.weights_access().assign(weights)

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs ``(batch, classes)`` for a batch in the file's own layout.

        Files with the fixed batch size 1 are run once per image.
        """
        result: NDArray[np.float32] = self._call(batch).reshape(len(batch), -1)
        return result

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all outputs of one run on named inputs, by name."""
        return self._call.run_named(inputs)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Apply the published value range, mean and std to images of the input's size.

        Raises UsageError for another size, or if the zoo publishes no normalisation.
        """
        import numpy as np

        spec = self._preprocessing
        if spec.input_size and images.shape[1:3] != tuple(spec.input_size):
            raise UsageError(
                f"the network takes images of {spec.input_size}, not {images.shape[1:3]}; "
                "resize them first"
            )
        if spec.value_range is None or spec.mean is None:
            raise UsageError("the zoo publishes no normalisation for this file; bring your own")
        low, high = spec.value_range
        pixels: NDArray[Any] = images.astype(np.float32) / 255.0 * (high - low) + low
        if spec.channel_order == "BGR":
            pixels = pixels[..., ::-1]  # mean and std are in the network's own order
        pixels = pixels - np.asarray(spec.mean, dtype=np.float32)
        if spec.std is not None:
            pixels = pixels / np.asarray(spec.std, dtype=np.float32)
        if self.layout == "NCHW":
            pixels = pixels.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(pixels, dtype=np.float32)


class OnnxBackend:
    """The ONNX Model Zoo's files; ``onnxruntime`` is imported only to run one."""

    def __init__(self) -> None:
        self._models = {model.name: model for model in ZOO.models()}

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the packages that read and run the files."""
        return {name: importlib.metadata.version(name) for name in ("onnx", "onnxruntime")}

    def models(self) -> Sequence[str]:
        """Return the names of the light graphs in the installed ``onnx`` package."""
        return sorted(path.stem for path in light_folder().glob("light_*.onnx"))

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the file; of weights only names and shapes are read."""
        from zoodiff.frontends.onnx.file import graph_from_file

        path = self.file(model, weights)
        extent = self._models[model].input_shape[-1]
        return graph_from_file(path, f"onnx:{model}", extent=extent)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Count the file's tensors by their role."""
        from zoodiff.frontends.onnx.file import load
        from zoodiff.zoos.runtime.onnx_weights import counts

        path = self.file(model, weights)
        return {**counts(load(path).graph), "sha256": sha256_of(path)}

    def modes(self) -> Sequence[str]:
        """Return the levels of ONNX Runtime's graph optimisations."""
        return modes.ONNX

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Start a session; ``random`` fills every weight from ``seed``.

        Raises WeightsUnavailableError for a published file that cannot be fetched or does not match
        the zoo's manifest.
        """
        modes.choose(mode, modes.ONNX, "onnx")
        with load_stages.stage(load_stages.CHECKS):
            path = self.file(model, weights)
        entry = self._models[model]
        session = open_file(path, weights, seed, name=f"onnx:{model}", threads=threads, mode=mode)
        layout: Literal["NCHW", "NHWC"] = "NHWC" if session.input_shape[-1] in {1, 3} else "NCHW"
        channels, height, width = entry.input_shape
        shape = (1, height, width, channels) if layout == "NHWC" else (1, *entry.input_shape)
        state: WeightsState = "published" if entry.needs_file else "placeholder"
        with load_stages.stage(load_stages.CHECKS):
            sha256 = None if weights == RANDOM else sha256_of(path)
            scope = session.scope(precision(path))
        return OnnxNetwork(
            weights_state="random" if weights == RANDOM else state,
            weights_sha256=sha256,
            input_shape=shape,
            layout=layout,
            _call=session,
            _preprocessing=entry.preprocessing,
            scope=scope,
        )

    def file(self, model: str, weights: str | None) -> Path:
        """Return the file of a model; fetch and verify it unless it is a light graph."""
        entry = self._entry(model, weights)
        if not entry.needs_file:
            path = light_folder() / f"{model}.onnx"
            if not path.is_file():
                raise MeasurementError(
                    f"onnx {importlib.metadata.version('onnx')} ships no {path.name}; "
                    "install a version that does"
                )
            return path
        return fetch(entry)

    def _entry(self, model: str, weights: str | None) -> Model:
        if model not in self._models:
            raise UnknownNameError(f"no entry `onnx:{model}`{did_you_mean(model, self._models)}")
        entry = self._models[model]
        names = [w.name for w in entry.weights]
        if weights is not None and weights not in {*names, RANDOM}:
            raise UnknownNameError(
                f'onnx:{model} has no weights "{weights}"; there are {", ".join([*names, RANDOM])}'
            )
        return entry


def fetch(entry: Model) -> Path:
    """Fetch a published file into the hub's cache and check it against the zoo's manifest.

    Raises WeightsUnavailableError if it cannot be fetched or does not match.
    """
    weights = entry.weights[0]
    assert weights.url is not None
    name = weights.url.partition("/resolve/main/")[2]
    try:
        path = hub.fetch(REPOSITORY, name)
    except Exception as error:  # the hub's client raises many kinds
        reason = " ".join(str(error).split())[:160]
        raise WeightsUnavailableError(
            f"onnx:{entry.name} cannot be had from {weights.url} "
            f"({type(error).__name__}: {reason}); try again with a network, or take a light graph"
        ) from None
    size, digest = path.stat().st_size, sha256_of(path)
    if digest != weights.sha256 or size != weights.bytes:
        raise WeightsUnavailableError(
            f"{path} is not the file of the zoo's manifest: sha256 {digest} and {size} bytes, "
            f"expected {weights.sha256} and {weights.bytes}; delete it and fetch it again"
        )
    return path
