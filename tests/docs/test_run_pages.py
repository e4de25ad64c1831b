"""Blocks of pages that are marked ``console run`` print what the pages show.

The commands of a page are run one after the other in an empty folder. ``numbers`` after ``run``
masks numbers that vary. ``$ pip`` is not run, and output that a page leaves out is not compared.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```console run( numbers)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NUMBER = re.compile(r"\d[\d,.]*(e[+-]?\d+)?")
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if _BLOCK.search(page.read_text(encoding="utf-8"))
]


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yields each command of a block with the output that the page shows."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command.partition("   #")[0].strip(), output


def masked(text: str, *, numbers: bool) -> list[str]:
    lines = [line.rstrip() for line in text.splitlines()]
    return [_NUMBER.sub("N", line) for line in lines] if numbers else lines


def printed(command: str, folder: Path) -> str:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
    }
    shell = shutil.which("bash")
    assert shell is not None
    done = subprocess.run(
        [shell, "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, 1), f"{command}: {done.stderr}"
    return done.stdout


@pytest.mark.onnx
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_what_its_commands_print(page: Path, tmp_path: Path) -> None:
    for numbers, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for command, output in commands(block):
            if command.startswith("pip "):
                continue
            said = masked(printed(command, tmp_path), numbers=bool(numbers))
            if output.strip():
                assert said == masked(output, numbers=bool(numbers)), command


def test_the_first_pages_are_run() -> None:
    names = {str(page.relative_to(ROOT)) for page in PAGES}
    assert {"README.md", "docs/tutorial.md", "docs/commands/example.md"} <= names
