"""The output of ``zoodiff diff``: the answer first, then the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_wrapped

if TYPE_CHECKING:
    from zoodiff.api import DiffReport, PreprocessingDiff

_INDENT = 12


def print_report(report: DiffReport, places: bool) -> None:
    """Print the answer and its evidence; ``places`` names every layer of every finding."""
    print_line(report.answer.sentence)
    for line in report.evidence(places=places):
        print_wrapped(f"  {line.title:<9} {line.text}", _INDENT)


def print_preprocessing(diff: PreprocessingDiff) -> None:
    """Print how two entries prepare images, outside and inside their networks."""
    width = max((len(f.factor) for f in diff.findings), default=0)
    for finding in diff.findings:
        print_line(f"{finding.code}  {finding.factor:{width}}  {finding.left} | {finding.right}")
    if not diff.findings:
        print_line("the same preprocessing")
    for side in diff.sides:
        if side.defaulted:
            print_line(
                f"{side.name} publishes nothing of {', '.join(side.defaulted)}: usual values taken"
            )
        if side.effective is None:
            print_line(f"{side.name}: its network was not read ({side.problem})")
        elif side.effective.inside or side.effective.unread:
            steps = ", ".join((*side.effective.inside, *side.effective.unread))
            print_line(f"{side.name} does {steps} inside the network; all together")
            print_line(f"    {side.effective.sentence()}")
        if side.warning:
            print_line(f"{side.warning[0]}  {side.name}: {side.warning[1]}")
