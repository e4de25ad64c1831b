"""Generate Python code that runs an entry with its zoo's own libraries, without zoodiff.

The code loads ``network`` and defines ``run(x)``, which takes one image in the network's own
layout, ``(1, ...)`` of float32, and returns the raw outputs. A third party's zoo provides its code
with a method ``alone(entry, seed)``.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError
from zoodiff.zoos.base import Entry
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.stored.entry import StoredFileEntry


@runtime_checkable
class RunsAlone(Protocol):
    """A zoo that generates code to run its entries without zoodiff."""

    def alone(self, entry: Entry, seed: int) -> str:
        """Return Python code that defines ``run(x)``."""
        ...


def alone(entry: Entry, seed: int) -> str:
    """Return the Python code for an entry; raise MeasurementError if its zoo has none."""
    if isinstance(entry.zoo, RunsAlone):
        return entry.zoo.alone(entry, seed)
    pieces = {
        "torchvision": _torchvision,
        "keras": _keras,
        "file-onnx": _onnx,
        "file-tflite": _tflite,
        "file-keras": _keras_file,
        "file-torch": _torch_file,
        "file-torchscript": _torchscript,
    }
    make = pieces.get(
        entry.file_format.name if isinstance(entry, StoredFileEntry) else entry.zoo.name
    )
    if make is None:
        raise MeasurementError(f"{entry.ref} has no short way to be run without zoodiff")
    return make(entry, seed)


_TORCHVISION = """\
import torch
try:
    import torchvision
except RuntimeError:  # torchvision built for another torch; two operators that it lacks then
    import sys
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    import torchvision

torch.manual_seed({seed})
network = torchvision.models.get_model({model!r}, weights={weights!r})
{more}network.eval()


def run(x):
    with torch.inference_mode():
        return network(torch.from_numpy(x)).numpy()
"""


def _torchvision(entry: Entry, seed: int) -> str:
    weights: str | None = entry.weights_name
    more = ""
    if entry.weights is not None and entry.weights not in entry.model.weights:  # a checkpoint
        weights = None
        more = (
            f"state = torch.load({entry.weights_name!r}, weights_only=True)\n"
            "network.load_state_dict(state.get('state_dict', state), strict=False)\n"
        )
    weights = None if weights == RANDOM else weights
    return _TORCHVISION.format(seed=seed, model=entry.model.name, weights=weights, more=more)


def _keras(entry: Entry, seed: int) -> str:
    weights = None if entry.weights_name == RANDOM else entry.weights_name
    return f"""\
import keras

keras.utils.set_random_seed({seed})
network = keras.applications.{entry.model.name}(weights={weights!r})


def run(x):
    return network(x, training=False).numpy()
"""


def _path(entry: Entry) -> str:
    return str(opened(entry.worker_model)[0])


def _onnx(entry: Entry, seed: int) -> str:
    return f"""\
import onnxruntime

network = onnxruntime.InferenceSession({_path(entry)!r}, providers=["CPUExecutionProvider"])


def run(x):
    return network.run(None, {{network.get_inputs()[0].name: x}})[0]
"""


def _tflite(entry: Entry, seed: int) -> str:
    return f"""\
import numpy as np
from ai_edge_litert.interpreter import Interpreter

network = Interpreter({_path(entry)!r})
network.allocate_tensors()
source, target = network.get_input_details()[0], network.get_output_details()[0]


def run(x):
    scale, zero = source["quantization"]
    if scale:
        limits = np.iinfo(source["dtype"])
        x = np.clip(np.round(x / scale) + zero, limits.min, limits.max)
    network.set_tensor(source["index"], x.astype(source["dtype"]))
    network.invoke()
    y = network.get_tensor(target["index"]).astype("float32")
    scale, zero = target["quantization"]
    return (y - zero) * scale if scale else y
"""


def _keras_file(entry: Entry, seed: int) -> str:
    return f"""\
import keras

network = keras.models.load_model({_path(entry)!r}, compile=False, safe_mode=True)


def run(x):
    return network(x, training=False).numpy()
"""


def _torch_file(entry: Entry, seed: int) -> str:
    return f"""\
import torch

network = torch.export.load({_path(entry)!r}).module()


def run(x):
    with torch.inference_mode():
        return network(torch.from_numpy(x)).numpy()
"""


def _torchscript(entry: Entry, seed: int) -> str:
    return f"""\
import torch

network = torch.jit.load({_path(entry)!r}, map_location="cpu").eval()


def run(x):
    with torch.inference_mode():
        y = network(torch.from_numpy(x))
    return (y[0] if isinstance(y, (tuple, list)) else y).numpy()
"""
