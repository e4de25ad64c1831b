"""Measure, compare and explain the accuracy of entries on the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.api.pools import workers
from zoodiff.display import Displayed, Shown
from zoodiff.errors import MeasurementError, UsageError, ZoodiffError

if TYPE_CHECKING:
    from zoodiff.accuracy.agreement import Agreements
    from zoodiff.accuracy.attribution.session import Attribution
    from zoodiff.accuracy.comparison import Comparison, Row
    from zoodiff.accuracy.measure import Outcome, Settings
    from zoodiff.accuracy.pairs import Pair
    from zoodiff.accuracy.subject import EvaluatedEntry
    from zoodiff.data.images import ImageSet
    from zoodiff.engines.pool import WorkerPool
    from zoodiff.store.records import Failure, Record
    from zoodiff.workers.limits import Limits

Step = Callable[[int, int], None]
"""Called with the number of finished images and the number of all images."""


@dataclass(frozen=True, kw_only=True)
class AccuracyRequest:
    """The entries, the data set and the options of an accuracy measurement."""

    entries: tuple[str, ...]
    """References ``zoo:model@weights`` and paths of model files."""
    data: str
    """Images: a folder, tar shards, Parquet, TFRecords or CIFAR binaries."""
    truth: Path | None = None
    """File with the labels of a flat folder."""
    labels: str | None = None
    """Label space of model files without label metadata."""
    data_labels: str | None = None
    """Label space of the data set's class indices, if the data set does not name it."""
    split: str = ""
    """Text that the names of the used shards contain."""
    limit: int | None = None
    """Number of images to draw with ``seed``; None for all."""
    decide: float | None = None
    """Stop when every pair is known to differ by more, or by less, than this many percentage
    points."""
    within: float = 0.5
    """Percentage points within which entries count as the same."""
    preprocessing: tuple[str, ...] = ()
    """Fields to change for all entries, such as ``interpolation=bicubic``."""
    infer: bool = False
    """Try the usual preprocessings first, and use the best one for unpublished fields."""
    explain: bool = False
    """Attribute every difference to its causes."""
    evidence: Path | None = None
    """Folder for a minimal reproducer of each difference."""
    pipelines: int | None = None
    """Number of pipelines; None for the number of cores."""
    batch: int = 16
    seed: int = 0
    max_bad: float = 1.0
    """Percent of images that may be damaged."""
    fresh: bool = False
    """Repeat measurements that the results folder has."""
    results: str = "results"
    limits: Limits | None = None


@dataclass(frozen=True, repr=False)
class AccuracyReport(Displayed):
    """The result of an accuracy request: a comparison, or the agreement on unlabelled images."""

    images: ImageSet
    outcome: Outcome | None = None
    comparison: Comparison | None = None
    """None if no entry could be measured, or if the images have no labels."""
    agreement: Agreements | None = None
    attribution: Attribution | None = None
    evidence: tuple[Path, ...] = ()
    """Folders of the written reproducers."""
    problems: tuple[str, ...] = ()
    """Why evidence could not be written."""
    unopened: tuple[Failure, ...] = ()
    """Entries that could not be opened."""

    @property
    def rows(self) -> Sequence[Row]:
        """One row per entry."""
        return self.comparison.rows if self.comparison else ()

    @property
    def pairs(self) -> Sequence[Pair]:
        """All pairs of entries."""
        return self.comparison.pairs if self.comparison else ()

    @property
    def records(self) -> Sequence[Record]:
        """The records that were measured or taken from the results folder."""
        return self.outcome.records if self.outcome else ()

    @property
    def failures(self) -> Sequence[Failure]:
        """Entries that could not be measured, with the reason."""
        return (*self.unopened, *(self.outcome.failures if self.outcome else ()))

    @property
    def complete(self) -> bool:
        """Whether every requested measurement succeeded."""
        failed = bool(self.agreement and self.agreement.failed)
        return not (failed or self.failures or self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        if self.agreement is not None:
            unopened = {failure.entry: failure.reason for failure in self.unopened}
            agreement = self.agreement.to_dict()
            return agreement | ({"unopened": unopened} if unopened else {})
        assert self.outcome is not None
        attribution = self.attribution.to_dict() if self.attribution else {}
        return {
            "data": {
                "name": self.images.name,
                "layout": self.images.layout,
                "images": len(self.images),
            },
            "left_out": self.outcome.left_out,
            "notes": list(self.outcome.notes),
            "failures": [failure.model_dump() for failure in self.failures],
            "comparison": self.comparison.to_dict() if self.comparison else None,
            "records": [record.model_dump(mode="json") for record in self.records],
            **attribution,
        }

    def _shown(self) -> Shown:
        failed: list[tuple[str, object]] = [
            (f"failed: {each.entry}", each.reason) for each in self.failures
        ]
        if self.comparison is not None:
            shown = self.comparison._shown()
            on = f"{shown.headline} on {len(self.images):,} images of {self.images.name}"
            return replace(shown, headline=on, facts=[*shown.facts, *failed])
        if self.agreement is None:
            return Shown("nothing was measured", failed)
        return Shown(
            f"agreement on {len(self.images):,} images of {self.images.name}, without labels",
            [*failed, *self.agreement.failed.items()],
            self.agreement.to_dict()["pairs"],
            ("first", "second", "images", "changed", "top5", "divergence"),
        )


@dataclass
class _Session:
    """The state of one accuracy request."""

    request: AccuracyRequest
    engine: WorkerPool
    images: ImageSet
    settings: Settings
    step: Step
    trying: Callable[[str], None] = lambda text: None
    evidence: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unopened: list[Failure] = field(default_factory=list)


def accuracy(
    request: AccuracyRequest | Iterable[str],
    data: str | Path | None = None,
    results: str | Path | None = None,
    *,
    step: Step = lambda done, of: None,
    opened: Callable[[ImageSet], None] = lambda images: None,
    trying: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> AccuracyReport:
    """Measure top-1 and top-5 accuracy of entries on the same images, and compare them.

    Takes an ``AccuracyRequest``, or the entries, the data and its other fields by keyword. Records
    in the results folder are reused. An entry that cannot be measured is among the ``failures``;
    the others are compared. ``step`` is called with the numbers of finished and of all images,
    ``opened`` with the data set, ``trying`` with what ``infer`` and ``explain`` try, in words.
    Raises UsageError for an invalid reference, data set, field or label space, MeasurementError if
    no entry can be measured.
    """
    request = _request(request, data, {**options, **({"results": str(results)} if results else {})})
    from zoodiff.accuracy.measure import Settings, default_pipelines
    from zoodiff.data.labels import find
    from zoodiff.data.layouts import open_images

    label_space = find(request.data_labels) if request.data_labels else None
    images = open_images(request.data, space=label_space, truth=request.truth, split=request.split)
    opened(images)
    settings = Settings(
        pipelines=request.pipelines or default_pipelines(),
        batch=request.batch,
        limit=request.limit,
        seed=request.seed,
        bad_percent=request.max_bad,
        fresh=request.fresh,
        decide=request.decide,
    )
    with workers(request.limits) as engine:
        return _measured(_Session(request, engine, images, settings, step, trying))


def _request(
    request: AccuracyRequest | Iterable[str], data: str | Path | None, options: dict[str, Any]
) -> AccuracyRequest:
    if isinstance(request, AccuracyRequest):
        if data is not None or options:
            raise UsageError("a request is complete; change it with dataclasses.replace")
        return request
    if data is None:
        raise UsageError("accuracy is measured on images; name them as the second argument")
    options = {
        name: tuple(value) if name == "preprocessing" else value for name, value in options.items()
    }
    for name in ("truth", "evidence"):
        if options.get(name) is not None:
            options[name] = Path(options[name])
    entries = (request,) if isinstance(request, str) else tuple(map(str, request))
    return AccuracyRequest(entries=entries, data=str(data), **options)


def _measured(session: _Session) -> AccuracyReport:
    from zoodiff.accuracy.agreement import agree
    from zoodiff.accuracy.attribution.session import Attribution
    from zoodiff.accuracy.comparison import compare
    from zoodiff.accuracy.measure import measure
    from zoodiff.store.folder import Store

    request, engine, images = session.request, session.engine, session.images
    store = Store(request.results)
    store.prepare()
    subjects = _subjects(session)
    if not images.labelled:
        if len(subjects) < 2 and session.unopened:
            first = session.unopened[0]
            raise MeasurementError(
                f"there is nothing to compare {subjects[0].name} with: "
                f"{first.entry} cannot be opened: {first.reason}"
            )
        agreed = agree(engine, subjects, images, session.settings, session.step)
        return AccuracyReport(images, agreement=agreed, unopened=tuple(session.unopened))
    attribution = Attribution(engine, images, session.settings, session.step, session.trying)
    if request.infer:
        subjects = [attribution.fitted(subject) for subject in subjects]
    outcome = measure(engine, subjects, images, store, session.settings, session.step)
    comparison = None
    if outcome.records:
        comparison = compare(outcome.records, store, within=request.decide or request.within)
        if request.explain:
            attribution.explain(subjects, comparison)
        if request.evidence is not None:
            _write_evidence(session, subjects, comparison, attribution)
    return AccuracyReport(
        images,
        outcome,
        comparison,
        attribution=attribution,
        evidence=tuple(session.evidence),
        problems=tuple(session.problems),
        unopened=tuple(session.unopened),
    )


def _subjects(session: _Session) -> list[EvaluatedEntry]:
    from zoodiff.accuracy.subject import changes_of, evaluated_entry
    from zoodiff.data.labels import find
    from zoodiff.store.records import Failure
    from zoodiff.zoos import registry

    request = session.request
    space = find(request.labels) if request.labels else None
    changes = changes_of(request.preprocessing)
    entries, unreadable = registry.resolve_readable(request.entries)
    session.unopened.extend(
        Failure(kind="accuracy", entry=name, architecture=None, reason=reason)
        for name, reason in unreadable.items()
    )
    subjects: list[EvaluatedEntry] = []
    for entry in entries:
        try:
            subjects.append(evaluated_entry(session.engine, entry, changes=changes, labels=space))
        except MeasurementError as error:
            if len(request.entries) == 1:
                raise
            session.unopened.append(
                Failure(
                    kind="accuracy",
                    entry=str(entry.ref),
                    architecture=entry.model.architecture,
                    reason=str(error),
                )
            )
    if not subjects:
        first = session.unopened[0]
        raise MeasurementError(f"no entry can be opened; the first, {first.entry}: {first.reason}")
    return subjects


def _write_evidence(
    session: _Session,
    subjects: list[EvaluatedEntry],
    comparison: Comparison,
    attribution: Attribution,
) -> None:
    """Write a reproducer per pair that differs; for a single pair also if it agrees."""
    from zoodiff.accuracy.reproducer import write

    folder = session.request.evidence
    assert folder is not None
    sides = {subject.name: subject for subject in subjects}
    explained = {
        (explanation.first, explanation.second): explanation
        for explanation in attribution.explanations
    }
    for pair in comparison.pairs:
        if pair.verdict != "different" and len(comparison.pairs) > 1:
            continue
        both = sides[pair.first], sides[pair.second]
        reasons = explained.get((pair.first, pair.second))
        try:
            target = write(
                folder,
                session.engine,
                both,
                session.images,
                pair,
                reasons,
                seed=session.request.seed,
            )
        except ZoodiffError as error:
            session.problems.append(f"no evidence of {pair.first} and {pair.second}: {error}")
        else:
            session.evidence.append(target)
