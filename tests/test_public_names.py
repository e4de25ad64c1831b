"""What ``import zoodiff`` offers stays what it is, whatever modules are imported in which order."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import zoodiff
from zoodiff import api


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


def test_the_page_on_python_names_every_function_and_request_of_the_api() -> None:
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text()
    requests = {name for name in api.__all__ if name.endswith("Request")}
    functions = {name for name in api.__all__ if isinstance(getattr(api, name), FunctionType)}
    assert len(functions) > 25
    assert functions | requests <= set(re.findall(r"\w+", page))
    assert functions | requests <= set(zoodiff.__all__)


def test_importing_the_api_imports_nothing_heavy() -> None:
    """Every command begins with it; what a function needs it imports itself."""
    heavy = "('pydantic', 'numpy', 'scipy', 'pyarrow', 'statsmodels', 'jinja2', 'psutil', 'rich')"
    program = f"import sys, zoodiff.api; assert not {{*{heavy}}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
