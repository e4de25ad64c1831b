"""``zoodiff zoos``: which zoos are usable here."""

from __future__ import annotations

from zoodiff.cli.render.console import Json, print_json, print_line, print_table


def zoos(json: Json = False) -> None:
    """Show the zoos, the versions of their frameworks, what is missing, and what protects you."""
    from dataclasses import asdict

    from zoodiff.engines.pool import usable
    from zoodiff.workers import environments
    from zoodiff.workers.sandbox.available import protections, summary
    from zoodiff.zoos import registry

    found = []
    for zoo in registry.zoos().values():
        reason = usable(zoo.worker)
        found.append(
            {
                "zoo": zoo.name,
                "title": zoo.title,
                "entries": len(zoo.models()),
                "usable": reason is None,
                "reason": reason,
                "environment": zoo.worker.environment.name if zoo.worker.environment else None,
                "versions": environments.versions(zoo.worker),
            }
        )
    guards = protections()
    if json:
        print_json(
            {
                "zoos": found,
                "sandbox": summary(guards),
                "protections": [asdict(one) for one in guards],
            }
        )
        return
    print_table(
        ["zoo", "title", ("models", "right"), "usable", "environment", "versions"],
        [
            [
                str(row["zoo"]),
                str(row["title"]),
                str(row["entries"]),
                "yes" if row["usable"] else "no",
                str(row["environment"] or "shared"),
                _versions(row["versions"]),
            ]
            for row in found
        ],
    )
    for row in found:
        if row["reason"]:
            print_line(f"{row['zoo']}: {row['reason']}")
    for sentence in registry.broken().values():
        print_line(sentence)
    print_line()
    print_line(summary(guards))
    for one in guards:
        print_line(f"  {one.name}: {one.what if one.in_force else f'not in force, {one.reason}'}")


def _versions(versions: object) -> str:
    assert isinstance(versions, dict)
    return ", ".join(f"{name} {version or '(missing)'}" for name, version in versions.items())
