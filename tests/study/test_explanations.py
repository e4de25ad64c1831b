"""A study that asks why: explanations are records, found again, and shown in the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zoodiff
from support.colours import network, painted
from zoodiff.store.folder import Store

SIDECAR = """
architecture = "colours"
[preprocessing]
resize = 18
resize_policy = "short_side"
channel_order = "{order}"
value_range = [0, 1]
"""


@pytest.mark.onnx
def test_a_study_says_why_two_files_differ(tmp_path: Path) -> None:
    painted(tmp_path / "data", each=12)
    for name, order in (("right", "RGB"), ("wrong", "BGR")):
        network(tmp_path / f"{name}.onnx")
        (tmp_path / f"{name}.onnx.toml").write_text(SIDECAR.format(order=order))
    paths = [str(tmp_path / f"{name}.onnx") for name in ("right", "wrong")]
    (tmp_path / "s.toml").write_text(
        f'name = "why"\ntitle = "Why"\n\n[accuracy]\nentries = {json.dumps(paths)}\n'
        'data = "data"\nexplain = true\n'
    )
    result = zoodiff.run_study(str(tmp_path / "s.toml"), tmp_path / "results")
    assert result.failures == []
    assert {record.kind for record in result.records} == {"accuracy"}
    (found,) = result.explanations
    assert (found.entry, found.values.other) == tuple(f"file:{path}" for path in paths)
    total = found.values.total
    assert total is not None
    (difference,) = result.measured_accuracy
    assert total.value == pytest.approx(difference.difference)
    parts = {part.what: part for part in found.values.parts}
    assert parts["channel order"].code == "PRE101"
    assert parts["channel order"].points.value == pytest.approx(total.value)
    assert parts["network"].points.value == 0
    assert found.values.confirmation is not None
    assert found.values.confirmation.confirmed
    files = zoodiff.write_report(result, tmp_path / "report")
    html, text = files.html.read_text(), files.markdown.read_text()
    assert "Where the differences come from" in html
    assert "PRE101" in html
    assert "&emsp;&emsp;channel order `PRE101`" in text
    assert json.loads(files.json.read_text())["explanations"][0]["values"]["images"] == 48

    # The second time everything is there already, and the run says the same.
    store = Store(tmp_path / "results")
    (kept,) = (tmp_path / "results" / "records" / "explanation").glob("*.json")
    before = kept.stat().st_mtime_ns
    again = zoodiff.run_study(str(tmp_path / "s.toml"), tmp_path / "results")
    assert again.explanations == result.explanations
    assert kept.stat().st_mtime_ns == before
    manifest = store.read_manifest("why")
    assert manifest is not None
    assert f"explanation/{kept.name}" in manifest.records
