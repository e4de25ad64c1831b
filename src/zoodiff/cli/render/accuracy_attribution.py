"""Print the causes of accuracy differences, for ``zoodiff accuracy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table
from zoodiff.cli.render.entry_names import EntryNames

if TYPE_CHECKING:
    from zoodiff.api.values.accuracy import Attribution, Estimate, Explanation, Inference


_INDENT = {
    "preprocessing": "  ",
    "network": "  ",
    "difference": "      ",
    "differences": "      ",
}


def print_attribution(attribution: Attribution, names: EntryNames) -> None:
    """Print a table per explanation, and a line per suggested change of preprocessing or labels."""
    for explanation in attribution.explanations:
        _print_explanation(explanation, names)
    for name, inference in attribution.inferences.items():
        for line in suggestions(names.of(name), inference):
            print_line(line)
    for name, (code, words) in attribution.warnings.items():
        print_line(f"{code}  {names.of(name)}: {words}")
    for problem in attribution.problems:
        print_line(f"not explained: {names.in_text(problem)}")


def suggestions(name: str, inference: Inference) -> list[str]:
    """Return a line per finding about the preprocessing and labels of an entry, then its notes.

    >>> from zoodiff.accuracy.attribution.suggestions import Inference
    >>> from zoodiff.preprocessing.spec import Preprocessing
    >>> suggestions("a.onnx", Inference(Preprocessing(), Preprocessing(), (), 70.0, 70.0, 250, 9))
    ['a.onnx: none of 9 other preprocessings and labels, tried on 250 images, fits clearly better']
    """
    from zoodiff.api.values.accuracy import notes, sentences

    lines = [f"{code}  {name}: {words}" for code, words in sentences(inference)]
    if not inference.suggestions:
        lines.append(
            f"{name}: none of {inference.trials} other preprocessings and labels, tried on "
            f"{inference.images} images, fits clearly better"
        )
    return lines + [f"note: {name}: {note}" for note in notes(inference)]


def _print_explanation(explanation: Explanation, names: EntryNames) -> None:
    first, second = names.of(explanation.first), names.of(explanation.second)
    rows = [["", "difference", "", "", _points(explanation.total)]]
    for part in explanation.parts:
        if part.kind == "interaction":
            continue
        indent = _INDENT.get(part.kind, "    ")
        named = part.kind in {"factor", "difference"} or part.shown
        code = part.code if part.code and named else ""
        rows.append([code, indent + part.what, part.first, part.second, _points(part.points)])
    print_table(
        ["", "points come from", first, second, ("points", "right")],
        rows,
        title=f"why: {first} | {second}, on {explanation.images:,} images",
    )
    (joint,) = [part for part in explanation.parts if part.kind == "interaction"]
    if joint.shown:
        side = "gains" if joint.points.value > 0 else "loses"
        print_line(
            f"each network {side} {abs(joint.points.value):.1f} points on average by its own "
            "preprocessing"
        )
    confirmation = explanation.confirmation
    if confirmation is not None:
        word = "confirmed" if confirmation.confirmed else "not confirmed"
        print_line(
            f"{word}: {second} with the {confirmation.what} of {first} "
            f"changes by {_points(confirmation.points)} points"
        )
    for note in explanation.notes:
        print_line(f"note: {note}")
    print_line()


def _points(value: Estimate) -> str:
    return f"{value.value:+.2f} [{value.low:+.2f}, {value.high:+.2f}]"
