"""Pairs of recipes are compared once, also by two audits at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from support.planted_recipes import BASE
from zoodiff.recipes import cache, pairs
from zoodiff.recipes.attribution import Attribution
from zoodiff.recipes.difference import Difference
from zoodiff.recipes.images import AuditImage
from zoodiff.recipes.options import AuditOptions
from zoodiff.recipes.pairs import SpecPair, compare_all

OPTIONS = AuditOptions((AuditImage("one", b"1"),), jobs=1)
FOUND = Attribution(Difference(1, 0.5, 0.5, 0.5), (), ())


def several(number: int) -> list[SpecPair]:
    changed = [replace(BASE, resize=100 + n) for n in range(number)]
    return [SpecPair(BASE, other, frozenset()) for other in changed]


@pytest.fixture()
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A cache in memory, by what a key says."""
    results: dict[str, Any] = {}
    monkeypatch.setattr(cache, "load", lambda key: results.get(str(key)))
    monkeypatch.setattr(cache, "save", lambda key, result: results.update({str(key): result}))
    return results


def test_what_another_audit_found_meanwhile_is_not_compared_again(
    monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    asked, wanted = [], several(4)

    def attributions(part: Sequence[SpecPair], *_: Any) -> dict[SpecPair, Attribution]:
        asked.append(list(part))
        if len(asked) == 1:  # now the other audit is done with the last two
            compare_all(wanted[2:], OPTIONS, {})
        return dict.fromkeys(part, FOUND)

    monkeypatch.setattr(pairs, "attributions", attributions)
    monkeypatch.setattr(pairs, "_AT_ONCE", 2)
    assert compare_all(wanted, OPTIONS, {}) == dict.fromkeys(wanted, FOUND)
    assert sorted(len(part) for part in asked) == [2, 2]
    assert {pair for part in asked for pair in part} == set(wanted)
    assert len(kept) == 4


def test_audits_at_the_same_time_begin_at_other_places(
    monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    firsts = []

    def attributions(part: Sequence[SpecPair], *_: Any) -> dict[SpecPair, Attribution]:
        firsts.append(part[0])
        return dict.fromkeys(part, FOUND)

    monkeypatch.setattr(pairs, "attributions", attributions)
    monkeypatch.setattr(pairs, "_AT_ONCE", 2)
    for share in (0.0, 0.5):
        kept.clear()
        compare_all(several(8), replace(OPTIONS, begin_at=share), {})
    assert firsts[0] != firsts[4]
    assert set(firsts[:4]) == set(firsts[4:])
