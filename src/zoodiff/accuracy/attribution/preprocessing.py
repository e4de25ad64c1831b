"""Why two entries differ in accuracy: one factor swapped at a time, on the same images.

Each network is run with its own preprocessing, with the other's, and with single factors of the
other's. With r(network, preprocessing) for the share of images that are right,

    r(A, a) - r(B, b) = P + N,
    P = 1/2 [r(A, a) - r(A, b) + r(B, a) - r(B, b)],
    N = 1/2 [r(A, a) - r(B, a) + r(A, b) - r(B, b)]:

the preprocessing on average over both networks, and the network on average over both
preprocessings (the main effects of a 2 x 2 design; L. S. Shapley's value of two players). The
interaction 1/2 [r(A, a) - r(A, b) - r(B, a) + r(B, b)] is what each network gains by its own
preprocessing; it takes no part in the sum. P is the sum of the effects of single factors, averaged
in the same way, and of what several do only together. So the table adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from zoodiff.accuracy.attribution.inference import CODES
from zoodiff.accuracy.attribution.network import PieceKind, Pieces
from zoodiff.accuracy.preprocessing_runs import Meaning, Recipe
from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.conventions import Factor, differing, with_factor
from zoodiff.preprocessing.effective import effective, fed_alike
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
"""Takes apart what remains on the same pixels: given (images,) who is right, on average over
recipes, and these recipes on the terms of each network."""


class Side(Protocol):
    """One entry on the images at hand."""

    @property
    def name(self) -> str:
        """The entry's name."""
        ...

    @property
    def spec(self) -> Preprocessing:
        """Its own preprocessing."""
        ...

    @property
    def input_stage(self) -> InputStage | None:
        """The input stage of its network; None if unknown."""
        ...

    @property
    def meaning(self) -> Meaning | None:
        """The label space of its outputs; None if irrelevant."""
        ...

    def right(self, recipes: Sequence[Recipe]) -> list[NDArray[np.bool_]]:
        """Per recipe, whether each image is predicted correctly, shape (images,)."""
        ...


@dataclass(frozen=True)
class Part:
    """One line of the table: points of the difference that come from it."""

    kind: Kind
    what: str
    code: str | None
    first: str
    second: str
    """How the two entries have it."""
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
    """What the first entry's way gains or costs the second entry."""
    confirmed: bool
    """Whether it works in the same direction, and clearly."""


@dataclass(frozen=True)
class Explanation:
    """Where a difference comes from. ``parts`` of kind ``preprocessing`` and ``network`` add up to
    ``total``, those of kind ``factor`` and ``together`` to ``preprocessing``, and, where the
    networks were taken apart, ``runtime``, ``graph`` and ``weights`` to ``network``, ``difference``
    and ``differences`` to ``graph``."""

    first: str
    second: str
    images: int
    total: Estimate
    parts: tuple[Part, ...]
    confirmation: Confirmation | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def explain(first: Side, second: Side, networks: Networks | None = None) -> Explanation:
    """Decompose the difference of two entries; raise what running them raises.

    ``networks`` goes on where the preprocessing ends; without it the networks are one part.
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
        read_b, read_a = (one.label_mapping for one in meanings)
        swapped_a.append(Recipe(a, read_a))
        swapped_b.append(Recipe(own, read_b))
        names.append(("labels", "LAB103", (meanings[0].name, meanings[1].name)))
    fed_a, fed_b = (Recipe(a), Recipe(b, read_a)), (Recipe(crossed, read_b), Recipe(own))
    aa, ab, *left = (x.astype(float) for x in first.right([*fed_a, *swapped_a]))
    ba, bb, *right = (x.astype(float) for x in second.right([*fed_b, *swapped_b]))
    preprocessing = (aa - ab + ba - bb) / 2
    parts: list[Part] = []
    alone = np.zeros(len(aa))
    for (what, code, both), one, other in zip(names, left, right, strict=True):
        effect = (aa - one + other - bb) / 2
        alone += effect
        parts.append(Part("factor", what, code, *both, _points(effect)))
    parts.sort(key=lambda part: -abs(part.points.value))
    if len(names) > 1:
        several = _points(preprocessing - alone)
        parts.append(Part("together", "several of these together", None, "", "", several))
    what = "preprocessing" if meanings is None else "preprocessing and labels"
    parts.insert(0, Part("preprocessing", what, None, "", "", _points(preprocessing)))
    network = _points((aa - ba + ab - bb) / 2)
    parts.append(Part("network", "network", "ACC101", first.name, second.name, network))
    notes = list(swap.notes)
    if networks is not None:
        pieces = networks(((aa + ab) / 2, (ba + bb) / 2), (fed_a, fed_b))
        parts += [
            Part(one.kind, one.what, one.code, one.first, one.second, _points(one.values))
            for one in sorted(pieces.found, key=lambda one: _NETWORK.index(one.kind))
        ]
        notes += pieces.notes
    joint = _points((aa - ab - ba + bb) / 2)
    parts.append(Part("interaction", "each by its own preprocessing", None, "", "", joint))
    gains = {name: one - bb for (name, _, _), one in zip(names, right, strict=True)}
    return Explanation(
        first.name,
        second.name,
        len(aa),
        _points(aa - bb),
        tuple(parts),
        _confirmed(parts, gains),
        tuple(notes),
    )


def _meanings(first: Side, second: Side) -> tuple[Meaning, Meaning] | None:
    """What the outputs of both mean, where that can be swapped and differs."""
    one, other = first.meaning, second.meaning
    if one is None or other is None or one.outputs != other.outputs:
        return None
    return None if one.label_mapping.tolist() == other.label_mapping.tolist() else (one, other)


@dataclass(frozen=True)
class _Swap:
    """Each preprocessing in the terms of the other network, and what differs."""

    second_on_first: Preprocessing
    first_on_second: Preprocessing
    words: dict[Factor, tuple[str, str]]
    notes: tuple[str, ...]


def _comparable(first: Side, second: Side) -> _Swap:
    """Both preprocessings, less what cannot be swapped because the networks are made for it.

    What a network does to its pixels by itself is taken into account: the other one is fed what
    this one's first layer is fed.
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
    input_stages = [one.input_stage for one in (first, second)]
    if any(
        input_stage is not None and (input_stage.steps or input_stage.unread)
        for input_stage in input_stages
    ):
        fed = [effective(one.spec, one.input_stage) for one in (first, second)]
        # In the order of each network's own channels: that order is a factor of its own.
        alike = replace(fed[1], channels=fed[0].channels)
        on_first = fed_alike(first.spec, input_stages[0], alike)
        on_second = fed_alike(
            second.spec, input_stages[1], replace(fed[0], channels=fed[1].channels)
        )
        words.pop("normalisation", None)
        if on_first is None or on_second is None:
            notes.append(_KNOWN_BY_ITSELF)
            on_first, on_second = first.spec, second.spec
        elif not fed[0].same(alike):
            words["normalisation"] = (fed[0].numbers(), fed[1].numbers())
        b = with_factor(b, on_first, "normalisation")
        a = with_factor(a, on_second, "normalisation")
    elif a.inside_network != b.inside_network:
        notes.append(_KNOWN_BY_ITSELF)
        words.pop("normalisation", None)
        b = with_factor(b, first.spec, "normalisation")
        a = with_factor(a, second.spec, "normalisation")
    return _Swap(b, a, words, tuple(notes))


_KNOWN_BY_ITSELF = (
    "one network normalises by itself in a way that is not known; the normalisation counts as the "
    "network's"
)


def _confirmed(
    parts: Sequence[Part], gains: Mapping[str, NDArray[np.floating]]
) -> Confirmation | None:
    """Whether the second entry moves towards the first, given its way in the main factor."""
    singles = [part for part in parts if part.kind == "factor" and part.shown]
    if not singles:
        return None
    main = max(singles, key=lambda part: abs(part.points.value))
    gain = _points(gains[main.what])
    clear = gain.low > 0 or gain.high < 0
    assert main.code is not None
    return Confirmation(main.what, main.code, gain, clear and gain.value * main.points.value > 0)


def _points(values: NDArray[np.floating]) -> Estimate:
    found = mean(100 * values)
    return Estimate(found.value, found.low, found.high, found.level)


def adds_up(found: Explanation) -> bool:
    """Whether the parts sum to the total, and the factors to the preprocessing."""
    sums: Mapping[str, float] = {
        kind: sum(part.points.value for part in found.parts if part.kind == kind)
        for kind in get_args(Kind)
    }
    kinds = {part.kind for part in found.parts}

    def equal(sum_of: Sequence[str], whole: float) -> bool:
        return not kinds & set(sum_of) or abs(sum(sums[k] for k in sum_of) - whole) < 1e-6

    return (
        equal(("preprocessing", "network"), found.total.value)
        and equal(("factor", "together"), sums["preprocessing"])
        and equal(("runtime", "graph", "weights"), sums["network"])
        and equal(("difference", "differences"), sums["graph"])
    )
