"""The list of rules, their pages, and the sentences of known pairs."""

from __future__ import annotations

import gzip
import runpy
from pathlib import Path

import pytest

from zoodiff.architecture.diff import Diff, diff
from zoodiff.equivalence.evidence_lines import sentence, verdict
from zoodiff.errors import UnknownNameError
from zoodiff.graph.ir import Graph
from zoodiff.rules.catalogue import find, rules

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ROOT / "tests" / "graph" / "networks"


def network(name: str) -> Graph:
    return Graph.from_json(gzip.decompress((NETWORKS / f"{name}.json.gz").read_bytes()).decode())


def compared(a: str, b: str) -> Diff:
    return diff(network(a), network(b), a, b)


def test_a_rule_has_a_check_or_is_reported_elsewhere() -> None:
    sources = [p for p in (ROOT / "src").rglob("*.py") if "rules" not in p.parts]
    text = "".join(path.read_text() for path in sources)
    for rule in rules():
        assert (rule.check is None) == bool(rule.raised_by), rule.code
        assert rule.check or f'"{rule.code}"' in text, f"nothing reports {rule.code}"
        assert rule.references, rule.code


def test_every_rule_has_its_page_as_it_is_written_now() -> None:
    pages = runpy.run_path(str(ROOT / "tools" / "write_rule_pages.py"))
    folder = ROOT / "docs" / "rules"
    assert {p.stem for p in folder.glob("*.md")} - {"README"} == {rule.code for rule in rules()}
    for rule in rules():
        assert (folder / f"{rule.code}.md").read_text() == pages["page"](rule), (
            "run python tools/write_rule_pages.py"
        )
    assert (folder / "README.md").read_text() == pages["index"](rules())


def test_an_unknown_rule_is_named() -> None:
    assert find("arc107").name == "padding"
    with pytest.raises(UnknownNameError, match='no rule "ARC999"; there are ARC101'):
        find("ARC999")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("torchvision__resnet50", "keras__ResNet50"),
        ("torchvision__vgg11_bn", "onnx__light_bvlc_alexnet"),
        ("torchvision__squeezenet1_1", "torchvision__squeezenet1_1"),
    ],
)
def test_the_sentences_of_a_pair(a: str, b: str, snapshot) -> None:
    found = compared(a, b)
    lines = [f"{f.code} {f.name}: {sentence(f)}" for f in found.findings]
    assert [*lines, verdict(found), f"{found.a.variants} | {found.b.variants}"] == snapshot


def test_resnet50_is_v1_5_in_one_zoo_and_v1_in_the_other() -> None:
    found = compared("torchvision__resnet50", "keras__ResNet50")
    assert found.a.variants == ("ResNet v1.5 (stride 2 on the 3x3)",)
    assert found.b.variants == ("ResNet v1 (stride 2 on the first 1x1)",)
    placed = [f for f in found.findings if f.code == "ARC101"]
    assert len(placed) == 1 and placed[0].count == 3
    bias = next(f for f in found.findings if f.code == "ARC110")
    assert (bias.count, bias.parameters) == (53, 26_560)
    assert found.up_to == ("ARC110", "ARC121", "ARC140")


def test_no_finding_depends_on_which_network_comes_first() -> None:
    there = compared("torchvision__resnet50", "keras__ResNet50")
    back = compared("keras__ResNet50", "torchvision__resnet50")
    assert [(f.code, f.left, f.right, f.count) for f in there.findings] == [
        (f.code, f.right, f.left, f.count) for f in back.findings
    ]
