"""What comparing objects returns: short at a prompt, small in a notebook, plain values, tables."""

from __future__ import annotations

import json

import pytest

import zoodiff
from zoodiff.display import LARGEST

torch = pytest.importorskip("torch")
from support import readers  # noqa: E402 - it imports torch

pytestmark = pytest.mark.torch
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report() -> zoodiff.DiffReport:
    """Of a class with an endless name, hooks everywhere, and a part in training mode."""
    kind = type(SCRIPT + "Endless" * 200, (readers.Reader,), {})
    network = kind().eval()
    network.drop.train()
    for _, part in network.named_modules():
        part.register_forward_hook(lambda module, given, output: None)
    return zoodiff.diff(network, readers.reader(), example=readers.example())


def test_a_report_is_short_and_begins_with_the_notes(report: zoodiff.DiffReport) -> None:
    text = repr(report)
    assert len(text) < 400
    assert "\n" not in text
    ordinary = zoodiff.diff(readers.reader().train(), readers.reader(), example=readers.example())
    text = repr(ordinary)
    assert len(text) < 400
    assert text.index("in training mode") < text.index("not decided")


def test_a_report_is_small_and_harmless_in_a_notebook(report: zoodiff.DiffReport) -> None:
    text = report._repr_html_()
    assert len(text.encode()) < LARGEST
    assert "forward hooks" in text
    assert SCRIPT not in text


def test_a_report_is_plain_values_and_a_table(report: zoodiff.DiffReport) -> None:
    values = json.loads(json.dumps(report.to_dict()))
    assert values["notes"] == list(report.notes)
    assert len(values["notes"]) == 2
    pandas = pytest.importorskip("pandas")
    assert isinstance(report.to_pandas(), pandas.DataFrame)
    assert list(report.findings.to_pandas()["code"]) == ["ARC126"]


def test_a_graph_of_an_object_is_shown_too() -> None:
    graph = zoodiff.describe(readers.reader(), example=readers.example())
    assert len(repr(graph)) < 400
    assert len(graph._repr_html_().encode()) < LARGEST
    assert json.dumps(graph.to_dict())
