"""Finds classes that a network exchanges or never predicts, from its predictions.

A network is compared with labels, or with the predictions of another network for the same images.
A class *moves* if its images are predicted as one other class, and *stays* if they are predicted as
itself. Under the null hypothesis an image that does either stays at least as likely as it moves,
so the number of moves is at most binomial with 1/2. A network that confuses most classes does not
allow this hypothesis, so nothing is said of one. The p-value is corrected (Bonferroni) for all
pairs of classes, or for all blocks and shifts, that could have been found: a few images per class
show nothing about a pair, but may show a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from zoodiff.accuracy.classes.class_shifts import Confusions, Move, blocks, shifted_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["exchanged", "blocks exchanged", "shifted", "never predicted", "constant output"]
CODES: Mapping[Kind, str] = {
    "exchanged": "LAB104",
    "blocks exchanged": "LAB105",
    "shifted": "LAB105",
    "never predicted": "LAB106",
    "constant output": "LAB107",
}
LEVEL = 1e-2
"""Significance level of all findings of one kind together."""
_CLEAR = 0.75
"""Least share of moves among the images that move or stay."""
_RECOGNISED = 2.0
"""Most times as large as the share of moved images the share of other images that stay may be."""
_MOSTLY, _LONG = 0.6, 5
"""Share of moved images, and classes, with which a shift need not lead back into its block."""
_MOST = 20
"""Most findings about one network."""
_LOST = 1e-3
"""Significance level of classes that are never predicted: the gamma distribution is a guess."""
_EXPECTED = 3.0
"""Fewest expected predictions of a class whose share of them tells the spread."""
_OTHERS = 4
"""Least number of other classes from which the spread of predictions is estimated."""
Span = tuple[int, int]
"""First and last class of a block."""


@dataclass(frozen=True)
class ClassFinding:
    """Classes that one network confuses systematically, as no trained network does."""

    code: str
    kind: Kind
    spans: tuple[Span, ...]
    """The classes, as blocks of consecutive ones."""
    offset: int
    """Number of places by which the first block is moved; 0 if nothing is moved."""
    images: int
    """Images of these classes."""
    moved: int
    """Images that get the class that the finding says."""
    p_value: float
    """Corrected for all findings of the kind that were possible."""

    def sentence(self, name: Callable[[int], str] = str, other: str = "") -> str:
        """Return the finding in words; ``other`` names the network that is compared with."""
        words = [
            name(first) if first == last else f"{name(first)} to {name(last)} ({last - first + 1})"
            for first, last in self.spans
        ]
        against = f" against {other}" if other else ""
        if self.kind == "constant output":
            return (
                f"the output of class {words[0]} is the same for all {self.images} images, as of a "
                "zeroed row of the last layer"
            )
        if self.kind == "never predicted":
            images = f"{self.images} images"
            expected = f"{other} predicts it for {images}" if other else f"{images} are of it"
            return f"class {words[0]} is never predicted; {expected} (p {self.p_value:.1g})"
        shown = (
            f"{self.moved} of {self.images} images of them get the other's class "
            f"(p {self.p_value:.1g})"
        )
        if self.kind == "exchanged":
            return f"classes {words[0]} and {words[1]} are exchanged{against}; {shown}"
        if self.kind == "blocks exchanged":
            return f"the classes {words[0]} are exchanged with {words[1]}{against}; {shown}"
        places = f"{abs(self.offset)} place{'s' if abs(self.offset) > 1 else ''}"
        shown = shown.replace("the other's class", f"the class {places} off")
        direction = "up" if self.offset > 0 else "down"
        cyclic = ", the last of them to the first places" if len(self.spans) > 1 else ""
        span = (self.spans[0][0], self.spans[-1][1])
        whole = f"{name(span[0])} to {name(span[1])} ({span[1] - span[0] + 1})"
        return (
            f"the classes {whole} are shifted {direction} by {abs(self.offset)}{cyclic}{against}; "
            f"{shown}"
        )


def class_findings(
    reference: NDArray[np.integer], predicted: NDArray[np.integer], classes: int
) -> tuple[ClassFinding, ...]:
    """Return exchanged, shifted and never predicted classes, the most significant first.

    ``reference`` and ``predicted`` are (images,), classes below ``classes``; negative ones are
    unknown, and such images do not count.
    """
    import numpy as np

    known = (reference >= 0) & (predicted >= 0) & (reference < classes) & (predicted < classes)
    confusions = Confusions(reference[known], predicted[known], classes)
    findings: list[ClassFinding] = []
    while len(findings) < _MOST:
        best = min(_moves(confusions), key=lambda finding: finding.p_value, default=None)
        if best is None or best.p_value > LEVEL:
            break
        findings.append(best)
        confusions = confusions.without(
            np.concatenate([np.arange(first, last + 1) for first, last in best.spans])
        )
    whole = any(finding.images > len(reference) / 2 for finding in findings)
    if not whole:  # otherwise the numbers of classes mean something else
        labelled = reference[(reference >= 0) & (reference < classes)]
        findings += _never_predicted(labelled, predicted, classes)[: _MOST - len(findings)]
    return tuple(findings)


def constant_findings(constant: Sequence[int], images: int) -> tuple[ClassFinding, ...]:
    """Return a finding per class whose output is the same for all images."""
    return tuple(
        ClassFinding(CODES["constant output"], "constant output", ((k, k),), 0, images, 0, 0.0)
        for k in constant
    )


def _moves(confusions: Confusions) -> Iterator[ClassFinding]:
    """Return pairs, blocks and shifts in which most images move, with corrected p-values."""
    count = float(confusions.classes)
    for first, second in confusions.reversed_pairs():
        pair: tuple[Span, ...] = ((first, first), (second, second))
        moves = [Move(first, first, second - first), Move(second, second, first - second)]
        yield from _finding("exchanged", pair, moves, confusions, count * (count - 1) / 2)
    for kind, spans, moves in blocks(confusions):
        # Blocks are chosen by start, length and distance, or start, length and shift.
        yield from _finding(kind, spans, moves, confusions, count**3 / 3)
    for move in shifted_runs(confusions):
        for finding in _finding("shifted", (move.span,), [move], confusions, count**3):
            yield _open_shift(finding, move, confusions)


def _open_shift(finding: ClassFinding, move: Move, confusions: Confusions) -> ClassFinding:
    """Return a shift with the p-value of its classes, unless most of its images move.

    A shift that leads out of its block is no permutation: classes with similar neighbours look
    alike, so that classes are counted instead of images.
    """
    from scipy.stats import binom

    span = slice(move.first, move.last + 1)
    along, stayed = confusions.along(move.offset)[span], confusions.stayed[span]
    moving, staying = int((along > stayed).sum()), int((stayed > along).sum())
    if finding.moved >= _MOSTLY * finding.images and moving >= _LONG:
        return finding
    p_value = float(binom.sf(moving - 1, moving + staying, 0.5)) * confusions.classes**3
    return replace(finding, p_value=max(finding.p_value, min(1.0, p_value)))


def _finding(
    kind: Kind,
    spans: tuple[Span, ...],
    moves: Sequence[Move],
    confusions: Confusions,
    possible: float,
) -> Iterator[ClassFinding]:
    """Return the finding if all of its moves are clear, and most other classes stay."""
    from scipy.stats import binom

    counts = [confusions.counts(move) for move in moves]
    if any(moved < _CLEAR * (moved + stayed) or not moved for moved, stayed in counts):
        return
    moved, stayed = (sum(column) for column in zip(*counts, strict=True))
    p_value = min(1.0, float(binom.sf(moved - 1, moved + stayed, 0.5)) * max(1.0, possible))
    images = sum(confusions.images(move) for move in moves)
    if not confusions.are_recognised_beside(moves, _RECOGNISED * moved / images):
        return
    yield ClassFinding(CODES[kind], kind, spans, moves[0].offset, images, moved, p_value)


def _never_predicted(
    reference: NDArray[np.integer], predicted: NDArray[np.integer], classes: int
) -> list[ClassFinding]:
    """Return classes that are expected and never predicted.

    The number of predictions of a class is taken as Poisson, with a rate that varies between the
    classes as a gamma distribution; its spread is estimated from all other classes by moments.
    J. O. Lloyd-Smith, "Maximum likelihood estimation of the negative binomial dispersion parameter
    for highly overdispersed data", PLoS ONE 2 (2007), has the distribution.
    """
    import numpy as np

    images = np.bincount(reference, minlength=classes).astype(float)
    times = np.bincount(predicted[predicted >= 0], minlength=classes)[:classes].astype(float)
    present = images > 0
    if present.sum() <= _OTHERS or not times[present].sum():
        return []
    expected = images * times[present].sum() / images[present].sum()
    excess = np.where(present, (times - expected) ** 2 - expected, 0.0)
    shares = excess / np.where(present, expected, 1.0) ** 2
    common = present & (expected >= _EXPECTED)
    findings = []
    for k in np.nonzero(present & (times == 0))[0].tolist():
        others = common & (np.arange(classes) != k)
        # The larger of two estimates: by images, and by classes.
        spread = float((excess.sum() - excess[k]) / ((expected**2).sum() - expected[k] ** 2))
        by_class = float(shares[others].mean()) if others.any() else 0.0
        shape = 1 / max(spread, by_class, 1e-9)
        logarithm = -shape * np.log1p(expected[k] / shape)
        p_value = min(1.0, float(np.exp(logarithm)) * int(present.sum()))
        if p_value <= _LOST:
            code = CODES["never predicted"]
            span = ((k, k),)
            findings.append(
                ClassFinding(code, "never predicted", span, 0, int(images[k]), 0, p_value)
            )
    return sorted(findings, key=lambda finding: finding.p_value)


def beside(
    findings: Sequence[ClassFinding], known: Sequence[ClassFinding]
) -> tuple[ClassFinding, ...]:
    """Return the findings about classes that no finding of the same code covers yet."""

    def overlap(first: ClassFinding, second: ClassFinding) -> bool:
        return first.code == second.code and any(
            a[0] <= b[1] and b[0] <= a[1] for a in first.spans for b in second.spans
        )

    return tuple(
        finding for finding in findings if not any(overlap(finding, item) for item in known)
    )
