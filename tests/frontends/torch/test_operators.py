"""The operators of the PyTorch frontend against PyTorch, in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs torch"),
]


def test_graphs_compute_what_pytorch_computes() -> None:
    """torch and TensorFlow must not share a process, and other tests load TensorFlow here."""
    file = Path(__file__).with_name("operators.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:]
