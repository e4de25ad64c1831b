"""``zoodiff zoos``: which zoos are usable here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.cli.render.console import Json, print_json, print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.zoos import ZoosReport


def zoos(json: Json = False) -> None:
    """Show the zoos, their versions, missing packages, and the protections."""
    from zoodiff.api.zoos import zoos_report

    report = zoos_report()
    if json:
        print_json(report.to_dict())
    else:
        _print(report)


def _print(report: ZoosReport) -> None:
    print_table(
        ["zoo", "title", ("models", "right"), "usable", "environment", "versions"],
        [
            [
                zoo.zoo,
                zoo.title,
                str(zoo.entries),
                "yes" if zoo.usable else "no",
                zoo.environment or "shared",
                ", ".join(
                    f"{name} {version or '(missing)'}" for name, version in zoo.versions.items()
                ),
            ]
            for zoo in report.zoos
        ],
    )
    for zoo in report.zoos:
        if zoo.reason:
            print_line(f"{zoo.zoo}: {zoo.reason}")
    for sentence in report.broken.values():
        print_line(sentence)
    print_line()
    print_line(report.sandbox)
    for protection in report.protections:
        state = protection.what if protection.in_force else f"not in force, {protection.reason}"
        print_line(f"  {protection.name}: {state}")
