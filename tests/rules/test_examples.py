"""Every rule's example gives exactly its finding, and the example's twin does not."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from zoodiff.architecture.diff import diff
from zoodiff.equivalence.counterfactual import undone
from zoodiff.graph import validate
from zoodiff.rules.catalogue import find, rules
from zoodiff.rules.context import Undo
from zoodiff.rules.rule import Example

REPORTED = runpy.run_path(str(Path(__file__).with_name("reported.py")))["EXAMPLES"]
SECURITY = Path(__file__).resolve().parents[1] / "support" / "security"
CHECKED = [rule.code for rule in rules() if rule.check is not None]


def example(code: str) -> Example:
    found = find(code).example
    assert found is not None, f"{code} has no example"
    return found


@pytest.mark.parametrize("code", CHECKED)
def test_an_example_gives_one_finding_of_its_rule(code: str) -> None:
    a, b = example(code).networks()
    for first, second in ((a, b), (b, a)):
        findings = diff(first, second, "a", "b").findings
        assert [(f.code, f.count) for f in findings] == [(code, 1)]


@pytest.mark.parametrize("code", CHECKED)
def test_the_twin_of_an_example_gives_none(code: str) -> None:
    a, b = example(code).twin()
    assert a != b, "the twin has to look alike, not to be the same"
    for first, second in ((a, b), (b, a)):
        assert code not in {f.code for f in diff(first, second, "a", "b").findings}


@pytest.mark.parametrize("code", CHECKED)
def test_the_finding_of_an_example_can_be_undone(code: str) -> None:
    a, b = example(code).networks()
    found = diff(a, b, "a", "b")
    every = found.findings[0].differences
    left = diff(a, undone(found.alignment, every, every), "a", "b").findings
    kept = all(difference.undo is Undo.NOTHING for difference in every)
    assert (code in {f.code for f in left}) == kept


@pytest.mark.parametrize("code", CHECKED)
def test_networks_of_an_example_are_sound(code: str) -> None:
    for graph in (*example(code).networks(), *example(code).twin()):
        validate.check(graph)


@pytest.mark.parametrize("code", REPORTED)
def test_data_of_an_example_gives_one_line_of_its_rule(code: str) -> None:
    codes = [line.split()[0] for line in REPORTED[code].lines()]
    assert codes.count(code) == 1


@pytest.mark.parametrize("code", REPORTED)
def test_data_of_the_twin_gives_none(code: str) -> None:
    assert code not in {line.split()[0] for line in REPORTED[code].twin_lines()}


def test_every_rule_has_an_example_or_refuses_files() -> None:
    """What is refused is tried by hostile files, in tests/security."""
    refusing = {rule.code for rule in rules() if rule.effect == "safety"}
    assert {rule.code for rule in rules()} == {*CHECKED, *REPORTED} | refusing
    tricks = "".join(path.read_text() for path in SECURITY.glob("hostile_*.py"))
    assert [code for code in sorted(refusing) if f'"{code}"' not in tricks] == []
