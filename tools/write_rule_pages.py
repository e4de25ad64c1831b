"""Write docs/rules: one page a rule and a table of all. Run after changing a rule's text."""

from __future__ import annotations

from pathlib import Path

from zoodiff.rules.catalogue import rules
from zoodiff.rules.rule import Rule

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "rules"
EFFECTS = {
    "function": "the function: outputs differ for equal weights",
    "parametrisation": "how the function is expressed: other weights, the same functions",
    "output": "the scale of the output: the same ranking of classes",
    "training": "nothing at inference",
    "measurement": "what is measured: not the network, but what it is fed or compared with",
    "safety": "nothing: the file is refused before it is loaded",
}


def page(rule: Rule) -> str:
    """The page of one rule, in Markdown."""
    return (
        f"# {rule.code} {rule.name}\n\n"
        f"Changes {EFFECTS[rule.effect]}.\n\n"
        f"## Cause\n\n{rule.cause}\n\n"
        f"## Effect\n\n{rule.consequence}\n\n"
        f"## What to do\n\n{rule.advice}\n"
    )


def index(known: list[Rule]) -> str:
    """The table of all rules, in Markdown."""
    rows = [f"| [{r.code}]({r.code}.md) | {r.name} | {EFFECTS[r.effect]} |" for r in known]
    return (
        "# Findings\n\n"
        "What `zoodiff diff` (ARC), `zoodiff accuracy` (PRE, LAB, ACC) and `zoodiff latency`\n"
        "(LAT) can say, and why a file is refused (SEC), by code.\n"
        "A code never changes its meaning and is never used again.\n"
        "`zoodiff rules CODE` prints the same.\n\n"
        "| code | name | changes |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for rule in rules():
        (FOLDER / f"{rule.code}.md").write_text(page(rule))
    (FOLDER / "README.md").write_text(index(rules()))


if __name__ == "__main__":
    main()
