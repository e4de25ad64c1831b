"""The claims of pytorchcv: linked with entries, and printed errors turned into accuracies."""

from __future__ import annotations

import pytest

from zoodiff.claims import catalogue
from zoodiff.claims.catalogue import Claim
from zoodiff.zoos import registry
from zoodiff.zoos.names import table
from zoodiff.zoos.pytorchcv.catalogue import published
from zoodiff.zoos.pytorchcv.claims import CLAIMS

CLAIMED = {claim.model: claim for claim in CLAIMS.claims()}


def test_every_claim_is_about_an_entry_with_its_canonical_name() -> None:
    assert len(CLAIMED) == len(CLAIMS.claims()) == 323
    for claim in CLAIMED.values():
        entry = registry.resolve(str(claim.entry))
        assert entry.weights is not None
        assert entry.model.architecture == claim.architecture
        assert published()[claim.model].dataset == "in1k"


def test_an_error_becomes_an_accuracy() -> None:
    claim = CLAIMED["alexnetb"]
    assert (claim.top1_as_published, claim.metric_form) == ("39.74", "error")
    assert (claim.top1_percent, claim.top5_percent) == (60.26, 82.53)
    assert (claim.parameters, claim.macs) == (61_100_840, 714_830_000)
    assert claim.macs_as_published == "714.83M"


def test_the_protocol_is_that_of_the_entry() -> None:
    claim = CLAIMED["inceptionv3"]
    assert (claim.input_height, claim.resize, claim.interpolation) == (299, 342, "bilinear")
    claim = CLAIMED["efficientnet_b0c"]
    assert (claim.resize, claim.preprocessing) == (None, "partial")
    assert claim.preprocessing_note is not None


def test_claims_are_listed_with_those_of_other_zoos() -> None:
    zoos = {claim.zoo for claim in catalogue.claims_for("resnet50")}
    assert {"torchvision", "timm", "pytorchcv"} <= zoos
    assert {c.model for c in catalogue.claims_for("resnet50", zoo="pytorchcv")} == {
        *("resnet50", "resnet50b")
    }
    assert catalogue.claims_of("pytorchcv", "resnet50b") == [CLAIMED["resnet50b"]]


@pytest.mark.parametrize("kind", ["top1_percent", "macs"])
def test_the_same_network_has_the_numbers_of_other_zoos_within_ten_percent(kind: str) -> None:
    """A printed accuracy that was taken for an error, or a wrong unit, cannot hide here."""
    compared = 0
    for claim in CLAIMED.values():
        if registry.models("pytorchcv")[claim.model].note:
            continue
        same = [c for c in _others(claim) if getattr(c, kind) is not None]
        values = [getattr(c, kind) for c in same]
        if values:
            compared += 1
            own = getattr(claim, kind)
            assert min(values) / 1.1 <= own <= max(values) * 1.1, claim.model
    assert compared > 60


def _others(claim: Claim) -> list[Claim]:
    """Collected claims about networks that are no variants, at the same size."""
    rows = table.by_entry()
    return [
        other
        for other in catalogue.claims_for(claim.architecture)
        if other.zoo != claim.zoo
        and other.input_height == claim.input_height
        and (row := rows.get((other.zoo, other.model))) is not None
        and row.kind == "same"
    ]
