"""Inject faults into runs, resume them, and compare with an undisturbed run.

``PYTHONPATH=tests python -m support.faults.campaign --count 200`` prints what was injected and what
was found, and ends with 1 where anything was wrong. A case is repeated by its number: ``--first 17
--count 1``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from support.faults import checks, forked, kinds, world


def schedule(count: int) -> list[str]:
    """Kinds in the order of the cases: by their shares, the rare ones early too."""
    whole = sum(share for _, share in kinds.KINDS.values())
    due = dict.fromkeys(kinds.KINDS, 0.0)
    order = []
    for _ in range(count):
        for name, (_, share) in kinds.KINDS.items():
            due[name] += share / whole
        chosen = max(due, key=lambda name: due[name])
        due[chosen] -= 1
        order.append(chosen)
    return order


class Campaign:
    """An undisturbed run, and cases against it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.study = world.build(folder)
        warm = world.Run(folder / "warm", self.study, folder, "warm")
        try:
            warm.here()
        except SystemExit as error:
            assert not error.code, "the undisturbed run failed"
        begin = time.monotonic()
        truth = world.Run(folder / "truth", self.study, folder, "truth", [forked.install]).start()
        assert truth.wait() == 0, truth.log.read_text()
        self.seconds = time.monotonic() - begin
        self.records = checks.by_key(folder / "truth")
        self.report = checks.comparable_report(truth.report)
        self._compare(warm.results, warm.report, folder)

    def case(self, number: int, kind: str) -> tuple[str | None, str]:
        """What was wrong, or None; and what the fault says of itself."""
        folder = self.folder / f"case-{number:04d}"
        folder.mkdir()
        case = kinds.Case(
            folder,
            self.study,
            random.Random(f"{self.seed} {number}"),
            self.seconds,
            real_workers=number % 10 == 9,
        )
        try:
            kinds.KINDS[kind][0](case)
            self._check(case)
            wrong = None
        except checks.Wrong as error:
            wrong = str(error)
        except Exception:
            wrong = traceback.format_exc()
        finally:
            for run in case.runs:
                if run.poll() is None:
                    os.kill(run.pid, 9)
                    run.wait()
            kinds.unmount(case.results)
        if wrong is None:
            shutil.rmtree(folder, ignore_errors=True)
        return wrong, case.said

    def _check(self, case: kinds.Case) -> None:
        case.no_worker_left()
        found = checks.problems(case.results)
        if case.harmless and found:
            raise checks.Wrong(f"the store is not whole after the fault: {found}")
        checks.no_wrong_record(case.results, self.records)
        before = checks.Before(case.results)
        resumed = case.run("resumed")
        if case.end(resumed) != 0:
            log = resumed.log.read_text()[-3000:]
            raise checks.Wrong(f"the resumed run ended with {resumed.code}:\n{log}")
        if case.harmless:
            before.check(resumed)
        self._compare(case.results, resumed.report, case.folder)
        checks.nothing_doubled(case.results)
        checks.tidy(case.results)
        again = case.run("once more")
        if case.end(again) != 0 or again.calls.exists():
            raise checks.Wrong("a finished study was measured again")

    def _compare(self, results: Path, report: Path, folder: Path) -> None:
        found = checks.problems(results)
        if found:
            raise checks.Wrong(f"the store is not whole after all: {found}")
        records = checks.by_key(results)
        if not self.records.keys() <= records.keys():
            raise checks.Wrong(
                f"{len(records)} things measured, {len(self.records)} without a fault"
            )
        checks.no_wrong_record(results, self.records)
        said = checks.comparable_report(report)
        if said != self.report:
            (folder / "expected.json").write_text(json.dumps(self.report, indent=1))
            (folder / "found.json").write_text(json.dumps(said, indent=1))
            parts = [key for key in said if said[key] != self.report.get(key)]
            raise checks.Wrong(f"the report is another one in {parts}; see {folder}")


def main() -> int:
    """Run a campaign; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write what was found")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="zoodiff-faults-"))
    begin = time.monotonic()
    campaign = Campaign(folder, options.seed)
    print(f"an undisturbed run takes {campaign.seconds:.1f} s; cases in {folder}", flush=True)
    order = schedule(options.first + options.count)
    done: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    for number in range(options.first, len(order)):
        kind = order[number]
        start = time.monotonic()
        reason, said = campaign.case(number, kind)
        done[kind] += 1
        spent = time.monotonic() - start
        print(
            f"{number:4d} {spent:5.1f} s  {kind}{f' ({said})' if said else ''}"
            + (f"\n     WRONG: {reason}" if reason else ""),
            flush=True,
        )
        if reason:
            wrong[number] = f"{kind}: {reason}"
    seconds = time.monotonic() - begin
    print()
    for kind, count in done.items():
        print(f"{count:4d}  {kind}")
    print(f"{done.total():4d}  faults in {seconds:.0f} s, {len(wrong)} wrong")
    if options.json:
        options.json.write_text(
            json.dumps({"faults": done, "seconds": seconds, "wrong": wrong}, indent=1)
        )
    if not wrong:
        shutil.rmtree(folder, ignore_errors=True)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
