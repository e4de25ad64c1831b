"""The schema of operators: complete, in use, and the measure of every graph."""

from __future__ import annotations

import gzip
import runpy
from pathlib import Path

import pytest

from support.small import Draft
from zoodiff.graph import validate
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import _HANDLERS as RUN
from zoodiff.graph.ir import Graph, Node, Tensor
from zoodiff.graph.onnx_export.model import _HANDLERS as LOWERED
from zoodiff.graph.operators import OPERATORS, Kind, defaults_of, problem_of

NETWORKS = sorted((Path(__file__).parent / "networks").glob("*.json.gz"))


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.name.split(".")[0])
def test_networks_conform_before_the_passes_and_after(path: Path) -> None:
    graph = Graph.from_json(gzip.decompress(path.read_bytes()).decode())
    validate.check(graph)
    validate.check(canonical(graph))


def test_what_is_run_or_lowered_is_in_the_schema() -> None:
    assert set(RUN) | set(LOWERED) <= set(OPERATORS)


@pytest.mark.parametrize("schema", OPERATORS.values(), ids=list(OPERATORS))
def test_entries_are_whole(schema) -> None:
    names = [attribute.name for attribute in schema.attributes]
    assert len(set(names)) == len(names) and schema.summary.endswith(".")
    for attribute in schema.attributes:
        says = attribute.required or attribute.default is not None or attribute.absent
        assert attribute.meaning and says, attribute.name
        if attribute.default is not None:
            assert not attribute.required and attribute.problem(attribute.default) is None
    for operand in schema.inputs:
        assert not operand.flag or operand.flag in names


def test_the_reference_page_is_up_to_date() -> None:
    root = Path(__file__).resolve().parents[2]
    made = runpy.run_path(str(root / "tools" / "write_operator_page.py"))["page"]()
    page = (root / "docs" / "operators.md").read_text()
    assert page == made, "run python tools/write_operator_page.py"
    assert all(f"### {name}\n" in made for name in OPERATORS)


def test_defaults_are_those_of_absent_attributes() -> None:
    assert defaults_of("Swish") == {"alpha": 1.0}
    assert defaults_of("aten::roll") == {}


def node(op: str, inputs: int = 1, **attributes) -> Node:
    return Node(op, "n", tuple(f"x{i}" for i in range(inputs)), ("y",), attributes)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (node("Swish", slope=1.0), "an attribute 'slope', which Swish has not"),
        (node("Swish", alpha="1"), "alpha is '1' and not a number"),
        (node("Swish", alpha=True), "alpha is True and not a number"),
        (node("Softmax"), "has no axis"),
        (node("Softmax", axis=None), "axis is not given"),
        (node("Softmax", axis=1.0), "axis is 1.0 and not a whole number"),
        (node("Transpose", perm=[0, "1"]), "and not whole numbers"),
        (node("Gelu", approximate="erf"), "not one of none, tanh"),
        (node("Relu", 2), "reads 2 computed tensors, where Relu has 1"),
        (node("Mul", quantized="perhaps"), "not one of weights"),
        (node("MatMul", 2, batch=1, m=1, k=1, n=1, transposed=[0, 1]), "'transposed'"),
        (node("Pow", input1=[2.0]), "'input1'"),
    ],
)
def test_what_does_not_conform_is_refused_in_words(bad: Node, says: str) -> None:
    assert says in (problem_of(bad) or "")
    tensors = {name: Tensor(name, (1, 4)) for name in (*bad.inputs, "y")}
    given = tuple(tensors[name] for name in bad.inputs)
    graph = Graph("test", given, (tensors["y"],), (bad,), tensors)
    with pytest.raises(ValueError, match=bad.op):
        validate.check(graph)


def test_what_is_not_canonical_may_have_any_attributes() -> None:
    assert problem_of(node("aten::roll", 3, arg1=[1, "x"])) is None
    assert problem_of(node("TopK", 2, axis="last")) is None


def test_kinds() -> None:
    assert Kind.NUMBERS.holds([1, 2.5]) and Kind.NUMBERS.holds(3) and not Kind.NUMBERS.holds("3")
    assert Kind.WHOLES.holds(()) and not Kind.WHOLES.holds([True])
    assert Kind.FLAG.holds(False) and not Kind.FLAG.holds(0)
    assert Kind.FLAG_OR_TEXT.holds("weights") and not Kind.FLAG_OR_TEXT.holds(1)


def test_a_small_network_conforms() -> None:
    d = Draft()
    validate.check(d.graph(d.add("Relu", d.norm(d.conv("x")))))
