"""Test which protections are in force on this machine, each in a separate process."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from zoodiff.errors import MeasurementError
from zoodiff.workers.sandbox import bubblewrap

_SECONDS = 30
_PURPOSES = {
    "bubblewrap": "no network, no other processes, a read-only view of all but its own folder",
    "resource limits": "memory, CPU time, threads and processes, size of files",
    "landlock": "writing to its own folder only, no devices, no TCP, no signals to others",
    "seccomp": "no sockets, no new processes, no calls that reach beyond the process",
}
_PROBE = """
import json, sys
sys.path[:0] = json.loads(sys.argv[2])
from zoodiff.workers.sandbox.confine import confine
print(json.dumps(confine(sys.argv[1], 1 << 36)))
"""


@dataclass(frozen=True)
class Protection:
    """One protection of the workers that open files."""

    name: str
    what: str
    in_force: bool
    reason: str = ""
    """Why it is not in force."""


def protections() -> list[Protection]:
    """Return all protections, tested by a process that confines itself like a worker."""
    missing = {"bubblewrap": bubblewrap.missing(), **_tried()}
    return [
        Protection(name, purpose, not missing[name], missing[name])
        for name, purpose in _PURPOSES.items()
        if name in missing
    ]


@functools.cache
def _tried() -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="zoodiff-try-") as folder:
        probe = [sys.executable, "-P", "-c", _PROBE, folder, json.dumps(sys.path)]
        command = bubblewrap.wrapped(probe, Path(folder))
        try:
            output = subprocess.run(
                command, capture_output=True, timeout=_SECONDS, check=True, text=True, cwd="/"
            ).stdout
            missing = json.loads(output)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return dict.fromkeys(("resource limits", "landlock", "seccomp"), f"it failed ({error})")
    return {str(name): str(reason) for name, reason in missing.items()}


def summary(states: list[Protection]) -> str:
    """Return a sentence about the confinement of untrusted files here, for ``zoodiff zoos``."""
    in_force = {state.name for state in states if state.in_force}
    lacking = [state.name for state in states if not state.in_force]
    if not lacking:
        return "untrusted model files: fully sandboxed"
    without = f"{' and '.join(lacking)} not in force"
    if {"landlock", "seccomp"} <= in_force:
        return (
            f"untrusted model files: sandboxed, but they can read every file of yours ({without})"
        )
    if "bubblewrap" in in_force:
        return f"untrusted model files: sandboxed by bubblewrap alone ({without})"
    return (
        f"untrusted model files: NOT sandboxed ({without}); open files that you do not trust in a "
        "container, or refuse them with --require-sandbox"
    )


REQUIRE = "ZOODIFF_REQUIRE_SANDBOX"
"""The environment variable that applies ``require`` to every worker, unless empty or 0."""


def required() -> bool:
    """Return whether the user requires every protection for opening files."""
    return os.environ.get(REQUIRE, "0") not in {"", "0"}


def require(name: str) -> None:
    """Raise MeasurementError if a protection against untrusted files is missing.

    ``name`` is the name of the worker, for the message.
    """
    lacking = [state for state in protections() if not state.in_force]
    if lacking:
        reasons = "; ".join(f"{state.name}: {state.reason}" for state in lacking)
        raise MeasurementError(
            f"no file is opened by the worker of {name}, since --require-sandbox is set and not "
            f"every protection is in force ({reasons}); see docs/security.md"
        )
