"""What zoos publish for the names that they share, run on images and compared in pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.display import Displayed, Rows, Shown
from zoodiff.errors import UnknownNameError

if TYPE_CHECKING:
    from zoodiff.recipes.by_name import AuditedRecipe, NameRecipes, RecipePair
    from zoodiff.recipes.findings import RecipeFinding
    from zoodiff.workers.limits import Limits
    from zoodiff.zoos.registry import Entry

__all__ = ["AuditedRecipe", "NameRecipes", "RecipePair", "RecipesReport", "audit_recipes"]


_HEADER = (
    *("name", "first", "second", "first_entries", "second_entries", "same"),
    *("codes", "steps", "first_value", "second_value"),
    *("mean_levels", "p99_levels", "max_levels", "left_percent"),
    *("whole_mean_levels", "whole_p99_levels", "whole_max_levels", "unstated"),
)
"""Columns of the table of pairs."""


@dataclass(frozen=True, repr=False)
class RecipesReport(Displayed):
    """The audit of all recipes."""

    zoos: tuple[str, ...]
    images: int
    names: tuple[NameRecipes, ...]
    findings: Rows[RecipeFinding]
    """Recipes that are not what is stated of them."""
    failures: Mapping[str, str]
    """What could not be run, with the reason."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Recipes that are not on this machine, by reference, each with what gets it."""

    @property
    def different(self) -> bool:
        """Whether any two recipes of a name differ in pixels."""
        return any(not pair.attribution.same for name in self.names for pair in name.pairs)

    def exit_code(self, fail_on: str | None = None) -> int:
        """Return the exit code of the command: 1 for what ``fail_on`` names, 3 for failures."""
        if (fail_on == "different" and self.different) or (fail_on == "stated" and self.findings):
            return 1
        return 3 if self.failures else 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "zoos": list(self.zoos),
            "images": self.images,
            "names": [name.to_dict() for name in self.names],
            "findings": [asdict(finding) for finding in self.findings],
            "failures": dict(self.failures),
            "absent": dict(self.absent),
        }

    def to_csv(self) -> str:
        """Return a line per pair of recipes and cause, with values that no spreadsheet runs."""
        import csv
        import io

        from zoodiff.text import csv_cell

        lines = [line for name in self.names for pair in name.pairs for line in _lines(name, pair)]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([map(csv_cell, line) for line in (_HEADER, *lines)])
        return buffer.getvalue()

    def _shown(self) -> Shown:
        pairs = [pair for name in self.names for pair in name.pairs]
        apart = sum(not pair.attribution.same for pair in pairs)
        codes = ", ".join(dict.fromkeys(item.code for item in self.findings)) or "none"
        return Shown(
            f"{apart} of {len(pairs)} pairs of recipes differ in pixels",
            [("images", self.images), ("findings", codes), *self.failures.items()],
            self._rows(),
            ("name", "first", "second", "same", "codes", "mean_levels", "max_levels"),
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [
            dict(zip(_HEADER, line, strict=True))
            for name in self.names
            for pair in name.pairs
            for line in _lines(name, pair)
        ]


def _lines(name: NameRecipes, pair: RecipePair) -> list[list[object]]:
    first, second = name.recipes[pair.first], name.recipes[pair.second]
    same = "yes" if pair.attribution.same else "no"
    start = [
        *(name.name, first.letter, second.letter),
        *(" ".join(first.entries), " ".join(second.entries), same),
    ]
    end = [*_sizes(pair.attribution.whole), ", ".join(pair.unstated)]
    causes: list[list[object]] = [
        [
            *(" ".join(cause.codes), cause.name, cause.first, cause.second),
            *(*_sizes(cause.alone), cause.left_percent),
        ]
        for cause in pair.attribution.causes
    ]
    return [[*start, *cause, *end] for cause in causes or [[None] * 8]]


def _sizes(difference: Any) -> list[object]:
    if difference is None:
        return [None] * 3
    return [difference.mean_levels, difference.p99_levels, difference.max_levels]


def audit_recipes(
    names: Iterable[str] = (),
    *,
    zoos: Collection[str] | None = None,
    images: str | Path | None = None,
    jobs: int = 2,
    limits: Limits | None = None,
    step: Callable[[str, int, int], None] | None = None,
) -> RecipesReport:
    """Run the recipes that zoos publish for shared names, and compare them in pixels.

    Each zoo's own code is held against zoodiff's specification of the recipe, and each two recipes
    of a name against each other; steps are named if their exchange makes the difference vanish.
    ``names`` are names in any spelling of any zoo; without them, those that two or more of the zoos
    have. ``images`` is a folder of images, None for 45 awkward ones. Finished parts are cached, and
    a stopped audit goes on where it stopped. ``step`` is called with what is being done, the number
    done, and of how many. Raises UnknownNameError for an unknown name or zoo, UsageError for a
    folder without images.
    """
    from zoodiff.recipes.audit import audit
    from zoodiff.recipes.by_name import findings_of, of_name
    from zoodiff.recipes.images import audit_images
    from zoodiff.recipes.options import AuditOptions
    from zoodiff.zoos import registry

    by_name = registry.by_architecture(list(zoos) if zoos else None)
    chosen = _chosen(list(names), by_name)
    pictures = audit_images(Path(images) if images is not None else None)
    options = AuditOptions(pictures, jobs, limits)
    if step is not None:
        options = replace(options, step=step)
    result = audit({name: by_name[name] for name in chosen}, options)
    searched = sorted({entry.zoo.name for group in by_name.values() for entry in group})
    return RecipesReport(
        tuple(searched),
        len(pictures),
        tuple(of_name(name, result) for name in chosen),
        Rows(findings_of(result)),
        dict(result.failures),
        dict(result.published.absent),
    )


def _chosen(spelled: Sequence[str], by_name: Mapping[str, Sequence[Entry]]) -> list[str]:
    """Return the canonical names that spellings mean, or the shared ones."""
    from zoodiff.entry import did_you_mean
    from zoodiff.zoos.names.resolver import canonical_name

    if not spelled:
        zoos = {entry.zoo.name for entries in by_name.values() for entry in entries}
        least = min(2, len(zoos))  # of one zoo alone, all names
        return [
            name
            for name, entries in by_name.items()
            if len({entry.zoo.name for entry in entries}) >= least
        ]
    chosen: dict[str, None] = {}
    for spelling in spelled:
        name = spelling if spelling in by_name else canonical_name(spelling)
        if name is None or name not in by_name:
            hint = did_you_mean(spelling, by_name) or "; see zoodiff list"
            raise UnknownNameError(f'none of these zoos has a network "{spelling}"{hint}')
        chosen[name] = None
    return list(chosen)
