"""Names exchanged and never predicted classes of entries and of pairs of entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.classes.class_findings import (
    ClassFinding,
    beside,
    class_findings,
    constant_findings,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class NamedClasses:
    """A finding about classes of an entry: against the labels, or against another entry."""

    entry: str
    against: str | None
    """The other entry; None for the labels."""
    finding: ClassFinding

    def sentence(self, name: Callable[[int], str] = str) -> str:
        """Return the finding in words; ``name`` returns the name of a class."""
        return f"{self.entry}: {self.finding.sentence(name, self.against or '')}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {"entry": self.entry, "against": self.against, **asdict(self.finding)}
        return {**values, "spans": [list(span) for span in self.finding.spans]}


Known = Mapping[str, Sequence[NamedClasses]]
"""Findings of entries against labels."""


def against_labels(
    entry: str,
    best: NDArray[np.integer],
    labels: NDArray[np.integer],
    constant: Sequence[int] = (),
    without_output: Sequence[int] = (),
) -> tuple[NamedClasses, ...]:
    """Return the findings about an entry.

    ``best`` and ``labels`` are (images,); ``constant`` lists classes with a constant output,
    ``without_output`` classes without one, whose images do not count.
    """
    import numpy as np

    labels = np.where(np.isin(labels, without_output), -1, labels)
    findings = class_findings(labels, best, _count(labels, best)) if len(best) else ()
    findings += constant_findings(constant, len(best))
    return tuple(NamedClasses(entry, None, finding) for finding in findings)


def against_entry(
    first: str,
    second: str,
    best: tuple[NDArray[np.integer], NDArray[np.integer]],
    known: Known,
) -> tuple[NamedClasses, ...]:
    """Return the findings about the second of two entries that are known of neither.

    ``best`` has, per entry, (images,), its best class for the same images. A class that only the
    first never predicts is a finding about the first.
    """
    told = [item.finding for entry in (first, second) for item in known.get(entry, ())]
    count = max(_count(*best), 1)
    forward = beside(class_findings(best[0], best[1], count), told)
    backward = beside(class_findings(best[1], best[0], count), told)
    lost = [finding for finding in backward if finding.kind == "never predicted"]
    return (
        *(NamedClasses(second, first, finding) for finding in forward),
        *(NamedClasses(first, second, finding) for finding in lost),
    )


def _count(*classes: NDArray[np.integer]) -> int:
    return 1 + max((int(values.max(initial=-1)) for values in classes), default=-1)
