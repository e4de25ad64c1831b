"""All rules: what there is, and in which order they claim differences.

Rules are found in the modules of ``rules/architecture`` and ``rules/reported``. Nothing is listed
here: a rule says itself, in ``after``, which others come before it.
"""

from __future__ import annotations

import heapq
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from types import ModuleType

import zoodiff.rules.architecture
import zoodiff.rules.reported
from zoodiff.errors import UnknownNameError
from zoodiff.rules.rule import Rule

_FAMILIES = {"ARC": 0, "PRE": 1, "LAB": 2, "ACC": 3, "LAT": 4, "NAM": 5, "SEC": 6}
"""Families: architecture, preprocessing, labels, accuracy, latency, names, security."""


def rules() -> list[Rule]:
    """Return all rules, by family and code."""
    return list(_by_code().values())


def find(code: str) -> Rule:
    """Return a rule by its code, in any case; raise UnknownNameError for an unknown code."""
    known = _by_code()
    rule = known.get(code.upper())
    if rule is None:
        raise UnknownNameError(f'there is no rule "{code}"; there are {", ".join(known)}')
    return rule


@cache
def in_order_of_claims() -> tuple[Rule, ...]:
    """Return the rules with a check, each behind those that it comes ``after``."""
    return ordered(rule for rule in rules() if rule.check is not None)


def ordered(unordered: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return rules so that each is behind those that it comes ``after``; fallbacks are last.

    Among those that may come next the smallest code does. Raises ValueError for an ``after`` that
    names no rule among them, or that makes a circle.
    """
    by_code = {rule.code: rule for rule in unordered}
    before: dict[str, set[str]] = {}
    for rule in by_code.values():
        unknown = set(rule.after) - set(by_code)
        if unknown:
            raise ValueError(f"{rule.code} comes after {min(unknown)}, which is no such rule")
        before[rule.code] = set(rule.after)
        if rule.fallback:
            before[rule.code] |= {x.code for x in by_code.values() if not x.fallback}
    ready = [code for code, waits in before.items() if not waits]
    heapq.heapify(ready)
    sequence: list[Rule] = []
    while ready:
        code = heapq.heappop(ready)
        sequence.append(by_code[code])
        for later, waits in before.items():
            if code in waits:
                waits.remove(code)
                if not waits:
                    heapq.heappush(ready, later)
    circle = sorted(set(by_code) - {rule.code for rule in sequence})
    if circle:
        raise ValueError(f"these rules come after each other: {', '.join(circle)}")
    return tuple(sequence)


@cache
def _by_code() -> dict[str, Rule]:
    every = [
        rule
        for package in (zoodiff.rules.architecture, zoodiff.rules.reported)
        for rule in _rules_in(package)
    ]
    every.sort(key=lambda rule: (_FAMILIES[rule.code[:3]], rule.code))
    by_code = {rule.code: rule for rule in every}
    if len(by_code) < len(every):
        codes = [rule.code for rule in every]
        raise ValueError(f"two rules have the code {next(c for c in codes if codes.count(c) > 1)}")
    return by_code


def _rules_in(package: ModuleType) -> list[Rule]:
    """Return the rules that the modules of a package define."""
    modules = [
        import_module(module.name)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [value for m in modules for value in vars(m).values() if isinstance(value, Rule)]
