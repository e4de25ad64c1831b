"""Runs an entry with several preprocessings on the same images and keeps complete outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zoodiff.accuracy.checkpoints import Memory
from zoodiff.accuracy.classes.label_mapping import label_mapping_of, space_of
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.evaluator import CHUNK, Evaluator
from zoodiff.accuracy.predictions import probabilities
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.images import ImageSet
from zoodiff.data.labels import LabelSpace
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError
from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.conventions import differing
from zoodiff.preprocessing.spec import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Recipe(NamedTuple):
    """A preprocessing, and the label mapping with which outputs are read."""

    spec: Preprocessing
    label_mapping: NDArray[np.int64] | None = None
    """(classes of the data set,), the output of each class; None: the entry's own mapping."""


class Meaning(NamedTuple):
    """The meaning of an entry's outputs."""

    name: str
    """Name of the label space."""
    outputs: int
    label_mapping: NDArray[np.int64]
    """(classes of the data set,), the output of each class, -1 for none."""


class Trials:
    """Runs one entry with any preprocessing on the same images, each preprocessing once."""

    def __init__(
        self,
        engine: WorkerPool,
        subject: EvaluatedEntry,
        images: ImageSet,
        options: PassOptions,
    ) -> None:
        self._engine, self._subject, self._images, self._options = engine, subject, images, options
        self.input_stage: InputStage | None = subject.input_stage
        """The input stage of its network; None if unknown."""
        self._known: dict[Preprocessing, NDArray[np.float64]] = {}
        self._decoded: list[int] | None = None
        self.labels: NDArray[np.int64] | None = None
        """(images,), classes of the data set; known after the first run."""
        self.weights_state = ""
        """State of its weights, for example ``published``; known after the first run."""

    @property
    def name(self) -> str:
        """The name of the entry."""
        return self._subject.name

    @property
    def spec(self) -> Preprocessing:
        """The entry's own preprocessing."""
        return self._subject.spec

    def right(self, recipes: Sequence[Recipe]) -> list[NDArray[np.bool_]]:
        """Return per recipe whether the best class is the label, shape (images,)."""
        outputs = self([recipe.spec for recipe in recipes])
        return [
            probability.argmax(1) == self._targets(recipe.label_mapping)
            for probability, recipe in zip(outputs, recipes, strict=True)
        ]

    @property
    def meaning(self) -> Meaning | None:
        """The meaning of the entry's outputs."""
        (answers,) = self([self._subject.spec])
        return Meaning(self._subject.labels.name, answers.shape[1], self.label_mapping)

    @property
    def label_mapping(self) -> NDArray[np.int64]:
        """The output of each class of the data set, (classes,); -1 for none."""
        (answers,) = self([self._subject.spec])
        return label_mapping_of(self._subject, self._images, answers.shape[1])

    @property
    def space(self) -> LabelSpace:
        """The label space of its outputs; raises MeasurementError if unknown."""
        (answers,) = self([self._subject.spec])
        return space_of(self._subject, self._images, answers.shape[1])

    def _targets(self, label_mapping: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """Return the output of each image's label, (images,); -1 for none."""
        import numpy as np

        label_mapping = self.label_mapping if label_mapping is None else label_mapping
        assert self.labels is not None
        return np.where(self.labels >= 0, label_mapping[np.maximum(self.labels, 0)], -1)

    @property
    def runs(self) -> int:
        """The number of preprocessings that were run."""
        return len(self._known)

    def __call__(self, specs: Sequence[Preprocessing]) -> list[NDArray[np.float64]]:
        """Return probabilities per preprocessing, (images, outputs).

        Raises MeasurementError if the entry cannot be run.
        """
        new = [spec for spec in dict.fromkeys(specs) if spec not in self._known]
        if new:
            self._run(new)
        return [self._known[spec] for spec in specs]

    def _run(self, specs: Sequence[Preprocessing]) -> None:
        import numpy as np

        subjects = [
            replace(self._subject, spec=spec, variant=f"trial {k}") for k, spec in enumerate(specs)
        ]
        self._options.trying(self._tried(specs))
        parts = Memory()
        evaluation = Evaluator(
            self._engine,
            subjects,
            self._images,
            parts,
            self._options,
        ).run()
        if evaluation.failed:
            raise MeasurementError(next(iter(evaluation.failed.values())))
        self.weights_state = evaluation.loaded.get(self._subject.handle, {}).get(
            "weights_state", ""
        )
        decoded = evaluation.images.tolist()
        if self._decoded is None:
            self._decoded, self.labels = decoded, evaluation.labels
        elif decoded != self._decoded:
            raise MeasurementError(
                "some images can be decoded by one library and not by another; leave them out"
            )
        numbers = self._options.numbers
        count = len(self._images) if numbers is None else len(numbers)
        chunks = -(-count // CHUNK)
        for subject in subjects:
            outputs = np.concatenate([parts.get(k).outputs[subject.name] for k in range(chunks)])
            self._known[subject.spec] = probabilities(outputs)

    def _tried(self, specs: Sequence[Preprocessing]) -> str:
        """Return what is tried in words: the factors that are not the entry's own."""
        own = self._subject.spec
        factors = dict.fromkeys(factor for spec in specs for factor in differing(own, spec))
        what = f"trying other {', '.join(factors)}" if factors else "its own preprocessing"
        count = f" in {len(specs)} preprocessings" if len(specs) > 1 else ""
        return f"{self.name}: {what}{count}"
