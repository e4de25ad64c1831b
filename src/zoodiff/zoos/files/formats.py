"""The formats of model files, recognised by their content."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoodiff.bounded.files import NotRegularError, open_regular
from zoodiff.errors import UsageError
from zoodiff.zoos.base import Model, WorkerSpec
from zoodiff.zoos.files import unreadable
from zoodiff.zoos.scan import archive


@dataclass
class FileZoo:
    """The catalogue side of one format; every file of it is a model."""

    name: str
    title: str
    worker: WorkerSpec
    listed: bool = False

    def models(self) -> Sequence[Model]:
        """Return no models: files are named, not listed."""
        return ()


def _format(
    name: str, title: str, distributions: tuple[str, ...], extra: str, backend: str
) -> FileZoo:
    spec = WorkerSpec(
        name=name,
        backend=f"zoodiff.zoos.files.{backend}",
        confined=True,
        distributions=distributions,
        extra=extra,
    )
    return FileZoo(name, title, spec)


ONNX = _format(
    "file-onnx",
    "ONNX file",
    ("onnx", "onnxruntime"),
    "onnx",
    "onnx:OnnxFiles",
)
TFLITE = _format(
    "file-tflite",
    "TFLite file",
    ("tflite", "ai-edge-litert"),
    "tflite",
    "tflite:TFLiteFiles",
)
OPENVINO = _format(
    "file-openvino",
    "OpenVINO IR file",
    ("openvino", "onnx"),
    "openvino",
    "openvino:OpenVinoFiles",
)
SAVED_MODEL = _format(
    "file-tensorflow",
    "TensorFlow SavedModel or frozen graph",
    ("tensorflow-cpu",),
    "keras",
    "tensorflow:TensorFlowFiles",
)
KERAS = _format(
    "file-keras",
    "Keras file",
    ("keras", "tensorflow-cpu"),
    "keras",
    "keras:KerasFiles",
)

TORCH = _format(
    "file-torch",
    "program of torch.export",
    ("torch",),
    "torch",
    "torch:TorchFiles",
)

TORCH_SCRIPT = _format(
    "file-torchscript",
    "TorchScript file",
    ("torch",),
    "torch",
    "torchscript:TorchScriptFiles",
)

_READ = (
    "zoodiff reads ONNX, TFLite, Keras (.keras), SavedModel folders, frozen graphs, OpenVINO IR "
    "(.xml), TorchScript and programs of torch.export (.pt2)"
)


_MARKED = {
    b"TFL3": TFLITE,
    **dict.fromkeys((b"<?xml", b"<net ", b"<net>"), OPENVINO),
}
"""Formats by the mark in a file's first bytes."""
_BEFORE_XML = b"\xef\xbb\xbf \t\r\n"


def recognise(path: Path) -> FileZoo:
    """Return the format of a file or folder; raise UsageError for an unknown one."""
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return SAVED_MODEL
        raise UsageError(f"{path} is a folder without saved_model.pb; {_READ}")
    try:
        with open_regular(path) as file:
            head = file.read(32)
    except NotRegularError as error:
        raise UsageError(f"{path} cannot be read: {error}; {_READ}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror})") from None
    if head[:4] == b"PK\x03\x04":
        return _of_archive(path)
    if marked := _MARKED.get(head[4:8], _MARKED.get(head.lstrip(_BEFORE_XML)[:5])):
        return marked  # the reader reports what is wrong
    if description := unreadable.what_is(path, head):
        raise UsageError(f"{path} is {description}; {_READ}")
    _check_part(path)
    if head[:1] == b"\x08":  # the field ir_version comes first in every writer's order
        return ONNX
    if head[:1] == b"\x0a" and path.suffix != ".onnx":  # the field node
        return SAVED_MODEL
    if path.suffix == ".onnx":
        return ONNX  # the reader reports what is wrong
    raise UsageError(f"{path} is of no format that zoodiff knows; {_READ}")


def _check_part(path: Path) -> None:
    """Raise UsageError for a file that is part of another entry."""
    if path.name == "saved_model.pb":
        raise UsageError(f"{path} is part of a SavedModel; name its folder {path.parent}")
    xml = path.with_suffix(".xml")
    if path.suffix == ".bin" and xml.is_file():
        raise UsageError(f"{path} holds the weights of an OpenVINO IR; name the file {xml.name}")


def _of_archive(path: Path) -> FileZoo:
    try:
        names = set(archive.names(path))
    except (OSError, ValueError, RuntimeError, struct.error, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is a damaged archive ({error})") from None
    if "config.json" in names and "model.weights.h5" in names:
        return KERAS
    inner = {name.rpartition("/")[2] for name in names}
    if "archive_format" in inner or "serialized_exported_program.json" in inner:
        return TORCH
    if "constants.pkl" in inner:
        return TORCH_SCRIPT
    description = "an archive of something else"
    if pickle := next((name for name in names if name.endswith("data.pkl")), None):
        description = unreadable.of_pickle(path, pickle)
    raise UsageError(f"{path} is {description}; {_READ}")
