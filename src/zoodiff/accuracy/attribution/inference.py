"""Infers from a network's answers which preprocessing and which labels it was trained with.

Wrong preprocessing raises no error; it costs accuracy. The conventions of the field are tried on
the images, one factor at a time, and a change is suggested if the answers are significantly better
with it, corrected for all that was tried. The measure is the log probability of the true class per
image, which shows a difference with fewer images than top-1. If the labels do not fit the answers
at all, the measure is how confident and how diverse the answers are. Interpolations are compared by
the standardised logit of the true class, over several sizes of each image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from zoodiff.accuracy.attribution.suggestions import (
    UNSTATED,
    Inference,
    NearRecipe,
    Origins,
    Suggestion,
)
from zoodiff.preprocessing.conventions import Factor, alternatives, differing, with_factor, words
from zoodiff.preprocessing.near import near, near_variants
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.stats import intervals, paired
from zoodiff.stats.intervals import Estimate
from zoodiff.stats.paired import better

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Run = Callable[[Sequence[Preprocessing]], list["NDArray[np.float64]"]]
LabelFinding = Literal["one too low", "one too high", "sorted as strings", "permuted"]
LEVELS: dict[Factor, float] = {"crop": 5e-2}
LEVEL = 1e-2
"""Significance level of a change of one factor, for all preprocessings that are tried together
(Bonferroni). It is higher for crops, whose effect is small compared with the noise of some hundred
images."""
_FLOOR = 1e-2
"""Least probability in logarithms, so that one confident wrong answer does not dominate."""
_LEAST = 1e-30
"""Least probability from which logits are computed."""
_COARSE = 0.5
"""Share of classes with the least probability above which answers are too coarse to compare."""
_SHARES = (1.0, 0.875, 0.78, 0.7)
"""Shares of the short side that are kept by the crops on which interpolations are compared."""
_ROUNDS = 5
_HIDING = ("normalisation", "channel order")
"""Factors whose errors hide the effects of all others."""
_SURE = 0.35
"""Share of the attainable information above which answers show that images are recognised."""

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


def infer(
    run: Run,
    given: Preprocessing,
    labels: NDArray[np.int64],
    label_mapping: NDArray[np.int64],
    origins: Origins = UNSTATED,
) -> Inference:
    """Return the preprocessing and labels that fit a network best among the conventions.

    ``run`` returns probabilities, (images, outputs), per preprocessing. ``labels`` is (images,),
    classes of the data set; ``label_mapping`` is (classes,), the output of each class. ``origins``
    says which fields the user stated: only these can be wrong. Raises the errors of ``run``.
    """
    search = _Search(run, given, origins)
    # Labels are checked under each normalisation and channel order, which hide everything else.
    hiding = [spec for (factor, _), spec in alternatives(given).items() if factor in _HIDING]
    meanings = _meanings(labels, label_mapping)
    finding = _labels(search.answers([given, *hiding]), meanings)
    search.target = meanings.get(finding)
    best = search.improved(given)
    resized = search.interpolated(best)
    best, suggestions = search.confirmed(given, best, resized)
    given_target, target = meanings[None], search.target
    if finding is not None:
        suggestions.append(_relabelling(search, best, finding, given_target))
    return Inference(
        given,
        best,
        tuple(suggestions),
        search.top1(given, given_target),
        search.top1(best, given_target if target is None else target),
        len(labels),
        len(search.tested) + len(meanings) - 1,
        search.near_recipes(best),
    )


@dataclass
class _Search:
    """The search for the preprocessing that fits one network best."""

    run: Run
    given: Preprocessing
    origins: Origins
    target: NDArray[np.int64] | None = None
    """(images,), the output of each image's label; None if labels do not fit the answers."""

    def __post_init__(self) -> None:
        self.tested: set[Preprocessing] = set()
        """The other preprocessings whose fit was tested; p-values are corrected for them."""

    def answers(self, specs: Sequence[Preprocessing]) -> list[NDArray[np.float64]]:
        """Return probabilities per preprocessing, (images, outputs)."""
        return self.run(specs)

    def corrected(self, p_value: float) -> float:
        """Return a p-value corrected for all preprocessings that were tested (Bonferroni)."""
        return min(1.0, p_value * max(1, len(self.tested)))

    def fit(self, spec: Preprocessing) -> NDArray[np.float64]:
        """Return how well the answers fit, (images,); higher is better."""
        (answers,) = self.answers([spec])
        return _information(answers) if self.target is None else likelihood(answers, self.target)

    def right(self, spec: Preprocessing, target: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether the best output is the target, (images,)."""
        (answers,) = self.answers([spec])
        right: NDArray[np.bool_] = answers.argmax(1) == target
        return right

    def top1(self, spec: Preprocessing, target: NDArray[np.int64]) -> float:
        """Return the percentage of images whose best output is the target, (images,)."""
        return 100 * float(self.right(spec, target).mean())

    def improved(self, spec: Preprocessing) -> Preprocessing:
        """Return the preprocessing after changing one factor at a time while that helps."""
        for _ in range(_ROUNDS):
            options = {
                key: option
                for key, option in alternatives(spec).items()
                if key[0] != "interpolation" and near(spec, option, key[0]) is None
            }
            self.answers(list(options.values()))
            self.tested.update(options.values())
            self.tested.discard(self.given)
            base = self.fit(spec)
            improvements = [
                option
                for (factor, _), option in options.items()
                if self.corrected(better(self.fit(option), base)) < LEVELS.get(factor, LEVEL)
            ]
            if not improvements:
                return spec
            spec = max(improvements, key=lambda option: float(self.fit(option).mean()))
        return spec

    def confirmed(
        self,
        given: Preprocessing,
        best: Preprocessing,
        resized: tuple[Preprocessing, float] | None,
    ) -> tuple[Preprocessing, list[Suggestion]]:
        """Return the preprocessing without changes that do not help, and the remaining suggestions.

        ``resized`` is ``best`` with another interpolation, and the p-value of that change.
        """
        suggestions: list[Suggestion] = []
        best = resized[0] if resized else best
        for factor in differing(given, best):
            without = with_factor(best, given, factor)
            if factor == "interpolation" and resized is not None:
                p_value = self.corrected(resized[1])
            else:
                p_value = self.corrected(better(self.fit(best), self.fit(without)))
            points = None
            if self.target is not None:
                points = _gain(self.right(best, self.target), self.right(without, self.target))
            worse = points is not None and points.high < 0
            if worse or p_value > LEVELS.get(factor, LEVEL):
                best = without
                continue
            suggestions.append(
                Suggestion(
                    CODES[factor],
                    factor,
                    words(given, factor),
                    words(best, factor),
                    points,
                    p_value,
                    self.origins.of(factor, given, best),
                )
            )
        return best, suggestions

    def interpolated(self, spec: Preprocessing) -> tuple[Preprocessing, float] | None:
        """Return the interpolation that fits significantly better, and its p-value, or None."""
        options = [o for (factor, _), o in alternatives(spec).items() if factor == "interpolation"]
        tested = _interpolation(self.answers, spec, options, self.target)
        if tested is None:
            return None
        self.tested.update(options)
        return tested if self.corrected(tested[1]) < LEVEL else None

    def near_recipes(self, spec: Preprocessing) -> tuple[NearRecipe, ...]:
        """Return the recipes that are nearly this one, tested against it."""
        variants = near_variants(spec)
        outputs = [answers.argmax(1) for answers in self.answers([spec, *(v for _, v in variants)])]
        recipes = []
        for (factor, variant), best in zip(variants, outputs[1:], strict=True):
            fits, varied = self.fit(spec), self.fit(variant)
            one_sided = min(better(fits, varied), better(varied, fits))
            p_value = min(1.0, 2 * one_sided * len(variants))
            told = p_value < LEVEL
            recipes.append(
                NearRecipe(
                    factor,
                    words(spec, factor),
                    words(variant, factor),
                    near(spec, variant, factor) or "",
                    int((best != outputs[0]).sum()),
                    p_value,
                    None if not told else "fits" if fits.mean() > varied.mean() else "near",
                )
            )
        return tuple(recipes)


def _gain(changed: NDArray[np.bool_], given: NDArray[np.bool_]) -> Estimate:
    """Return the gain in top-1 points of a change, with its interval of paired proportions."""
    difference = paired.difference(
        int((changed & ~given).sum()), int((given & ~changed).sum()), len(given)
    )
    return Estimate(*(100 * v for v in (difference.value, difference.low, difference.high)))


def _relabelling(
    search: _Search, best: Preprocessing, finding: LabelFinding, given_target: NDArray[np.int64]
) -> Suggestion:
    """Return the suggestion for labels that are wrong, with the gain of correcting them."""
    gain = None
    if search.target is not None:
        gain = _gain(search.right(best, search.target), search.right(best, given_target))
    return Suggestion(
        LABEL_CODES[finding], "labels", "as given", f"labels are {finding}", gain, 0.0
    )


def _interpolation(
    run: Run,
    spec: Preprocessing,
    options: Sequence[Preprocessing],
    target: NDArray[np.int64] | None,
) -> tuple[Preprocessing, float] | None:
    """Return the other interpolation that fits best, and the p-value that it fits no better.

    The effect is small, so each image is run in several sizes, as repeated measurements. The result
    is None without labels, since sharper images make all answers more confident, right or wrong.
    """
    import numpy as np

    if target is None or spec.input_size is None:
        return None
    shorts = [round(min(spec.input_size) / share) for share in _SHARES]
    views = [
        [replace(option, resize_policy="short_side", resize=s, crop_fraction=None) for s in shorts]
        for option in (spec, *options)
    ]
    answers_per_view = run([view for row in views for view in row])
    if any(_coarse(answers) for answers in answers_per_view):
        return None
    views_per_option = len(shorts)
    logits = [
        np.mean(
            [
                standardised_logit(answers, target)
                for answers in answers_per_view[k : k + views_per_option]
            ],
            axis=0,
        )
        for k in range(0, len(answers_per_view), views_per_option)
    ]
    best = max(range(1, len(logits)), key=lambda k: float(logits[k].mean()))
    answers_given, answers_best = run([spec, options[best - 1]])
    if np.array_equal(answers_given, answers_best):
        return None  # images have the size of the input, so nothing was interpolated
    return options[best - 1], better(logits[best], logits[0])


def standardised_logit(
    answers: NDArray[np.float64], target: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the logit of the true class, (images,), standardised by the image's other logits.

    Mean and standard deviation of an image's logits are removed, so that the confidence of the
    answer, which rises with the sharpness of images, has no effect. ``answers`` is (images,
    outputs), ``target`` (images,), -1 for none.
    """
    import numpy as np

    logits = np.log(np.clip(answers, _LEAST, 1))
    rows = np.arange(len(logits))
    spread = np.maximum(logits.std(1), 1e-9)
    standardised: NDArray[np.float64] = (
        logits[rows, np.maximum(target, 0)] - logits.mean(1)
    ) / spread
    return np.where(target >= 0, standardised, 0.0)


def _coarse(answers: NDArray[np.float64]) -> bool:
    """Return whether most classes share the least probability, as after a softmax of 8 bits."""
    import numpy as np

    least = answers <= np.maximum(answers.min(1, keepdims=True), _LEAST)
    return bool(np.median(least.mean(1)) > _COARSE)


def likelihood(answers: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log probability of the true class, (images,), not below that of ``_FLOOR``."""
    import numpy as np

    rows = np.arange(len(answers))
    true_class = np.where(target >= 0, answers[rows, np.maximum(target, 0)], 0.0)
    logarithms: NDArray[np.float64] = np.log(np.clip(true_class, _FLOOR, 1))
    return logarithms


def _information(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the divergence of each answer from the mean answer, (images,), in nats.

    Its mean is the mutual information of image and answer.

    T. Salimans et al., "Improved techniques for training GANs", NeurIPS 2016 (the logarithm of
    their score).
    """
    import numpy as np

    shares = np.clip(answers, 1e-6, 1)
    divergence: NDArray[np.float64] = (shares * (np.log(shares) - np.log(shares.mean(0)))).sum(1)
    return divergence


def _meanings(
    labels: NDArray[np.int64], label_mapping: NDArray[np.int64]
) -> dict[LabelFinding | None, NDArray[np.int64]]:
    """Return, per error in the labels, the output of each image's label, (images,); -1 for none."""
    import numpy as np

    def mapped(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        inside = (numbers >= 0) & (numbers < len(label_mapping))
        return np.where(inside, label_mapping[np.clip(numbers, 0, len(label_mapping) - 1)], -1)

    strings = np.array(sorted(range(len(label_mapping)), key=str))
    return {
        None: mapped(labels),
        "one too low": mapped(labels + 1),
        "one too high": mapped(labels - 1),
        "sorted as strings": mapped(strings[np.clip(labels, 0, len(strings) - 1)]),
    }


def _labels(
    answers: Sequence[NDArray[np.float64]],
    meanings: dict[LabelFinding | None, NDArray[np.int64]],
) -> LabelFinding | None:
    """Return the error in the labels with which they fit the answers; None if they are right.

    Each reading of the labels is judged by the preprocessing that fits it best. The given labels
    count as right if they are better than chance and no other reading is much better. If no reading
    fits, but answers are confident and diverse, the labels are permuted.
    """
    import numpy as np

    count, width = answers[0].shape
    right = {
        reading: max(int((probability.argmax(1) == target).sum()) for probability in answers)
        for reading, target in meanings.items()
    }
    best = max(right, key=lambda reading: (right[reading], reading is None))
    chance = 3 / width
    if intervals.proportion(right[best], count).low > chance:
        if best is None or right[best] > 2 * right[None] + 5:
            return best
        return None
    attainable = np.log(min(count, width))
    informed = max(float(_information(probability).mean()) for probability in answers)
    return "permuted" if informed > _SURE * attainable else None
