"""Writes a canonical graph with its weights as an ONNX model that any runtime can run."""

from __future__ import annotations

from zoodiff.graph.onnx_export.model import to_model

__all__ = ["to_model"]
