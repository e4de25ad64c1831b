"""Which protections are in force on this machine: each is tried in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from zoodiff.workers.sandbox import bubblewrap

_SECONDS = 30
_WHAT = {
    "bubblewrap": "no network, no other processes, a read-only view of all but its own folder",
    "resource limits": "memory, CPU time, threads and processes, size of files",
    "landlock": "writing to its own folder only, no TCP, no signals to others",
    "seccomp": "no sockets, no new processes, no calls that reach beyond the process",
}
_PROBE = """
import json, sys
from pathlib import Path
from zoodiff.workers.sandbox.confine import confine
print(json.dumps(confine(Path(sys.argv[1]), 1 << 36)))
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
    """All protections, tried by a process that confines itself as a worker does."""
    found = {"bubblewrap": bubblewrap.missing(), **_tried()}
    return [
        Protection(name, what, not found[name], found[name])
        for name, what in _WHAT.items()
        if name in found
    ]


def _tried() -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="zoodiff-try-") as folder:
        command = bubblewrap.wrapped([sys.executable, "-c", _PROBE, folder], Path(folder))
        try:
            said = subprocess.run(
                command, capture_output=True, timeout=_SECONDS, check=True, text=True
            ).stdout
            found = json.loads(said)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return dict.fromkeys(("resource limits", "landlock", "seccomp"), f"it failed ({error})")
    return {str(name): str(reason) for name, reason in found.items()}
