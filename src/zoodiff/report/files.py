"""Write a report's files, all or none."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from zoodiff.errors import StoreError
from zoodiff.report import render, tables
from zoodiff.report.page import page
from zoodiff.study.result import StudyResult


@dataclass(frozen=True)
class ReportFiles:
    """The four files of a report."""

    folder: Path
    html: Path
    markdown: Path
    csv: Path
    json: Path


def write(result: StudyResult, folder: Path) -> ReportFiles:
    """Write ``index.html``, ``report.md``, ``discrepancies.csv`` and ``discrepancies.json``.

    Creates the folder if it is missing and keeps other files in it. All four files are written
    under temporary names and flushed before the first is renamed, so a full disk leaves an earlier
    report unchanged. Raises StoreError if the folder cannot be written.
    """
    files = ReportFiles(
        folder=folder,
        html=folder / "index.html",
        markdown=folder / "report.md",
        csv=folder / "discrepancies.csv",
        json=folder / "discrepancies.json",
    )
    printed = page(result)
    _replace_all(
        folder,
        {
            files.markdown: render.to_markdown(printed),
            files.csv: tables.to_csv(result),
            files.json: tables.to_json(result),
            files.html: render.to_html(printed),
        },
    )
    return files


def _replace_all(folder: Path, contents: dict[Path, str]) -> None:
    temporary = {
        path: path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp") for path in contents
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in contents.items():
            # Bytes, because text mode would translate line ends; surrogates cannot be encoded.
            with temporary[path].open("wb") as file:
                file.write(text.encode("utf-8", errors="replace"))
                file.flush()
                os.fsync(file.fileno())
        for path in contents:
            temporary[path].replace(path)
    except OSError as error:
        raise StoreError(
            f"cannot write the report into {folder} ({error.strerror or error}); "
            "make room or permit writing there, or name another folder"
        ) from None
    finally:
        for left in temporary.values():
            with contextlib.suppress(OSError):
                left.unlink()
