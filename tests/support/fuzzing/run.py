"""Fuzz all targets in turn: ``python -m support.fuzzing.run --seconds 3600``.

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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from support.fuzzing.registry import TARGETS

TOO_LATE = 1 << 20
"""As in ``fuzzing.alone``, which cannot be imported without atheris."""
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
    left = float(options.seconds)
    servers = Servers(names, options.folder)
    try:
        while left > 0:
            had = done(options.folder)
            # Those of a group in a row, that of the least time first; and those with finds again.
            groups = {_group(name): 0.0 for name in names}
            for name in names:
                groups[_group(name)] += had.get(name, {}).get("seconds", 0.0)
            counts = {group: sum(_group(name) == group for name in names) for group in groups}
            group = min(groups, key=lambda one: groups[one] / counts[one])
            for name in names:
                if _group(name) != group or left <= 0:
                    continue
                for _ in range(2):
                    seconds = min(options.turn, max(5, int(left)))
                    facts = turn(name, seconds, options.folder, servers)
                    left -= max(facts["seconds"], 5)
                    if not facts["new"]:
                        break
    finally:
        servers.close()
    print(table(options.folder))
    return int(any(one["kinds"] for one in done(options.folder).values()))


def turn(name: str, seconds: int, folder: Path, servers: Servers) -> dict[str, Any]:
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
        why = servers.fuzz(name, remaining, int(time.time()) + attempt)
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


class Servers:
    """Processes that have imported what a group of targets needs, and fork for each turn."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._names, self._folder = names, folder
        self._running: dict[str, subprocess.Popen[str]] = {}

    def fuzz(self, name: str, seconds: int, number: int) -> str | None:
        """None where the time was over, else how the process died."""
        server = self._server(_group(name))
        assert server.stdin and server.stdout
        server.stdin.write(f"{name} {seconds} {number}\n")
        server.stdin.flush()
        line = server.stdout.readline()
        log = self._folder / f"{name}.log"
        said = log.read_text(errors="replace") if log.exists() else ""
        if not line:
            self._running.pop(_group(name)).wait()
            return "ended the process that forks"
        status = int(line)
        if status == 0:
            return None
        (self._folder / f"{name}.died.log").write_text(said[-65536:])
        if status >= TOO_LATE:
            return "ran on after its time"
        if "libFuzzer: timeout" in said or "ALARM" in said:
            return "hang"
        if "libFuzzer: out-of-memory" in said:
            return "out of memory"
        code = os.waitstatus_to_exitcode(status)
        return f"died by {signal.Signals(-code).name}" if code < 0 else f"died with {code}"

    def _server(self, group: str) -> subprocess.Popen[str]:
        if group not in self._running:
            for other in list(self._running):
                self._end(other)  # one at a time: they are large
            names = [name for name in self._names if _group(name) == group]
            command = [sys.executable, "-m", "support.fuzzing.alone", *names]
            one = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
            path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
            quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join(path)}
            with (self._folder / f"{group}.server.log").open("wb") as log:
                self._running[group] = subprocess.Popen(
                    [*command, "--folder", os.fspath(self._folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env={**os.environ, **one, **quiet},
                )
        return self._running[group]

    def _end(self, group: str) -> None:
        server = self._running.pop(group)
        assert server.stdin
        server.stdin.close()
        server.wait()

    def close(self) -> None:
        """End them all."""
        for group in list(self._running):
            self._end(group)


def _group(name: str) -> str:
    needs = TARGETS[name].needs
    return next((one for one in ("tensorflow", "torchvision") if one in needs), "plain")


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
