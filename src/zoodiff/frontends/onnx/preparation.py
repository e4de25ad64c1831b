"""Checks the opset of an ONNX file and puts its own functions in where they are called."""

from __future__ import annotations

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx.protobuf import ModelProto


def expanded(model: ModelProto, source: str) -> ModelProto:
    """Return the model with its own functions put in where they are called."""
    if not model.functions:
        return model
    from onnx import inliner

    try:
        inlined: ModelProto = inliner.inline_local_functions(model)
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(f"the functions of {source} cannot be expanded ({reason})") from None
    return inlined


def check_opset(model: ModelProto, source: str) -> None:
    """Rename the standard domain to ""; raise MeasurementError for an opset newer than ``onnx``."""
    import onnx

    newest = onnx.defs.onnx_opset_version()
    for domain in model.opset_import:
        domain.domain = "" if domain.domain == "ai.onnx" else domain.domain
        if not domain.domain and domain.version > newest:
            raise MeasurementError(
                f"{source} is of opset {domain.version}, and onnx {onnx.__version__} knows up to "
                f"{newest}; install a newer onnx"
            )
