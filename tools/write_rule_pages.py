"""Write docs/rules: one page per rule and a table of all. Run after changing a rule.

Examples are run for it, so a page shows what the tool really says.
"""

from __future__ import annotations

import difflib
import re
import runpy
from pathlib import Path

from zoodiff.architecture.diff import diff
from zoodiff.equivalence.evidence_lines import sentence, verdict
from zoodiff.graph.ir import Graph, Node
from zoodiff.rules.catalogue import rules
from zoodiff.rules.rule import Example, Rule
from zoodiff.rules.wording import shown, window

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "rules"
REPORTED = runpy.run_path(str(ROOT / "tests" / "rules" / "reported.py"))["EXAMPLES"]
"""Examples of the rules that measurements report: given data and lines, and those of the twin."""
EFFECTS = {
    "function": "the function: outputs differ for equal weights",
    "chance": "repeatability: one network draws random numbers",
    "batch": "the function: in one network, an output depends on the other images of the batch",
    "precision": "the precision: the same network, with fewer bits per number",
    "preprocessing": "the place of the preprocessing: inside one network only",
    "parametrisation": "how the function is expressed: different weights, the same functions",
    "output": "the scale of the output: the same ranking of classes",
    "training": "nothing at inference",
    "measurement": "the measurement: its input, its conditions or its reference",
    "safety": "nothing: the file is refused before it is loaded",
}
_FOLLOWS = frozenset({"in_features", "axis", "ceil_mode"})
"""Attributes that a page leaves out."""


def page(rule: Rule) -> str:
    """The page of one rule, in Markdown."""
    parts = [
        f"# {rule.code} {rule.name}",
        f"Changes {EFFECTS[rule.effect]}.",
        *(["This rule is a preview: it may still change."] * (rule.lifecycle == "preview")),
        *([f"Reported by {rule.raised_by}."] * bool(rule.raised_by)),
        f"## Cause\n\n{rule.cause}",
        f"## Effect\n\n{rule.consequence}",
        f"## What to do\n\n{rule.advice}",
        *_example(rule),
        "## References\n\n" + "\n".join(f"- {_linked(text)}" for text in rule.references),
    ]
    return "\n\n".join(parts) + "\n"


def index(known: list[Rule]) -> str:
    """The table of all rules, in Markdown."""
    rows = [f"| [{r.code}]({r.code}.md) | {r.name} | {EFFECTS[r.effect]} |" for r in known]
    return (
        "# Findings\n\n"
        "The findings of `zoodiff diff` (ARC), `zoodiff accuracy` and `zoodiff audit-recipes` "
        "(PRE, LAB,\nACC), `zoodiff latency` (LAT) and `zoodiff names` (NAM), and the reasons for "
        "refusing a file (SEC),\nby code. A code never changes its meaning and is never reused. "
        "`zoodiff rules CODE` prints cause, effect and advice. Each page has an\nexample with its "
        "output.\n\n"
        "| code | name | changes |\n|---|---|---|\n" + "\n".join(rows) + "\n"
        "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"
    )


def _example(rule: Rule) -> list[str]:
    if rule.example is not None:
        return _networks(rule.example)
    if rule.code not in REPORTED:
        return []
    given, lines, twin, twin_lines = REPORTED[rule.code]
    return [
        f"## Example\n\n{given}",
        _block("text", lines()),
        f"Not this finding: {twin[0].lower()}{twin[1:]}",
        _block("text", twin_lines() or ["(nothing)"]),
    ]


def _networks(example: Example) -> list[str]:
    (a, b), twin = example.networks(), example.twin()
    return [
        "## Example\n\nThe first network has the lines with `-`, the second those with `+`.",
        _block("diff", _compared(a, b)),
        _block("text", _said(a, b)),
        f"Not this finding: {example.twin_shows[0].lower()}{example.twin_shows[1:]}",
        _block("diff", _compared(*twin)),
        _block("text", _said(*twin)),
    ]


def _said(a: Graph, b: Graph) -> list[str]:
    """What `zoodiff diff` prints: findings and verdict."""
    found = diff(a, b, "a", "b")
    return [*(f"{f.code}  {f.name}  {sentence(f)}" for f in found.findings), verdict(found)]


def _compared(a: Graph, b: Graph) -> list[str]:
    lines = difflib.ndiff(_listed(a), _listed(b))
    return [line.rstrip() for line in lines if not line.startswith("?")]


def _listed(graph: Graph) -> list[str]:
    """A network, one line per layer."""
    inputs = [f"{x.name}: {window(x.shape[1:])}" for x in graph.inputs]
    unused = [f"unused: {p.name} {window(p.shape)}" for p in graph.unused_parameters]
    return [*inputs, *map(_line, graph.nodes), *unused]


def _line(node: Node) -> str:
    said = [f"{key} {shown(value)}" for key, value in node.attributes.items() if _tells(key, value)]
    if node.op in {"Add", "Mul"}:
        said += [f"{p.size} learned numbers" for p in node.parameters if p.trainable]
        said += [f"{p.size} stored numbers" for p in node.parameters if not p.trainable]
    more = f"; {', '.join(said)}" if said else ""
    return f"{node.name} = {node.op}({', '.join(node.inputs)}{more})"


def _tells(key: str, value: object) -> bool:
    """Whether an attribute says more than that nothing special is done."""
    if key in _FOLLOWS or value is None or value is False:
        return False
    usual = {"dilations": {1}, "pads": {0}, "strides": {1}}
    if isinstance(value, list):
        return set(value) != usual.get(key)
    return (key, value) != ("group", 1)


def _block(language: str, lines: list[str]) -> str:
    return "\n".join((f"```{language}", *lines, "```"))


def _linked(text: str) -> str:
    """A reference with links to the thread, the preprint or the page."""
    if thread := re.fullmatch(r"([\w.-]+/[\w.-]+)#(\d+)", text):
        return f"[{text}](https://github.com/{thread[1]}/issues/{thread[2]})"
    text = re.sub(r"(https://\S+)", r"<\1>", text)
    return re.sub(r"arXiv:(\d+\.\d+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for rule in rules():
        (FOLDER / f"{rule.code}.md").write_text(page(rule))
    (FOLDER / "README.md").write_text(index(rules()))


if __name__ == "__main__":
    main()
