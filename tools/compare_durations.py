#!/usr/bin/env python3
"""Print which files of tests got slower: ``tools/compare_durations.py KEPT NEW``.

Both are files that ``pytest --durations-file`` writes. A file of tests is named where it takes at
least half as long again and two seconds more of the processor, which depends less on other work on
the machine than time by the clock. The last line is the sum of every tier. Exit code 0 always.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

RATIO, SECONDS = 1.5, 2.0
Row = tuple[float, float]
"""Seconds by the clock, and of the processor."""


def read(path: Path) -> dict[tuple[str, str], Row]:
    """Return the rows of a file by tier and file of tests; nothing where there is none."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        return {
            (row["tier"], row["file"]): (float(row["seconds"]), float(row["processor"]))
            for row in csv.DictReader(lines, delimiter="\t")
        }


def slower(
    kept: dict[tuple[str, str], Row], new: dict[tuple[str, str], Row]
) -> list[tuple[str, str, float, float]]:
    """Return tier, file, processor seconds before and now, the largest growth first."""
    rows = [
        (*key, kept.get(key, (0.0, 0.0))[1], processor)
        for key, (_, processor) in new.items()
        if processor - kept.get(key, (0.0, 0.0))[1] >= SECONDS
    ]
    rows = [row for row in rows if row[3] >= RATIO * row[2]]
    return sorted(rows, key=lambda row: row[2] - row[3])


def main(arguments: list[str]) -> None:
    """Print the comparison."""
    if len(arguments) != 2:
        sys.exit(__doc__)
    kept, new = (read(Path(argument)) for argument in arguments)
    for tier, file, before, now in slower(kept, new):
        print(f"slower: {file} ({tier}) took {now:.1f} s of the processor, before {before:.1f} s")
    sums: dict[str, Row] = defaultdict(lambda: (0.0, 0.0))
    for (tier, _), (seconds, processor) in new.items():
        sums[tier] = (sums[tier][0] + seconds, sums[tier][1] + processor)
    for tier, (seconds, processor) in sums.items():
        print(f"{tier}: {seconds:.0f} s by the clock in all processes, {processor:.0f} s of CPU")


if __name__ == "__main__":
    main(sys.argv[1:])
