"""Write a report's files, all or none."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from zoodiff.errors import StoreError
from zoodiff.report import render
from zoodiff.report.exports import discrepancies, papers
from zoodiff.report.page import page
from zoodiff.report.pictures import FOLDER, file_name
from zoodiff.report.stored import StoredParts, StoreReader
from zoodiff.store.folder import Store
from zoodiff.study.result import StudyResult


@dataclass(frozen=True)
class ReportFiles:
    """The four files of a report, and the folder of its tables."""

    folder: Path
    html: Path
    markdown: Path
    csv: Path
    json: Path
    tables: Path
    """Holds each table as CSV, LaTeX and Markdown; see ``exports.papers``."""


def write(
    result: StudyResult, folder: Path, stored: Store | StoreReader | None = None
) -> ReportFiles:
    """Write ``index.html``, ``report.md``, ``discrepancies.csv``, ``.json`` and ``tables``.

    With the store of the run, or its reader, pairs have pictures, ``pictures`` holds each as a
    page, and measured pairs have the images on which they disagree. Creates the folder if it is
    missing and keeps other files in it. All files are written under temporary names and flushed
    before the first is renamed, so a full disk leaves an earlier report unchanged. Raises
    StoreError if the folder cannot be written.
    """
    files = ReportFiles(
        folder=folder,
        html=folder / "index.html",
        markdown=folder / "report.md",
        csv=folder / "discrepancies.csv",
        json=folder / "discrepancies.json",
        tables=folder / "tables",
    )
    reader = StoreReader(stored) if isinstance(stored, Store) else stored
    written = {folder / name: text for name, text in contents(result, reader).items()}
    _replace_all(dict.fromkeys((folder, *(path.parent for path in written))), written)
    _remove_earlier(folder / FOLDER, written)
    return files


def contents(result: StudyResult, reader: StoreReader | None = None) -> dict[str, str]:
    """Return the text of each file of a report, by its path in the report's folder."""
    stored = StoredParts() if reader is None else reader.parts(result)
    printed = page(result, stored)
    rankings = (printed.claimed, printed.accuracy, printed.latency)
    tabled = {
        f"tables/{table.name}.{ending}": written(table)
        for table in papers.tables(rankings, printed.document)
        for ending, written in papers.FORMATS.items()
    }
    return {
        **tabled,
        **{
            file_name(key): each.html
            for key, each in stored.pictures.items()
            if each.html is not None
        },
        "report.md": render.to_markdown(printed),
        "discrepancies.csv": discrepancies.to_csv(result),
        "discrepancies.json": discrepancies.to_json(result),
        "index.html": render.to_html(printed),
    }


_PICTURE = re.compile(r"[0-9a-f]{16}\.html")


def _remove_earlier(pictures: Path, written: Container[Path]) -> None:
    """Remove the pictures of an earlier report; other files stay."""
    with contextlib.suppress(OSError):  # there is no such folder, or the files may stay as well
        for path in pictures.iterdir():
            if _PICTURE.fullmatch(path.name) and path not in written:
                path.unlink()


def _replace_all(folders: Iterable[Path], contents: dict[Path, str]) -> None:
    temporary = {
        path: path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp") for path in contents
    }
    try:
        for folder in folders:
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
            f"cannot write the report into {next(iter(folders))} ({error.strerror or error}); "
            "make room or permit writing there, or name another folder"
        ) from None
    finally:
        for left in temporary.values():
            with contextlib.suppress(OSError):
                left.unlink()
