"""The worker side of the zoo ``onnx``: finds, checks, describes and runs its files."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod, sqrt
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
from zoodiff.zoos.onnx import ZOO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

REPOSITORY = "onnxmodelzoo/legacy_models"
_SECONDS = 10.0
"""How long the hub may be silent before a file counts as not to be had."""


def light_folder() -> Path:
    """Where the installed ``onnx`` package keeps its light graphs; imports nothing."""
    found = importlib.util.find_spec("onnx")
    if found is None or found.origin is None:
        raise MeasurementError(
            "the light graphs come with the onnx package; "
            'install it with: pip install "zoodiff[onnx]"'
        )
    return Path(found.origin).parent / "backend" / "test" / "data" / "light"


@dataclass
class OnnxNetwork:
    """A session of ONNX Runtime on the CPU."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _call: Callable[[Any], Any]
    _preprocessing: Preprocessing

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """A batch in the file's own layout -> (batch, classes).

        Files of a fixed batch size of 1 are run once an image.
        """
        result: NDArray[np.float32] = self._call(batch).reshape(len(batch), -1)
        return result

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Apply the published value range, mean and std to images of the input's size.

        Raises UsageError for another size, and where the zoo publishes no normalisation.
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
        pixels = pixels - np.asarray(spec.mean, dtype=np.float32)
        if spec.std is not None:
            pixels = pixels / np.asarray(spec.std, dtype=np.float32)
        if spec.channel_order == "BGR":
            pixels = pixels[..., ::-1]
        if self.layout == "NCHW":
            pixels = pixels.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(pixels, dtype=np.float32)


class OnnxBackend:
    """The ONNX Model Zoo's files; ``onnxruntime`` is imported only to run one."""

    def __init__(self) -> None:
        self._models = {model.name: model for model in ZOO.models()}

    def versions(self) -> Mapping[str, str]:
        """Versions of the packages that read and run the files."""
        return {name: importlib.metadata.version(name) for name in ("onnx", "onnxruntime")}

    def models(self) -> Sequence[str]:
        """Names of the light graphs of the installed package; files are the manifest's."""
        return sorted(path.stem for path in light_folder().glob("light_*.onnx"))

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the file; weights count by name and shape and are not read."""
        from zoodiff.frontends.onnx_file import graph_from_file

        return graph_from_file(self.file(model, weights), f"onnx:{model}")

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Count the file's own tensors: those that some node reads, statistics apart.

        Light graphs hold a weight as a node that fills a tensor of a given shape.
        """
        import onnx
        from onnx import numpy_helper

        proto = onnx.load(str(self.file(model, weights)), load_external_data=False)
        graph = proto.graph
        held = {t.name: (t.data_type, prod(t.dims)) for t in graph.initializer}
        small = {t.name: t for t in graph.initializer if t.name.endswith("__SHAPE")}
        for node in graph.node:
            if node.op_type == "ConstantOfShape" and node.input[0] in small:
                shape = numpy_helper.to_array(small[node.input[0]])
                kind = onnx.TensorProto.FLOAT
                held[node.output[0]] = (kind, int(prod(int(n) for n in shape)))
        read = {name for node in graph.node for name in node.input}
        frozen = {
            name
            for node in graph.node
            if node.op_type == "BatchNormalization"
            for name in node.input[3:5]
        }
        counted = {
            name: size
            for name, (kind, size) in held.items()
            if name in read and kind == onnx.TensorProto.FLOAT and size > 1
        }
        statistics = sum(size for name, size in counted.items() if name in frozen)
        return {"parameters": sum(counted.values()) - statistics, "statistics": statistics}

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        """Start a session; ``random`` fills every weight from ``seed``.

        Raises WeightsUnavailableError for a published file that cannot be had or is not the one
        that the zoo's manifest names.
        """
        import numpy as np
        import onnxruntime

        path = self.file(model, weights)
        content = randomised(path, seed) if weights == RANDOM else path.read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"ONNX Runtime cannot run onnx:{model} ({reason})") from None
        given = session.get_inputs()[0]
        entry = self._models[model]
        fixed = given.shape[0] if isinstance(given.shape[0], int) else None
        layout: Literal["NCHW", "NHWC"] = "NHWC" if given.shape[-1] in {1, 3} else "NCHW"
        channels, height, width = entry.input_shape
        shape = (1, height, width, channels) if layout == "NHWC" else (1, *entry.input_shape)

        def call(batch: Any) -> Any:
            if fixed is None or fixed == len(batch):
                return session.run(None, {given.name: batch})[0]
            rows = [session.run(None, {given.name: batch[i : i + 1]})[0] for i in range(len(batch))]
            return np.concatenate(rows)

        state: WeightsState = "published" if entry.needs_file else "placeholder"
        return OnnxNetwork(
            weights_state="random" if weights == RANDOM else state,
            weights_sha256=None if weights == RANDOM else _sha256(path),
            input_shape=shape,
            layout=layout,
            _call=call,
            _preprocessing=entry.preprocessing,
        )

    def file(self, model: str, weights: str | None) -> Path:
        """The file of a model, fetched and checked where it is not a light graph."""
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

    Raises WeightsUnavailableError where it cannot be had, or is another file.
    """
    weights = entry.weights[0]
    assert weights.url is not None
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", str(int(_SECONDS)))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub

    name = weights.url.partition("/resolve/main/")[2]
    try:
        path = Path(
            huggingface_hub.hf_hub_download(
                repo_id=REPOSITORY, filename=name, etag_timeout=_SECONDS
            )
        )
    except Exception as error:  # the hub's client raises many kinds
        reason = " ".join(str(error).split())[:160]
        raise WeightsUnavailableError(
            f"onnx:{entry.name} cannot be had from {weights.url} "
            f"({type(error).__name__}: {reason}); try again with a network, or take a light graph"
        ) from None
    size, digest = path.stat().st_size, _sha256(path)
    if digest != weights.sha256 or size != weights.bytes:
        raise WeightsUnavailableError(
            f"{path} is not the file of the zoo's manifest: sha256 {digest} and {size} bytes, "
            f"expected {weights.sha256} and {weights.bytes}; delete it and fetch it again"
        )
    return path


def randomised(path: Path, seed: int) -> bytes:
    """The file with every weight drawn anew: normal, scaled by K. He et al., "Delving deep into
    rectifiers", 2015; variances of batch norms positive.
    """
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    rng = np.random.default_rng(seed)
    variances = {n.input[4] for n in model.graph.node if n.op_type == "BatchNormalization"}
    shapes = {
        t.name: numpy_helper.to_array(t)
        for t in model.graph.initializer
        if t.data_type == onnx.TensorProto.INT64
    }

    def draw(name: str, shape: Sequence[int]) -> Any:
        extents = [int(n) for n in shape]
        if name in variances:
            return rng.uniform(0.5, 1.5, extents).astype(np.float32)
        fan_in = prod(extents[1:]) if len(extents) > 1 else extents[0] if extents else 1
        return (rng.standard_normal(extents) * sqrt(2 / max(fan_in, 1))).astype(np.float32)

    kept = [n for n in model.graph.node if n.op_type != "ConstantOfShape"]
    filled = [n for n in model.graph.node if n.op_type == "ConstantOfShape"]
    made = [
        numpy_helper.from_array(draw(n.output[0], shapes[n.input[0]]), n.output[0])
        for n in filled
        if n.input[0] in shapes
    ]
    if len(made) == len(filled):
        del model.graph.node[:]
        model.graph.node.extend(kept)
    else:
        made = []
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and prod(tensor.dims) > 1:
            tensor.CopyFrom(numpy_helper.from_array(draw(tensor.name, tensor.dims), tensor.name))
    model.graph.initializer.extend(made)
    content: bytes = model.SerializeToString()
    return content


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
