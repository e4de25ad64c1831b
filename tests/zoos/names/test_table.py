"""The hand-checked table of names agrees with the catalogues and with itself."""

from __future__ import annotations

from collections import defaultdict

from zoodiff.claims import catalogue
from zoodiff.zoos import registry
from zoodiff.zoos.names import table


def test_at_least_300_names_have_certain_entries_in_two_zoos() -> None:
    zoos = defaultdict(set)
    for row in table.rows():
        if row.counts:
            zoos[row.name].add(row.zoo)
    assert sum(len(names) > 1 for names in zoos.values()) >= 300


def test_an_entry_has_one_name() -> None:
    assert len(table.by_entry()) == len(table.rows())


def test_every_entry_exists_in_its_zoo() -> None:
    claimed = {(c.zoo, c.model.removeprefix("skip/")) for c in catalogue.load()}
    for row in table.rows():
        in_catalogue = row.zoo in registry.zoos() and row.entry in registry.models(row.zoo)
        assert in_catalogue or (row.zoo, row.entry) in claimed, row


def test_every_model_of_a_name_is_in_the_table() -> None:
    zoos = ("torchvision", "keras", "tfmg", "onnx", "timm", "hf", "kerashub", "kecam")
    for zoo in (*zoos, "paddleclas", "pytorchcv"):
        for model in registry.models(zoo).values():
            if model.architecture in table.names():
                assert table.by_entry()[zoo, model.name].name == model.architecture


def test_a_variant_says_how_it_differs_and_the_same_network_needs_no_telling() -> None:
    for row in table.rows():
        assert row.kind in ("same", "variant", "other"), row
        assert row.checked in ("parameters", "knowledge", "unsure"), row
        assert row.difference or row.kind == "same", row
        assert row.told_by in row.entry, row


def test_equal_counts_of_parameters_are_behind_the_word_parameters() -> None:
    counts: dict[tuple[str, str], set[int]] = defaultdict(set)
    by_name: dict[str, set[int]] = defaultdict(set)
    for claim in catalogue.load():
        if claim.parameters and claim.parameters_count in (None, "weights"):
            for entry in (claim.entry_model, claim.model.removeprefix("skip/")):
                counts[claim.zoo, entry or ""].add(claim.parameters)
    rows = [r for r in table.rows() if r.checked == "parameters" and counts[r.zoo, r.entry]]
    for row in rows:
        by_name[row.name] |= counts[row.zoo, row.entry]
    assert len(rows) > 1500
    for name, published in by_name.items():
        assert max(published) <= 1.07 * min(published) + 1, (name, published)
