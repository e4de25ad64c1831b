"""Explanations of findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoodiff.rules.rule import Rule

__all__ = ["all_rules", "find_rule"]


def all_rules() -> list[Rule]:
    """Return all rules, by family and code."""
    from zoodiff.rules import catalogue

    return catalogue.rules()


def find_rule(code: str) -> Rule:
    """Return a rule by its code, in any case; raise UnknownNameError for an unknown code."""
    from zoodiff.rules import catalogue

    return catalogue.find(code)
