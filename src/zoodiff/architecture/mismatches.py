"""Architecture mismatches: properties in which the entries of one architecture differ.

Only counts are compared: equal counts prove nothing, different counts prove that the networks
differ. The structural diff says where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod

from zoodiff.results import Comparison, Mismatch
from zoodiff.store.comparisons import grouped
from zoodiff.store.records import ArchitectureValues, Record

Printer = Callable[[ArchitectureValues], str]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _size(values: ArchitectureValues) -> str:
    return "x".join(str(extent) for extent in values.input_shape[-2:])


PROPERTIES: tuple[tuple[str, Printer], ...] = (
    ("parameters", lambda v: f"{v.parameters:,}"),
    ("MACs", lambda v: f"{v.macs:,}"),
    ("convolutions", lambda v: str(v.convolutions)),
    ("normalisations", lambda v: str(v.normalisations)),
    ("linear layers", lambda v: str(v.linear_layers)),
    # The output of some files still has a height and a width of 1.
    ("classes", lambda v: str(prod(v.output_shape[1:])) if v.output_shape else "?"),
    ("input size", _size),
    ("softmax inside", lambda v: _yes(v.softmax_inside)),
    ("preprocessing inside", lambda v: _yes(v.preprocessing_inside)),
)
"""The compared properties, in the order in which they are shown, and how each value is printed."""

_MAY_BE_HARMLESS = {"parameters", "normalisations"}
"""Properties that a converter changes where it folds norms or drops biases of zeros."""


def mismatches(
    records: Iterable[Record], comparisons: Sequence[Comparison] | None = None
) -> list[Mismatch]:
    """Return the properties with more than one value within an architecture, by architecture."""
    described = [r for r in records if isinstance(r.values, ArchitectureValues)]
    mismatched: list[Mismatch] = []
    for name, members in sorted(grouped("architecture", described, comparisons), key=_by_name):
        if len(members) > 1:
            mismatched += _within(name, members)
    return mismatched


def _by_name(group: tuple[str, list[Record]]) -> str:
    return group[0]


def _within(architecture: str, members: Sequence[Record]) -> list[Mismatch]:
    mismatched = []
    for name, printed in PROPERTIES:
        values = {
            record.entry: printed(record.values)
            for record in sorted(members, key=lambda r: r.entry)
            if isinstance(record.values, ArchitectureValues)
        }
        groups = len(set(values.values()))
        if groups > 1:
            mismatched.append(
                Mismatch(architecture=architecture, property=name, values=values, groups=groups)
            )
    structures = {r.values.structure for r in members if isinstance(r.values, ArchitectureValues)}
    has_effect = any(mismatch.property not in _MAY_BE_HARMLESS for mismatch in mismatched)
    has_effect |= None not in structures and len(structures) > 1
    return [mismatch.model_copy(update={"has_effect": has_effect}) for mismatch in mismatched]
