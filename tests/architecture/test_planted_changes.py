"""The diff against planted changes, in the graphs of real networks.

Each trial plants one change at a random place and wants exactly one finding, of that kind and at
that place; equivalent forms must give none.
"""

from __future__ import annotations

from collections import Counter

import pytest

from support import plants
from support.networks import NETWORKS, network, trials
from zoodiff.architecture.diff import diff
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.ir import Graph

TRIALS = [15, pytest.param(24, marks=pytest.mark.slow)]
"""Of each kind of change, over all networks."""


def said(original: Graph, changed: Graph) -> list:
    return list(diff(original, changed, "a", "b").findings)


def judged(findings: list, what: plants.Planted) -> str:
    """ "" where the diff is right, else what is wrong."""
    if len(findings) != 1 or findings[0].count != 1:
        return f"{[(f.code, f.count, f.left, f.right, f.places_a, f.places_b) for f in findings]}"
    named = {*findings[0].places_a, *findings[0].places_b}
    if findings[0].code not in what.codes:
        return f"{findings[0].code} ({findings[0].left} | {findings[0].right})"
    if what.places and not named & what.places:
        return f"at {sorted(named)[:4]}"
    return ""


@pytest.mark.parametrize("count", TRIALS)
@pytest.mark.parametrize("name", plants.CHANGES)
def test_a_planted_change_is_named_and_nothing_else(name: str, count: int) -> None:
    wrong = []
    total = 0
    for path, original, changed, what in trials(plants.CHANGES[name], name, count):
        total += 1
        if problem := judged(said(original, changed), what):
            wrong.append(f"{path.name}: planted {sorted(what.places)}: {problem}")
    assert total >= 12, "too few networks that the change fits"
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("count", TRIALS)
@pytest.mark.parametrize("name", plants.EQUIVALENT_FORMS)
def test_an_equivalent_form_is_not_seen(name: str, count: int) -> None:
    total = Counter()
    for path, original, changed, _ in trials(plants.EQUIVALENT_FORMS[name], name, count):
        total[path.name] += 1
        assert said(original, changed) == [], path.name
        assert fingerprint(original) == fingerprint(changed), path.name
    assert total


def test_a_network_is_the_same_as_itself() -> None:
    for path in NETWORKS:
        found = diff(network(path), network(path), "a", "b")
        assert found.sameness == "same"
        assert not found.passes
