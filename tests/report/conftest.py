"""The made-up result, loaded once for all tests of reports."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from zoodiff.compare.result import StudyResult


def _load(path: Path) -> ModuleType:
    # Tests are no package (import mode importlib), so a module beside them is loaded by its path.
    spec = importlib.util.spec_from_file_location("report_examples", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def examples() -> ModuleType:
    return _load(Path(__file__).with_name("examples.py"))


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
