"""Tables of texts in small files: one JSON document per table, compressed by xz.

The document maps the name of each column to its distinct texts and, per row, which of them the row
has. Names and settings repeat in a table of claims, so that this is smaller than Parquet, and only
the standard library is needed to read it.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ENDING = ".json.xz"


@dataclass(frozen=True)
class Column:
    """The cells of a column: ``texts[codes[row]]``."""

    texts: tuple[str, ...]
    codes: tuple[int, ...]

    def cells(self, rows: Iterable[int] | None = None) -> list[str]:
        """Return the texts of these rows, or of all."""
        codes = self.codes if rows is None else [self.codes[row] for row in rows]
        return [self.texts[code] for code in codes]

    def rows_with(self, text: str) -> list[int]:
        """Return the numbers of the rows that have this text."""
        if text not in self.texts:
            return []
        wanted = self.texts.index(text)
        return [row for row, code in enumerate(self.codes) if code == wanted]


def write_table(folder: Path, name: str, columns: Mapping[str, Sequence[str]]) -> Path:
    """Write columns of equal lengths as a table; return its file, the same for the same cells."""
    document = {}
    for column, cells in columns.items():
        numbers = {text: number for number, text in enumerate(dict.fromkeys(cells))}
        document[column] = [list(numbers), [numbers[text] for text in cells]]
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    file = folder / f"{name}{_ENDING}"
    file.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    return file


def read_table(folder: Path, name: str) -> dict[str, Column]:
    """Return the columns of a table that ships with zoodiff, in order."""
    document = json.loads(lzma.decompress((folder / f"{name}{_ENDING}").read_bytes()))
    return {
        column: Column(tuple(texts), tuple(codes)) for column, (texts, codes) in document.items()
    }
