"""Fuzz all targets in turn: ``python -m fuzzing.run --seconds 3600``.

Each target runs in a process of its own, a part of the time at once; those that find something
get more. What was found lies in ``FOLDER/found``, what every target had in ``FOLDER/log.jsonl``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fuzzing.registry import TARGETS

_GRACE = 300
"""Seconds that imports and seeds may take beside fuzzing."""
_COUNTS = ("seconds", "processor", "runs", "refused")
_RESTARTS = 12
"""Times that a target is started again in one turn after its process died."""


def main() -> int:
    """Run the targets; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="of fuzzing, all targets together")
    parser.add_argument("--turn", type=int, default=60, help="seconds of a target at once")
    parser.add_argument("--folder", type=Path, default=Path("fuzz"))
    parser.add_argument("--only", nargs="*", default=[], help="targets; all if none is named")
    parser.add_argument("--table", action="store_true", help="print what was done, and end")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.table:
        print(table(options.folder))
        return 0
    if importlib.util.find_spec("atheris") is None:
        print('nothing was fuzzed: atheris is not installed; pip install "zoodiff[fuzz]"')
        return 0
    unknown = [name for name in options.only if name not in TARGETS]
    if unknown:
        parser.error(f"no target {unknown[0]}; there are {', '.join(TARGETS)}")
    names = options.only or list(TARGETS)
    for name in names:
        if TARGETS[name].missing:
            print(f"{name}: left out, {TARGETS[name].missing} is not installed")
    names = [name for name in names if not TARGETS[name].missing]
    left, extra = float(options.seconds), 1
    while left > 0:
        # In turn, those that had least first, so that a run that is stopped is fair.
        had = done(options.folder)
        name = min(names, key=lambda n: had.get(n, {}).get("seconds", 0.0))
        seconds = min(options.turn, max(5, int(left)))
        facts = turn(name, seconds, options.folder)
        left -= max(facts["seconds"], 5)
        if facts["new"] and extra:
            extra -= 1
            left -= max(turn(name, seconds, options.folder)["seconds"], 5)
        else:
            extra = 1
    print(table(options.folder))
    return int(any(one["kinds"] for one in done(options.folder).values()))


def turn(name: str, seconds: int, folder: Path) -> dict[str, Any]:
    """Fuzz one target for so long, started again where its process dies; returns what it did."""
    found = folder / "found" / name
    known = set(found.glob("*"))
    total: dict[str, Any] = {"target": name, **dict.fromkeys(_COUNTS, 0), "kinds": {}}
    for attempt in range(_RESTARTS):
        stats = folder / f"{name}.stats"
        stats.unlink(missing_ok=True)
        remaining = int(seconds - total["seconds"])
        if remaining < 2:
            break
        why = _child(name, remaining, folder, attempt)
        facts = json.loads(stats.read_text()) if stats.exists() else {}
        for key in _COUNTS:
            total[key] += facts.get(key, 0)
        for kind, count in facts.get("kinds", {}).items():
            total["kinds"][kind] = total["kinds"].get(kind, 0) + count
        if why is None:
            break
        total["kinds"][why] = total["kinds"].get(why, 0) + 1
    total["new"] = len(set(found.glob("*")) - known)
    total["at"] = time.strftime("%Y-%m-%dT%H:%M:%S")
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(total) + "\n")
    print(
        f"{name}: {total['seconds']:.0f} s, {total['runs']} runs, {total['refused']} refused, "
        f"{total['kinds'] or 'nothing found'}",
        flush=True,
    )
    return total


def _child(name: str, seconds: int, folder: Path, attempt: int) -> str | None:
    """None where the time was over, else how the process died."""
    command = [sys.executable, "-m", "fuzzing.alone", name, "--folder", os.fspath(folder)]
    command += ["--seconds", str(seconds), "--seed", str(int(time.time()) + attempt)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **quiet, "PYTHONPATH": path},
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=seconds + _GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "ran on after its time"
    if code == 0:
        return None
    (folder / f"{name}.died.log").write_bytes((folder / f"{name}.log").read_bytes()[-65536:])
    said = (folder / f"{name}.log").read_text(errors="replace")
    if "libFuzzer: timeout" in said or "ALARM" in said:
        return "hang"
    if "libFuzzer: out-of-memory" in said:
        return "out of memory"
    return f"died by {signal.Signals(-code).name}" if code < 0 else f"died with {code}"


def done(folder: Path) -> dict[str, dict[str, Any]]:
    """What every target had so far, from the log."""
    found: dict[str, dict[str, Any]] = {}
    log = folder / "log.jsonl"
    for line in log.read_text().splitlines() if log.exists() else ():
        one = json.loads(line)
        held = found.setdefault(one["target"], {**dict.fromkeys(_COUNTS, 0), "kinds": {}})
        for key in _COUNTS:
            held[key] += one.get(key, 0)
        for kind, count in one["kinds"].items():
            held["kinds"][kind] = held["kinds"].get(kind, 0) + count
    return found


def table(folder: Path) -> str:
    """Target, seconds, executions, share refused, kinds of findings; Markdown."""
    rows = [
        "| target | seconds | of processor | executions | refused | kinds found |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    had = done(folder)

    def add(name: str, facts: Iterable[Any]) -> None:
        rows.append("| " + " | ".join([name, *map(str, facts)]) + " |")

    for name in TARGETS:
        if name in had:
            one = had[name]
            share = f"{100 * one['refused'] / max(1, one['runs']):.0f} %"
            took = (round(one["seconds"]), round(one["processor"]))
            add(name, (*took, f"{one['runs']:,}", share, len(one["kinds"])))
    total = [sum(one[key] for one in had.values()) for key in _COUNTS]
    add("all", (round(total[0]), round(total[1]), f"{total[2]:,}", "", ""))
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
