"""Format the A/A controls of latency runs."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from zoodiff.report.charts import inline
from zoodiff.report.words import numbers
from zoodiff.results import Control
from zoodiff.study.result import StudyResult


@dataclass(frozen=True)
class ControlRow:
    """A formatted A/A control of a latency run."""

    entry: str
    ratio: str
    noise: str
    chart: Markup


def controls(result: StudyResult) -> tuple[Markup | None, tuple[ControlRow, ...]]:
    """Return the controls' axis, in percent around 0, and the controls."""
    if not result.controls:
        return None, ()
    percents = [100 * (bound - 1) for c in result.controls for bound in (c.ratio.low, c.ratio.high)]
    noises = [sign * c.noise_percent for c in result.controls for sign in (-1, 1)]
    axis = inline.axis_over([*percents, *noises])
    return inline.axis_labels(axis, "%"), tuple(_control(c, axis) for c in result.controls)


def _control(control: Control, axis: inline.Axis) -> ControlRow:
    ratio = numbers.with_interval(control.ratio, 3)
    noise = numbers.significant(control.noise_percent, 2)
    interval = control.ratio.model_copy(
        update={name: 100 * (getattr(control.ratio, name) - 1) for name in ("value", "low", "high")}
    )
    return ControlRow(
        entry=control.entry,
        ratio=ratio,
        noise=f"{noise} %",
        chart=inline.dot(
            axis,
            interval.value,
            interval,
            f"{control.entry} against itself: ratio {ratio}, noise {noise} %",
            filled=False,
            noise=(-control.noise_percent, control.noise_percent),
        ),
    )
