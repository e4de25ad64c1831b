"""Recognise files that zoodiff does not read, and say what to do with them."""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from pathlib import Path

from zoodiff.bounded.files import open_regular

_MOST_HEADER = 100_000_000
"""Bytes of the header of a safetensors file, by its format."""
_CHECKPOINT = (
    "a PyTorch checkpoint, which holds weights without a network; put it into one of a zoo, as in "
    "torchvision:resnet50@checkpoint.pth"
)
_MAGICS = (
    (b"\x80\x02", _CHECKPOINT),
    (b"\x80\x04", _CHECKPOINT),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
)


_SAFETENSORS = (
    "a safetensors file, which holds weights without a network; put it into one of a zoo, as in "
    "torchvision:resnet50@weights.safetensors"
)
_MODULE = (
    "a pickled PyTorch module, which needs the code of its classes and runs what it likes when it "
    "is opened; export it with torch.onnx.export or torch.export.save, or save its state_dict and "
    "put that into a network of a zoo"
)
_HDF5 = b"\x89HDF\r\n\x1a\n"
_SEARCHED = 4 * 2**20
"""Bytes of an HDF5 file that are searched for the configuration of a model."""


def _of_hdf5(path: Path) -> str:
    """Return what an HDF5 file is, and what to do with it."""
    with open_regular(path) as file:
        start = file.read(_SEARCHED)
    if b"model_config" in start:
        return (
            "a Keras model in HDF5; save it anew as .keras: "
            f"keras.models.load_model('{path.name}').save('{path.stem}.keras')"
        )
    if path.name.endswith(".weights.h5") or b"layers" in start:
        return (
            "an HDF5 file of Keras with weights but no network; build the network, load them with "
            "load_weights, and save it as .keras"
        )
    return "an HDF5 file without a Keras model"


_STATE = frozenset({"_codecs", "collections", "numpy", "torch", "torch._tensor", "torch._utils"})
"""Modules that the pickle of a state_dict names, including those of numpy's arrays."""


def _names_classes(path: Path, name: str) -> bool:
    """Whether the pickle of an archive names classes that no state_dict has; runs no code."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as whole, whole.open(name) as inner:
            head = io.BytesIO(inner.read(_SEARCHED))
        for code, argument, _ in pickletools.genops(head):
            module = str(argument).split(" ")[0] if code.name == "GLOBAL" else ""
            if module and module not in _STATE and not module.startswith("numpy."):
                return True
    except (OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error):
        return False
    return False


def what_is(path: Path, head: bytes) -> str | None:
    """Return what a file is by its first bytes, and what to do with it; None if unknown."""
    if head.startswith(_HDF5):
        return _of_hdf5(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _MOST_HEADER:
        return _SAFETENSORS
    return next((description for magic, description in _MAGICS if head.startswith(magic)), None)


def of_pickle(path: Path, name: str) -> str:
    """Return what an archive with a pickle of this name is, and what to do with it."""
    return _MODULE if _names_classes(path, name) else _CHECKPOINT
