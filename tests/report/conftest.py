"""The made-up result, loaded once for all tests of reports."""

from __future__ import annotations

from types import ModuleType

import pytest

from support import report_examples
from zoodiff.study.result import StudyResult


@pytest.fixture(scope="session")
def examples() -> ModuleType:
    return report_examples


@pytest.fixture(scope="session")
def result(examples: ModuleType) -> StudyResult:
    found = examples.example()
    assert isinstance(found, StudyResult)
    return found


@pytest.fixture(scope="session")
def empty(examples: ModuleType) -> StudyResult:
    found = examples.empty()
    assert isinstance(found, StudyResult)
    return found
