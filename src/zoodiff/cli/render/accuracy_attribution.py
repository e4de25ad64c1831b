"""How ``zoodiff accuracy`` prints why entries differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.accuracy.attribution.inference import sentences
from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.accuracy.attribution.inference import Inference
    from zoodiff.accuracy.attribution.preprocessing import Explanation
    from zoodiff.accuracy.attribution.session import Attribution
    from zoodiff.stats.intervals import Estimate


_INDENT = {
    "preprocessing": "  ",
    "network": "  ",
    "difference": "      ",
    "differences": "      ",
}


def print_attribution(reasons: Attribution) -> None:
    """Tables of explanations, and a line for each change that answers ask for."""
    for explanation in reasons.explanations:
        _print_explanation(explanation)
    for name, inference in reasons.inferences.items():
        for line in suggestions(name, inference):
            print_line(line)
    for name, (code, words) in reasons.warnings.items():
        print_line(f"{code}  {name}: {words}")
    for problem in reasons.problems:
        print_line(f"not explained: {problem}")


def suggestions(name: str, found: Inference) -> list[str]:
    """One sentence for each change that the answers of an entry ask for.

    >>> from zoodiff.accuracy.attribution.inference import Inference
    >>> from zoodiff.preprocessing.spec import Preprocessing
    >>> suggestions("a.onnx", Inference(Preprocessing(), Preprocessing(), (), 70.0, 70.0, 250, 9))
    ['a.onnx: none of 9 other preprocessings and labels, tried on 250 images, fits clearly better']
    """
    if not found.suggestions:
        return [
            f"{name}: none of {found.trials} other preprocessings and labels, tried on "
            f"{found.images} images, fits clearly better"
        ]
    return [f"{code}  {name}: {words}" for code, words in sentences(found)]


def _print_explanation(found: Explanation) -> None:
    rows = [["", "difference", "", "", _points(found.total)]]
    for part in found.parts:
        if part.kind == "interaction":
            continue
        indent = _INDENT.get(part.kind, "    ")
        named = part.kind in {"factor", "difference"} or part.shown
        code = part.code if part.code and named else ""
        rows.append([code, indent + part.what, part.first, part.second, _points(part.points)])
    print_table(
        ["", "points come from", found.first, found.second, ("points", "right")],
        rows,
        title=f"why: {found.first} | {found.second}, on {found.images:,} images",
    )
    (joint,) = [part for part in found.parts if part.kind == "interaction"]
    if joint.shown:
        side = "gains" if joint.points.value > 0 else "loses"
        print_line(
            f"each network {side} {abs(joint.points.value):.1f} points on average by its own "
            "preprocessing"
        )
    confirmation = found.confirmation
    if confirmation is not None:
        word = "confirmed" if confirmation.confirmed else "not confirmed"
        print_line(
            f"{word}: {found.second} with the {confirmation.what} of {found.first} changes by "
            f"{_points(confirmation.points)} points"
        )
    for note in found.notes:
        print_line(f"note: {note}")
    print_line()


def _points(value: Estimate) -> str:
    return f"{value.value:+.2f} [{value.low:+.2f}, {value.high:+.2f}]"
