"""The fingerprint that survives an export, over the examples of all rules."""

from __future__ import annotations

import pytest

from zoodiff.architecture.diff import diff
from zoodiff.graph.fingerprint import fingerprint, structure
from zoodiff.graph.ir import Graph
from zoodiff.rules.catalogue import rules
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Rule

EXAMPLES = [rule for rule in rules() if rule.example is not None]
PER_CHANNEL = {"ARC111", "ARC120", "ARC122", "ARC123"}
"""Findings of effect about biases and batch norms, which exporters drop and fold."""


def network(*, norm: bool = False, bias: bool = False, scale: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.conv("image", 8, bias=bias)
    x = net.norm(x) if norm else x
    x = net.per_channel("Mul", x) if scale else x
    return net.classifier(net.conv(net.add("Relu", x), 8))


def test_what_exporters_fold_makes_no_difference() -> None:
    forms = [
        network(norm=True),
        network(bias=True),
        network(),
        network(bias=True, norm=True),
        network(bias=True, scale=True),
    ]
    assert len({structure(form) for form in forms}) == 1
    assert len({fingerprint(form) for form in forms}) == len(forms)


@pytest.mark.parametrize("rule", EXAMPLES, ids=lambda rule: rule.code)
def test_findings_of_effect_change_it_and_others_do_not(rule: Rule) -> None:
    assert rule.example is not None
    a, b = rule.example.networks()
    found = diff(a, b, "a", "b").findings
    effects = {f.effect for f in found}
    codes = {f.code for f in found}
    same = structure(a) == structure(b)
    if effects <= {"parametrisation", "training"} and codes <= {"ARC110", "ARC111", "ARC112"}:
        assert same
    if effects & {"chance", "function", "preprocessing"} and not codes & PER_CHANNEL:
        assert not same, codes
