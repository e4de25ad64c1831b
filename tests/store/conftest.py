"""Fixtures for the tests of stores: where a store lies."""

import uuid
from pathlib import Path

import pytest


@pytest.fixture(params=["folder", "address"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    if request.param == "folder":
        return tmp_path
    pytest.importorskip("fsspec")
    return f"memory://{uuid.uuid4()}"
