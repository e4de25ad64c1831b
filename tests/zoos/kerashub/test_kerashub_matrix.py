"""A sample of KerasHub's backbones beside Keras's own exports, and the program that asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoodiff.workers import environments

pytest.importorskip("keras")
pytest.importorskip("tensorflow")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

from benchmarks import kerashub_matrix

pytestmark = [pytest.mark.keras, pytest.mark.onnx, pytest.mark.tflite]

ROOT = Path(__file__).parents[3]
PROGRAM = ("benchmarks.kerashub_matrix", "--seconds", "600")


def _packages() -> str:
    """The packages of KerasHub's environment."""
    python = environments.interpreter("kerashub")
    if python is None:
        pytest.skip("KerasHub has no environment here; make it: zoodiff env create kerashub")
    return str(next((python.parent.parent / "lib").glob("python3*/site-packages")))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BertBackbone", "VGGBackbone"])
def test_a_backbone_is_told_from_a_changed_one_and_not_from_its_exports(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    paths = [str(ROOT), str(ROOT / "src"), _packages(), *filter(None, sys.path)]
    subprocess.run(
        [sys.executable, "-m", *PROGRAM, str(file), "--only", name],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": ""},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    row = json.loads(file.read_text(encoding="utf-8"))
    assert row["state"] == "built", row.get("reason")
    verdicts = [*row["exports"].values(), row["planted"]]
    assert [v["state"] for v in verdicts] == ["right"] * 4, row


def test_the_table_counts_what_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = {"state": "right", "reason": "", "seconds": 1.0}
    wrong = {"state": "wrong", "reason": "different functions, expected same", "seconds": 1.0}
    failed = {"state": "export failed", "reason": "TypeError: no", "seconds": 1.0}
    rows = [
        {"architecture": "LSTM", "state": "built", "exports": {"onnx": right}, "planted": None},
        {
            "architecture": "BertBackbone",
            "state": "built",
            "exports": {"onnx": wrong, "litert": failed},
            "planted": right,
            "change": "a bias left out",
            "version": "abc+",
        },
        {"architecture": "BertBackbone", "state": "no time", "exports": {}},
        {"architecture": "SAMBackbone", "state": "not built", "exports": {}},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert kerashub_matrix.main([str(file), "--table"]) == 1
    printed = capsys.readouterr().out
    assert "3 networks, 2 built and run" in printed
    assert "all answers right for 1 of these" in printed
    assert "2 of 3 answers right" in printed
    assert "wrong: BertBackbone onnx: different functions, expected same" in printed
    assert "versions: abc+ (1)" in printed
    assert "not built: 1: SAMBackbone" in printed
