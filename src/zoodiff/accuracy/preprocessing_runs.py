"""The same entry with several preprocessings on some images, outputs kept whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zoodiff.accuracy.checkpoints import Memory
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.evaluator import CHUNK, Evaluator
from zoodiff.accuracy.label_mapping import label_mapping_of, space_of
from zoodiff.accuracy.predictions import probabilities
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.images import ImageSet
from zoodiff.data.labels import LabelSpace
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError
from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.spec import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Recipe(NamedTuple):
    """How a network is fed, and read."""

    spec: Preprocessing
    label_mapping: NDArray[np.int64] | None = None
    """(classes of the data set,), the output that means each; None: as the entry says."""


class Meaning(NamedTuple):
    """The meaning of an entry's outputs."""

    name: str
    """Of the label space."""
    outputs: int
    label_mapping: NDArray[np.int64]
    """(classes of the data set,), the output that means each, -1 for none."""


class Trials:
    """Runs one entry with any preprocessing on the same images; nothing is run twice."""

    def __init__(
        self,
        engine: WorkerPool,
        one: EvaluatedEntry,
        images: ImageSet,
        options: PassOptions,
    ) -> None:
        self._engine, self._one, self._images, self._options = engine, one, images, options
        self.input_stage: InputStage | None = one.input_stage
        """What its network does to its pixels by itself."""
        self._known: dict[Preprocessing, NDArray[np.float64]] = {}
        self._kept: list[int] | None = None
        self.labels: NDArray[np.int64] | None = None
        """(images,), classes of the data set; known after the first run."""
        self.weights_state = ""
        """Where its weights come from; known after the first run."""

    @property
    def name(self) -> str:
        """The entry's."""
        return self._one.name

    @property
    def spec(self) -> Preprocessing:
        """The entry's own preprocessing."""
        return self._one.spec

    def right(self, recipes: Sequence[Recipe]) -> list[NDArray[np.bool_]]:
        """Return per recipe whether the best class is the label, shape (images,)."""
        found = self([one.spec for one in recipes])
        return [
            answers.argmax(1) == self._targets(one.label_mapping)
            for answers, one in zip(found, recipes, strict=True)
        ]

    @property
    def meaning(self) -> Meaning | None:
        """The meaning of the entry's outputs."""
        (answers,) = self([self._one.spec])
        return Meaning(self._one.labels.name, answers.shape[1], self.label_mapping)

    @property
    def label_mapping(self) -> NDArray[np.int64]:
        """For each class of the data set, the index of the output; -1 for none."""
        (answers,) = self([self._one.spec])
        return label_mapping_of(self._one, self._images, answers.shape[1])

    @property
    def space(self) -> LabelSpace:
        """The label space of its outputs; raises MeasurementError if unknown."""
        (answers,) = self([self._one.spec])
        return space_of(self._one, self._images, answers.shape[1])

    def _targets(self, label_mapping: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """(images,), the output that each label means; -1 for none."""
        import numpy as np

        label_mapping = self.label_mapping if label_mapping is None else label_mapping
        assert self.labels is not None
        return np.where(self.labels >= 0, label_mapping[np.maximum(self.labels, 0)], -1)

    @property
    def runs(self) -> int:
        """The number of preprocessings that were run."""
        return len(self._known)

    def __call__(self, specs: Sequence[Preprocessing]) -> list[NDArray[np.float64]]:
        """(images, outputs) probabilities for each preprocessing.

        Raises MeasurementError where the entry cannot be run.
        """
        new = [spec for spec in dict.fromkeys(specs) if spec not in self._known]
        if new:
            self._run(new)
        return [self._known[spec] for spec in specs]

    def _run(self, specs: Sequence[Preprocessing]) -> None:
        import numpy as np

        subjects = [
            replace(self._one, spec=spec, variant=f"trial {k}") for k, spec in enumerate(specs)
        ]
        parts = Memory()
        found = Evaluator(
            self._engine,
            subjects,
            self._images,
            parts,
            self._options,
        ).run()
        if found.failed:
            raise MeasurementError(next(iter(found.failed.values())))
        self.weights_state = found.loaded.get(self._one.handle, {}).get("weights_state", "")
        seen = found.images.tolist()
        if self._kept is None:
            self._kept, self.labels = seen, found.labels
        elif seen != self._kept:
            raise MeasurementError(
                "some images can be decoded by one library and not by another; leave them out"
            )
        numbers = self._options.numbers
        count = len(self._images) if numbers is None else len(numbers)
        chunks = -(-count // CHUNK)
        for one in subjects:
            outputs = np.concatenate([parts.get(k).outputs[one.name] for k in range(chunks)])
            self._known[one.spec] = probabilities(outputs)
