"""The test cases of the ``onnx`` package: none is run wrongly, and most are run."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from benchmarks import onnx_cases

pytestmark = pytest.mark.onnx

ONCE_WRONG = Path(onnx_cases.__file__).with_name("onnx_cases_once_wrong.txt")
KNOWN = {"refused": 4, "not run": 12, "rounded": 8}
"""At most so many of the counted cases are not right."""


@pytest.fixture(scope="module")
def cases() -> Iterator[dict[str, Any]]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        yield {case.name: case for case in onnx_cases.every_case()}
        logging.disable(logging.NOTSET)


def test_one_case_of_every_operator_is_right(cases: dict[str, Any]) -> None:
    first: dict[str, Any] = {}
    for case in cases.values():
        if case.model is not None and "_expanded" not in case.name:
            first.setdefault(onnx_cases.operator_of(case), case)
    outcomes = [onnx_cases.outcome(case) for case in first.values()]
    states = Counter(row.state for row in outcomes if not row.scope)
    assert [row for row in outcomes if row.state == "wrong"] == []
    assert set(states) <= {"right", "not run"}
    assert states["not run"] <= 1  # RegexFullMatch: a pattern of a file may never end
    assert states["right"] > 180


def test_cases_that_were_once_wrong_are_right(cases: dict[str, Any]) -> None:
    names = ONCE_WRONG.read_text(encoding="utf-8").split()
    outcomes = [onnx_cases.outcome(cases[name]) for name in names if name in cases]
    assert len(outcomes) > 70
    wrong = [row for row in outcomes if row.state != "right" and not row.scope]
    assert [row for row in wrong if row.state != "rounded"] == []


@pytest.mark.slow
def test_no_case_is_wrong_and_97_percent_are_right(cases: dict[str, Any]) -> None:
    outcomes = [onnx_cases.outcome(case) for case in cases.values()]
    counted = Counter(row.state for row in outcomes if not row.scope)
    assert [row for row in outcomes if row.state == "wrong"] == []
    assert counted["right"] >= 0.97 * counted.total()
    assert all(counted[state] <= most for state, most in KNOWN.items())


def test_a_difference_of_types_values_and_shapes_is_told() -> None:
    one = np.ones(3, np.float32)
    differ = onnx_cases.difference
    assert not differ([one], [one + 1e-5], 1e-3, 0.0)
    assert differ([one], [one + 1], 1e-3, 0.0) == "output 0 differs by 1"
    assert "not (2,)" in differ([one], [one[:2]], 1e-3, 0.0)
    assert "not int64" in differ([one], [one.astype(np.int64)], 1e-3, 0.0)
    assert differ([np.array([1])], [np.array([2])], 1.0, 9.0) == "output 0 differs"
    assert differ([[one]], [one], 1.0, 9.0) == "output 0 is a sequence"
    assert differ([one, one], [one], 1.0, 9.0) == "2 outputs, not 1"
    assert not differ([np.array(["a"], object)], [np.array([b"a"], object)], 0.0, 0.0)
