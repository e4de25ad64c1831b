"""The exit codes of every command, in one table."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
DIFFERENT: Final = 1
USAGE: Final = 2
NOT_MEASURED: Final = 3
INTERRUPTED: Final = 130

EXIT_CODES: Final = {
    DONE: "done",
    DIFFERENT: "what --fail-on names differs; only with --fail-on",
    USAGE: "usage: an argument, a name, a study, a data set or a folder is not valid",
    NOT_MEASURED: "something could not be measured, or could not be read; the rest was",
    INTERRUPTED: "interrupted; what was finished is kept",
}
"""Meaning of each code; ``docs/commands/README.md`` has the same table."""


def epilog() -> str:
    """Return the table as text for ``--help``."""
    return (
        "Exit codes: "
        + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
        + "."
    )
