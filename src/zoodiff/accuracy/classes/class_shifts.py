"""Searches confusions for blocks of classes that are exchanged or shifted.

All sums over blocks are differences of running sums along the diagonals of the confusion matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DIAGONALS = 40
"""Most diagonals, per direction, on which blocks are looked for."""
_LEAST = 3
"""Least number of moved classes in a shift."""


class Move(NamedTuple):
    """Consecutive classes whose images are predicted as the class ``offset`` places on."""

    first: int
    last: int
    offset: int

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last class."""
        return self.first, self.last


class Confusions:
    """Counts of predictions by class, sparse: most cells of the matrix are empty."""

    def __init__(
        self, reference: NDArray[np.integer], predicted: NDArray[np.integer], classes: int
    ) -> None:
        import numpy as np

        self.classes = classes
        self._reference, self._predicted = reference, predicted
        cells, counts = np.unique(
            reference.astype(np.int64) * classes + predicted, return_counts=True
        )
        rows, columns = np.divmod(cells, max(classes, 1))
        self.stayed = np.zeros(classes, dtype=np.int64)
        self.total = np.bincount(reference, minlength=classes)
        same = rows == columns
        self.stayed[rows[same]] = counts[same]
        self._rows, self._columns, self._counts = rows[~same], columns[~same], counts[~same]
        self._offsets = self._columns - self._rows
        self._strongest = np.zeros(classes, dtype=np.int64)
        """(classes,), images that are predicted as the most frequent other class."""
        np.maximum.at(self._strongest, self._rows, self._counts)

    def without(self, classes: NDArray[np.int64]) -> Confusions:
        """Return the confusions without the images of some classes."""
        import numpy as np

        rest = ~np.isin(self._reference, classes)
        return Confusions(self._reference[rest], self._predicted[rest], self.classes)

    def along(self, offset: int) -> NDArray[np.int64]:
        """Return the images of each class that move by ``offset``, (classes,)."""
        import numpy as np

        moved = np.zeros(self.classes, dtype=np.int64)
        chosen = self._offsets == offset
        moved[self._rows[chosen]] = self._counts[chosen]
        return moved

    def counts(self, move: Move) -> tuple[int, int]:
        """Return the numbers of images that move and that stay."""
        span = slice(move.first, move.last + 1)
        return int(self.along(move.offset)[span].sum()), int(self.stayed[span].sum())

    def images(self, move: Move) -> int:
        """Return the number of images of the classes of a move."""
        return int(self.total[move.first : move.last + 1].sum())

    def are_recognised_beside(self, moves: Sequence[Move], most: float) -> bool:
        """Return whether most classes outside some moves stay, with a share of at most ``most``.

        If the moves are of more than half of the classes, there are too few others to tell.
        """
        import numpy as np

        inside = np.zeros(self.classes, dtype=bool)
        for move in moves:
            inside[move.first : move.last + 1] = True
        others = ~inside & (self.total > 0)
        if others.sum() < (inside & (self.total > 0)).sum():
            return True
        stay = (self.stayed > self._strongest)[others]
        share = self.stayed[others].sum() / self.total[others].sum()
        return bool(stay.mean() >= 0.5 and share <= most)

    def reversed_pairs(self) -> Iterator[tuple[int, int]]:
        """Return pairs of classes that are predicted as each other more than as themselves."""
        moving = self._counts > self.stayed[self._rows]
        pairs = set(zip(self._rows[moving].tolist(), self._columns[moving].tolist(), strict=True))
        return (pair for pair in pairs if pair[0] < pair[1] and pair[::-1] in pairs)

    def diagonals(self) -> dict[int, NDArray[np.int64]]:
        """Return running sums of moves less stays, (classes + 1,), of the best offsets.

        The best offsets are those with the run of classes in which most images move.
        """
        import numpy as np

        offsets, inverse = np.unique(self._offsets, return_inverse=True)
        masses = np.bincount(inverse, weights=self._counts, minlength=len(offsets))
        likely = offsets[np.argsort(-masses, kind="stable")][: 10 * _DIAGONALS]
        sums = {int(offset): self._running(int(offset)) for offset in likely}
        scores = {
            offset: int((running - np.minimum.accumulate(running)).max())
            for offset, running in sums.items()
        }
        best: dict[int, NDArray[np.int64]] = {}
        for sign in (1, -1):
            ranked = sorted((o for o in sums if o * sign > 0), key=lambda o: (-scores[o], abs(o)))
            best |= {offset: sums[offset] for offset in ranked[:_DIAGONALS]}
        return best

    def _running(self, offset: int) -> NDArray[np.int64]:
        import numpy as np

        return np.concatenate([[0], np.cumsum(self.along(offset) - self.stayed)])


def blocks(
    confusions: Confusions,
) -> Iterator[
    tuple[Literal["blocks exchanged", "shifted"], tuple[tuple[int, int], ...], list[Move]]
]:
    """Return the best exchange of two blocks, or cyclic shift of one, per pair of offsets.

    An exchange has the offsets d and -d and a block of at most d classes; a cyclic shift by s of
    a block of n classes has s and s - n.
    """
    sums = confusions.diagonals()
    for up in (offset for offset in sums if offset > 0):
        for down in (offset for offset in sums if offset < 0):
            shift = _cyclic(confusions, sums, up, down)
            if shift is not None:
                yield shift
        if -up in sums:
            exchange = _exchange(sums, up)
            if exchange is not None:
                first, last = exchange
                there, back = (
                    Move(first, last, up),
                    Move(first + up, last + up, -up),
                )
                yield "blocks exchanged", (there.span, back.span), [there, back]


def _cyclic(
    confusions: Confusions, sums: dict[int, NDArray[np.int64]], up: int, down: int
) -> tuple[Literal["blocks exchanged", "shifted"], tuple[tuple[int, int], ...], list[Move]] | None:
    """Return the best cyclic shift with these offsets."""
    size = up - down
    starts = confusions.classes - size + 1
    if starts <= 0 or size < _LEAST:
        return None
    rising, falling = sums[up], sums[down]
    middle = size - up  # as many classes move up
    score = (
        rising[middle : middle + starts]
        - rising[:starts]
        + falling[size : size + starts]
        - falling[middle : middle + starts]
    )
    start = int(score.argmax())
    if score[start] <= 0:
        return None
    moves = [
        Move(start, start + middle - 1, up),
        Move(start + middle, start + size - 1, down),
    ]
    kind: Literal["blocks exchanged", "shifted"] = "blocks exchanged" if up == -down else "shifted"
    return kind, tuple(move.span for move in moves), moves


def _exchange(sums: dict[int, NDArray[np.int64]], offset: int) -> tuple[int, int] | None:
    """Return the first and last class of the best block of 2 to ``offset`` classes."""
    import numpy as np

    up, down = sums[offset], sums[-offset]
    count = len(up) - 1 - offset
    if count < 2:
        return None
    score = up[: count + 1] + down[offset : offset + count + 1]
    start, end = _best_run(score)
    if end == start:
        return None
    if 2 <= end - start <= offset:
        return start, end - 1
    best: tuple[int, int, int] | None = None
    for size in range(2, min(offset, count) + 1):
        gains = score[size:] - score[:-size]
        start = int(np.argmax(gains))
        if gains[start] > 0 and (best is None or gains[start] > best[0]):
            best = int(gains[start]), start, start + size - 1
    return None if best is None else best[1:]


def _best_run(running: NDArray[np.int64]) -> tuple[int, int]:
    """Return start and end of the shortest run with the largest sum, from running sums."""
    import numpy as np

    lowest = np.minimum.accumulate(running)
    end = int((running - lowest).argmax())
    return int(np.nonzero(running[: end + 1] == lowest[end])[0][-1]), end


def shifted_runs(confusions: Confusions) -> Iterator[Move]:
    """Return, per offset, the run of classes in which most images move by it."""
    for offset, running in confusions.diagonals().items():
        start, end = _best_run(running)
        moved = confusions.along(offset)[start:end] > confusions.stayed[start:end]
        if moved.sum() >= _LEAST:
            yield Move(start, end - 1, offset)
