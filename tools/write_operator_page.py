"""Write docs/operators.md: every canonical operator with what it reads and its attributes.

Run after changing ``zoodiff.graph.operators``: ``python tools/write_operator_page.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from zoodiff.graph.operators import OPERATORS, Attribute, Family, Operand, OperatorSchema
from zoodiff.graph.operators.schema import QUANTIZED

TARGET = Path(__file__).resolve().parents[1] / "docs" / "operators.md"
TITLES: dict[Family, str] = {
    "convolution": "Convolutions",
    "linear": "Linear layers",
    "product": "Products",
    "recurrent": "Recurrent layers",
    "pooling": "Pooling",
    "normalisation": "Normalisation",
    "softmax": "Softmax",
    "elementwise": "Functions of single elements",
    "arithmetic": "Arithmetic",
    "movement": "Movements of elements",
    "reduction": "Reductions",
    "resampling": "Resampling",
    "quantisation": "Quantisation",
}
HEAD = """# Canonical operators

The operators of the [canonical graph](architecture.md#the-canonical-graph), written by
`tools/write_operator_page.py` from `graph/operators/`. An operator has ONNX's name if
[ONNX has the operator](https://onnx.ai/onnx/operators/). Frontends write these forms only; a graph
from a worker with other attributes, or with attributes of another type, is refused. An operator
that no frontend understands keeps its attributes and its source's name, with the source as prefix
(`aten::roll`, `onnx::MaxPool`) or as ONNX has it.

"""


def _code(text: str) -> str:
    """Docstrings' double backticks as Markdown's, and no bar that would end a cell."""
    return text.replace("``", "`").replace("|", "\\|")


def _operand(operand: Operand) -> str:
    more = [
        "a weight has the role `" + operand.role + "`" if operand.role else "",
        f"present if `{operand.flag}` is true" if operand.flag else "",
        "optional" if operand.optional else "",
        "any number" if operand.many else "",
    ]
    notes = "; ".join(note for note in more if note)
    return f"- `{operand.name}`: {_code(operand.meaning)}" + (f" ({notes})" if notes else "")


def _default(attribute: Attribute) -> str:
    if attribute.required:
        return "required"
    if attribute.default is None:
        return _code(attribute.absent)
    shown = attribute.default
    if isinstance(shown, bool):
        return "true" if shown else "false"
    return f"`{shown:.6g}`" if isinstance(shown, float) else f"`{shown}`"


def _row(attribute: Attribute) -> str:
    kind = attribute.kind.value
    if attribute.choices:
        kind += ": " + ", ".join(f"`{choice}`" for choice in attribute.choices)
    return f"| `{attribute.name}` | {kind} | {_code(attribute.meaning)} | {_default(attribute)} |"


def _table(attributes: tuple[Attribute, ...]) -> str:
    head = "| attribute | type | meaning | default |\n|---|---|---|---|\n"
    return head + "\n".join(map(_row, attributes)) + "\n"


def section(schema: OperatorSchema) -> str:
    """One operator, in Markdown."""
    parts = [f"### {schema.name}", _code(schema.summary), "\n".join(map(_operand, schema.inputs))]
    if schema.attributes:
        parts.append(_table(schema.attributes).rstrip())
    return "\n\n".join(parts) + "\n"


def page() -> str:
    """All operators by family."""
    text = HEAD + "Every operator may have this attribute:\n\n" + _table((QUANTIZED,))
    for family in get_args(Family):
        text += f"\n## {TITLES[family]}\n"
        for schema in sorted(OPERATORS.values(), key=lambda one: one.name):
            if schema.family == family:
                text += "\n" + section(schema)
    return text


if __name__ == "__main__":
    TARGET.write_text(page())
