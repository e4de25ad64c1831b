"""Tables of ``zoodiff accuracy``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.cli.render.accuracy_answer import accuracy_answer, agreement_answer
from zoodiff.cli.render.accuracy_attribution import print_attribution
from zoodiff.cli.render.console import print_line, print_table, say, say_progress
from zoodiff.cli.render.entry_names import EntryNames

if TYPE_CHECKING:
    from zoodiff.api.accuracy_report import AccuracyReport
    from zoodiff.api.values.accuracy import (
        Agreement,
        Agreements,
        Comparison,
        ImageSet,
        NamedClasses,
        Outcome,
        Pair,
    )


def say_images(images: ImageSet) -> None:
    """Print the number, name and layout of the opened images."""
    say_progress(f"{len(images)} images of {images.name}, {images.layout}")
    for note in images.notes:
        say_progress(f"note: {note}")


def print_report(report: AccuracyReport, names: EntryNames) -> None:
    """Print the answer, then measurements, comparison and attribution."""
    if report.agreement is not None:
        names = names.known(name for pair in report.agreement.pairs for name in _sides(pair))
        said = agreement_answer(report.agreement, names)
        if said is not None:
            print_line(said)
        _print_agreement(report.images, report.agreement, names)
        return
    assert report.outcome is not None
    if report.comparison is not None:
        names = names.known(row.entry for row in report.comparison.rows)
        print_line(accuracy_answer(report.comparison, names))
    _print(report.images, report.outcome, report.comparison, names)
    if report.attribution is not None:
        print_attribution(report.attribution, names)


def say_problems(report: AccuracyReport) -> None:
    """Print failures, and the folders of reproducers."""
    for name, why in (report.agreement.failed if report.agreement else {}).items():
        say(f"zoodiff: {name}: {why}")
    for failure in report.failures:
        say(f"zoodiff: {failure.entry}: {failure.reason}")
    for folder in report.evidence:
        say(f"evidence: {folder}")
    for problem in report.problems:
        say(f"zoodiff: {problem}")


def _sides(pair: Agreement) -> tuple[str, str]:
    return pair.first, pair.second


def _print_agreement(images: ImageSet, agreements: Agreements, names: EntryNames) -> None:
    if agreements.pairs:
        _print_agreed(agreements, names)
    _print_class_findings(images, agreements.class_findings, names)
    for name, why in agreements.left_out.items():
        print_line(f"{name} could not be decoded: {why}")


def _print_agreed(agreements: Agreements, names: EntryNames) -> None:
    print_table(
        [
            "first",
            "second",
            ("images", "right"),
            ("answers that change %", "right"),
            ("common of 5", "right"),
            ("divergence, bits", "right"),
        ],
        [
            [
                names.of(pair.first),
                names.of(pair.second),
                f"{pair.images:,}",
                f"{pair.changed.value:.2f} [{pair.changed.low:.2f}, {pair.changed.high:.2f}]",
                f"{pair.top5:.2f}",
                f"{pair.divergence:.4f}",
            ]
            for pair in agreements.pairs
        ],
        title="agreement, without labels",
    )
    for pair in agreements.pairs:
        if pair.worst and pair.worst[0][1] > 0:
            worst = ", ".join(f"{name} ({value:.2f})" for name, value in pair.worst[:3])
            sides = f"{names.of(pair.first)} and {names.of(pair.second)}"
            print_line(f"{sides} diverge most on {worst}")


def _print(
    images: ImageSet, outcome: Outcome, comparison: Comparison | None, names: EntryNames
) -> None:
    if comparison is not None:
        print_table(
            [
                "entry",
                "weights",
                ("images", "right"),
                ("top-1 %", "right"),
                ("top-5 %", "right"),
                ("calibration", "right"),
                ("claim", "right"),
                "",
            ],
            [
                [
                    names.of(row.entry),
                    row.weights,
                    f"{row.images:,}",
                    f"{row.top1.value:.2f} [{row.top1.low:.2f}, {row.top1.high:.2f}]",
                    f"{row.top5.value:.2f} [{row.top5.low:.2f}, {row.top5.high:.2f}]",
                    "" if row.calibration_error is None else f"{row.calibration_error:.3f}",
                    "" if row.claimed is None else f"{row.claimed:g}",
                    row.claim or "",
                ]
                for row in comparison.rows
            ],
            title="accuracy",
        )
        _print_pairs(images, comparison, names)
        print_table(
            ["entry", "preprocessing", "not published, usual values taken"],
            [
                [names.of(row.entry), row.preprocessing, ", ".join(row.defaulted)]
                for row in comparison.rows
            ],
            title="preprocessing",
        )
        for row in comparison.rows:
            for check in row.failed_checks:
                print_line(f"warning: {names.of(row.entry)}: {check}")
        _print_class_findings(images, comparison.class_findings, names)
        for note in comparison.notes:
            print_line(f"note: {note}")
    for note in outcome.notes[len(images.notes) :]:
        print_line(f"note: {note}")
    if outcome.left_out:
        print_line(f"{len(outcome.left_out)} images could not be decoded and count for no entry:")
        for name, why in list(outcome.left_out.items())[:5]:
            print_line(f"  {name}: {why}")
    if outcome.images_per_second:
        say_progress(f"{outcome.images_per_second:.1f} images/s")


def _print_class_findings(
    images: ImageSet, findings: Sequence[NamedClasses], names: EntryNames
) -> None:
    """Print the classes that an entry exchanges or never predicts."""
    for named in findings:
        print_line(names.in_text(f"{named.finding.code}  {named.sentence(images.class_name)}"))


def _print_pairs(images: ImageSet, comparison: Comparison, names: EntryNames) -> None:
    if not comparison.pairs:
        return
    print_table(
        ["first", "second", ("points", "right"), ("p (Holm)", "right"), ("agree", "right"), ""],
        [
            [
                names.of(pair.first),
                names.of(pair.second),
                _points(pair),
                "" if pair.sequence else f"{pair.holm:.2g}",
                f"{pair.agreement:.1f} %",
                _verdict(pair, comparison.within),
            ]
            for pair in comparison.pairs
        ],
        title="pairs",
    )
    for pair in comparison.pairs:
        if pair.verdict != "different" or not pair.flips:
            continue
        print_line(
            f"{names.of(pair.first)} alone is right on {pair.only_first} images, "
            f"{names.of(pair.second)} alone on {pair.only_second}; for example"
        )
        for flip in pair.flips[:3]:
            name = images.samples[flip.image].name
            words = [images.class_name(k) for k in (flip.label, flip.first, flip.second)]
            print_line(f"  {name}: {words[0]}, taken for {words[1]} | {words[2]}")
        for change in pair.classes[:3]:
            print_line(
                f"  class {images.class_name(change.label)}: {change.points:+.0f} points on "
                f"{change.images} images (p {change.benjamini_hochberg:.2g} over all classes)"
            )
        print_line()


def _points(pair: Pair) -> str:
    interval = pair.sequence or pair.difference
    return f"{pair.difference.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def _verdict(pair: Pair, within: float) -> str:
    if pair.verdict == "the same":
        return f"the same within {within:g} points"
    if pair.verdict == "different":
        return f"differ by more than {within:g} points" if pair.sequence else "different"
    if pair.sequence:
        return f"not decided by {pair.images:,} images"
    return f"not decided; {pair.images:,} images show {pair.detectable:.1f} points"
