"""Planted faults of a last layer are named from images: of one entry, and of two."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.colours import COLOURS, network
from zoodiff import accuracy
from zoodiff.accuracy.classes.class_comparison import against_entry, against_labels
from zoodiff.accuracy.classes.class_findings import constant_findings
from zoodiff.accuracy.classes.constant_outputs import constant_classes, constants_of

pytestmark = pytest.mark.onnx
PLAIN = ("value_range=0,1", "mean=0,0,0", "std=1,1,1")


def photographs(folder: Path, *, labelled: bool) -> Path:
    """Forty images of each of four colours."""
    rng = np.random.default_rng(0)
    for label, colour in enumerate(COLOURS):
        for k in range(40):
            place = folder / str(label) if labelled else folder
            place.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(rng.normal(colour, 9, (20, 20, 3)), 0, 255).astype(np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            (place / f"{label}-{k}.png").write_bytes(buffer.getvalue())
    return folder


def zeroed(path: Path, row: int) -> str:
    """The network of colours with a zeroed row in its last layer."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(network(path))
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        values[row] = 0
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path)
    return str(path)


def named(report) -> list[tuple[str, str, str | None]]:
    found = (report.agreement or report.comparison).class_findings
    return [(item.finding.code, Path(item.entry).name, item.against) for item in found]


def test_exchanged_outputs_are_named_against_labels(tmp_path: Path) -> None:
    data = photographs(tmp_path / "data", labelled=True)
    entries = [network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (0, 3, 2, 1))]
    report = accuracy(entries, data, tmp_path / "results", preprocessing=PLAIN)
    assert named(report) == [("LAB104", "b.onnx", None)]
    (item,) = report.comparison.class_findings
    assert item.finding.spans == ((1, 1), (3, 3))
    plain = json.loads(json.dumps(report.to_dict()))["comparison"]["class_findings"]
    assert [(one["code"], one["spans"], one["against"]) for one in plain] == [
        ("LAB104", [[1, 1], [3, 3]], None)
    ]


def test_a_zeroed_row_is_named(tmp_path: Path) -> None:
    data = photographs(tmp_path / "data", labelled=True)
    entries = [network(tmp_path / "a.onnx"), zeroed(tmp_path / "b.onnx", 2)]
    for _ in range(2):  # the second time from the stored record
        report = accuracy(entries, data, tmp_path / "results", preprocessing=PLAIN)
        assert ("LAB107", "b.onnx", None) in named(report)
        assert {entry for _, entry, _ in named(report)} == {"b.onnx"}


def test_two_entries_are_compared_without_labels(tmp_path: Path) -> None:
    data = photographs(tmp_path / "data", labelled=False)
    space = tmp_path / "colours.txt"
    space.write_text("red\ngreen\nblue\nyellow\n")
    entries = [network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (0, 3, 2, 1))]
    report = accuracy(entries, data, tmp_path / "results", preprocessing=PLAIN, labels=str(space))
    (item,) = report.agreement.class_findings
    assert (item.finding.code, item.finding.spans) == ("LAB104", ((1, 1), (3, 3)))
    assert item.against.endswith("a.onnx")
    assert "are exchanged against" in item.sentence()


def test_a_class_without_an_output_is_not_called_never_predicted() -> None:
    labels = np.repeat(np.arange(10), 40)
    best = np.minimum(labels, 8)
    assert against_labels("a", best, labels, without_output=[9]) == ()
    (item,) = against_labels("a", best, labels)
    assert (item.finding.code, item.finding.spans) == ("LAB106", ((9, 9),))


def test_what_is_said_of_an_entry_is_not_repeated_of_its_pairs() -> None:
    labels = np.repeat(np.arange(10), 40)
    exchanged = np.where(labels == 3, 8, np.where(labels == 8, 3, labels))
    own = against_labels("b", exchanged, labels)
    assert [item.finding.code for item in own] == ["LAB104"]
    assert against_entry("a", "b", (labels, exchanged), {"b": own}) == ()
    (item,) = against_entry("a", "b", (labels, exchanged), {})
    assert (item.entry, item.against) == ("b", "a")
    lost = np.where(labels == 3, 4, labels)
    (item,) = against_entry("a", "b", (lost, labels), {})
    assert (item.finding.code, item.entry, item.against) == ("LAB106", "a", "b")


def test_constant_outputs_are_those_of_a_zeroed_row_only() -> None:
    outputs = np.random.default_rng(1).normal(size=(30, 12))
    own = np.arange(12)

    def constant(values: np.ndarray, label_mapping: np.ndarray = own) -> list[int]:
        parts = [constants_of(values[:20], label_mapping), constants_of(values[20:], label_mapping)]
        return constant_classes(parts, 12)

    assert constant(outputs) == []
    outputs[:, 4] = 0.125
    assert constant(outputs) == [4]
    assert constant(outputs, own - 1) == [5]
    assert constant(outputs[:12]) == []  # too few images
    stepped = outputs.copy()
    stepped[20:, 4] = 0.25
    assert constant(stepped) == []
    least = outputs.copy()
    least[:, 4] = -99  # a bias that keeps a class from being predicted, or saturated integers
    assert constant(least) == []
    assert constant(np.zeros((30, 12))) == []
    assert [one.code for one in constant_findings([4], 30)] == ["LAB107"]
