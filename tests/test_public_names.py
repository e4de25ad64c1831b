"""What ``import zoodiff`` offers stays what it is, whatever modules are imported in which order."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zoodiff


@pytest.mark.parametrize("name", sorted(set(zoodiff.__all__) - {"__version__"}))
def test_a_public_name_is_no_module(name: str) -> None:
    assert not hasattr(getattr(zoodiff, name), "__path__")


def test_a_folder_does_not_take_the_place_of_a_function_of_its_name() -> None:
    """Python sets a module that it imported as an attribute of the package that holds it."""
    program = (
        "import importlib, pkgutil, types, zoodiff\n"
        "functions = [n for n in zoodiff.__all__ if callable(getattr(zoodiff, n))]\n"
        "folders = {m.name for m in pkgutil.iter_modules(zoodiff.__path__)}\n"
        "for name in folders & set(functions):\n"
        "    folder = importlib.import_module(f'zoodiff.{name}')\n"
        "    assert folder.__path__, name\n"
        "    assert callable(getattr(zoodiff, name)), name\n"
        "zoodiff.accuracy = types.ModuleType('zoodiff.accuracy')\n"
        "assert isinstance(zoodiff.accuracy, types.FunctionType)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
