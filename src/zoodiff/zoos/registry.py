"""Find zoos, and resolve references to their entries.

All zoos, also the built-in ones, are found by Python entry points in the group ``zoodiff.zoos``.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from zoodiff.entry import RANDOM, ModelRef, did_you_mean, meant
from zoodiff.errors import UnknownNameError, UnreadableFileError, UsageError, ZoodiffError
from zoodiff.zoos import checkpoints, company, files
from zoodiff.zoos.base import Entry as Entry  # noqa: PLC0414
from zoodiff.zoos.base import MakesEntries, Model, OpenZoo, Weights, WorkerSpec, Zoo

GROUP = "zoodiff.zoos"


class BrokenZooError(ZoodiffError):
    """A zoo plugin that cannot be loaded."""


@functools.cache
def _loaded() -> tuple[Mapping[str, Zoo], Mapping[str, str]]:
    good: dict[str, Zoo] = {}
    broken: dict[str, str] = {}
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda p: p.name):
        try:
            zoo = _adapted(point.load())
            good.setdefault(zoo.name, zoo)
        except Exception as error:
            broken[point.name] = (
                f'the zoo plugin "{point.name}" ({point.value}) cannot be loaded: {error}; '
                "mend or uninstall the package that brings it"
            )
    return MappingProxyType(good), MappingProxyType(broken)


@dataclass
class _OldZoo:
    """A plugin of an older version, without ``WorkerSpec``; its worker is confined."""

    name: str
    title: str
    worker: WorkerSpec
    listed: bool
    models: Callable[[], Sequence[Model]]


def _adapted(plugin: Any) -> Zoo:
    """Return a plugin as a zoo; its worker is confined unless it has a ``WorkerSpec``.

    Raises AttributeError or TypeError if it lacks attributes of a zoo.
    """
    if isinstance(getattr(plugin, "worker", None), WorkerSpec):
        zoo: Zoo = plugin
        return zoo
    spec = WorkerSpec(
        name=plugin.name,
        backend=plugin.backend,
        confined=True,
        distributions=tuple(plugin.distributions),
        extra=plugin.extra,
        environment=plugin.environment,
    )
    return _OldZoo(plugin.name, plugin.title, spec, bool(plugin.listed), plugin.models)


def zoos() -> Mapping[str, Zoo]:
    """Return all zoos by name: built-in, of other packages, and described by TOML files."""
    packaged = installed()
    return MappingProxyType({**packaged, **company.registered(packaged).zoos})


def installed() -> Mapping[str, Zoo]:
    """Return the zoos of installed packages by name, without those of TOML files."""
    return _loaded()[0]


def broken() -> Mapping[str, str]:
    """Return the plugins and the TOML files of zoos that cannot be used, with reasons."""
    packaged, plugins = _loaded()
    return MappingProxyType({**plugins, **company.registered(packaged).broken})


def find_zoo(name: str) -> Zoo:
    """Return a zoo by name, in any spelling that matches only one; raise UnknownNameError."""
    known = zoos()
    if name not in known and name in broken():
        raise BrokenZooError(broken()[name])
    spelled = meant(name, known)
    if spelled is None:
        hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
        raise UnknownNameError(f'no zoo "{name}"{hint}')
    return known[spelled]


def models(zoo_name: str) -> Mapping[str, Model]:
    """Return all models of a zoo by name."""
    zoo = find_zoo(zoo_name)
    return _models_of(zoo) if isinstance(zoo, company.CompanyZoo) else _models(zoo.name)


@functools.cache
def _models(zoo_name: str) -> Mapping[str, Model]:
    return _models_of(find_zoo(zoo_name))


def _models_of(zoo: Zoo) -> Mapping[str, Model]:
    return MappingProxyType({model.name: model for model in zoo.models()})


def entry_of(zoo: Zoo, model: Model, weights: Weights | None) -> Entry:
    """Return the entry of a zoo's model with these weights; None for random ones."""
    if isinstance(zoo, MakesEntries):
        return zoo.entry(model, weights)
    return Entry(zoo, model, weights)


def find_model(zoo_name: str, model_name: str) -> Model:
    """Return a model by name, in any spelling that matches only one; raise UnknownNameError."""
    known = models(find_zoo(zoo_name).name)
    name = meant(model_name, known)
    if name is None:
        hint = did_you_mean(model_name, known) or f"; see zoodiff list --zoo {zoo_name}"
        raise UnknownNameError(f"no entry `{zoo_name}:{model_name}`{hint}")
    return known[name]


def resolve(reference: ModelRef | str) -> Entry:
    """Return the entry that a reference or a path names; raise UnknownNameError or UsageError.

    Without weights, the entry has the zoo's default weights, or random ones if there are none.
    """
    if isinstance(reference, str):
        if files.is_file(reference.strip()):
            return files.resolve(reference.strip())
        reference = ModelRef.parse(reference)
    if not isinstance(reference, ModelRef):
        raise UsageError(
            f"a {type(reference).__name__} is no name of an entry; networks in Python are taken by "
            "diff, describe and fingerprints"
        )
    ref = reference
    if ref.zoo == "file":
        return files.resolve(str(ref))
    zoo = find_zoo(ref.zoo)
    unlisted = zoo.unlisted(ref) if isinstance(zoo, OpenZoo) else None
    return unlisted or _listed(zoo, ref)


def _listed(zoo: Zoo, ref: ModelRef) -> Entry:
    """Return an entry of a zoo's catalogue, or one of its models with the weights of a file."""
    model = find_model(ref.zoo, ref.model)
    if ref.weights is None or ref.weights == RANDOM:
        return entry_of(zoo, model, model.default_weights if ref.weights is None else None)
    for weights in model.weights:
        if weights.name == ref.weights:
            return entry_of(zoo, model, weights)
    if checkpoints.is_checkpoint(ref.weights):
        return Entry(zoo, model, checkpoints.weights_of(ref, zoo), foreign=True)
    names = [weights.name for weights in model.weights] + [RANDOM]
    spelled = meant(ref.weights, names)
    if spelled is None:
        hint = did_you_mean(ref.weights, names) or f"; there are {', '.join(names)}"
        raise UnknownNameError(f'{ref.zoo}:{ref.model} has no weights "{ref.weights}"{hint}')
    return resolve(ModelRef(zoo.name, model.name, spelled))


def expanded(reference: str) -> list[str]:
    """Return the references of all weights that ``zoo:model@*`` means; any other one as it is.

    ``zoo:model@revision/*`` means all of one revision. Raises as ``resolve`` does.
    """
    text = reference.strip()
    if not text.endswith(("@*", "/*")) or "@" not in text or files.is_file(text):
        return [reference]
    entry = resolve(text.removesuffix("*").removesuffix("@"))
    return [str(entry.ref.with_weights(weights.name)) for weights in entry.model.weights]


def resolve_readable(
    references: Iterable[str], resolve_one: Callable[[str], Entry] = resolve
) -> tuple[list[Entry], dict[str, str]]:
    """Return the entries of references, and why files among them cannot be opened.

    ``zoo:model@*`` means all weights of a model. Raises UnknownNameError or UsageError for an
    invalid reference, UnreadableFileError if no entry remains.
    """
    entries: list[Entry] = []
    unreadable: dict[str, str] = {}
    for reference in (each for text in references for each in expanded(text)):
        try:
            entries.append(resolve_one(reference))
        except UnreadableFileError as error:
            unreadable[reference] = str(error)
    if unreadable and not entries:
        first, reason = next(iter(unreadable.items()))
        several = f"no file can be opened; the first, {first}: " if len(unreadable) > 1 else ""
        raise UnreadableFileError(f"{several}{reason}")
    return entries, unreadable


def by_architecture(zoo_names: Sequence[str] | None = None) -> dict[str, list[Entry]]:
    """Return the entries with default weights by architecture, of all listed or of these zoos."""
    names = [z.name for z in zoos().values() if z.listed] if zoo_names is None else zoo_names
    groups: dict[str, list[Entry]] = {}
    for zoo in {named.name: named for named in map(find_zoo, names)}.values():
        for model in models(zoo.name).values():
            entry = entry_of(zoo, model, model.default_weights)
            groups.setdefault(model.architecture, []).append(entry)
    return dict(sorted(groups.items()))
