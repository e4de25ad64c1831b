"""The variants of a network among the files of a repository, by the names that exporters give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

FIRST = "fp32"
"""The variant whose file has no suffix: ``model.onnx``."""
_VARIANTS = {"": FIRST, "quantized": "q8"}
"""Names of suffixes that differ from the variant's, as transformers.js calls it."""
_ORDER = (FIRST, "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4")


def variants(files: Iterable[str]) -> Mapping[str, str]:
    """Return the ONNX files of the network by variant; that of single precision is first.

    Files lie in ``onnx/`` or at the top; names are ``model.onnx`` and ``model_SUFFIX.onnx``, or
    have another stem in common. Files of other networks, such as ``decoder_model.onnx``, are no
    variants.

    >>> dict(variants(["config.json", "onnx/model_q4.onnx", "onnx/model.onnx"]))
    {'fp32': 'onnx/model.onnx', 'q4': 'onnx/model_q4.onnx'}
    >>> dict(variants(["onnx/model_quantized.onnx", "onnx/model_q8.onnx"]))
    {'q8': 'onnx/model_q8.onnx', 'quantized': 'onnx/model_quantized.onnx'}
    """
    every = [name for name in files if name.endswith(".onnx")]
    inner = [name for name in every if name.startswith("onnx/") and name.count("/") == 1]
    chosen = inner or [name for name in every if "/" not in name]
    by_suffix = _by_suffix({PurePosixPath(name).stem: name for name in chosen})
    named: dict[str, str] = {}
    for suffix, name in by_suffix.items():
        variant = _VARIANTS.get(suffix, suffix)
        named[suffix if variant in by_suffix and variant != suffix else variant] = name
    return dict(sorted(named.items(), key=lambda item: _rank(item[0])))


def _by_suffix(by_stem: Mapping[str, str]) -> dict[str, str]:
    """Return the files by what their names have after the common stem."""
    stem = "model"
    if not any(name == stem or name.startswith(f"{stem}_") for name in by_stem):
        shortest = min(by_stem, key=len, default="")
        stem = shortest if all(name.startswith(shortest) for name in by_stem) else ""
    if not stem:
        return {}
    return {
        name[len(stem) + 1 :]: file
        for name, file in by_stem.items()
        if name == stem or name.startswith((f"{stem}_", f"{stem}-", f"{stem}."))
    }


def _rank(variant: str) -> tuple[int, str]:
    return (_ORDER.index(variant) if variant in _ORDER else len(_ORDER), variant)
