"""Values of every type: numbers of all formats, truth values, texts, sequences, nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

REAL = frozenset({"bfloat16", "float16", "float32", "float64"})
"""Formats that stand for real numbers; a graph can be run in another precision than it says."""
HALVES = frozenset({"bfloat16", "float16"})
_NARROW = {
    "bfloat16": "bfloat16",
    "float4e2m1": "float4_e2m1fn",
    "float8e4m3fn": "float8_e4m3fn",
    "float8e4m3fnuz": "float8_e4m3fnuz",
    "float8e5m2": "float8_e5m2",
    "float8e5m2fnuz": "float8_e5m2fnuz",
    "float8e8m0": "float8_e8m0fnu",
    "int2": "int2",
    "int4": "int4",
    "uint2": "uint2",
    "uint4": "uint4",
}
"""ONNX's names of formats that numpy lacks, in lower case, and those of ``ml_dtypes``."""

FloatType = type[np.floating[Any]]


def numpy_type(name: str) -> np.dtype[Any]:
    """Return the type of arrays by the name that graphs give it.

    Raises TypeError for an unknown name.
    """
    if name == "string":
        return np.dtype(object)
    if name in _NARROW:
        import ml_dtypes

        narrow: np.dtype[Any] = np.dtype(getattr(ml_dtypes, _NARROW[name]))
        return narrow
    return np.dtype(name)


def is_real(value: Any) -> bool:
    """Whether a value is an array of floating-point numbers of at least 16 bits."""
    return getattr(getattr(value, "dtype", None), "name", "") in REAL


def typed(value: Any, declared: str, dtype: FloatType | None) -> Any:
    """Return a value in the precision that a graph is run in.

    Real numbers become ``dtype``, or, without it, the format that the graph gives them. Whole
    numbers, truth values, texts, sequences and missing values stay as they are.
    """
    if value is None or isinstance(value, list):
        return value
    array = np.asarray(value)
    if not is_real(array):
        return array
    if dtype is not None:
        return array.astype(dtype, copy=False)
    return array.astype(numpy_type(declared), copy=False) if declared in REAL else array


def widened(value: Any, dtype: FloatType | None) -> Any:
    """Return the operand of an operator on real numbers: in ``dtype``, or in at least 32 bits."""
    array = np.asarray(value)
    if dtype is not None:
        return array.astype(dtype, copy=False)
    if array.dtype.name in HALVES:
        return array.astype(np.float32)
    return array if is_real(array) else array.astype(np.float64)
