"""Build the cases, ask every program, and print the table.

    python -m benchmarks.cases [--folder FOLDER] [--again PROGRAM] [--only NAME] [--write FILE]

With ``--folder`` files and answers are kept, and only what is missing is asked; ``--again`` asks
a program anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from benchmarks.cases.page import page, summary
from benchmarks.cases.programs import PROGRAMS, Program, environment
from benchmarks.cases.registry import Case, all_cases
from benchmarks.cases.scoring import ProgramAnswer, Score, score
from benchmarks.cases.truth import truth

Answers = dict[str, dict[str, ProgramAnswer]]
"""Program -> case -> answer."""


def main() -> int:
    """Print the table; returns 1 where a truth is not what its builder says."""
    options = _options()
    cases = [case for case in all_cases() if all(map(find_spec, case.needs))]
    if options.only:
        cases = [case for case in cases if case.name in options.only]
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(options.folder or kept)
        built = {case.name: _built(case, folder / case.name) for case in cases}
        wrong = [name for name, (*_, problem) in built.items() if problem]
        for name in wrong:
            print(f"{name}: {built[name][2]}", file=sys.stderr)
        answers: Answers = {}
        for program in PROGRAMS:
            if options.program and program.name not in options.program:
                continue
            answers[program.name] = dict(_asked(program, cases, built, folder, options))
    scores = {
        program: {case.name: score(case, by_case[case.name]) for case in cases}
        for program, by_case in answers.items()
    }
    for case in cases:
        print(_row(case, answers["zoodiff"][case.name], scores["zoodiff"][case.name]))
    print(summary(cases, scores, answers))
    if options.write:
        Path(options.write).write_text(page(cases, scores, answers), encoding="utf-8")
    return int(bool(wrong))


def _options() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "zoodiff-cases"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cases")
    parser.add_argument("--folder", help="keep files and answers here")
    parser.add_argument("--again", action="append", default=[], help="ask this program anew")
    parser.add_argument("--only", action="append", help="only the case of this name")
    parser.add_argument("--program", action="append", help="only this program")
    parser.add_argument("--write", help="write the page to this file")
    parser.add_argument("--cache", type=Path, default=cache, help="environments of other programs")
    parser.add_argument("--at-once", type=int, default=2, help="programs asked at a time")
    return parser.parse_args()


def _built(case: Case, folder: Path) -> tuple[Path, Path, str]:
    """Build a case where it is not there; returns both files and what is wrong with its truth."""
    record = folder / "built.json"
    if record.is_file():
        a, b, problem = json.loads(record.read_text())
        return folder / a, folder / b, problem
    folder.mkdir(parents=True, exist_ok=True)
    a_path, b_path = case.build(folder)
    run = truth(a_path, b_path, runtime=case.runtime)
    problem = ""
    if run.same != case.same:
        problem = f"its builder says {case.same}, running it {run.same} ({run.deviation:.1e})"
    record.write_text(json.dumps([a_path.name, b_path.name, problem]))
    return a_path, b_path, problem


def _asked(
    program: Program,
    cases: list[Case],
    built: dict[str, tuple[Path, Path, str]],
    folder: Path,
    options: argparse.Namespace,
) -> Iterator[tuple[str, ProgramAnswer]]:
    """Ask a program about every case, or read what it said before."""
    own = environment(program, options.cache)

    def ask(case: Case) -> ProgramAnswer:
        if case.is_recipe and program.name != "zoodiff":
            return ProgramAnswer(None, unread="it reads no preprocessing")
        record = folder / case.name / f"{program.name}.json"
        if record.is_file() and program.name not in options.again:
            raw = json.loads(record.read_text())
            lists = {key: tuple(raw.get(key, ())) for key in ("places", "because")}
            return ProgramAnswer(**{**raw, **lists})
        a, b, _ = built[case.name]
        try:
            answer = program.ask(own, case, a, b)
        except subprocess.TimeoutExpired:
            answer = ProgramAnswer(None, unread="no answer in time")
        record.write_text(json.dumps(asdict(answer)))
        return answer

    with ThreadPoolExecutor(options.at_once) as pool:
        for case, answer in zip(cases, pool.map(ask, cases), strict=True):
            yield case.name, answer


def _row(case: Case, answer: ProgramAnswer, got: Score) -> str:
    marks = {True: "yes", False: "NO", None: "-"}
    said = {True: "same", False: "different", None: "not decided"}
    columns = [
        f"{case.name:40}",
        f"{said[case.same]:10}",
        f"{said[answer.same]:12}",
        f"cause {marks[got.cause]:4}",
        f"place {marks[got.place]:4}",
    ]
    return " ".join(columns) + (f" {answer.unread}" if answer.unread else "")


if __name__ == "__main__":
    sys.exit(main())
