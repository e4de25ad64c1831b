"""ONNX models in memory as files, which the confined worker of ONNX files reads as any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoodiff.errors import UsageError
from zoodiff.zoos.files.entries import FileEntry, resolve
from zoodiff.zoos.objects.entries import packages_of

_LARGEST_MESSAGE = 2**31 - 1
"""Bytes of one message of protobuf; a larger model keeps its weights in a file of their own."""
_WEIGHTS = "weights"
_LONGEST = 60
"""Characters of a file's name."""
Folder = Callable[[], Path]
"""Makes an empty folder, which exists as long as the entry is used."""


def file_entry(value: Any, folder: Folder) -> tuple[FileEntry, str] | None:
    """Return the entry of an ONNX model in memory, and what to know of it; None for other objects.

    ``value`` is an ``onnx.ModelProto``, an ``onnx_ir.Model``, what ``torch.onnx.export`` returns,
    or a session of ONNX Runtime. Nothing is imported for other objects. Raises UsageError where the
    weights of the model, or the file of the session, are gone.
    """
    known = packages_of(value)
    if "torch" in known:
        value = _exported(value)
        known = packages_of(value)
    if "onnx_ir" in known:
        import onnx_ir

        if isinstance(value, onnx_ir.Model):
            return _of_ir(value, folder()), ""
    if "onnx" in known:
        import onnx

        if isinstance(value, onnx.ModelProto):
            return _of_proto(value, folder()), ""
    if "onnxruntime" in known:
        import onnxruntime

        if isinstance(value, onnxruntime.InferenceSession):
            return _of_session(value, folder)
    return None


def _exported(value: Any) -> Any:
    """The model that ``torch.onnx.export`` has returned; any other object as it is."""
    import torch

    program = getattr(torch.onnx, "ONNXProgram", None)
    return value.model if program is not None and isinstance(value, program) else value


def _path(folder: Path, name: str) -> Path:
    """A file in a folder, with the name of the model as far as it is one of a file."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)
    return folder / f"{plain[:_LONGEST] or 'model'}.onnx"


def _named(path: Path, name: str) -> FileEntry:
    return replace(resolve(f"file:{path}"), named=name)


def _of_proto(model: Any, folder: Path) -> FileEntry:
    import onnx
    from onnx.external_data_helper import uses_external_data

    outside = [tensor.name for tensor in model.graph.initializer if uses_external_data(tensor)]
    if outside:
        raise UsageError(
            f"the weights of the onnx.ModelProto {model.graph.name} are in a file beside it "
            f"({outside[0]}); give the path of the model, or load it with its weights, as "
            "onnx.load does"
        )
    path = _path(folder, model.graph.name)
    if model.ByteSize() <= _LARGEST_MESSAGE:
        path.write_bytes(model.SerializeToString())
    else:
        copy = onnx.ModelProto()
        copy.CopyFrom(model)  # saving moves the weights out of the model
        onnx.save_model(copy, path, save_as_external_data=True, location=_WEIGHTS)
    return _named(path, f"ModelProto {model.graph.name}")


def _of_ir(model: Any, folder: Path) -> FileEntry:
    import onnx_ir

    path = _path(folder, model.graph.name or "")
    try:
        onnx_ir.save(model, path, external_data=_WEIGHTS)  # the model keeps its own weights
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"the onnx_ir.Model {model.graph.name or ''} cannot be saved ({reason})"
        ) from None
    return _named(path, f"onnx_ir.Model {model.graph.name or ''}".strip())


def _of_session(session: Any, folder: Folder) -> tuple[FileEntry, str]:
    """The model of a session: its file as it is now, or the bytes that the session keeps.

    ONNX Runtime has no public way to either.
    """
    given = getattr(session, "_model_path", None)
    if given is not None:
        path = Path(given).absolute()
        if not path.is_file():
            raise UsageError(
                f"the session of ONNX Runtime was made from {path}, which is no longer there; give "
                "the path of the model"
            )
        note = f"the session of ONNX Runtime is taken as its file {path.name}, as it is now"
        return _named(path, f"InferenceSession {path.name}"), note
    content = getattr(session, "_model_bytes", None)
    if not isinstance(content, bytes | bytearray | memoryview):
        raise UsageError(
            "the session of ONNX Runtime no longer has the bytes that it was made from; give the "
            "path of the model, or the onnx.ModelProto"
        )
    name = str(session.get_modelmeta().graph_name)
    path = _path(folder(), name)
    path.write_bytes(content)
    return _named(path, f"InferenceSession {name}"), ""
