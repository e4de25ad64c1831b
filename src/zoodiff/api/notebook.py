"""Results in a notebook and at a prompt: short, and nothing in them is markup of others."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.equivalence.evidence_lines import EvidenceLine
from zoodiff.rules.findings import Finding
from zoodiff.text import html, shortened, visible

_BRIEF = 380
"""Characters of a result at a prompt."""
_CELL = 500
"""Characters of one cell."""
_LINES = 30
"""Lines of evidence in a notebook."""


def brief(headline: Sequence[str], same_function: bool | None, findings: Sequence[Finding]) -> str:
    """Return a result in under 400 characters: the answer, and the codes of the findings."""
    codes = ", ".join(dict.fromkeys(finding.code for finding in findings))
    end = f"; same_function={same_function}; {f'findings {codes}' if codes else 'no findings'}"
    end = shortened(end, _BRIEF // 3)
    text = visible(": ".join(headline), most=None)
    return f"<{shortened(text, _BRIEF - len(end))}{end}>"


def as_html(headline: Sequence[str], lines: Sequence[EvidenceLine]) -> str:
    """Return a result as a table, in under 30 kB."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html(line.title, most=40)}</th>"
        f"<td style='text-align:left'>{html(line.text, most=_CELL)}</td></tr>"
        for line in lines[:_LINES]
    )
    more = f"<p>and {len(lines) - _LINES} more lines</p>" if len(lines) > _LINES else ""
    names, answer, *notes = (html(text, most=_CELL) for text in headline)
    said = "".join(f"<p>{note}</p>" for note in notes)
    return f"<div><p>{names}</p><p><b>{answer}</b></p>{said}<table>{rows}</table>{more}</div>"
