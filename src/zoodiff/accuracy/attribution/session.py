"""Infers and explains for the entries of one comparison; reuses runs of the same entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.attribution.inference import infer
from zoodiff.accuracy.attribution.network import Pieces, RawNetwork
from zoodiff.accuracy.attribution.network import decompose as decompose_networks
from zoodiff.accuracy.attribution.preprocessing import Explanation, Networks
from zoodiff.accuracy.attribution.preprocessing import explain as decompose
from zoodiff.accuracy.attribution.preprocessing_diff import scaling_warning
from zoodiff.accuracy.attribution.reference_runtime import ReferenceRuntime
from zoodiff.accuracy.attribution.suggestions import Inference, Origins
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
from zoodiff.equivalence.runs.native_run import weights_of
from zoodiff.errors import UsageError, ZoodiffError
from zoodiff.preprocessing.conventions import FIELDS, differing, with_factor
from zoodiff.preprocessing.effective import effective

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IMAGES = 300
"""Most images on which conventions are tried."""
UNTRAINED = ("random", "placeholder")
"""States of weights that were never trained."""
EXPLAINED = 1000
"""Most images on which a difference is decomposed."""


class Attribution:
    """Explains differences in accuracy; ``problems`` lists the entries for which it failed."""

    def __init__(
        self,
        engine: WorkerPool,
        images: ImageSet,
        settings: Settings,
        step: Callable[[int, int], None],
        trying: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._engine, self._images, self._settings = engine, images, settings
        self._step, self._trying = step, trying
        self._trials: dict[tuple[str, int], Trials] = {}
        self.inferences: dict[str, Inference] = {}
        self.explanations: list[Explanation] = []
        self.problems: list[str] = []
        self.warnings: dict[str, tuple[str, str]] = {}
        """Code and sentence, by entry, of pixels that are scaled twice or not at all."""

    def fitted(self, subject: EvaluatedEntry) -> EvaluatedEntry:
        """Return the entry with inferred values for the fields that nobody states or publishes.

        A factor with a field that is stated or published keeps its value.
        """
        inference = self.inference(subject)
        if inference is None:
            return subject
        spec, fits = subject.spec, inference.fits
        for factor in differing(spec, fits):
            changed = {f for f in FIELDS[factor] if getattr(spec, f) != getattr(fits, f)}
            if changed <= set(subject.defaulted):
                spec = with_factor(spec, fits, factor)
        return subject if spec == subject.spec else replace(subject, spec=spec)

    def inference(self, subject: EvaluatedEntry) -> Inference | None:
        """Try the conventions on an entry; None if it cannot be run or was never trained."""
        if subject.name not in self.inferences:
            trials = self._trials_of(subject, IMAGES)
            try:
                trials([subject.spec])
                if trials.weights_state in UNTRAINED:
                    self.untrained(subject.name, trials.weights_state)
                    return None
                assert trials.labels is not None
                self.inferences[subject.name] = infer(
                    trials,
                    subject.spec,
                    trials.labels,
                    trials.label_mapping,
                    Origins(subject.stated, subject.defaulted),
                )
            except ZoodiffError as error:
                self.problems.append(f"{subject.name}: {error}")
                return None
        return self.inferences[subject.name]

    def explain(self, subjects: Sequence[EvaluatedEntry], comparison: Comparison) -> None:
        """Decompose the difference of every pair with a verdict "different", or of the only pair.

        Entries whose weights were never trained are left out: their accuracy is chance.
        """
        for row in comparison.rows:
            if row.weights in UNTRAINED:
                self.untrained(row.entry, row.weights)
        left_out = {row.entry for row in comparison.rows if row.weights in UNTRAINED}
        subjects = [
            with_input_stage(self._engine, subject)
            for subject in subjects
            if subject.name not in left_out
        ]
        for subject in subjects:
            self._warn(subject)
        verdicts = {(pair.first, pair.second): pair.verdict for pair in comparison.pairs}
        for first, second in combinations(subjects, 2):
            verdict = verdicts.get((first.name, second.name))
            if verdict is None or (verdict != "different" and len(verdicts) > 1):
                continue
            self._pair(first, second)

    def explain_pair(self, first: EvaluatedEntry, second: EvaluatedEntry) -> Explanation | None:
        """Decompose the difference of two entries; None if that fails (see ``problems``)."""
        first, second = (with_input_stage(self._engine, subject) for subject in (first, second))
        for subject in (first, second):
            self._warn(subject)
        return self._pair(first, second)

    def _pair(self, first: EvaluatedEntry, second: EvaluatedEntry) -> Explanation | None:
        for subject in (first, second):
            self.inference(subject)
        self._trying(f"decomposing the difference of {first.name} and {second.name}")
        try:
            sides = self._trials_of(first, EXPLAINED), self._trials_of(second, EXPLAINED)
            explanation = decompose(*sides, self._networks(first, second))
        except ZoodiffError as error:
            self.problems.append(f"{first.name} and {second.name}: {error}")
            return None
        self.explanations.append(explanation)
        return explanation

    def _warn(self, subject: EvaluatedEntry) -> None:
        warning = scaling_warning(effective(subject.spec, subject.input_stage))
        if warning is not None:
            self.warnings[subject.name] = warning

    def untrained(self, name: str, state: str) -> None:
        """Add the problem that an entry was never trained, once."""
        problem = f"{name} has {state} weights, so its accuracy is chance and has no reasons"
        if problem not in self.problems:
            self.problems.append(problem)

    def _networks(self, first: EvaluatedEntry, second: EvaluatedEntry) -> Networks:
        """Return a function that decomposes the difference of two networks."""

        def run(native: Any, recipes: Any) -> Pieces:
            try:
                with ReferenceRuntime(self._trials_of, (first, second), recipes) as right:
                    raws = [self._raw(subject) for subject in (first, second)]
                    rows = self._rows(first, second)
                    return decompose_networks(raws[0], raws[1], native, right, rows)
            except ZoodiffError as error:
                return Pieces(notes=(f"the networks were not decomposed: {error}",))

        return run

    def _rows(
        self, first: EvaluatedEntry, second: EvaluatedEntry
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return the matching output indices; None for equal or unrelated label spaces."""
        first_space, second_space = (self._trials_of(subject).space for subject in (first, second))
        if first_space.classes == second_space.classes:
            return None
        try:
            return mapping(first_space, second_space), mapping(second_space, first_space)
        except UsageError:
            return None

    def _raw(self, subject: EvaluatedEntry) -> RawNetwork:
        graph = architecture.graph_of(self._engine, subject.entry)
        return RawNetwork(
            subject.name, graph, weights_of(self._engine, subject.entry, self._settings.seed)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "inferences": {
                name: inference.to_dict() for name, inference in self.inferences.items()
            },
            "explanations": [explanation.to_dict() for explanation in self.explanations],
            "warnings": {name: code for name, (code, _) in self.warnings.items()},
            "problems": list(self.problems),
        }

    def _trials_of(self, subject: EvaluatedEntry, count: int = EXPLAINED) -> Trials:
        import numpy as np

        total = len(self._images)
        count = min(count, total, self._settings.limit or total)
        if (subject.name, count) not in self._trials:
            drawn = np.random.default_rng(self._settings.seed).choice(total, count, replace=False)
            self._trials[subject.name, count] = Trials(
                self._engine,
                subject,
                self._images,
                PassOptions(
                    pipelines=self._settings.pipelines,
                    batch=self._settings.batch,
                    seed=self._settings.seed,
                    numbers=sorted(int(k) for k in drawn),
                    step=self._step,
                    trying=self._trying,
                ),
            )
        trials = self._trials[subject.name, count]
        trials.input_stage = subject.input_stage or trials.input_stage
        return trials
