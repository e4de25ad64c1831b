"""The types of a ``NamesReport``'s parts, and its cells in words."""

from __future__ import annotations

from zoodiff.architecture.names_table import NameRow
from zoodiff.architecture.naming import EntryUnderName, NameFinding
from zoodiff.report.sections.names import groups_words, networks_words, range_words, recipes_words

__all__ = [
    "EntryUnderName",
    "NameFinding",
    "NameRow",
    "groups_words",
    "networks_words",
    "range_words",
    "recipes_words",
]
