"""``zoodiff rules``: what each finding means."""

from __future__ import annotations

from typing import Annotated

import typer

from zoodiff.cli.render.console import Json, print_json, print_line, print_table


def rules(
    code: Annotated[str, typer.Argument(help="The code of a rule; all of them without.")] = "",
    json: Json = False,
) -> None:
    """Explain what findings mean, and what to do about them."""
    from zoodiff.rules import catalogue

    chosen = [catalogue.find(code)] if code else catalogue.rules()
    if json:
        print_json([{key: getattr(rule, key) for key in _FIELDS} for rule in chosen])
        return
    if not code:
        print_table(
            ["code", "name", "changes"], [[rule.code, rule.name, rule.effect] for rule in chosen]
        )
        print_line("zoodiff rules CODE explains one")
        return
    rule = chosen[0]
    print_line(f"{rule.code} {rule.name} (changes: {rule.effect})")
    print_line()
    for title, text in (
        ("cause", rule.cause),
        ("effect", rule.consequence),
        ("what to do", rule.advice),
    ):
        print_line(f"{title}: {text}")
        print_line()


_FIELDS = ("code", "name", "effect", "cause", "consequence", "advice")
