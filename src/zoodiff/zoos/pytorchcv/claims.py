"""The claims of pytorchcv about its networks for ImageNet-1k, as its README states them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from functools import cache
from typing import Any

from zoodiff.claims.catalogue import Claim
from zoodiff.claims.times import LatencyClaim
from zoodiff.zoos.claim_columns import recipe_columns
from zoodiff.zoos.pytorchcv.catalogue import VERSION, ZOO, Published, preprocessing, published

_OTHER_PREPROCESSING = "'non-standard preprocessing', which is not stated"


class PytorchcvClaims:
    """The provider of pytorchcv's claims: errors, parameters and operations."""

    def claims(self) -> Sequence[Claim]:
        """Return the claims about networks with published weights for ImageNet-1k."""
        return _claims()

    def times(self) -> Sequence[LatencyClaim]:
        """Return no claims: the package publishes no times."""
        return ()


@cache
def _claims() -> tuple[Claim, ...]:
    architectures = {model.name: model.architecture for model in ZOO.models()}
    return tuple(
        _claim(known, architectures[known.name])
        for known in published().values()
        if known.top1_error and known.top5_error and known.operations and known.weights
    )


def _claim(known: Published, architecture: str) -> Claim:
    assert known.top1_error and known.top5_error and known.operations
    spec = preprocessing(known)
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(Claim))
    values |= recipe_columns(spec)
    values |= {
        "architecture": architecture,
        "zoo": ZOO.name,
        "model": known.name,
        "weights": known.weights,
        "entry_model": known.name,
        "entry_weights": known.weights,
        "zoo_default": True,
        "precision": "fp32",
        "top1_percent": float(100 - Decimal(known.top1_error)),
        "top5_percent": float(100 - Decimal(known.top5_error)),
        "top1_as_published": known.top1_error,
        "metric_form": "error",
        "provenance": "measured",
        "parameters": known.parameters,
        "parameters_as_published": None if known.parameters is None else f"{known.parameters:,}",
        "parameters_count": "weights",
        "macs": int(Decimal(known.operations.removesuffix("M")) * 1_000_000),
        "macs_as_published": known.operations,
        "macs_unit": "FLOPs/2",
        "preprocessing_note": None if known.usual_preprocessing else _OTHER_PREPROCESSING,
        "source": f"osmr/pytorchcv README.md, model_metainfos.csv@{VERSION}",
    }
    return Claim(**values)


CLAIMS = PytorchcvClaims()
