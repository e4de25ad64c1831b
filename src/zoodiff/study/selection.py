"""Select entries by the rule of a study: the networks whose names several zoos share."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from zoodiff.engines.pool import usable
from zoodiff.entry import RANDOM, did_you_mean, folded, meant
from zoodiff.errors import StudyError, UnknownNameError, ZoodiffError
from zoodiff.store.records import Failure
from zoodiff.study import config as studies
from zoodiff.study.config import LoadedStudy, Selection
from zoodiff.zoos import registry
from zoodiff.zoos.names import table
from zoodiff.zoos.registry import Entry

_PATTERN = "*?["


@dataclass(frozen=True)
class Selected:
    """The entries that a rule selects, by canonical name, and the zoos that are absent."""

    entries: tuple[Entry, ...]
    absent: tuple[Failure, ...]
    """One per zoo of the rule that cannot be used here, with the reason."""


def select(loaded: LoadedStudy) -> Selected:
    """Return what the table [select] of a study selects; nothing if it has none.

    Raises StudyError for a zoo, a name or weights that do not exist, and if nothing is selected.
    """
    rule = loaded.study.select
    if rule is None:
        return Selected((), ())
    zoos, absent = _zoos(loaded, rule)
    _check_weights(loaded, rule)
    by_name = registry.by_architecture(zoos) if zoos else {}
    names = _names(loaded, rule, by_name)
    chosen = {
        name: members
        for name in names
        if (members := _of_name(rule, name, by_name[name], zoos))
        and len({entry.zoo.name for entry in members}) >= rule.min_zoos
    }
    if not chosen:
        raise studies.key_error(
            loaded,
            ("select", "names"),
            StudyError(
                f"[select] selects nothing: no such name is in {rule.min_zoos} of the zoos "
                f"{', '.join(zoos) or '(none of them can be used)'}"
            ),
        )
    if rule.limit is not None and len(chosen) > rule.limit:
        drawn = random.Random(loaded.study.seed).sample(sorted(chosen), rule.limit)
        chosen = {name: chosen[name] for name in sorted(drawn)}
    return Selected(tuple(entry for members in chosen.values() for entry in members), absent)


def _zoos(loaded: LoadedStudy, rule: Selection) -> tuple[list[str], tuple[Failure, ...]]:
    """Return the zoos that can be used, in the order of the rule, and the absent ones."""
    names: list[str] = []
    absent: list[Failure] = []
    listed = [zoo.name for zoo in registry.zoos().values() if zoo.listed]
    for name in rule.zoos or listed:
        try:
            zoo = registry.find_zoo(name)
        except registry.BrokenZooError as error:
            absent.append(_absent(name, str(error)))
            continue
        except UnknownNameError as error:
            raise studies.key_error(loaded, ("select", "zoos"), error) from None
        reason = usable(zoo.worker)
        if reason is not None:
            absent.append(_absent(zoo.name, reason))
        elif zoo.name not in names:
            names.append(zoo.name)
    return names, tuple(absent)


def _absent(zoo: str, reason: str) -> Failure:
    return Failure(
        kind="architecture",
        entry=f"{zoo}: all entries",
        architecture=None,
        reason=reason,
        declined=True,
    )


def _check_weights(loaded: LoadedStudy, rule: Selection) -> None:
    """Raise StudyError for an unknown zoo, or weights that no entry of a zoo has."""
    for zoo_name, weights in rule.weights.items():
        key = ("select", "weights", zoo_name)
        try:
            models = registry.models(registry.find_zoo(zoo_name).name).values()
        except ZoodiffError as error:
            raise studies.key_error(loaded, key, error) from None
        known = dict.fromkeys(w.name for model in models for w in model.weights)
        if weights not in {*known, RANDOM}:
            hint = did_you_mean(weights, [*known, RANDOM])
            unknown = StudyError(f'no entry of {zoo_name} has weights "{weights}"{hint}')
            raise studies.key_error(loaded, key, unknown)


def _names(
    loaded: LoadedStudy, rule: Selection, by_name: Mapping[str, Sequence[Entry]]
) -> list[str]:
    """Return the canonical names that the rule admits, sorted; raise StudyError for none."""
    if rule.names == "shared":
        names = list(by_name)
    else:
        names = []
        for wanted in rule.names:
            if any(character in wanted for character in _PATTERN):
                matching = [name for name in by_name if fnmatchcase(name, wanted)]
            else:
                spelled = meant(wanted, by_name)
                matching = [] if spelled is None else [spelled]
            if not matching:
                hint = did_you_mean(wanted, by_name)
                error = StudyError(f'no architecture "{wanted}" in these zoos{hint}')
                raise studies.key_error(loaded, ("select", "names"), error)
            names += matching
    return sorted({name for name in names if not _matches(rule.without, name)})


def _matches(patterns: Sequence[str], *texts: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns for text in texts)


def _of_name(
    rule: Selection, name: str, entries: Sequence[Entry], zoos: Sequence[str]
) -> list[Entry]:
    """Return the entries of a name: the first ``per_zoo`` of each zoo, in the order of zoos.

    Those that need no download come first, then those that are not known as variants, then the
    entry that is called by the canonical name.
    """
    chosen: list[Entry] = []
    for zoo in zoos:
        own = [
            entry
            for entry in entries
            if entry.zoo.name == zoo
            and not _matches(rule.without, f"{zoo}:{entry.model.name}", str(entry.ref))
        ]
        own.sort(key=lambda entry: _preference(entry, name))
        chosen += [_with_weights(entry, rule.weights.get(zoo)) for entry in own[: rule.per_zoo]]
    return chosen


def _preference(entry: Entry, name: str) -> tuple[bool, bool, bool, str]:
    row = table.by_entry().get((entry.zoo.name, entry.model.name))
    known_variant = row is not None and row.kind != "same"
    return (
        entry.model.needs_file,
        known_variant,
        folded(entry.model.name) != folded(name),
        entry.model.name,
    )


def _with_weights(entry: Entry, weights: str | None) -> Entry:
    """Return the entry with these weights if it has them, else with its default ones."""
    known = {own.name for own in entry.model.weights} | {RANDOM}
    return registry.resolve(entry.ref.with_weights(weights)) if weights in known else entry
