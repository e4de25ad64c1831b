"""How long each file of tests takes: written with ``--durations-file``, read for the order.

A row is a tier, a file, its seconds by the clock, its seconds of processor (those of the processes
that it started and waited for included) and how many tests it has; the longest file of a tier comes
first. Only the rows of the tier that ran are replaced.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = REPOSITORY / "docs" / "test_durations.tsv"
Key = tuple[str, str]
"""Tier and file of tests."""


@dataclass
class Duration:
    """What one file of tests took in one tier."""

    seconds: float = 0.0
    processor: float = 0.0
    tests: int = 0


def read(path: Path) -> dict[Key, Duration]:
    """Return the durations of a file; nothing where there is none."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        return {
            (row["tier"], row["file"]): Duration(
                float(row["seconds"]), float(row["processor"]), int(row["tests"])
            )
            for row in csv.DictReader(lines, delimiter="\t")
        }


def write(path: Path, durations: Mapping[Key, Duration]) -> None:
    """Write durations by the names of their tiers, the longest file of each first."""
    rows = sorted(durations.items(), key=lambda row: (row[0][0], -row[1].seconds, row[0][1]))
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
        writer.writerow(("tier", "file", "seconds", "processor", "tests"))
        for (tier, file), took in rows:
            row = (tier, file, f"{took.seconds:.1f}", f"{took.processor:.1f}", took.tests)
            writer.writerow(row)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--durations-file", help="write what each file of tests took")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("durations_file")
    if path is None:
        return
    config.pluginmanager.register(_Clock())
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collector(Path(path), config.getoption("tier")))


class _Clock:
    """Says in each report what processor time was used since the report before."""

    def __init__(self) -> None:
        self._last = 0.0

    def pytest_runtest_logstart(self) -> None:
        self._last = self._last or _processor()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        now = _processor()
        report.processor = now - self._last  # type: ignore[attr-defined]
        self._last = now
        return report


def _processor() -> float:
    return sum(os.times()[:4])


class _Collector:
    def __init__(self, path: Path, tier: str | None) -> None:
        self._path, self._tier = path, tier or "all"
        self._measured: dict[str, Duration] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        took = self._measured.setdefault(report.nodeid.partition("::")[0], Duration())
        took.seconds += report.duration
        took.processor += getattr(report, "processor", 0.0)
        took.tests += report.when == "setup"

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Keep nothing of a run that failed: it may have ended early."""
        if exitstatus != pytest.ExitCode.OK:
            return
        others = {key: row for key, row in read(self._path).items() if key[0] != self._tier}
        write(
            self._path, others | {(self._tier, file): row for file, row in self._measured.items()}
        )
