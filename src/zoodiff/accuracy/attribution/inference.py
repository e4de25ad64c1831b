"""Which preprocessing and which labels a network was trained with, from its answers.

Wrong preprocessing raises no error, it costs accuracy. Here the conventions of the field are tried
on the images at hand, one factor at a time, and a change is named where the answers say clearly
that it is the better one. With labels the measure is the logarithm of the true class's
probability, image by image, which shows a difference long before top-1 does; where labels do not
fit the answers at all, it is how sure and how various the answers are. Interpolations are told
apart by how far the true class's logit stands out, over several sizes of each image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from zoodiff.preprocessing.conventions import Factor, alternatives, differing, with_factor, words
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.stats import intervals
from zoodiff.stats.paired import better

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Run = Callable[[Sequence[Preprocessing]], list["NDArray[np.float64]"]]
LabelFinding = Literal["one too low", "one too high", "sorted as strings", "permuted"]
LEVELS: dict[Factor, float] = {"crop": 5e-3}
LEVEL = 1e-3
"""Chance of naming a change of one factor where there is none. Crops are allowed more: few are
tried, and their effect is small beside the noise of some hundred images."""
_FLOOR = 1e-2
"""Where log probabilities are cut off: one image that is sure and wrong is one image."""
_LEAST = 1e-30
"""Where probabilities are cut off for logits."""
_COARSE = 0.5
"""Share of the classes that may be answered alike, with the least probability."""
_SHARES = (1.0, 0.875, 0.78, 0.7)
"""Parts of the short side that the crops keep on which interpolations are compared."""
_LEAST_POINTS = 0.05
"""Top-1 points below which no gain is named; the answers may still be clearly surer."""
_ROUNDS = 5
_HIDING = ("normalisation", "channel order")
_SURE = 0.35
"""Share of the attainable information at which answers are those of a network that sees well."""

CODES: dict[Factor, str] = {
    "normalisation": "PRE102",
    "channel order": "PRE101",
    "crop": "PRE103",
    "interpolation": "PRE104",
    "library": "PRE105",
    "input size": "PRE106",
}
LABEL_CODES: dict[LabelFinding, str] = {
    "one too low": "LAB101",
    "one too high": "LAB101",
    "sorted as strings": "LAB102",
    "permuted": "LAB103",
}


@dataclass(frozen=True)
class Suggestion:
    """A change that the answers ask for."""

    code: str
    factor: str
    given: str
    fits: str
    points: float | None
    """Top-1 gained on these images by this change alone, all others made; None without labels."""
    p_value: float


@dataclass(frozen=True)
class Inference:
    """The conventions that fit a network best, and how they differ from the given ones."""

    given: Preprocessing
    fits: Preprocessing
    suggestions: tuple[Suggestion, ...]
    top1_given: float
    """Percent, with the labels as given."""
    top1_fits: float
    """Percent, with everything that was suggested."""
    images: int
    trials: int


def sentences(found: Inference) -> list[tuple[str, str]]:
    """Code and words of each change that the answers ask for."""
    lines = []
    for one in found.suggestions:
        gained = one.points is not None and one.points >= _LEAST_POINTS
        gain = f" gives {one.points:+.1f} points" if gained else ""
        if one.factor == "labels":
            words = f"{one.fits}{gain and f'; reading them so{gain}'}"
        else:
            words = (
                "the preprocessing is not the one that it was trained with: "
                f"{one.factor} {one.fits} instead of {one.given}{gain}"
            )
        lines.append((one.code, words))
    return lines


def infer(
    run: Run,
    given: Preprocessing,
    labels: NDArray[np.int64],
    label_mapping: NDArray[np.int64],
) -> Inference:
    """Try the conventions on a network.

    ``run`` gives (images, outputs) probabilities for preprocessings; ``labels`` are classes of the
    data set and ``label_mapping`` the output of each class. Raises what ``run`` raises.
    """
    search = _Search(run, given)
    # Normalisation and order of channels first: they hide everything else.
    hiding = [spec for (f, _), spec in alternatives(given).items() if f in _HIDING]
    meanings = _meanings(labels, label_mapping)
    finding = _labels(search.answers([given, *hiding]), meanings)
    search.target = meanings.get(finding)
    best = search.improved(given)
    resized = _interpolation(search.answers, best, search.target)
    best, suggestions = search.confirmed(given, best, resized)
    plain, target = meanings[None], search.target
    if finding is not None:
        suggestions.append(_relabelling(search, best, finding, plain))
    return Inference(
        given,
        best,
        tuple(suggestions),
        search.top1(given, plain),
        search.top1(best, plain if target is None else target),
        len(labels),
        len(search.tried),
    )


@dataclass
class _Search:
    """Preprocessings that are tried on one network."""

    run: Run
    given: Preprocessing
    target: NDArray[np.int64] | None = None
    """(images,), the output that each label means; None where labels fit no answers."""

    def __post_init__(self) -> None:
        self.tried: set[Preprocessing] = {self.given}

    def answers(self, specs: Sequence[Preprocessing]) -> list[NDArray[np.float64]]:
        """(images, outputs) probabilities for each preprocessing."""
        self.tried.update(specs)
        return self.run(specs)

    def fit(self, spec: Preprocessing) -> NDArray[np.float64]:
        """(images,), how well the answers fit; more is better."""
        (answers,) = self.answers([spec])
        return _information(answers) if self.target is None else likelihood(answers, self.target)

    def top1(self, spec: Preprocessing, target: NDArray[np.int64]) -> float:
        """Percent of images whose best output is the target."""
        (answers,) = self.answers([spec])
        return 100 * float((answers.argmax(1) == target).mean())

    def improved(self, spec: Preprocessing) -> Preprocessing:
        """The preprocessing after the best change of one factor, and the next, while any helps."""
        for _ in range(_ROUNDS):
            options = {key: x for key, x in alternatives(spec).items() if key[0] != "interpolation"}
            self.answers(list(options.values()))
            base = self.fit(spec)
            better_ones = [
                option
                for (factor, _), option in options.items()
                if better(self.fit(option), base) < LEVELS.get(factor, LEVEL)
            ]
            if not better_ones:
                return spec
            spec = max(better_ones, key=lambda option: float(self.fit(option).mean()))
        return spec

    def confirmed(
        self,
        given: Preprocessing,
        best: Preprocessing,
        resized: tuple[Preprocessing, float] | None,
    ) -> tuple[Preprocessing, list[Suggestion]]:
        """The preprocessing without changes that do not help by themselves, and the others.

        ``resized`` is it with another interpolation and the p-value of that one.
        """
        suggestions: list[Suggestion] = []
        best = resized[0] if resized else best
        for factor in differing(given, best):
            without = with_factor(best, given, factor)
            if factor == "interpolation" and resized is not None:
                p = resized[1]
            else:
                p = better(self.fit(best), self.fit(without))
            if p > LEVELS.get(factor, LEVEL):
                best = without
                continue
            points = None
            if self.target is not None:
                points = self.top1(best, self.target) - self.top1(without, self.target)
            suggestions.append(
                Suggestion(
                    CODES[factor], factor, words(given, factor), words(best, factor), points, p
                )
            )
        return best, suggestions


def _relabelling(
    search: _Search, best: Preprocessing, finding: LabelFinding, plain: NDArray[np.int64]
) -> Suggestion:
    """What is wrong with the labels, and what reading them otherwise gains."""
    gain = None
    if search.target is not None:
        gain = search.top1(best, search.target) - search.top1(best, plain)
    return Suggestion(
        LABEL_CODES[finding], "labels", "as given", f"labels are {finding}", gain, 0.0
    )


def _interpolation(
    run: Run, spec: Preprocessing, target: NDArray[np.int64] | None
) -> tuple[Preprocessing, float] | None:
    """The interpolation that fits clearly better, and the p-value; None where none does.

    Its effect is small, so every image is looked at in several sizes, as repeated measurements.
    Without labels nothing is said: sharper images make surer answers, right or wrong.
    """
    import numpy as np

    if target is None or spec.input_size is None:
        return None
    options = [x for (factor, _), x in alternatives(spec).items() if factor == "interpolation"]
    shorts = [round(min(spec.input_size) / share) for share in _SHARES]
    views = [
        [replace(x, resize_policy="short_side", resize=s, crop_fraction=None) for s in shorts]
        for x in (spec, *options)
    ]
    found = run([view for row in views for view in row])
    if any(_coarse(answers) for answers in found):
        return None
    each = len(shorts)
    standing = [
        np.mean([standing_out(x, target) for x in found[k : k + each]], axis=0)
        for k in range(0, len(found), each)
    ]
    best = max(range(1, len(standing)), key=lambda k: float(standing[k].mean()))
    own, other = run([spec, options[best - 1]])
    if np.array_equal(own, other):
        return None  # images have the size of the input, so the network met no interpolation
    p = better(standing[best], standing[0])
    return (options[best - 1], p) if p < LEVEL else None


def standing_out(answers: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
    """(images,), logit of the true class, less the mean and in deviations of the image's logits.

    How sure an answer is, which sharper images raise by themselves, is no matter here.
    """
    import numpy as np

    logits = np.log(np.clip(answers, _LEAST, 1))
    rows = np.arange(len(logits))
    spread = np.maximum(logits.std(1), 1e-9)
    found: NDArray[np.float64] = (logits[rows, np.maximum(target, 0)] - logits.mean(1)) / spread
    return np.where(target >= 0, found, 0.0)


def _coarse(answers: NDArray[np.float64]) -> bool:
    """Whether most classes get the same, least answer, as eight bits behind a softmax give."""
    import numpy as np

    least = answers <= np.maximum(answers.min(1, keepdims=True), _LEAST)
    return bool(np.median(least.mean(1)) > _COARSE)


def likelihood(answers: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
    """(images,), log probability of the true class, cut off where it is next to nothing."""
    import numpy as np

    rows = np.arange(len(answers))
    shares = np.where(target >= 0, answers[rows, np.maximum(target, 0)], 0.0)
    found: NDArray[np.float64] = np.log(np.clip(shares, _FLOOR, 1))
    return found


def _information(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """(images,), divergence of each answer from the mean answer; its mean is the information.

    T. Salimans et al., "Improved techniques for training GANs", NeurIPS 2016 (the logarithm of
    their score).
    """
    import numpy as np

    shares = np.clip(answers, 1e-6, 1)
    found: NDArray[np.float64] = (shares * (np.log(shares) - np.log(shares.mean(0)))).sum(1)
    return found


def _meanings(
    labels: NDArray[np.int64], label_mapping: NDArray[np.int64]
) -> dict[LabelFinding | None, NDArray[np.int64]]:
    """For each thing that may have gone wrong, the output that each image's label then means."""
    import numpy as np

    def through(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        inside = (numbers >= 0) & (numbers < len(label_mapping))
        return np.where(inside, label_mapping[np.clip(numbers, 0, len(label_mapping) - 1)], -1)

    strings = np.array(sorted(range(len(label_mapping)), key=str))
    return {
        None: through(labels),
        "one too low": through(labels + 1),
        "one too high": through(labels - 1),
        "sorted as strings": through(strings[np.clip(labels, 0, len(strings) - 1)]),
    }


def _labels(
    answers: Sequence[NDArray[np.float64]],
    meanings: dict[LabelFinding | None, NDArray[np.int64]],
) -> LabelFinding | None:
    """Which reading of the labels fits, under the preprocessing that fits it best.

    Labels as given are believed where they are better than chance and no other reading is better
    yet. Where none fits, but some answers are sure and various, the labels are of other classes.
    """
    import numpy as np

    count, width = answers[0].shape
    right = {
        reading: max(int((one.argmax(1) == target).sum()) for one in answers)
        for reading, target in meanings.items()
    }
    best = max(right, key=lambda reading: (right[reading], reading is None))
    chance = 3 / width
    if intervals.proportion(right[best], count).low > chance:
        if best is None or right[best] > 2 * right[None] + 5:
            return best
        return None
    attainable = np.log(min(count, width))
    informed = max(float(_information(one).mean()) for one in answers)
    return "permuted" if informed > _SURE * attainable else None
