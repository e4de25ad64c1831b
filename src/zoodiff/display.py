"""Results at a prompt, in a notebook, and as tables of pandas.

A result says what it shows (``Shown``), as plain values; here it becomes a text of one line, a
piece of HTML and a ``DataFrame``. All text is escaped, for names in results are untrusted. A leaf
module beside ``text``: workers import it, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from zoodiff.text import html, shortened, visible, well_formed_values

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, Any]
LARGEST = 30_000
"""Bytes of a result in a notebook."""
_BRIEF = 396
"""Characters of a result at a prompt, without its brackets."""
_HEADLINE = 500
_CELL = 120
_FACT = 400
"""Characters of a headline, of a cell, and of a fact."""
_EMPTY: tuple[object, ...] = (None, "", (), [])
_ROWS = 30
_COLUMNS = 9
_STYLE = (
    "<style>.zoodiff-shown{color:inherit;background:transparent;max-width:100%;overflow-x:auto}"
    ".zoodiff-shown table{border-collapse:collapse;margin:.4em 0}"
    ".zoodiff-shown.zoodiff-shown th,.zoodiff-shown.zoodiff-shown td{text-align:left;"
    "vertical-align:top;padding:.15em .6em;white-space:normal;max-width:40em;"
    "border:0;border-bottom:1px solid currentColor;"
    "border-bottom-color:color-mix(in srgb,currentColor 20%,transparent)}"
    ".zoodiff-shown.zoodiff-shown td.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".zoodiff-shown p{margin:.3em 0}.zoodiff-shown svg{max-width:100%;height:auto}</style>"
)
"""No colour but those of the page around it, so that it is readable in dark and in light. The class
is doubled where a notebook's own rules are to be overruled."""


@dataclass(frozen=True)
class Shown:
    """What a result shows of itself, as plain values."""

    headline: str
    """The answer, or what it is, in one sentence."""
    facts: Sequence[tuple[str, object]] = ()
    """Titles and texts."""
    rows: Sequence[Row] = ()
    """A table."""
    columns: Sequence[str] = ()
    """The columns to show; the first few where none are named."""
    figure: str = ""
    """SVG that zoodiff drew, the only markup."""


class Displayed(ABC):
    """Shows a result: at a prompt by ``repr``, in a notebook, and as a table of pandas."""

    __slots__ = ()

    @abstractmethod
    def _shown(self) -> Shown:
        """Return what the result shows."""

    def _rows(self) -> Iterable[Row]:
        """Return the rows of the table for pandas."""
        return self._shown().rows

    def __repr__(self) -> str:
        return brief(type(self).__name__, self._shown().headline)

    def _repr_html_(self) -> str:
        """Return the result for a notebook: self-contained, in under 30 kB."""
        return to_html(self._shown())

    def to_pandas(self) -> pandas.DataFrame:
        """Return the result as a table; raises MissingPackageError where pandas is missing.

        An interval ``top1`` has the columns ``top1``, ``top1_low`` and ``top1_high``.
        """
        return frame(self._rows())


Item = TypeVar("Item")


class Rows(tuple[Item, ...], Displayed):
    """A tuple of results, which is also a table."""

    __slots__ = ()

    def _shown(self) -> Shown:
        kinds = ", ".join(dict.fromkeys(type(item).__name__ for item in self)) or "results"
        codes = ", ".join(dict.fromkeys(str(getattr(item, "code", "")) for item in self))
        said = f": {codes}" if codes.strip(", ") else ""
        return Shown(f"{len(self)} {kinds}{said}", rows=self.to_dict())

    def __repr__(self) -> str:
        return brief("Rows", self._shown().headline)

    def to_dict(self) -> list[dict[str, Any]]:
        """Return plain values, one object per item."""
        return [plain(item) for item in self]


def plain(item: Any) -> dict[str, Any]:
    """Return a result as plain values: by its ``to_dict``, or by its fields."""
    from dataclasses import asdict, is_dataclass

    if hasattr(item, "to_dict"):
        values: dict[str, Any] = item.to_dict()
        return values
    return asdict(item) if is_dataclass(item) and not isinstance(item, type) else dict(vars(item))


def brief(kind: str, headline: str) -> str:
    """Return a result in under 400 characters, on one line.

    >>> brief("Graph", "3 nodes")
    '<Graph: 3 nodes>'
    """
    return f"<{shortened(visible(f'{kind}: {headline}', most=None), _BRIEF)}>"


def to_html(shown: Shown, *, most: int = LARGEST - 200) -> str:
    """Return a result as a piece of HTML of at most ``most`` bytes.

    Where it would be larger, the figure is left out first, then rows and facts.
    """
    figure, rows, facts = shown.figure, _ROWS, _ROWS
    while True:
        text = _html(shown, figure, rows, facts)
        if len(text.encode("utf-8", errors="replace")) <= most or not (figure or rows or facts):
            return text
        if figure:
            figure = ""
        else:
            rows, facts = rows // 2, facts // 2


def _html(shown: Shown, figure: str, rows: int, facts: int) -> str:
    parts = [f"<p><b>{html(shown.headline, most=_HEADLINE)}</b></p>"]
    known = [(title, text) for title, value in shown.facts if (text := _text(value))]
    if facts and known:
        lines = "".join(
            f"<tr><th>{html(title, most=_CELL)}</th><td>{html(text, most=_FACT)}</td></tr>"
            for title, text in known[:facts]
        )
        parts.append(f"<table>{lines}</table>{_more(len(known) - facts, 'facts')}")
    if rows and shown.rows:
        parts.append(_table(shown, rows))
    if figure:
        parts.append(figure)
    elif shown.figure:
        parts.append("<p>The picture is larger than fits here; picture.save writes it.</p>")
    return f'<div class="zoodiff-shown">{_STYLE}{"".join(parts)}</div>'


def _more(left: int, noun: str) -> str:
    return f"<p>and {left:,} more {noun}</p>" if left > 0 else ""


def _table(shown: Shown, most: int) -> str:
    whole = [flat(row) for row in shown.rows[:most]]
    names = list(dict.fromkeys(name for row in whole for name in row))
    limits = {f"{name}_{end}" for name in names for end in ("low", "high", "level")}
    filled = {name for name in names if any(row.get(name) not in _EMPTY for row in whole)}
    chosen = [name for name in shown.columns or names if name in filled - limits]
    cut = "" if shown.columns or len(chosen) <= _COLUMNS else "<th>…</th>"
    chosen = chosen if shown.columns else chosen[:_COLUMNS]
    head = "".join(f"<th>{html(name.replace('_', ' '), most=_CELL)}</th>" for name in chosen) + cut
    lines = "".join(
        f"<tr>{''.join(_cell(row, name) for name in chosen)}{'<td></td>' if cut else ''}</tr>"
        for row in whole
    )
    more = _more(len(shown.rows) - most, "rows; to_pandas() has them all")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{more}"


def _cell(row: Row, name: str) -> str:
    value = row.get(name)
    text = _text(value)
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        text = f"{text} ({_text(low)} to {_text(high)})"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"<td{' class=n' if is_number else ''}>{html(text, most=_CELL)}</td>"


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return str(value)


def flat(row: Row) -> dict[str, Any]:
    """Return a row without nested objects; an interval is its value, ``_low`` and ``_high``.

    >>> flat({"top1": {"value": 75.0, "low": 74.0, "high": 76.0}, "data": {"name": "val"}})
    {'top1': 75.0, 'top1_low': 74.0, 'top1_high': 76.0, 'data_name': 'val'}
    """
    return dict(_flat(row, ""))


def _flat(row: Row, before: str) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        name = f"{before}{key}"
        if not isinstance(value, Mapping):
            yield name, value
            continue
        if {"value", "low", "high"} <= value.keys():
            yield name, value["value"]
            value = {key: each for key, each in value.items() if key != "value"}  # noqa: PLW2901
        yield from _flat(value, f"{name}_")


def frame(rows: Iterable[Row]) -> pandas.DataFrame:
    """Return rows as a ``DataFrame``; raises MissingPackageError where pandas is missing."""
    from zoodiff.errors import MissingPackageError

    try:
        import pandas
    except ImportError:
        raise MissingPackageError(
            "to_pandas needs pandas, which is not installed; install it with: pip install pandas"
        ) from None
    return pandas.DataFrame([well_formed_values(flat(row)) for row in rows])
