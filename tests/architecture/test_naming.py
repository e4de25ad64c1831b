"""Letters of equal structures, the odd one out, and what names conceal."""

from __future__ import annotations

from dataclasses import replace

from zoodiff.architecture.naming import EntryUnderName, findings, lettered


def entry(name: str, network: str | None = None, **changes: object) -> EntryUnderName:
    plain = EntryUnderName(
        f"zoo:{name}", "zoo", 1, (3, 224, 224), 1000, network=network, exact=network
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def codes(**names: list[EntryUnderName]) -> list[str]:
    return [f.code for f in findings({name: lettered(members) for name, members in names.items()})]


def test_the_most_frequent_structure_is_a() -> None:
    members = lettered([entry("x", "1"), entry("y", "2"), entry("z", "2"), entry("w")])
    assert [member.letter for member in members] == ["B", "A", "A", None]
    assert [member.odd for member in members] == [True, False, False, False]


def test_of_two_that_differ_neither_is_odd() -> None:
    members = lettered([entry("x", "1"), entry("y", "2")])
    assert [member.letter for member in members] == ["A", "B"]
    assert not any(member.odd for member in members)


def test_another_input_size_or_number_of_classes_is_not_odd() -> None:
    large = entry("x384", "3", input_shape=(3, 384, 384))
    wide = entry("x21k", "4", classes=21843)
    members = lettered([entry("x", "1"), entry("y", "1"), large, wide])
    assert not any(member.odd for member in members)
    assert codes(net=[entry("x", "1"), large, wide]) == []


def test_one_name_for_two_networks_is_reported_once_with_all_entries() -> None:
    (finding,) = findings({"net": lettered([entry("x", "1"), entry("y", "2"), entry("z", "2")])})
    assert finding.code == "NAM101"
    assert set(finding.entries) == {"zoo:x", "zoo:y", "zoo:z"}
    assert "A: zoo:y, zoo:z; B: zoo:x" in finding.sentence


def test_a_known_variant_is_no_second_network() -> None:
    told = entry("x_tf", "1", kind="variant", difference="d", told_by="tf")
    assert codes(net=[told, entry("y", "2")]) == []
    assert codes(net=[replace(told, told_by=""), entry("y", "2")]) == ["NAM103"]


def test_an_entry_known_to_be_another_network_needs_no_graph() -> None:
    other = entry("x", kind="other", difference="it has other blocks")
    assert codes(net=[other]) == ["NAM101"]


def test_equal_structures_with_other_norms_are_not_one_network() -> None:
    """vgg11 and vgg11_bn have the same structure fingerprint."""
    plain, norms = entry("vgg", "zs1:1", exact="zd2:1"), entry("vgg_bn", "zs1:1", exact="zd2:2")
    assert codes(vgg=[plain], vgg_bn=[norms]) == []
    assert codes(vgg=[plain], vgg_bn=[replace(norms, exact="zd2:1")]) == ["NAM102"]
