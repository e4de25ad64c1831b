"""Inference and explanation for the entries of one comparison; nothing is run twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.attribution.inference import Inference, infer
from zoodiff.accuracy.attribution.network import Pieces, Raw
from zoodiff.accuracy.attribution.network import decompose as decompose_networks
from zoodiff.accuracy.attribution.preprocessing import Explanation, Networks
from zoodiff.accuracy.attribution.preprocessing import explain as decompose
from zoodiff.accuracy.attribution.preprocessing_diff import scaling_warning
from zoodiff.accuracy.attribution.reference_runtime import ReferenceRuntime
from zoodiff.accuracy.comparison import Comparison
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.input_normalization import with_input_stage
from zoodiff.accuracy.measure import Settings
from zoodiff.accuracy.preprocessing_runs import Trials
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.architecture import describe as architecture
from zoodiff.data.images import ImageSet
from zoodiff.data.labels import mapping
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.native_run import weights_of
from zoodiff.errors import UsageError, ZoodiffError
from zoodiff.preprocessing.effective import effective

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IMAGES = 300
"""Images on which conventions are tried."""
UNTRAINED = ("random", "placeholder")
"""States of weights that were never trained."""
EXPLAINED = 1000
"""Images on which a difference is taken apart."""


class Attribution:
    """Explains differences in accuracy; ``problems`` lists the entries for which it failed."""

    def __init__(
        self,
        engine: WorkerPool,
        images: ImageSet,
        settings: Settings,
        step: Callable[[int, int], None],
    ) -> None:
        self._engine, self._images, self._settings, self._step = engine, images, settings, step
        self._trials: dict[tuple[str, int], Trials] = {}
        self.inferences: dict[str, Inference] = {}
        self.explanations: list[Explanation] = []
        self.problems: list[str] = []
        self.warnings: dict[str, tuple[str, str]] = {}
        """Code and words, by entry: scaled twice, or never."""

    def fitted(self, one: EvaluatedEntry) -> EvaluatedEntry:
        """The entry with the values that fit it, for the fields that it does not publish.

        What is published stays, and is only said to fit or not.
        """
        found = self.inference(one)
        if found is None or not one.defaulted:
            return one
        return replace(one, spec=found.fits)

    def inference(self, one: EvaluatedEntry) -> Inference | None:
        """Try the conventions on an entry; None if it cannot be run or was never trained."""
        if one.name not in self.inferences:
            trials = self._of(one, IMAGES)
            try:
                trials([one.spec])
                if trials.weights_state in UNTRAINED:
                    self.untrained(one.name, trials.weights_state)
                    return None
                assert trials.labels is not None
                self.inferences[one.name] = infer(
                    trials, one.spec, trials.labels, trials.label_mapping
                )
            except ZoodiffError as error:
                self.problems.append(f"{one.name}: {error}")
                return None
        return self.inferences[one.name]

    def explain(self, subjects: Sequence[EvaluatedEntry], found: Comparison) -> None:
        """Decompose the difference of every pair with a verdict "different", or of the only pair.

        Entries whose weights were never trained are left out: their accuracy is chance.
        """
        for row in found.rows:
            if row.weights in UNTRAINED:
                self.untrained(row.entry, row.weights)
        left_out = {row.entry for row in found.rows if row.weights in UNTRAINED}
        subjects = [
            with_input_stage(self._engine, one) for one in subjects if one.name not in left_out
        ]
        for one in subjects:
            self._warn(one)
        verdicts = {(pair.first, pair.second): pair.verdict for pair in found.pairs}
        for first, second in combinations(subjects, 2):
            verdict = verdicts.get((first.name, second.name))
            if verdict is None or (verdict != "different" and len(verdicts) > 1):
                continue
            self._pair(first, second)

    def explain_pair(self, first: EvaluatedEntry, second: EvaluatedEntry) -> Explanation | None:
        """Decompose the difference of two entries; None if that fails (see ``problems``)."""
        first, second = (with_input_stage(self._engine, one) for one in (first, second))
        for one in (first, second):
            self._warn(one)
        return self._pair(first, second)

    def _pair(self, first: EvaluatedEntry, second: EvaluatedEntry) -> Explanation | None:
        for one in (first, second):
            self.inference(one)
        try:
            sides = self._of(first, EXPLAINED), self._of(second, EXPLAINED)
            found = decompose(*sides, self._networks(first, second))
        except ZoodiffError as error:
            self.problems.append(f"{first.name} and {second.name}: {error}")
            return None
        self.explanations.append(found)
        return found

    def _warn(self, one: EvaluatedEntry) -> None:
        warning = scaling_warning(effective(one.spec, one.input_stage))
        if warning is not None:
            self.warnings[one.name] = warning

    def untrained(self, name: str, state: str) -> None:
        """Add the problem that an entry was never trained, once."""
        problem = f"{name} has {state} weights, so its accuracy is chance and has no reasons"
        if problem not in self.problems:
            self.problems.append(problem)

    def _networks(self, first: EvaluatedEntry, second: EvaluatedEntry) -> Networks:
        """Return a function that decomposes the difference of two networks."""

        def run(native: Any, recipes: Any) -> Pieces:
            try:
                with ReferenceRuntime(self._of, (first, second), recipes) as right:
                    raws = [self._raw(one) for one in (first, second)]
                    rows = self._rows(first, second)
                    return decompose_networks(raws[0], raws[1], native, right, rows)
            except ZoodiffError as error:
                return Pieces(notes=(f"the networks were not taken apart: {error}",))

        return run

    def _rows(
        self, first: EvaluatedEntry, second: EvaluatedEntry
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return the matching output indices; None for equal or unrelated label spaces."""
        one, other = (self._of(x).space for x in (first, second))
        if one.classes == other.classes:
            return None
        try:
            return mapping(one, other), mapping(other, one)
        except UsageError:
            return None

    def _raw(self, one: EvaluatedEntry) -> Raw:
        graph = architecture.graph_of(self._engine, one.entry)
        return Raw(one.name, graph, weights_of(self._engine, one.entry, self._settings.seed))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "inferences": {name: asdict(one) for name, one in self.inferences.items()},
            "explanations": [one.to_dict() for one in self.explanations],
            "warnings": {name: code for name, (code, _) in self.warnings.items()},
            "problems": list(self.problems),
        }

    def _of(self, one: EvaluatedEntry, count: int = EXPLAINED) -> Trials:
        import numpy as np

        every = len(self._images)
        count = min(count, every, self._settings.limit or every)
        if (one.name, count) not in self._trials:
            drawn = np.random.default_rng(self._settings.seed).choice(every, count, replace=False)
            self._trials[one.name, count] = Trials(
                self._engine,
                one,
                self._images,
                PassOptions(
                    pipelines=self._settings.pipelines,
                    batch=self._settings.batch,
                    seed=self._settings.seed,
                    numbers=sorted(int(k) for k in drawn),
                    step=self._step,
                ),
            )
        found = self._trials[one.name, count]
        found.input_stage = one.input_stage or found.input_stage
        return found
