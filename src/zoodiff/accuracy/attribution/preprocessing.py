"""Decomposes a difference in accuracy by swapping preprocessings, one factor at a time.

Each network is run on the same images with its own preprocessing, with that of the other entry, and
with single factors of the other. With r(network, preprocessing) for the share of images that are
right,

    r(A, a) - r(B, b) = P + N,
    P = 1/2 [r(A, a) - r(A, b) + r(B, a) - r(B, b)],
    N = 1/2 [r(A, a) - r(B, a) + r(A, b) - r(B, b)]:

P is the effect of the preprocessing, averaged over both networks, and N that of the network,
averaged over both preprocessings (the main effects of a 2 x 2 design; the Shapley value of two
players). The interaction 1/2 [r(A, a) - r(A, b) - r(B, a) + r(B, b)] is what networks gain by their
own preprocessing; it is not part of the sum. P is the sum of the effects of single factors,
averaged in the same way, and of the joint effect of several. So the table adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from zoodiff.accuracy.attribution.inference import CODES
from zoodiff.accuracy.attribution.network import Piece, PieceKind, Pieces
from zoodiff.accuracy.preprocessing_runs import Meaning, Recipe
from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.conventions import Factor, differing, with_factor
from zoodiff.preprocessing.effective import effective, fed_alike
from zoodiff.preprocessing.near import near
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.stats.intervals import Estimate, mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["preprocessing", "factor", "together", "network", PieceKind, "interaction"]
_NETWORK: tuple[PieceKind, ...] = ("runtime", "weights", "graph", "difference", "differences")
Networks = Callable[
    [
        "tuple[NDArray[np.float64], NDArray[np.float64]]",
        tuple[Sequence[Recipe], Sequence[Recipe]],
    ],
    Pieces,
]
"""Decomposes the part of the networks. Arguments: per network, (images,), the share of recipes with
which it is right, and the recipes for each network."""


class Side(Protocol):
    """An entry that can be run with any recipe on the same images."""

    @property
    def name(self) -> str:
        """The entry's name."""
        ...

    @property
    def spec(self) -> Preprocessing:
        """The entry's own preprocessing."""
        ...

    @property
    def input_stage(self) -> InputStage | None:
        """The input stage of its network; None if unknown."""
        ...

    @property
    def meaning(self) -> Meaning | None:
        """The meaning of its outputs; None if labels are not compared."""
        ...

    def right(self, recipes: Sequence[Recipe]) -> list[NDArray[np.bool_]]:
        """Return per recipe whether each image is predicted correctly, (images,)."""
        ...


@dataclass(frozen=True)
class Part:
    """A line of the table: a cause, and the points of the difference that it explains."""

    kind: Kind
    what: str
    code: str | None
    first: str
    second: str
    """The values of the two entries, in words."""
    points: Estimate
    """First less second, in points."""

    @property
    def shown(self) -> bool:
        """Whether the interval excludes 0."""
        return self.points.low > 0 or self.points.high < 0


@dataclass(frozen=True)
class Confirmation:
    """The main cause, confirmed by applying it to the second entry."""

    what: str
    code: str
    points: Estimate
    """Gain of the second entry with the first entry's value of the factor, in points."""
    confirmed: bool
    """Whether the gain is significant and has the direction of the difference."""


@dataclass(frozen=True)
class Explanation:
    """The decomposition of a difference in top-1 into parts.

    Parts of kind ``preprocessing`` and ``network`` add up to ``total``, those of kind ``factor``
    and ``together`` to ``preprocessing``. If the networks were decomposed, ``runtime``, ``graph``
    and ``weights`` add up to ``network``, ``difference`` and ``differences`` to ``graph``.
    """

    first: str
    second: str
    images: int
    total: Estimate
    parts: tuple[Part, ...]
    confirmation: Confirmation | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def explain(first: Side, second: Side, networks: Networks | None = None) -> Explanation:
    """Decompose the difference of two entries; raise the errors of running them.

    ``networks`` decomposes the part of the networks; without it they are one part.
    """
    import numpy as np

    swap = _comparable(first, second)
    a, b, own, words = first.spec, swap.second_on_first, second.spec, swap.words
    swapped_a = [Recipe(with_factor(a, b, factor)) for factor in words]
    swapped_b = [Recipe(with_factor(own, swap.first_on_second, factor)) for factor in words]
    crossed = own
    for factor in words:
        crossed = with_factor(crossed, swap.first_on_second, factor)
    meanings = _meanings(first, second)
    read_a = read_b = None
    names: list[tuple[str, str, tuple[str, str]]] = [(f, CODES[f], words[f]) for f in words]
    if meanings is not None:
        read_b, read_a = (meaning.label_mapping for meaning in meanings)
        swapped_a.append(Recipe(a, read_a))
        swapped_b.append(Recipe(own, read_b))
        names.append(("labels", "LAB103", (meanings[0].name, meanings[1].name)))
    fed_a, fed_b = (Recipe(a), Recipe(b, read_a)), (Recipe(crossed, read_b), Recipe(own))
    aa, ab, *left = (x.astype(float) for x in first.right([*fed_a, *swapped_a]))
    ba, bb, *right = (x.astype(float) for x in second.right([*fed_b, *swapped_b]))
    preprocessing = (aa - ab + ba - bb) / 2
    parts: list[Part] = []
    single_effects = np.zeros(len(aa))
    for (title, code, both), first_swapped, second_swapped in zip(names, left, right, strict=True):
        effect = (aa - first_swapped + second_swapped - bb) / 2
        single_effects += effect
        parts.append(Part("factor", title, code, *both, _points(effect)))
    parts.sort(key=lambda part: -abs(part.points.value))
    parts, near_notes = _near(parts, first.spec, swap, len(aa))
    if len(names) > 1:
        joint_effect = _points(preprocessing - single_effects)
        parts.append(Part("together", "several of these together", None, "", "", joint_effect))
    title = "preprocessing" if meanings is None else "preprocessing and labels"
    parts.insert(0, Part("preprocessing", title, None, "", "", _points(preprocessing)))
    network = _points((aa - ba + ab - bb) / 2)
    parts.append(Part("network", "network", "ACC101", first.name, second.name, network))
    notes = [*swap.notes, *near_notes]
    if networks is not None:
        pieces = networks(((aa + ab) / 2, (ba + bb) / 2), (fed_a, fed_b))
        parts += map(_part, sorted(pieces.summands, key=lambda piece: _NETWORK.index(piece.kind)))
        notes += pieces.notes
    interaction = _points((aa - ab - ba + bb) / 2)
    parts.append(Part("interaction", "each by its own preprocessing", None, "", "", interaction))
    gains = {name: swapped - bb for (name, _, _), swapped in zip(names, right, strict=True)}
    return Explanation(
        first.name,
        second.name,
        len(aa),
        _points(aa - bb),
        tuple(parts),
        _confirmed(parts, gains),
        tuple(notes),
    )


def _near(
    parts: Sequence[Part], given: Preprocessing, swap: _Swap, images: int
) -> tuple[list[Part], list[str]]:
    """Return the parts and a note per factor in which the two recipes are nearly one.

    Such a factor has a code only if these images tell the two recipes apart.
    """
    marked, notes = [], []
    for part in parts:
        factor = next((factor for factor in swap.words if factor == part.what), None)
        apart = near(given, swap.second_on_first, factor) if factor else None
        if apart is None:
            marked.append(part)
            continue
        marked.append(part if part.shown else replace(part, code=None))
        told = "tell" if part.shown else "do not tell"
        notes.append(
            f"{part.what} {part.first} and {part.second} are nearly one: {apart}; these {images} "
            f"images {told} them apart"
        )
    return marked, notes


def _part(piece: Piece) -> Part:
    return Part(
        piece.kind, piece.what, piece.code, piece.first, piece.second, _points(piece.values)
    )


def _meanings(first: Side, second: Side) -> tuple[Meaning, Meaning] | None:
    """Return the meanings of both outputs if they differ and can be swapped, otherwise None."""
    left, right = first.meaning, second.meaning
    if left is None or right is None or left.outputs != right.outputs:
        return None
    return None if left.label_mapping.tolist() == right.label_mapping.tolist() else (left, right)


@dataclass(frozen=True)
class _Swap:
    """Each preprocessing adapted to the other network, and the factors that differ."""

    second_on_first: Preprocessing
    first_on_second: Preprocessing
    words: dict[Factor, tuple[str, str]]
    notes: tuple[str, ...]


def _comparable(first: Side, second: Side) -> _Swap:
    """Return both preprocessings adapted to the other network, without factors of the networks.

    Input stages are taken into account: with a swapped normalisation, the first layer of a network
    gets the input of the other network's first layer.
    """
    a, b, notes = first.spec, second.spec, list[str]()
    if a.input_size != b.input_size:
        notes.append(
            "the networks take images of different sizes; size and crop count as the network's"
        )
        sizes: tuple[Factor, ...] = ("input size", "crop")
        for factor in sizes:
            a, b = with_factor(a, second.spec, factor), with_factor(b, first.spec, factor)
    words = differing(first.spec, b)
    input_stages = [side.input_stage for side in (first, second)]
    if any(
        input_stage is not None and (input_stage.steps or input_stage.unread)
        for input_stage in input_stages
    ):
        fed = [effective(side.spec, side.input_stage) for side in (first, second)]
        # Compared in each network's own channel order, which is a separate factor.
        alike = replace(fed[1], channels=fed[0].channels)
        on_first = fed_alike(first.spec, input_stages[0], alike)
        on_second = fed_alike(
            second.spec, input_stages[1], replace(fed[0], channels=fed[1].channels)
        )
        words.pop("normalisation", None)
        if on_first is None or on_second is None:
            notes.append(_UNKNOWN_NORMALISATION)
            on_first, on_second = first.spec, second.spec
        elif not fed[0].same(alike):
            words["normalisation"] = (fed[0].numbers(), fed[1].numbers())
        b = with_factor(b, on_first, "normalisation")
        a = with_factor(a, on_second, "normalisation")
    elif a.inside_network != b.inside_network:
        notes.append(_UNKNOWN_NORMALISATION)
        words.pop("normalisation", None)
        b = with_factor(b, first.spec, "normalisation")
        a = with_factor(a, second.spec, "normalisation")
    return _Swap(b, a, words, tuple(notes))


_UNKNOWN_NORMALISATION = (
    "the normalisation inside one network is not known; the normalisation counts as part of the "
    "network"
)


def _confirmed(
    parts: Sequence[Part], gains: Mapping[str, NDArray[np.floating]]
) -> Confirmation | None:
    """Return whether the second entry moves towards the first with its value of the main factor."""
    singles = [part for part in parts if part.kind == "factor" and part.shown]
    if not singles:
        return None
    main = max(singles, key=lambda part: abs(part.points.value))
    gain = _points(gains[main.what])
    clear = gain.low > 0 or gain.high < 0
    assert main.code is not None
    return Confirmation(main.what, main.code, gain, clear and gain.value * main.points.value > 0)


def _points(values: NDArray[np.floating]) -> Estimate:
    estimate = mean(100 * values)
    return Estimate(estimate.value, estimate.low, estimate.high, estimate.level)


def adds_up(explanation: Explanation) -> bool:
    """Return whether parts add up to their totals as ``Explanation`` says."""
    sums: Mapping[str, float] = {
        kind: sum(part.points.value for part in explanation.parts if part.kind == kind)
        for kind in get_args(Kind)
    }
    kinds = {part.kind for part in explanation.parts}

    def equal(sum_of: Sequence[str], whole: float) -> bool:
        return not kinds & set(sum_of) or abs(sum(sums[k] for k in sum_of) - whole) < 1e-6

    return (
        equal(("preprocessing", "network"), explanation.total.value)
        and equal(("factor", "together"), sums["preprocessing"])
        and equal(("runtime", "graph", "weights"), sums["network"])
        and equal(("difference", "differences"), sums["graph"])
    )
