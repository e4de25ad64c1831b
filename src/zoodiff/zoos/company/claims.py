"""The claims of owners about the networks of their zoos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.claims.catalogue import Claim
from zoodiff.claims.times import LatencyClaim
from zoodiff.zoos.base import Model, Weights
from zoodiff.zoos.claim_columns import recipe_columns
from zoodiff.zoos.company.catalogue import CompanyZoo
from zoodiff.zoos.company.registered import registered

if TYPE_CHECKING:
    from zoodiff.zoos.company.definition import OwnersClaim

_ACCURACY_OR_SIZE = ("top1", "top5", "parameters", "macs")


class OwnersClaims:
    """The provider of claims for all zoos that are described by TOML files."""

    def claims(self) -> Sequence[Claim]:
        """Return what owners say about accuracy and size."""
        return [
            _claim(zoo, model, weights, own)
            for zoo, model, weights, own in _all()
            if any(getattr(own, name) is not None for name in _ACCURACY_OR_SIZE)
        ]

    def times(self) -> Sequence[LatencyClaim]:
        """Return what owners say about latency."""
        return [
            _time(zoo, model, weights, own)
            for zoo, model, weights, own in _all()
            if own.latency_ms is not None
        ]


def _all() -> Iterator[tuple[CompanyZoo, Model, Weights, OwnersClaim]]:
    for zoo in registered().zoos.values():
        for own_model in zoo.own_models.values():
            for weights in own_model.model.weights:
                for own in own_model.claims[weights.name]:
                    yield zoo, own_model.model, weights, own


def _claim(zoo: CompanyZoo, model: Model, weights: Weights, own: OwnersClaim) -> Claim:
    spec = weights.preprocessing or model.preprocessing
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(Claim))
    values |= recipe_columns(spec)
    values |= {
        "architecture": model.architecture,
        "zoo": zoo.name,
        "model": model.name,
        "weights": weights.name,
        "entry_model": model.name,
        "entry_weights": weights.name,
        "zoo_default": weights.default,
        "precision": "int8" if own.precision == "int8" else "fp32",
        "top1_percent": own.top1,
        "top5_percent": own.top5,
        "top1_as_published": None if own.top1 is None else f"{own.top1:g}",
        "metric_form": None if own.top1 is None else "percent",
        "provenance": None if own.top1 is None else "unknown",
        "parameters": own.parameters,
        "parameters_as_published": None if own.parameters is None else str(own.parameters),
        "macs": own.macs,
        "macs_as_published": None if own.macs is None else str(own.macs),
        "macs_unit": None if own.macs is None else "MACs",
        "latency_as_published": _latency(own),
        "published_on": own.date,
        "published_basis": None if own.date is None else "number",
        "source": _source(zoo, own),
        "note": own.protocol,
    }
    return Claim(**values)


def _latency(own: OwnersClaim) -> str | None:
    if own.latency_ms is None:
        return None
    return f"{own.latency_ms:g} ms" + (f" ({own.machine})" if own.machine else "")


def _source(zoo: CompanyZoo, own: OwnersClaim) -> str:
    path: Path = zoo.read.path
    return own.source or f"{path.name}@{zoo.read.sha256[:12]}"


def _time(zoo: CompanyZoo, model: Model, weights: Weights, own: OwnersClaim) -> LatencyClaim:
    spec = weights.preprocessing or model.preprocessing
    parameters = None if own.parameters is None else own.parameters / 1e6
    return LatencyClaim(
        architecture=model.architecture,
        zoo=zoo.name,
        model=model.name,
        weights=weights.name,
        measure="inference",
        milliseconds=own.latency_ms,
        images_per_second=None,
        speedup_ratio=None,
        batch=own.batch,
        image_size=spec.input_size[0] if spec.input_size else None,
        precision=own.precision,
        layout=None,
        compile_mode=None,
        machine=own.machine,
        compute_unit=None,
        threads=own.threads,
        runtime=own.runtime,
        runtime_version=None,
        parameters_millions=parameters,
        macs_giga=None if own.macs is None else own.macs / 1e9,
        activations_millions=None,
        peak_memory_mb=None,
        date=None if own.date is None else own.date.isoformat(),
        doubtful=None,
        equal_to=None,
        source=_source(zoo, own),
        note=own.protocol,
    )


CLAIMS = OwnersClaims()
