"""A sample of planted changes, each of a kind that was once misnamed, and the program's scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")

from benchmarks import planted_kinds
from benchmarks.changed_networks import kinds
from benchmarks.changed_networks.networks import sample

pytestmark = [pytest.mark.torch, pytest.mark.onnx]

ONCE_WRONG = (
    ("bert", "a bias left out"),
    ("bert", "a block left out"),
    ("bert", "a mask inverted"),
    ("bert", "two rows of a vocabulary exchanged"),
    ("clip_text_model", "position embeddings left out"),
    ("gpt2", "an activation left out"),
    ("gpt2", "a causal mask added or a shorter one"),
    ("llama", "a mask left out"),
    ("llama", "an activation left out"),
    ("llama", "another base of rotary positions"),
    ("llama", "embeddings scaled by the root of their width"),
    ("llama", "rotary positions in pairs of neighbours"),
    ("llama", "rotary positions later by one"),
    ("llama", "rotary positions left out"),
    ("llama", "two outputs of a linear layer exchanged"),
    ("t5", "relative positions of another reach"),
    ("vit", "a block left out"),
    ("vit", "scores capped by tanh"),
)


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    import logging
    import warnings

    with warnings.catch_warnings():
        planted_kinds._quiet()
        yield
    logging.disable(logging.NOTSET)


@cache
def network(name: str) -> Any:
    return sample(name)


@pytest.mark.parametrize(("name", "kind"), ONCE_WRONG)
def test_a_planted_change_is_named_with_its_place_and_nothing_else(name: str, kind: str) -> None:
    row = planted_kinds.scored(network(name), kind)
    assert row.state == "right", row


def test_a_kind_leaves_the_network_that_it_is_copied_from() -> None:
    before = {k: v.clone() for k, v in network("llama").network.state_dict().items()}
    for kind in ("two blocks exchanged", "a norm left out"):
        planted_kinds.scored(network("llama"), kind)
    after = network("llama").network.state_dict()
    assert all(bool((after[k] == v).all()) for k, v in before.items())


def test_there_are_enough_kinds_and_networks() -> None:
    planted_kinds._kinds()
    from benchmarks.changed_networks.networks import NAMES

    assert len(kinds.KINDS) >= 25 and len(NAMES) >= 10
    assert set(kinds.BEFORE) | kinds.WITHOUT_EFFECT <= set(kinds.KINDS)


def test_the_score_tells_what_is_missing() -> None:
    from types import SimpleNamespace as Finding

    def state(because: tuple[str, ...], *findings: Any, apart: tuple[str, ...] = ()) -> str:
        row = planted_kinds.Row("n", "k", "", expected=("ARC120",), places=("a.norm",))
        return planted_kinds._state(
            planted_kinds.replace(row, because=because), findings, list(apart)
        )

    def finding(code: str, place: str, left: str = "1") -> Any:
        return Finding(code=code, left=left, right="2", places_a=(place,), places_b=(place,))

    assert state(("ARC120",), finding("ARC120", "a.norm")) == "right"
    assert state(("ARC120",), finding("ARC120", "a.norm#1")) == "right"
    assert state(("ARC120",), finding("ARC120", "a.normal")) == "wrong place"
    assert state(("ARC120",), finding("ARC120", "a.norm"), finding("ARC130", "b")) == "doubled"
    assert (
        state(("ARC120",), finding("ARC120", "a.norm"), finding("ARC120", "a.norm", "3"))
        == "doubled"
    )
    assert state(("ARC190",), finding("ARC190", "a.norm")) == "vague"
    assert state(("ARC130",), finding("ARC130", "a.norm")) == "false"
    assert state(()) == "not named"


def test_the_table_counts_what_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    states = ("right", "vague", "hides", "not there")
    rows = [{"network": f"n{k}", "kind": "a", "state": state} for k, state in enumerate(states)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert planted_kinds.main([str(file), "--table"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 2 right (50.0%), 1 kinds in 2 networks; 1 right, 1 vague" in printed
