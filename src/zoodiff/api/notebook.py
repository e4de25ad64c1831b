"""The result of a diff at a prompt: short, with the codes of its findings."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.rules.findings import Finding
from zoodiff.text import shortened, visible

_BRIEF = 380
"""Characters of a result at a prompt."""


def brief(headline: Sequence[str], same_function: bool | None, findings: Sequence[Finding]) -> str:
    """Return a result in under 400 characters: the answer, and the codes of the findings."""
    codes = ", ".join(dict.fromkeys(finding.code for finding in findings))
    end = f"; same_function={same_function}; {f'findings {codes}' if codes else 'no findings'}"
    end = shortened(end, _BRIEF // 3)
    text = visible(": ".join(headline), most=None)
    return f"<{shortened(text, _BRIEF - len(end))}{end}>"
