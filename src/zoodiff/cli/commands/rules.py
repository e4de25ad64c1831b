"""``zoodiff rules``: explain findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.render.console import Json, print_document, print_line, print_table, print_wrapped

if TYPE_CHECKING:
    from zoodiff.api.values.shared import Rule

_FIELDS = ("code", "name", "effect", "cause", "consequence", "advice")


def rules(
    code: Annotated[str, typer.Argument(help="The code of a rule [default: all rules].")] = "",
    json: Json = False,
) -> None:
    """Explain findings: cause, effect, advice."""
    from zoodiff.api.rules import all_rules, find_rule

    chosen = [find_rule(code)] if code else all_rules()
    if json:
        print_document("rules", [{key: getattr(rule, key) for key in _FIELDS} for rule in chosen])
    elif code:
        _explain(chosen[0])
    else:
        print_table(
            ["code", "name", "changes"], [[rule.code, rule.name, rule.effect] for rule in chosen]
        )
        print_line("zoodiff rules CODE explains one")


def _explain(rule: Rule) -> None:
    print_line(f"{rule.code} {rule.name} (changes: {rule.effect})")
    print_line()
    for title, text in (
        ("cause", rule.cause),
        ("effect", rule.consequence),
        ("what to do", rule.advice),
    ):
        print_wrapped(f"{title}: {text}")
        print_line()
