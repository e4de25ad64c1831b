"""Format the table of names: a column per zoo, with a letter per network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from zoodiff.architecture.names_table import NameRow, NamesTable
from zoodiff.architecture.naming import EntryUnderName
from zoodiff.report.words import numbers
from zoodiff.report.words.numbers import Number


@dataclass(frozen=True)
class ZooCell:
    """What a zoo has under a name."""

    text: str
    """Letters with numbers of weights; empty if the zoo does not have the name."""
    detail: str
    """The entries, one per line."""
    odd: bool
    """Whether one of its networks is the odd one out."""
    variant: bool
    """Whether the hand-checked table knows an entry as a variant or another network."""


@dataclass(frozen=True)
class NameLine:
    """A formatted row."""

    name: str
    networks: Number
    cells: tuple[ZooCell, ...]
    elsewhere: Number
    recipes: Number
    top1: Number
    findings: tuple[str, ...]
    """Codes of the findings about the name."""


@dataclass(frozen=True)
class FindingLine:
    """A formatted finding."""

    code: str
    rule: str
    name: str
    sentence: str


@dataclass(frozen=True)
class NamesPart:
    """The formatted table of names."""

    zoos: tuple[str, ...]
    lines: tuple[NameLine, ...]
    has_elsewhere: bool
    findings: tuple[FindingLine, ...]
    lead: str
    counts: tuple[str, ...]
    """Sentences about the table as a whole."""


def part(table: NamesTable) -> NamesPart:
    """Return the formatted table."""
    codes: dict[str, dict[str, None]] = {}
    for finding in table.findings:
        codes.setdefault(finding.name, {})[finding.code] = None
    zoos = tuple(sorted({zoo for row in table.rows for zoo in row.zoos}))
    lines = tuple(_line(row, zoos, tuple(codes.get(row.name, ()))) for row in table.rows)
    return NamesPart(
        zoos=zoos,
        lines=lines,
        has_elsewhere=any(row.elsewhere for row in table.rows),
        findings=tuple(
            FindingLine(f.code, f.line.split("  ")[1], f.name, f.sentence) for f in table.findings
        ),
        lead=(
            "The same letter in a row is the same network, up to biases, batch norms, and pre- and "
            "post-processing inside; input size and number of classes are part of it. A number in "
            "parentheses counts published weights. Networks were built without weights."
        ),
        counts=_counts(table),
    )


def _line(row: NameRow, zoos: Sequence[str], codes: tuple[str, ...]) -> NameLine:
    top1 = (row.top1_lowest_percent, row.top1_highest_percent)
    return NameLine(
        name=row.name,
        networks=Number(networks_words(row), sort=float(row.networks) if row.published else None),
        cells=tuple(_cell([e for e in row.entries if e.zoo == zoo]) for zoo in zoos),
        elsewhere=Number(
            str(len(row.elsewhere) or ""), ", ".join(row.elsewhere) or None, len(row.elsewhere)
        ),
        recipes=Number(recipes_words(row), sort=float(row.recipes)),
        top1=Number(range_words(*top1), sort=top1[1] - top1[0] if top1[0] and top1[1] else None),
        findings=codes,
    )


def _cell(entries: Sequence[EntryUnderName]) -> ZooCell:
    return ZooCell(
        text=", ".join(groups_words(entries)),
        detail="\n".join(
            f"{entry.letter or 'not built'}: {entry.entry}"
            + (f" ({entry.kind}: {entry.difference})" if entry.difference else "")
            for entry in entries
        ),
        odd=any(entry.odd for entry in entries),
        variant=any(entry.kind in ("variant", "other") for entry in entries),
    )


def groups_words(entries: Sequence[EntryUnderName]) -> list[str]:
    """Return a word per network of a zoo's entries, such as ``A (28)``; ``?`` if none was built."""
    counts: Counter[str] = Counter()
    odd: set[str] = set()
    for entry in entries:
        if entry.letter is not None:
            counts[entry.letter] += entry.like_built
            odd |= {entry.letter} if entry.odd else set()
    if entries and not counts:
        return ["?"]
    order = sorted(counts, key=lambda letter: (len(letter), letter))
    return [
        letter + ("*" if letter in odd else "") + (f" ({counts[letter]})" * (counts[letter] > 1))
        for letter in order
    ]


def networks_words(row: NameRow) -> str:
    """Return the networks of a name in a few words, ``5 in 31``; a dash if none was built."""
    return f"{row.networks} in {row.published}" if row.published else "-"


def recipes_words(row: NameRow, *, briefly: bool = False) -> str:
    """Return the published recipes in a few words.

    ``6 different (bilinear 14, bicubic 17)``: of 31 weights, 14 are published with bilinear
    resizing; ``6`` briefly.
    """
    if not row.recipes:
        return "-"
    if briefly:
        return str(row.recipes)
    kinds = ", ".join(f"{kind} {count}" for kind, count in row.interpolations)
    return f"{'1' if row.recipes == 1 else f'{row.recipes} different'} ({kinds})"


def range_words(low: float | None, high: float | None) -> str:
    """Return a range of percentages, ``74.9 .. 81.2``; a dash if there is none."""
    if low is None or high is None:
        return "-"
    return f"{low:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{low:.1f} .. {high:.1f}"


def _counts(table: NamesTable) -> tuple[str, ...]:
    rows = table.rows
    entries = [entry for row in rows for entry in row.entries]
    missing = sum(not entry.built for entry in entries)
    several = sum(row.networks > 1 for row in rows)
    recipes = sum(row.recipes > 1 for row in rows)
    sentences = [
        f"{numbers.plural(len(rows), 'name')} with {numbers.plural(len(entries), 'model')} of "
        f"{numbers.plural(len(table.zoos), 'zoo')}.",
        f"{several:,} names are several networks, and {recipes:,} have several published recipes.",
    ]
    if any(entry.odd for entry in entries):
        sentences.append(
            "* marks the odd one out: most entries with its input and classes are another network."
        )
    if missing:
        sentences.append(f"? marks what was not built: {missing:,} of {len(entries):,} models.")
    return tuple(sentences)
