"""Print what changed between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table, print_wrapped

if TYPE_CHECKING:
    from zoodiff.api.studies import Changes


def print_changes(changes: Changes) -> None:
    """Print the answer, the changes, and what cannot be compared."""
    print_line(changes.sentence)
    print_line(f"old: {changes.old}")
    print_line(f"new: {changes.new}")
    if changes.changed:
        print_line()
        print_table(
            ["what", "name", "entries", "old", "new"],
            [
                [each.kind, each.name, " and ".join(each.entries), each.old, each.new]
                for each in changes.changed
            ],
        )
    if changes.not_comparable:
        print_line()
        print_line("Not comparable:")
        for sentence in changes.not_comparable:
            print_wrapped(f"- {sentence}", indent=2)
