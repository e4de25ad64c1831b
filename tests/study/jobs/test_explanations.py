"""A study that asks why: explanations are records, found again, and shown in the report."""

from __future__ import annotations

import json
import subprocess
import sys
import time
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
    assert '"attributions"' in html
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


RUN = "import sys, zoodiff; zoodiff.run_study(sys.argv[1], sys.argv[2])"


def three_files(folder: Path) -> Path:
    """A study that explains three networks, all of which differ from each other."""
    painted(folder / "data", each=12)
    paths = []
    for name, order, channels in (
        ("right", (0, 1, 2, 3), "RGB"),
        ("swapped", (0, 1, 2, 3), "BGR"),
        ("permuted", (1, 2, 3, 0), "RGB"),
    ):
        paths.append(network(folder / f"{name}.onnx", order))
        (folder / f"{name}.onnx.toml").write_text(SIDECAR.format(order=channels))
    study = folder / "s.toml"
    study.write_text(
        f'name = "why"\ntitle = "Why"\n\n[accuracy]\nentries = {json.dumps(paths)}\n'
        'data = "data"\nexplain = true\n'
    )
    return study


@pytest.mark.onnx
def test_a_run_that_is_killed_at_its_explanations_is_not_complete(tmp_path: Path) -> None:
    study, results = three_files(tmp_path), tmp_path / "results"
    folder = results / "records" / "explanation"
    with subprocess.Popen([sys.executable, "-c", RUN, str(study), str(results)]) as run:
        while not list(folder.glob("*.json")):
            assert run.poll() is None
            time.sleep(0.01)
        run.kill()
    (first, *more) = folder.glob("*.json")
    assert not more
    store = Store(results)
    manifest = store.read_manifest("why")
    assert manifest is not None
    assert not manifest.complete
    assert manifest.planned == 2

    before = first.stat().st_mtime_ns
    result = zoodiff.run_study(str(study), results)
    manifest = store.read_manifest("why")
    assert manifest is not None
    assert manifest.complete
    assert result.failures == []
    assert len(result.explanations) == 3
    assert first.stat().st_mtime_ns == before
    named = [name for name in manifest.records if name.startswith("explanation/")]
    assert sorted(named) == sorted(f"explanation/{path.name}" for path in folder.glob("*.json"))
