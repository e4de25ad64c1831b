"""What a worker may try that is fully an attacker's: each trick is a function in ``table.TRICKS``.

``tests/fakes/attacking_backend.py`` performs them inside a worker, and
``tests/security/test_attacking_worker.py`` looks at what is left of the world afterwards. The
attacker owns the process, so tricks reach around zoodiff's own code: raw system calls, raw bytes in
the pipes, foreign threads. ``arena`` is the world around the worker.
"""

import importlib

_KINDS = (
    "files", "arrays", "replies", "endings", "processes", "kernel", "space", "next_process",
)  # fmt: skip


def fill() -> None:
    """Put all tricks into the table."""
    for kind in _KINDS:
        importlib.import_module(f"{__name__}.{kind}")
