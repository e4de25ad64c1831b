"""What each hostile input costs the command's own process: ``python benchmarks/hostile_parent.py``.

Prints a Markdown table of all tricks in ``tests/security`` that the parent opens by itself, or of
those whose names contain one of some words: peak memory above the normal, and seconds until it was
refused or read.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.security import hostile_containers, hostile_folders, hostile_stores, hostile_texts
from support.security.hostile import TRICKS, Trick
from support.security.parent import opened

MODULES = (hostile_texts, hostile_containers, hostile_folders, hostile_stores)
PATIENCE = 120.0


def measured(trick: Trick) -> tuple[float, float, float, str]:
    """Megabytes, seconds, processor seconds and what was said of one trick."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "files").mkdir()
        path = trick.write(Path(folder) / "files", Path(folder) / "mark")
        found = opened(trick, path, PATIENCE)
        if found is None:
            return 0.0, PATIENCE, 0.0, "HANGS"
        said = found.said.replace(folder, "")[:90] or "read"
        said = said if found.proper else f"UNEXPECTED {said}"
        return found.megabytes, found.seconds, found.processor, said


def main() -> None:
    """Print the table."""
    words = sys.argv[1:] or [""]
    files = {module.__file__: module.__name__ for module in MODULES}
    rows = []
    print("| trick | MB above normal | seconds | of its own processor time | said |")
    print("|---|---|---|---|---|")
    for trick in TRICKS.values():
        name = f"{files.get(trick.place[0])}:{trick.name}"
        if trick.place[0] in files and any(word in name for word in words):
            *numbers, said = measured(trick)
            rows.append(numbers)
            memory, seconds, used = numbers
            print(
                f"| {trick.name} | {memory:.0f} | {seconds:.2f} | {used:.2f} | {said} |", flush=True
            )
    memory, seconds, used = (max(values) for values in zip(*rows, strict=True))
    print(f"| worst of {len(rows)} | {memory:.0f} | {seconds:.2f} | {used:.2f} | |")


if __name__ == "__main__":
    main()
