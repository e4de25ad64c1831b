"""A study of names is the one that a user would write by hand for them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.errors import StudyError, UnknownNameError
from zoodiff.study import config as studies
from zoodiff.study.adhoc import study_of, text_of
from zoodiff.study.config import ArchitectureTable, Study
from zoodiff.text import well_formed

BY_HAND = """
name = "compare-{digest}"
title = "compare resnet50 torchvision:resnet18 torchvision:resnet18@IMAGENET1K_V1"
download = true

[claims]
architectures = ["resnet50", "resnet18"]

[architecture]

[[group]]
name = "entries named together"
entries = ["torchvision:resnet18@IMAGENET1K_V1"]
architectures = ["resnet50"]

[latency]
threads = 2
rounds = 4
"""
NAMES = ["resnet50", "torchvision:resnet18", "torchvision:resnet18@IMAGENET1K_V1"]


def test_the_study_is_the_one_that_is_written_by_hand() -> None:
    made = study_of(NAMES, latency=True, threads=2, rounds=4, download=True)
    digest = made.study.name.removeprefix("compare-")
    text = BY_HAND.format(digest=digest)
    assert made.study == studies.parse(text).study
    assert tomllib.loads(made.text) == tomllib.loads(text)


def test_the_text_that_is_kept_reads_as_the_study() -> None:
    made = study_of(["resnet50"], latency=False, threads=1, rounds=15)
    assert studies.parse(made.text).study == made.study
    assert "latency" not in tomllib.loads(made.text)


def test_a_run_keeps_the_name_that_earlier_versions_gave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that version 0.1 gave the same comparisons, whose reports are found by them."""
    monkeypatch.chdir(tmp_path)
    for name in ("one.onnx", "two.onnx", "three.onnx"):
        Path(name).write_bytes(b"")
    files = study_of(["one.onnx", "three.onnx"], latency=False, threads=1, rounds=15)
    assert files.study.name == "compare-7d2490f6"
    timed = study_of(["one.onnx", "two.onnx"], latency=True, threads=1, rounds=3)
    assert timed.study.name == "compare-f166a265"


def test_a_study_that_an_earlier_version_kept_is_read() -> None:
    kept = (
        'name = "compare-f166a265"\ntitle = "compare one.onnx two.onnx"\ndownload = false\n'
        '[claims]\narchitectures = []\n[architecture]\nentries = ["file:one.onnx"]\n'
        'architectures = []\n[latency]\nentries = ["file:one.onnx"]\narchitectures = []\n'
        "threads = 1\nrounds = 3\n"
    )
    read = studies.parse(kept).study
    assert read.latency is not None
    assert (read.latency.entries, read.latency.rounds) == (["file:one.onnx"], 3)


@given(st.text(), st.lists(st.text(), max_size=4))
def test_any_text_is_kept_as_it_is(title: str, entries: list[str]) -> None:
    """Quotes, controls, line ends, brackets: what TOML escapes comes back as it was."""
    study = Study(
        name="s",
        title=well_formed(title),
        architecture=ArchitectureTable(entries=[well_formed(entry) for entry in entries]),
    )
    read = tomllib.loads(text_of(study))
    assert read["title"] == study.title
    assert read["architecture"] == {"entries": [well_formed(entry) for entry in entries]}
    assert studies.parse(text_of(study)).study == study


@pytest.mark.parametrize(
    ("threads", "rounds", "sentence"),
    [
        (257, 15, "study compare: latency.threads = 257 is not valid"),
        (1, 2, "study compare: latency.rounds = 2 is not valid"),
    ],
)
def test_a_number_that_is_not_valid_is_named(threads: int, rounds: int, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        study_of(["resnet50"], latency=True, threads=threads, rounds=rounds)


def test_a_study_that_could_not_be_read_again_is_refused() -> None:
    entries = [f"file:{'x' * 100}{number}.onnx" for number in range(3_000)]
    table = ArchitectureTable(entries=entries)
    with pytest.raises(StudyError, match=r"too large: it has .* characters"):
        text_of(Study(name="s", title="t", architecture=table))


def test_an_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match='no architecture "resnet5"; did you mean resnet50'):
        study_of(["resnet5"], latency=False, threads=1, rounds=15)
