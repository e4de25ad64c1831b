"""The proof of networks that take several inputs, by ONNX Runtime and the interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff import api
from zoodiff.errors import UsageError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from support.named_readers import VOCABULARY, WIDTH, reader  # noqa: E402 - it imports onnx

pytestmark = pytest.mark.onnx
OTHER = np.random.default_rng(5).standard_normal((VOCABULARY, WIDTH))


def proof(a: Any, b: Any, **options: Any) -> Any:
    report = zoodiff.diff(a, b, prove=True, **options)
    assert report.proof is not None
    return report.proof


def test_networks_with_other_weights_and_orders_are_proved_the_same(tmp_path: Path) -> None:
    first = reader(tmp_path, "a")
    second = reader(tmp_path, "b", turned=True, outputs=("h", "y"), table=OTHER)
    assert zoodiff.diff(first, second).same_function is False
    proved = proof(first, second)
    assert proved.verdict == "same function"
    assert proved.native
    assert proved.agreement < 1e-5
    assert (proved.trials, len(proved.inputs)) == (4, 2)
    found, alone = api.prove(str(first), str(second))
    assert (found.sameness, alone.verdict) == ("same", "same function")
    drawn = zoodiff.diff(f"{first}@random", f"{second}@random")
    assert drawn.same_function is True
    assert drawn.answer.domain.inputs[0] == "ids int64 1x8, 0 to 39"


def test_a_planted_change_is_proved_and_named(tmp_path: Path) -> None:
    changed = reader(tmp_path, "b", bounded=True, table=OTHER)
    report = zoodiff.diff(reader(tmp_path, "a"), changed, prove=True)
    assert report.proof is not None
    assert report.proof.verdict == "different function"
    assert report.proof.responsible == tuple(dict.fromkeys(f.code for f in report.findings))
    assert report.proof.undone is not None and report.proof.undone < 1e-6


def test_a_mask_that_one_network_inverts_or_ignores_proves_no_sameness(tmp_path: Path) -> None:
    plain = reader(tmp_path, "a")
    inverted = proof(plain, reader(tmp_path, "b", hidden=True))
    assert inverted.verdict == "different function"
    ignored = proof(plain, reader(tmp_path, "c", sees_all=True))
    assert ignored.verdict == "not proved"
    assert ignored.reason == "the outputs differ only where a mask hides positions"


def test_models_in_memory_are_proved_too(tmp_path: Path) -> None:
    models = [onnx.load(reader(tmp_path, name)) for name in ("a", "b")]
    assert proof(*models).verdict == "same function"


def test_what_keeps_a_proof_away_is_one_sentence(tmp_path: Path) -> None:
    first, single = reader(tmp_path, "a"), reader(tmp_path, "b", outputs=("y",))
    assert proof(first, single).reason == "their outputs cannot be paired"
    with pytest.raises(UsageError, match="there is no input words"):
        proof(first, first, inputs=("words=int64[1,8]",))
    beyond = proof(first, first, inputs=("ids=int64[1,8]:0..99",))
    assert beyond.verdict == "not proved"
    assert "smallest table that it chooses from has 40 rows" in beyond.reason
