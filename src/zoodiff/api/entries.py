"""List, describe and count entries of zoos, and group them by fingerprint."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.api.pools import workers
from zoodiff.display import Displayed, Shown
from zoodiff.errors import MeasurementError, UnknownNameError, ZoodiffError

if TYPE_CHECKING:
    from zoodiff.claims.catalogue import Claim
    from zoodiff.graph.cost import Counts
    from zoodiff.graph.ir import Graph
    from zoodiff.workers.limits import Limits
    from zoodiff.zoos.base import Weights
    from zoodiff.zoos.registry import Entry

__all__ = [
    "EntryFacts",
    "FingerprintGroups",
    "LayerRow",
    "all_weights",
    "architecture_names",
    "describe",
    "entry_facts",
    "fingerprints",
    "group_by_fingerprint",
    "list_entries",
    "model_names",
    "resolve",
    "survey",
]


@dataclass(frozen=True)
class LayerRow:
    """One layer of a network, with the name that its zoo gives it."""

    name: str
    operator: str
    shape: tuple[int, ...]
    """Shape of its output."""
    parameters: int
    has_parameters: bool
    macs: int
    """MACs at batch size 1; 0 for operators without multiplications."""
    attributes: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class EntryFacts(Displayed):
    """An entry's catalogue data and claims, and its network unless omitted."""

    entry: Entry
    claims: tuple[Claim, ...]
    graph: Graph | None = None
    """The graph as the worker describes it, before the passes."""
    counts: Counts | None = None
    fingerprint: str | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The published shape of one image; with a batch of 1 if the network was built."""
        shape = self.graph.inputs[0].shape if self.graph else self.entry.model.input_shape
        return tuple(shape)

    @property
    def layers(self) -> list[LayerRow]:
        """The layers of the network in order; empty if it was not built."""
        from zoodiff.graph.cost import macs_of

        graph = self.graph
        if graph is None:
            return []
        return [
            LayerRow(
                name=node.name,
                operator=node.op,
                shape=tuple(graph.tensors[node.outputs[0]].shape) if node.outputs else (),
                parameters=sum(parameter.size for parameter in node.parameters),
                has_parameters=bool(node.parameters),
                macs=macs_of(graph, node),
                attributes=node.attributes,
            )
            for node in graph.nodes
        ]

    def to_dict(self, *, layers: bool = False) -> dict[str, Any]:
        """Return plain values, for JSON; ``layers`` adds the nodes of the graph."""
        model = self.entry.model
        facts: dict[str, Any] = {
            "entry": str(self.entry.ref),
            "architecture": model.architecture,
            "zoo": self.entry.zoo.title,
            "weights": {weights.name: asdict(weights) for weights in _possible_weights(self.entry)},
            "input_shape": list(self.input_shape),
            "labels": asdict(self.entry.labels),
            "preprocessing": self.entry.preprocessing.to_dict(),
            "note": model.note,
            "claims": [asdict(claim) for claim in self.claims],
        }
        if self.graph is not None and self.counts is not None:
            facts["counts"] = asdict(self.counts)
            facts["fingerprint"] = self.fingerprint
            if layers:
                facts["layers"] = self.graph.to_dict()["nodes"]
        return facts

    def _shown(self) -> Shown:
        counts = asdict(self.counts).items() if self.counts else ()
        entry = self.entry
        return Shown(
            f"{entry.ref}, {entry.model.architecture} of {entry.zoo.title}",
            [
                ("input", list(self.input_shape)),
                ("preprocessing", entry.preprocessing.sentence()),
                *((name.replace("_", " "), value) for name, value in counts),
                ("fingerprint", self.fingerprint),
                ("claims", len(self.claims)),
            ],
            self._rows(),
            ("name", "operator", "shape", "parameters", "macs"),
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [vars(layer) for layer in self.layers]


@dataclass(frozen=True, repr=False)
class FingerprintGroups(Displayed):
    """Entries grouped by the fingerprint of their network."""

    groups: Mapping[str, tuple[str, ...]]
    not_described: Mapping[str, str]
    """Entries that cannot be described, with the reason."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"fingerprints": self.groups, "not_described": self.not_described}

    def _shown(self) -> Shown:
        rows = [
            {"fingerprint": text, "entry": entry}
            for text, entries in self.groups.items()
            for entry in entries
        ]
        failed = [(f"not described: {name}", why) for name, why in self.not_described.items()]
        return Shown(f"{len(rows)} entries, {len(self.groups)} networks", failed, rows)


def resolve(reference: str) -> Entry:
    """Return the entry that a reference or a path names; raise UsageError if it is invalid."""
    from zoodiff.zoos import registry

    return registry.resolve(reference)


def all_weights(reference: str, *, besides: str = "") -> list[str]:
    """Return the references of all weights that ``zoo:model@*`` means; any other one as it is.

    ``besides`` is an entry that is left out, since the others are compared with it. Raises
    UsageError for an invalid reference.
    """
    from zoodiff.zoos import registry

    references = registry.expanded(reference)
    if references == [reference] or not besides:
        return references
    first = str(registry.resolve(besides).ref)
    return [each for each in references if each != first]


def describe(entry: Any, *, example: Any = None, limits: Limits | None = None) -> Graph:
    """Return the canonical graph of an entry, built in its worker without allocating weights.

    ``entry`` may be a path or a network in this process, and ``example`` what it is called with;
    see ``diff``. Raises UsageError for an invalid reference, MeasurementError if the network cannot
    be built.
    """
    from zoodiff.api.held import subjects
    from zoodiff.architecture import describe as architecture

    with subjects((entry,), example, ()) as given, workers(limits) as engine:
        return architecture.graph_of(engine, given.entries[0])


def entry_facts(
    entry: str | Entry,
    *,
    catalogue_only: bool = False,
    save: str | Path | None = None,
    limits: Limits | None = None,
) -> EntryFacts:
    """Return an entry's counts, fingerprint, preprocessing, labels, weights and claims.

    ``catalogue_only`` leaves out the network, so that no framework is needed. ``save`` writes the
    canonical graph into a file named ``*.json``, ``*.onnx`` (no weights, for viewers) or ``*.dot``.
    Raises UsageError for an invalid reference or file, MeasurementError if the network cannot be
    built.
    """
    from zoodiff.zoos.base import Entry as ResolvedEntry

    named = str(entry) if isinstance(entry, Path) else entry
    resolved = named if isinstance(named, ResolvedEntry) else resolve(named)
    claims = tuple(_claims_about(resolved))
    if catalogue_only:
        return EntryFacts(resolved, claims)
    from zoodiff.architecture import describe as architecture
    from zoodiff.graph import export
    from zoodiff.graph.canonical import canonical
    from zoodiff.graph.cost import count
    from zoodiff.graph.fingerprint import fingerprint

    with workers(limits) as engine:
        graph, _ = architecture.describe(engine, resolved)
    clean = canonical(graph)
    if save is not None:
        export.save(clean, Path(save))
    return EntryFacts(resolved, claims, graph, count(graph), fingerprint(clean, is_canonical=True))


def _claims_about(entry: Entry) -> list[Claim]:
    from zoodiff.claims import catalogue

    architecture, zoo = entry.model.architecture, entry.zoo.name
    if zoo not in catalogue.zoo_names() or architecture not in catalogue.architectures():
        return []
    claims = catalogue.claims_for(architecture=architecture, zoo=zoo)
    if entry.foreign:  # a zoo makes no claims about the weights of a user's file
        return []
    return [claim for claim in claims if claim.entry_model == entry.model.name]


def _possible_weights(entry: Entry) -> Sequence[Weights]:
    """Return the weights of an entry's model; of a file's weights in a model, only these."""
    if entry.foreign and entry.weights is not None:
        return (entry.weights,)
    return entry.model.weights


def fingerprints(
    entries: Iterable[Any],
    *,
    structure: bool = False,
    example: Any = None,
    limits: Limits | None = None,
    failed: Callable[[str, ZoodiffError], None] | None = None,
) -> dict[str, str]:
    """Return the fingerprint of each entry's network, by the entry's name.

    ``structure`` selects the fingerprint of the structure, which a network and its exports share.
    Entries may be paths and networks in this process, and ``example`` what these are called with;
    see ``diff``.
    Raises UsageError for an invalid reference, MeasurementError if an entry cannot be built; if
    ``failed`` is passed, it is called with the entry and the error instead, and the others go on.
    """
    from zoodiff.api.held import subjects
    from zoodiff.architecture import describe as architecture
    from zoodiff.graph import fingerprint as fingerprinting

    compute = fingerprinting.structure if structure else fingerprinting.fingerprint
    resolved: dict[str, Entry] = {}
    by_entry: dict[str, str] = {}
    listed = list(entries)
    for name in (each for text in listed if isinstance(text, str) for each in all_weights(text)):
        try:
            resolved[name] = resolve(name)
        except MeasurementError as error:
            _report_failure(failed, name, error)
    others = [each for each in listed if not isinstance(each, str)]
    with subjects(others, example, ()) as given, workers(limits) as engine:
        resolved |= {f"{k} {entry.ref}": entry for k, entry in enumerate(given.entries)}
        for entry in resolved.values():
            try:
                by_entry[str(entry.ref)] = compute(architecture.graph_of(engine, entry))
            except MeasurementError as error:
                _report_failure(failed, str(entry.ref), error)
    return by_entry


def _report_failure(
    failed: Callable[[str, ZoodiffError], None] | None, name: str, error: ZoodiffError
) -> None:
    if failed is None:
        raise error
    failed(name, error)


def survey(
    zoos: Collection[str] | None = None,
    *,
    jobs: int = 2,
    limits: Limits | None = None,
    begin: Callable[[int], None] | None = None,
    done: Callable[[Entry, str | None], None] | None = None,
) -> tuple[dict[str, Graph], dict[str, str]]:
    """Return the graphs of all entries, and the reasons for those that cannot be described.

    Entries have their default weights, which are not allocated. ``begin`` is called with the number
    of entries, then ``done`` with each and the reason why it cannot be described, or None.
    """
    from zoodiff.architecture.survey import describe_all
    from zoodiff.zoos import registry

    groups = registry.by_architecture(list(zoos) if zoos else None)
    entries = [entry for members in groups.values() for entry in members]
    unique = list({str(entry.ref): entry for entry in entries}.values())
    if begin is not None:
        begin(len(unique))
    return describe_all(unique, jobs=jobs, limits=limits, done=done)


def list_entries(
    pattern: str = "", *, zoos: Collection[str] | None = None, shared: bool = False
) -> dict[str, dict[str, list[str]]]:
    """Return the models of each zoo, by architecture and zoo.

    ``pattern`` is a part of an architecture's or model's name, a glob, or a zoo's name; ``zoos``
    are the zoos to list, None for all; ``shared`` leaves out architectures that only one zoo has.
    Raises UnknownNameError for an unknown zoo, and for a pattern without a match.
    """
    from zoodiff.entry import did_you_mean, folded
    from zoodiff.zoos import registry

    groups = registry.by_architecture(list(zoos) if zoos else None)
    glob, text = _glob(pattern), folded(pattern)
    matching: dict[str, dict[str, list[str]]] = {}
    for architecture, entries in groups.items():
        by_zoo: dict[str, list[str]] = {}
        for entry in entries:
            names = (architecture, entry.model.name)
            spelled = bool(text) and any(text in folded(name) for name in names)
            if spelled or any(fnmatch(name.lower(), glob) for name in names):
                by_zoo.setdefault(entry.zoo.name, []).append(entry.model.name)
        if by_zoo and (not shared or len(by_zoo) > 1):
            matching[architecture] = by_zoo
    if pattern and not matching and zoos is None and pattern in registry.zoos():
        return list_entries(zoos=[pattern], shared=shared)
    if pattern and not matching:
        raise UnknownNameError(
            f'no architecture or model matches "{pattern}"{did_you_mean(pattern, groups)}'
        )
    return matching


def group_by_fingerprint(
    pattern: str = "",
    *,
    zoos: Collection[str] | None = None,
    limits: Limits | None = None,
    begin: Callable[[int], None] | None = None,
    done: Callable[[Entry, str | None], None] | None = None,
) -> FingerprintGroups:
    """Build every network and group the entries with the same network, whatever their names.

    A group is left out if no model's name in it matches ``pattern``. ``begin`` is called with the
    number of entries, then ``done`` with each and the reason why it cannot be described, or None.
    """
    from zoodiff.graph.fingerprint import fingerprint

    graphs, failures = survey(zoos, limits=limits, begin=begin, done=done)
    groups: dict[str, list[str]] = {}
    for entry, graph in graphs.items():
        groups.setdefault(fingerprint(graph), []).append(entry)
    glob = f"*:{_glob(pattern)}"
    return FingerprintGroups(
        {
            text: tuple(members)
            for text, members in groups.items()
            if any(fnmatch(member.lower(), glob) for member in members)
        },
        failures,
    )


def _glob(pattern: str) -> str:
    lowered = pattern.lower()
    return lowered if any(sign in pattern for sign in "*?[") else f"*{lowered}*"


def architecture_names() -> list[str]:
    """Return the architectures that zoos have entries of."""
    from zoodiff.zoos import registry

    return list(registry.by_architecture())


def model_names(zoo: str) -> list[str]:
    """Return the models of a zoo; raise UnknownNameError if the zoo does not exist."""
    from zoodiff.zoos import registry

    return list(registry.models(zoo))
