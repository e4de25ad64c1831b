"""Selects the claims of a comparison by explicit options.

A ``Selection`` comes from a study's ``[claims]`` table or from the options of ``zoodiff claims``.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from zoodiff.claims import catalogue
from zoodiff.claims.catalogue import Claim
from zoodiff.entry import did_you_mean, folded, meant
from zoodiff.errors import UsageError

FOUR_ZOOS = ("torchvision", "keras", "tfmg", "onnx")
"""The zoos whose entries zoodiff can load."""

CHOICES: dict[str, tuple[str, ...]] = {
    "precision": ("fp32", "int8", "any"),
    "extra_data": ("exclude", "include", "only"),
    "input_size": ("largest", "any"),
    "variants": ("nominal", "all"),
    "undated": ("include", "exclude"),
    "withdrawn": ("exclude", "include"),
    "metric_form": ("any", "accuracy"),
    "which": ("any", "first", "latest"),
}


class ClaimsError(UsageError):
    """An option is invalid; ``key`` is its path in the table, as in ``("claims", "as_of")``."""

    def __init__(self, message: str, *key: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Selection:
    """Rules that say which claims count. By default only comparable claims do."""

    zoos: tuple[str, ...] = FOUR_ZOOS
    """Zoos to compare; empty: all zoos of the catalogue."""
    architectures: tuple[str, ...] = ()
    """Canonical names; empty: all."""
    collections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zoo -> the collections of it that count; of a zoo that is not named, all count."""
    weights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zoo -> names of the weights that count, in zoodiff or in the zoo."""
    precision: Literal["fp32", "int8", "any"] = "fp32"
    """Precision of the networks; quantised networks are left out by default."""
    extra_data: Literal["exclude", "include", "only"] = "exclude"
    """What to do with weights trained on more than ImageNet-1k, distilled or pruned."""
    input_size: int | Literal["largest", "any"] = "largest"
    """``largest``: per architecture and zoo, the largest input size with a claim, so that a network
    at 128 pixels is not compared with one at 224; a number: only that size, in pixels."""
    variants: Literal["nominal", "all"] = "all"
    """``nominal`` leaves out width factors, pruned and minimal networks."""
    as_of: datetime.date | None = None
    """Only claims that were public on that day and not yet withdrawn; None: today's catalogue."""
    undated: Literal["include", "exclude"] = "include"
    """What ``as_of`` does with claims whose date could not be verified."""
    withdrawn: Literal["exclude", "include"] = "exclude"
    """What to do with claims that the zoo had removed or replaced by that day."""
    metric_form: Literal["any", "accuracy"] = "any"
    """``accuracy`` does not rank claims that the zoo prints as an error rate; their entries are
    still counted."""
    which: Literal["any", "first", "latest"] = "any"
    """Which of several claims of one zoo about one architecture count: all, those published first,
    or those published last. Undated claims always count, since they cannot be ordered."""

    def offers(self, claim: Claim) -> bool:
        """Return whether the claim's entry counts, with or without an accuracy."""
        return (
            (not self.zoos or claim.zoo in self.zoos)
            and (not self.architectures or claim.architecture in self.architectures)
            and self._in_collection(claim)
            and self._has_weights(claim)
            and self.precision in ("any", claim.precision)
            and self._data(claim)
            and self._size(claim)
            and not (self.variants == "nominal" and claim.variant)
            and self.in_force(claim)
        )

    def _in_collection(self, claim: Claim) -> bool:
        chosen = self.collections.get(claim.zoo)
        return chosen is None or claim.collection in chosen

    def _has_weights(self, claim: Claim) -> bool:
        chosen = self.weights.get(claim.zoo)
        if chosen is None:
            return True
        names = {folded(name) for name in (claim.entry_weights, claim.weights) if name}
        return any(folded(name) in names for name in chosen)

    def _data(self, claim: Claim) -> bool:
        if self.extra_data == "include":
            return True
        return (claim.extra_data is not None) == (self.extra_data == "only")

    def _size(self, claim: Claim) -> bool:
        return isinstance(self.input_size, str) or claim.input_height == self.input_size

    def in_force(self, claim: Claim) -> bool:
        """Return whether the claim was public and not withdrawn on the day ``as_of``."""
        withdrawn = claim.withdrawn_on
        if (
            self.withdrawn == "exclude"
            and withdrawn
            and (self.as_of is None or withdrawn <= self.as_of)
        ):
            return False
        if self.as_of is None:
            return True
        if claim.published_on is None:
            return self.undated == "include"
        return claim.published_on <= self.as_of

    def claimed(self, offered: Iterable[Claim]) -> list[Claim]:
        """Return the offered claims that state an accuracy and are chosen by the rules."""
        groups: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        for claim in offered:
            if claim.top1_percent is not None:
                groups[claim.architecture, claim.zoo].append(claim)
        return [claim for group in groups.values() for claim in self._chosen(group)]

    def _chosen(self, group: list[Claim]) -> list[Claim]:
        if self.input_size == "largest":
            largest = max(claim.input_height or 0 for claim in group)
            group = [claim for claim in group if (claim.input_height or 0) == largest]
        days = [claim.published_on for claim in group if claim.published_on]
        if self.which == "any" or not days:
            return group
        day = min(days) if self.which == "first" else max(days)
        return [claim for claim in group if claim.published_on in (None, day)]

    def ranks(self, claim: Claim) -> bool:
        """Return whether the claim is ranked, given the form in which its accuracy is printed."""
        return self.metric_form == "any" or claim.metric_form != "error"

    def rules(self) -> dict[str, str]:
        """Return a sentence per option that excludes claims, by option."""
        return {name: text for name, text in _sentences(self).items() if text}


def _sentences(chosen: Selection) -> dict[str, str]:
    day = chosen.as_of
    size = chosen.input_size
    listed = {
        "collections": _per_zoo("of {zoo} only {names}", chosen.collections),
        "weights": _per_zoo("of {zoo} only the weights {names}", chosen.weights),
    }
    return {
        "zoos": f"Zoos: {', '.join(chosen.zoos)}." if chosen.zoos else "All zoos are compared.",
        "architectures": f"Architectures: {', '.join(chosen.architectures)}."
        if chosen.architectures
        else "",
        **listed,
        "precision": "" if chosen.precision == "any" else f"Only {chosen.precision} networks.",
        "extra_data": {
            "exclude": "No weights with extra training data, distillation or pruning.",
            "only": "Only weights with extra training data, distillation or pruning.",
            "include": "",
        }[chosen.extra_data],
        "input_size": f"Only claims at {size} pixels."
        if isinstance(size, int)
        else "Of each architecture in each zoo, only the largest input size that has a claim."
        if size == "largest"
        else "",
        "variants": "No width factors, no pruned and no minimal networks."
        if chosen.variants == "nominal"
        else "",
        "as_of": f"Only what was public on {day:%Y-%m-%d}: the number, or where only that could "
        "be verified, the weights it is about."
        if day
        else "",
        "undated": {
            "include": "Claims whose date could not be verified count.",
            "exclude": "Claims whose date could not be verified do not count.",
        }[chosen.undated]
        if day
        else "",
        "withdrawn": "Numbers that the zoo had withdrawn or replaced by then do not count."
        if chosen.withdrawn == "exclude"
        else "Numbers that the zoo had withdrawn or replaced count all the same.",
        "metric_form": "Numbers that the zoo prints as an error rate are not ranked; their "
        "entries are counted."
        if chosen.metric_form == "accuracy"
        else "",
        "which": {
            "any": "Where a zoo claims several numbers for one architecture, the pair with the "
            "largest difference between two zoos is taken.",
            "first": "Where a zoo claims several numbers for one architecture, those published "
            "first are taken.",
            "latest": "Where a zoo claims several numbers for one architecture, those published "
            "last are taken.",
        }[chosen.which],
    }


def _per_zoo(pattern: str, table: Mapping[str, tuple[str, ...]]) -> str:
    parts = [pattern.format(zoo=zoo, names=", ".join(names)) for zoo, names in table.items()]
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


# From a table


def selection(table: Mapping[str, Any], where: tuple[str, ...] = ("claims",)) -> Selection:
    """Return the selection of a table's options; raise ClaimsError that names an invalid key."""
    return Selection(**{key: _value(key, value, (*where, key)) for key, value in table.items()})


OPTIONS = tuple(option.name for option in fields(Selection))


def check_keys(table: Mapping[str, Any], known: Iterable[str], where: tuple[str, ...]) -> None:
    """Raise ClaimsError for a key outside ``known``."""
    known = list(known)
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known) or f"; there are {', '.join(known)}"
            raise ClaimsError(f'unknown key "{".".join((*where, key))}"{hint}', *where, key)


def _value(key: str, value: object, where: tuple[str, ...]) -> Any:
    check_keys({key: value}, OPTIONS, where[:-1])
    if key == "zoos":
        return () if value == "all" else _zoos(value, where)
    if key == "architectures":
        # An architecture without claims is no error: a note of the ranking names it.
        known = catalogue.architectures()
        listed = () if value == "all" else _texts(value, where)
        return tuple(meant(name, known) or name for name in listed)
    if key in ("collections", "weights"):
        return _by_zoo(value, where)
    if key == "as_of":
        return _day(value, where)
    if key == "input_size" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if value not in CHOICES[key]:
        pixels = " or a number of pixels" if key == "input_size" else ""
        options = ", ".join(CHOICES[key])
        raise _invalid(where, value, f"it must be one of {options}{pixels}")
    return value


def _zoos(value: object, where: tuple[str, ...]) -> tuple[str, ...]:
    known = catalogue.zoo_names()
    listed: list[str] = []
    for name in _texts(value, where):
        zoo = meant(name, known)
        if zoo is None:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise ClaimsError(f'{".".join(where)}: no claims of a zoo "{name}"{hint}', *where)
        listed.append(zoo)
    return tuple(listed)


def _texts(value: object, where: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise _invalid(where, value, "it must be a list of names")
    if not all(isinstance(name, str) for name in value):
        raise _invalid(where, value, "it must be a list of names")
    return tuple(value)


def _by_zoo(value: object, where: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise _invalid(where, value, "it must be a table of zoo = [names]")
    zoos = _zoos(list(value), where)
    return {
        zoo: _texts(names, (*where, str(spelled)))
        for zoo, (spelled, names) in zip(zoos, value.items(), strict=True)
    }


def _day(value: object, where: tuple[str, ...]) -> datetime.date:
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(str(value))
    except ValueError:
        raise _invalid(where, value, "it must be a day, YYYY-MM-DD") from None


def _invalid(where: tuple[str, ...], value: object, must: str) -> ClaimsError:
    return ClaimsError(f"{'.'.join(where)} = {value!r} is not valid: {must}", *where)
