"""All entries described by several workers at once; what cannot be is said."""

from __future__ import annotations

from zoodiff import api
from zoodiff.architecture.survey import describe_all
from zoodiff.zoos import registry


def test_every_entry_is_described_or_has_a_reason(fake_zoo) -> None:
    entries = [
        registry.resolve(f"{zoo}:{model}")
        for zoo in ("fake", "other")
        for model in ("small", "wide", "refuses", "raises")
    ]
    told: dict[str, str | None] = {}
    graphs, failures = describe_all(
        entries, jobs=2, done=lambda entry, reason: told.update({str(entry.ref): reason})
    )
    assert list(graphs) == [
        "fake:small@w1",
        "fake:wide@w1",
        "other:small@w1",
        "other:wide@w1",
    ]
    assert set(failures) == {
        f"{z}:{m}@w1" for z in ("fake", "other") for m in ("refuses", "raises")
    }
    assert told == dict.fromkeys(graphs) | failures
    assert all("\n" not in reason for reason in failures.values())


def test_one_network_has_one_fingerprint_in_two_zoos(fake_zoo) -> None:
    found = api.fingerprints(["fake:small", "other:small", "fake:wide"])
    assert found["fake:small@w1"] == found["other:small@w1"] != found["fake:wide@w1"]
