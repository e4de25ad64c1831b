"""The interpreter against PyTorch, in processes of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("torch", "torchvision")),
        reason="needs the torch extra",
    ),
]


@pytest.mark.parametrize("name", ["torch_operators.py", "torch_networks.py"])
def test_the_interpreter_computes_what_pytorch_computes(name: str) -> None:
    """torch and TensorFlow must not share a process, and other tests load TensorFlow here."""
    file = Path(__file__).with_name(name)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:]
