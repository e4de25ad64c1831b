"""The catalogue side of a company's zoo: the models of its definition, and what is wrong with them.

A file that is missing, labels or preprocessing that are invalid, and a pattern without files are
problems of their entries; the others are usable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from zoodiff.data.labels import UNKNOWN, LabelSpace
from zoodiff.errors import ZoodiffError
from zoodiff.preprocessing.completed import completed
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Entry, Model, Weights, WorkerSpec
from zoodiff.zoos.company.places import InFolder, Named, Place, place
from zoodiff.zoos.files import sidecar
from zoodiff.zoos.stored.entry import StoredFile, StoredFileEntry

if TYPE_CHECKING:
    from zoodiff.zoos.company.definition import OwnEntry, OwnersClaim, OwnWeights, ReadDefinition

_DEFAULT = 224
"""Extent of an image where the definition states none, as for ``file:`` entries."""


@dataclass(frozen=True)
class OwnModel:
    """A model of a definition, with its files and claims by the name of their weights."""

    model: Model
    files: Mapping[str, Named]
    formats: Mapping[str, str | None]
    claims: Mapping[str, tuple[OwnersClaim, ...]]
    problem: str | None = None
    """Why it cannot be used as it is described, or None."""


class CompanyZoo:
    """A zoo that a TOML file describes; it is read once per version of the file."""

    listed = True

    def __init__(self, read: ReadDefinition) -> None:
        self.read = read
        self.name = read.definition.name
        self.title = read.definition.title or read.definition.name
        self.homepage = read.definition.homepage
        self.place: Place = place(read)

    @cached_property
    def own_models(self) -> Mapping[str, OwnModel]:
        """The models by name, ordered by name; of two with one name, the first."""
        models: dict[str, OwnModel] = {}
        for own in _Reader(self.read, self.place).models():
            models.setdefault(own.model.name, own)
        return dict(sorted(models.items()))

    def models(self) -> Sequence[Model]:
        """Return all models, also those whose file is missing, ordered by name."""
        return [own.model for own in self.own_models.values() if own.model.weights]

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with entries, one sentence each."""
        return [
            f"{self.name}: {own.problem} ({self.read.path.name})"
            for own in self.own_models.values()
            if own.problem
        ]

    @property
    def worker(self) -> WorkerSpec:
        """The worker of the first entry; each entry has that of its own format."""
        specs: dict[str, WorkerSpec] = {}
        for model in self.models():
            spec = self.entry(model, model.default_weights).worker
            specs.setdefault(spec.name, spec)
        if not specs:
            return WorkerSpec(name=self.name, backend="zoodiff.zoos.files.onnx:OnnxFiles")
        names = dict.fromkeys(name for spec in specs.values() for name in spec.distributions)
        first = next(iter(specs.values()))
        return replace(first, distributions=tuple(names))

    def entry(self, model: Model, weights: Weights | None) -> Entry:
        """Return the entry of a model; with random weights, of its default file."""
        own = self.own_models[model.name]
        chosen = weights or model.default_weights
        assert chosen is not None  # every model has weights, or it is no model of the zoo
        size = (chosen.preprocessing or model.preprocessing).input_size
        return StoredFileEntry(
            self,
            model,
            weights,
            source=self.file(own, chosen.name),
            format=own.formats[chosen.name],
            definition=self.read.sha256,
            extent=size[0] if size is not None and size[0] == size[1] else None,
        )

    def file(self, own: OwnModel, weights: str) -> StoredFile:
        """Return the file of one set of weights."""
        return self.place.file(own.files[weights])


class _Reader:
    """Makes models of a definition's entries."""

    def __init__(self, read: ReadDefinition, where: Place) -> None:
        self._read = read
        self._place = where
        self._labels: dict[str, LabelSpace] = {}

    def models(self) -> Iterator[OwnModel]:
        """Yield the models in the order of the definition."""
        for number, entry in enumerate(self._read.definition.entries):
            if entry.files is None:
                yield self._model(entry, entry.by_tag())
                continue
            yield from self._matching(entry, number)

    def _matching(self, entry: OwnEntry, number: int) -> Iterator[OwnModel]:
        assert entry.files is not None
        pattern = Named(entry.files, entry.data, entry.repository, entry.revision)
        problem = f'no file matches "{entry.files}"'
        names: Sequence[str] = ()
        try:
            names = self._place.matching(pattern)
        except (OSError, ZoodiffError) as error:
            problem = f'the files "{entry.files}" cannot be listed: {error}'
        for name in names:
            own = entry.model_copy(update={"name": _name_of(name), "file": name, "files": None})
            yield self._model(own, own.by_tag())
        if not names:
            nothing = Model(f"entries[{number + 1}]", "none")
            yield OwnModel(nothing, {}, {}, {}, f"entries[{number + 1}]: {problem}")

    def _model(self, entry: OwnEntry, weights: Mapping[str, OwnWeights]) -> OwnModel:
        assert entry.name is not None
        problems: list[str] = []
        named = {
            tag: Named(own.file, own.data, entry.repository, own.revision or entry.revision)
            for tag, own in weights.items()
        }
        beside = self._sidecar(named, entry, problems)
        labels = self._label_space(entry.labels, problems) or beside.labels
        preprocessing = self._specification(entry.preprocessing, entry.name, problems)
        preprocessing = preprocessing or beside.preprocessing
        default = entry.default or next(iter(weights))
        for file in named.values():
            problems += self._missing(file)
        model = Model(
            name=entry.name,
            architecture=(entry.same_as or beside.architecture or entry.name).lower(),
            weights=tuple(
                self._weights(tag, own, problems, default=tag == default)
                for tag, own in weights.items()
            ),
            preprocessing=preprocessing,
            labels=labels,
            input_shape=(3, *(preprocessing.input_size or (_DEFAULT, _DEFAULT))),
            note=self._note(entry),
            needs_file=self._place.remote
            and any(self._place.file(file).local() is None for file in named.values()),
        )
        return OwnModel(
            model,
            named,
            {tag: own.format or entry.format for tag, own in weights.items()},
            {tag: own.claims for tag, own in weights.items()},
            f"{entry.name}: {problems[0]}" if problems else None,
        )

    def _weights(self, tag: str, own: OwnWeights, problems: list[str], *, default: bool) -> Weights:
        exact = next((c.parameters for c in own.claims if c.parameters is not None), None)
        macs = next((c.macs for c in own.claims if c.macs is not None), None)
        return Weights(
            tag,
            default=default,
            parameters=exact,
            macs=macs,
            labels=self._label_space(own.labels, problems) if own.labels else None,
            preprocessing=self._specification(own.preprocessing, tag, problems),
        )

    def _sidecar(
        self, named: Mapping[str, Named], entry: OwnEntry, problems: list[str]
    ) -> sidecar.Sidecar:
        """Return the sidecar of the first file, where the place is a folder and has one."""
        defaults = sidecar.Sidecar()
        if not isinstance(self._place, InFolder):
            return self._with_defaults(defaults, problems)
        local = self._place.file(next(iter(named.values()))).local()
        try:
            beside = sidecar.read(local) if local is not None else defaults
        except ZoodiffError as error:
            problems.append(str(error))
            beside = defaults
        return self._with_defaults(beside, problems)

    def _with_defaults(self, beside: sidecar.Sidecar, problems: list[str]) -> sidecar.Sidecar:
        """Return what a sidecar says, and of the rest what the zoo says of all its entries."""
        zoo = self._read.definition
        if beside.path is None or beside.preprocessing == Preprocessing():
            general = self._specification(zoo.preprocessing, zoo.name, problems)
            beside = replace(beside, preprocessing=general or Preprocessing())
        if beside.labels == UNKNOWN:
            beside = replace(beside, labels=self._label_space(zoo.labels, problems) or UNKNOWN)
        return beside

    def _label_space(self, named: str | None, problems: list[str]) -> LabelSpace | None:
        """Return a known label space, or that of a file in the definition's folder."""
        if named is None:
            return None
        if named not in self._labels:
            try:
                self._labels[named] = sidecar.label_space(self._read.path, named)
            except ZoodiffError as error:
                problems.append(str(error))
                return None
        return self._labels[named]

    def _specification(
        self, raw: Mapping[str, object] | None, name: str, problems: list[str]
    ) -> Preprocessing | None:
        if raw is None:
            return None
        try:
            specification = sidecar.specification(raw, f"{self._read.path}: {name}")
        except ZoodiffError as error:
            problems.append(str(error))
            return None
        return replace(
            specification,
            published=_completeness(specification),
            source=specification.source or self._read.path.name,
        )

    def _missing(self, named: Named) -> Iterator[str]:
        """Yield the problem of a file that is not in the folder."""
        if not isinstance(self._place, InFolder):
            return
        try:
            self._place.file(named).path()
        except ZoodiffError as error:
            yield str(error)

    def _note(self, entry: OwnEntry) -> str:
        licence = entry.licence or self._read.definition.licence
        parts = [entry.note, f"licence {licence}" if licence else None]
        return "; ".join(part for part in parts if part) or f"described by {self._read.path.name}"


def _completeness(specification: Preprocessing) -> Literal["yes", "partial", "no"]:
    """Return what is stated, else whether a preprocessing leaves fields to defaults."""
    if specification.published != "no":
        return specification.published
    if specification == Preprocessing():
        return "no"
    _, defaulted = completed(specification, specification.input_size or (_DEFAULT, _DEFAULT))
    return "partial" if defaulted or specification.input_size is None else "yes"


def _name_of(file: str) -> str:
    """Return the name of a network by its file: the path without its ending.

    >>> _name_of("mobile/net v2.onnx")
    'mobile/net_v2'
    """
    name = str(PurePosixPath(file).with_suffix(""))
    return "".join("_" if c.isspace() or c in "@?*[]" else c for c in name)
