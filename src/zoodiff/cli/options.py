"""The option ``--allow-code`` of the commands that take files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _allow(files: list[Path] | None) -> list[Path]:
    """Record the files' hashes before the command starts its first worker."""
    from zoodiff.workers import permissions

    for file in files or []:
        permissions.allow(file)
    return files or []


AllowCode = Annotated[
    list[Path] | None,
    typer.Option(
        "--allow-code",
        metavar="FILE",
        help="Let the code in this file run (TorchScript, Keras Lambda layers); once for each "
        "content.",
        callback=_allow,
    ),
]
