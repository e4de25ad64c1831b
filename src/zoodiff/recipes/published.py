"""The recipes that zoos publish for the names that they share, each distinct one once per zoo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import ZoodiffError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes import cache
from zoodiff.workers import messages
from zoodiff.workers.limits import Limits
from zoodiff.zoos.base import RecipesElsewhere, Weights, WorkerSpec
from zoodiff.zoos.registry import Entry

Takes = Literal["file", "pixels", "nothing"]


@dataclass(frozen=True)
class Recipe:
    """One distinct preprocessing of a zoo."""

    zoo: str
    spec: Preprocessing
    """zoodiff's specification, without source and layout."""
    words: str = ""
    """The zoo's own description of its code; empty where it publishes words only."""
    takes: Takes = "nothing"
    """What the zoo's code takes: a file, pixels of the input's size, or there is no code."""
    layout: Literal["NCHW", "NHWC"] = "NHWC"
    processor: str = ""

    @property
    def has_code(self) -> bool:
        """Whether the zoo's own code can be run."""
        return self.takes != "nothing"

    @property
    def is_specified(self) -> bool:
        """Whether the specification says all that the code does.

        It does not where the code takes a file and the specification has no sizes: steps of its
        own, which no specification knows. Such a recipe is compared by its pixels alone.
        """
        return self.takes != "file" or self.spec.resize_policy is not None


@dataclass(frozen=True)
class Source:
    """Where the code of a recipe is: one of the weights that publish it."""

    worker: WorkerSpec
    """Confined, since images may be untrusted."""
    model: str
    weights: str


@dataclass
class Published:
    """All recipes under names, and where each comes from."""

    names: dict[str, dict[Recipe, list[str]]] = field(default_factory=dict)
    """By name, the recipes with the references of the weights that publish them."""
    sources: dict[Recipe, Source] = field(default_factory=dict)
    unpublished: dict[str, int] = field(default_factory=dict)
    """By name, the number of weights without any published preprocessing."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why the code of a zoo or of weights is not run, by zoo or reference."""
    absent: dict[str, str] = field(default_factory=dict)
    """Recipes that are not on this machine, by reference, each with what gets it."""


def collect(by_name: Mapping[str, Sequence[Entry]], limits: Limits | None = None) -> Published:
    """Return the recipes of all weights of entries, by name; asks one worker per zoo.

    The answers are cached.
    """
    published = Published()
    weights = {
        name: [
            replace(entry, weights=own)
            # one order, whatever the order in which zoos were given: pairs are cached
            for entry in sorted(map(fetched, entries), key=lambda entry: entry.zoo.name)
            for own in _weights_of(entry)
        ]
        for name, entries in by_name.items()
    }
    own = _Own()
    by_zoo: dict[str, list[Entry]] = {}
    for entries in weights.values():
        for entry in entries:
            by_zoo.setdefault(entry.zoo.name, []).append(entry)
    for members in by_zoo.values():
        _ask(members, own, limits)
    published.failures |= own.failures
    published.absent |= own.absent
    for name, entries in weights.items():
        recipes: dict[Recipe, list[str]] = {}
        unpublished = 0
        for entry in entries:
            of_entry = _recipes_of(entry, own.recipes.get(str(entry.ref)))
            unpublished += not of_entry and str(entry.ref) not in own.absent
            for recipe in of_entry:
                recipes.setdefault(recipe, []).append(str(entry.ref))
                source = Source(_confined(entry), entry.model.name, entry.weights_name)
                published.sources.setdefault(recipe, source)
        published.names[name] = recipes
        published.unpublished[name] = unpublished
    return published


def fetched(entry: Entry) -> Entry:
    """Return the entry of a repository's files instead, where these are on this machine."""
    if not isinstance(entry.zoo, RecipesElsewhere):
        return entry
    try:
        return entry.zoo.fetched(entry.model) or entry
    except ZoodiffError:
        return entry


def _weights_of(entry: Entry) -> Sequence[Weights | None]:
    """Return the weights that may publish a recipe; None for a recipe of the model alone."""
    zoo, weights = entry.zoo, entry.model.weights
    if not weights and isinstance(zoo, RecipesElsewhere) and zoo.has_recipe(entry.model):
        return (None,)
    return weights


@dataclass
class _Own:
    recipes: dict[str, list[messages.Recipe]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def _ask(entries: Sequence[Entry], own: _Own, limits: Limits | None) -> None:
    """Add what a zoo's worker says about the code of its weights, by reference."""
    spec, zoo = _confined(entries[0]), entries[0].zoo.name
    asked = [(entry.model.name, entry.weights_name) for entry in entries]
    key: cache.Key | None = None
    if spec.backend.startswith("zoodiff."):
        facts = {"versions": cache.versions_of([spec]), "code": cache.code()}
        key = {"kind": "words", "zoo": zoo, "weights": [list(pair) for pair in asked], **facts}
    stored = cache.load(key) if key else None
    if stored is not None:
        answer = messages.decode(messages.OwnRecipes, stored)
    else:
        try:
            with WorkerPool(limits) as pool:
                worker = pool.worker(spec, "recipes")
                answer = worker.recipes(asked, doing=f"reading the recipes of {zoo}")
        except ZoodiffError as error:
            own.failures[zoo] = str(error)
            return
        if key:
            cache.save(key, messages.encode(answer))
    for position, entry in enumerate(entries):
        own.recipes[str(entry.ref)] = answer.recipes[position]
        if str(position) in answer.failed:
            own.failures[str(entry.ref)] = answer.failed[str(position)]
        if str(position) in answer.absent:
            own.absent[str(entry.ref)] = answer.absent[str(position)]


def _recipes_of(entry: Entry, own: Sequence[messages.Recipe] | None) -> list[Recipe]:
    stated = entry.preprocessing
    if own:
        return [
            Recipe(
                entry.zoo.name,
                bare(_stated(recipe, stated)),
                recipe.words,
                recipe.takes,
                recipe.layout,
                recipe.processor,
            )
            for recipe in own
        ]
    return [] if stated.published == "no" else [Recipe(entry.zoo.name, bare(stated))]


def _stated(recipe: messages.Recipe, catalogued: Preprocessing) -> Preprocessing:
    own = recipe.preprocessing
    return catalogued if own is None else Preprocessing.from_dict(own)


def bare(spec: Preprocessing) -> Preprocessing:
    """Return a specification without what changes no pixel: source, layout, completeness."""
    return replace(spec, source=None, layout=None, published="no")


def _confined(entry: Entry) -> WorkerSpec:
    return replace(entry.zoo.worker, confined=True)
