"""A run says first what it cannot measure on this machine, and how to mend it."""

from pathlib import Path

import pytest

from zoodiff.api.studies import Silent
from zoodiff.store.folder import Store
from zoodiff.study import config
from zoodiff.study.run import run
from zoodiff.zoos import registry
from zoodiff.zoos.base import Environment

STUDY = """\
name = "two_zoos"
title = "Two zoos"
[architecture]
entries = ["fake:small", "other:small", "other:wide"]
"""


class Said(Silent):
    """Keeps the sentences that are said before a run."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.started = False

    def expects(self, sentence: str) -> None:
        assert not self.started
        self.sentences.append(sentence)

    def task(self, label: str) -> None:
        self.started = True


@pytest.mark.parametrize("kind", ["environment", "package"])
def test_zoos_that_are_not_installed_are_named_before_the_first_task(
    fake_zoo: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    other = registry.zoos()["other"]
    if kind == "environment":
        monkeypatch.setattr(other, "environment", Environment("nowhere", ()), raising=False)
    else:
        monkeypatch.setattr(other, "distributions", ("not-a-package",), raising=False)
    said = Said()
    outcome = run(config.parse(STUDY), Store(tmp_path), said)
    named = [sentence for sentence in said.sentences if "other" in sentence]
    assert len(named) == 1
    assert named[0].startswith("2 entries of other cannot be measured here: ")
    remedy = "zoodiff env create nowhere" if kind == "environment" else "pip install not-a-package"
    assert named[0].endswith(remedy)
    assert not any("fake" in sentence for sentence in said.sentences)
    absent = {failure.entry.partition("@")[0] for failure in outcome.manifest.failures}
    assert absent == {"other:small", "other:wide"}


def test_nothing_is_said_where_all_is_installed(fake_zoo: object, tmp_path: Path) -> None:
    said = Said()
    run(config.parse(STUDY), Store(tmp_path), said)
    assert not any("cannot be measured here" in sentence for sentence in said.sentences)
