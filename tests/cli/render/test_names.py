"""The table of names is 80 columns wide, whatever the names."""

from __future__ import annotations

import pytest

import zoodiff
from zoodiff.api import NamesReport
from zoodiff.architecture import structures
from zoodiff.architecture.structures import Fingerprints
from zoodiff.cli.render.names import print_names
from zoodiff.zoos.registry import Entry


def report(monkeypatch: pytest.MonkeyPatch) -> NamesReport:
    """All names, every entry a network of its own or not built."""

    def known(entries: list[Entry], **_: object) -> dict[str, Fingerprints]:
        built = [str(entry.ref) for entry in entries if entry.zoo.name != "onnx"]
        return {name: Fingerprints(f"zs1:{name}", f"zd2:{name}") for name in built}

    monkeypatch.setattr(structures, "known", known)
    return zoodiff.names(all_names=True)


def test_every_line_of_the_table_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_names(report(monkeypatch), every_finding=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1200
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_what_is_not_built_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(structures, "known", lambda entries, **_: {})
    print_names(zoodiff.names(["vgg16"], zoos=["keras"]), every_finding=True)
    printed = capsys.readouterr().out
    assert "not built: keras" in printed
    assert "1 entries are not built" not in printed
    assert "1 entry is not built: --build builds it" in printed
