"""The recipes of a study's names: audited some names at a time, one record per name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoodiff._version import __version__
from zoodiff.engines.base import Job, Partial, Step
from zoodiff.engines.pool import WorkerPool
from zoodiff.host.provenance import hardware, identity, installed_versions, now
from zoodiff.recipes import by_name, cache
from zoodiff.recipes.audit import Audit, audit
from zoodiff.recipes.difference import Difference
from zoodiff.recipes.images import audit_images
from zoodiff.recipes.options import AuditOptions
from zoodiff.recipes.published import fetched
from zoodiff.store.folder import Store
from zoodiff.store.recipe_values import (
    LevelsValues,
    RecipeCauseValues,
    RecipeFindingValues,
    RecipePairValues,
    RecipesValues,
    RecipeValues,
)
from zoodiff.store.records import Record, WeightsInfo, key_of
from zoodiff.study import serialization
from zoodiff.study.jobs.keyed_task import KeyedTask
from zoodiff.tasks import Task
from zoodiff.zoos.registry import Entry

TOGETHER = 500
"""Most names per job. They share workers and most of their recipes, so there is one job per slot.
What a stopped job found of recipes and pairs is in the cache, where the next one takes it from."""


def by_architecture(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries by canonical name, each model once."""
    names: dict[str, dict[tuple[str, str], Entry]] = {}
    for entry in entries:
        models = names.setdefault(entry.model.architecture, {})
        models.setdefault((entry.zoo.name, entry.model.name), entry)
    return {name: list(models.values()) for name, models in names.items()}


class RecipesTask(KeyedTask[list[Entry]]):
    """All names whose recipes a study audits."""

    def __init__(self, task: Task, store: Store, *, fresh: bool) -> None:
        """Take the task of all entries; its parts are their names."""
        self._task = task
        images = AuditOptions(audit_images()).images_hash
        parts = {
            _key(name, entries, images): entries
            for name, entries in by_architecture(task.entries).items()
        }
        super().__init__("recipes", parts, store, fresh=fresh, lease="recipes")

    def jobs(self, name: str, slots: int, cores: int) -> list[Job]:
        """Return jobs of some names each."""
        missing = sorted(self.missing, key=self._zoos)
        size = max(1, min(TOGETHER, -(-len(missing) // slots)))
        firsts = range(0, len(missing), size)
        return [
            self._job(name, missing[first : first + size], number / len(firsts))
            for number, first in enumerate(firsts)
        ]

    def _zoos(self, key: str) -> list[str]:
        """Return the zoos of a name: names of the same zoos share recipes and workers."""
        return sorted({entry.zoo.name for entry in self.parts[key]})

    def _job(self, name: str, keys: Sequence[str], begin_at: float) -> Job:
        entries = tuple(entry for key in keys for entry in self.parts[key])
        keyed = {self.parts[key][0].model.architecture: key for key in keys}
        data = {
            "do": "recipes",
            "task": serialization.of_task(replace(self._task, entries=entries)),
            "keys": keyed,
            "begin_at": begin_at,
        }
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        return Job(f"{name}: {next(iter(keyed))}{more}", data)


def _key(name: str, entries: Sequence[Entry], images_hash: str) -> str:
    """Return the key of a name's record: all that determines its recipes and their pixels."""
    members = [
        {
            "entry": str(entry.ref),
            "files": str(files.ref),
            "weights": [weights.name for weights in entry.model.weights],
            "versions": installed_versions(entry),
            **identity(files),
        }
        for entry in sorted(entries, key=lambda entry: str(entry.ref))
        for files in [fetched(entry)]
    ]
    facts = {"images": images_hash, "code": cache.code(), "zoodiff": __version__}
    return key_of(kind="recipes", name=name, entries=members, **facts)


def audit_names(
    pool: WorkerPool, data: Mapping[str, Any], send: Callable[[Step | Partial], None]
) -> dict[str, Any]:
    """Audit the names of a job; send a record per name. Raises the errors of ``entry_of``."""
    started, clock = now(), time.monotonic()
    names = by_architecture(serialization.task_of(data["task"]).entries)
    images = audit_images()

    def step(activity: str, done: int, of: int) -> None:
        send(Step(done, of))

    options = AuditOptions(
        images, jobs=1, limits=pool.limits, step=step, begin_at=float(data["begin_at"])
    )
    result = audit(names, options)
    seconds = (time.monotonic() - clock) / len(names)
    for name, entries in names.items():
        values = values_of(name, entries, result, len(images), seconds)
        record = _record(data["keys"][name], entries, values, started)
        send(Partial({"record": record.model_dump_json()}))
    return {}


def values_of(
    name: str, entries: Sequence[Entry], result: Audit, images: int, seconds: float
) -> RecipesValues:
    """Return what an audit says of one name."""
    audited = by_name.of_name(name, result)
    letters: dict[frozenset[str], by_name.RecipePair] = {}
    for pair in audited.pairs:
        both = frozenset(audited.recipes[place].letter for place in (pair.first, pair.second))
        if len(both) > 1:
            letters.setdefault(both, pair)
    own = {str(fetched(entry).ref.with_weights(None)) for entry in entries}
    absent = result.published.absent.items()
    zoos = {entry.zoo.name for entry in entries}
    return RecipesValues(
        images=images,
        recipes=[_recipe(recipe) for recipe in audited.recipes],
        pairs=[_pair(pair) for pair in letters.values()],
        different=audited.different,
        unpublished=audited.unpublished,
        findings=[
            RecipeFindingValues(code=finding.code, sentence=finding.sentence)
            for finding in by_name.findings_of(result, [name])
        ],
        absent={what: reason for what, reason in absent if _model_of(what) in own},
        failures={
            what: reason
            for what, reason in result.failures.items()
            if what in zoos or _model_of(what) in own or what.startswith(f"{name}: ")
        },
        seconds=seconds,
    )


def _model_of(reference: str) -> str:
    return reference.rpartition("@")[0]


def _recipe(recipe: by_name.AuditedRecipe) -> RecipeValues:
    return RecipeValues(
        letter=recipe.letter,
        zoo=recipe.zoo,
        processor=recipe.processor,
        entries=list(recipe.entries),
        sentence=recipe.sentence,
        partial=recipe.partial,
        own_code=recipe.own_code,
        failed_images=recipe.failed_images,
    )


def _pair(pair: by_name.RecipePair) -> RecipePairValues:
    return RecipePairValues(
        first=pair.first,
        second=pair.second,
        same=pair.attribution.same,
        whole=_levels(pair.attribution.whole),
        causes=[
            RecipeCauseValues(
                codes=list(cause.codes),
                step=cause.name,
                first=cause.first,
                second=cause.second,
                alone=_levels(cause.alone),
            )
            for cause in pair.attribution.causes
        ],
        unstated=list(pair.unstated),
        explained=pair.explained,
    )


def _levels(difference: Difference | None) -> LevelsValues | None:
    return None if difference is None else LevelsValues(**difference.to_dict())


def _record(key: str, entries: Sequence[Entry], values: RecipesValues, started: str) -> Record:
    """Return the record of a name, filed under its first entry."""
    entry = entries[0]
    versions: dict[str, str] = {}
    for member in entries:
        versions |= installed_versions(member)
    return Record(
        key=key,
        entry=str(entry.ref),
        zoo=entry.zoo.name,
        model=entry.model.name,
        architecture=entry.model.architecture,
        weights=WeightsInfo(name=entry.weights_name, state="none"),
        preprocessing=entry.preprocessing.to_dict(),
        labels=entry.labels.name,
        conditions={"entries": [str(member.ref) for member in entries]},
        versions=versions,
        hardware=hardware(),
        started=started,
        finished=now(),
        values=values,
    )
