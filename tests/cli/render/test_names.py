"""The table of names is as wide as the terminal, whatever the names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import zoodiff
from zoodiff.api import NamesReport
from zoodiff.architecture import structures
from zoodiff.architecture.structures import Fingerprints
from zoodiff.cli.render.names import print_names
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry


def report(monkeypatch: pytest.MonkeyPatch) -> NamesReport:
    """All names, every entry a network of its own or not built."""

    def known(entries: list[Entry], **_: object) -> dict[str, Fingerprints]:
        built = [str(entry.ref) for entry in entries if entry.zoo.name != "onnx"]
        return {name: Fingerprints(f"zs1:{name}", f"zd2:{name}") for name in built}

    monkeypatch.setattr(structures, "known", known)
    return zoodiff.names(all_names=True)


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda width: monkeypatch.setenv("COLUMNS", str(width))


def printed(capsys: pytest.CaptureFixture[str], table: NamesReport) -> list[str]:
    print_names(table, every_finding=False)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_line_of_the_table_fits(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: Callable[[int], None],
    width: int,
) -> None:
    columns(width)
    lines = printed(capsys, report(monkeypatch))
    assert len(lines) > 1200
    assert max(map(len, lines)) <= width


def test_a_wide_table_has_a_column_per_zoo_with_recipes_and_claims(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: Callable[[int], None],
) -> None:
    built = {"keras:ResNet50": "k", "timm:resnet50": "t", "torchvision:resnet50": "t"}

    def known(entries: list[Entry], **_: object) -> dict[str, Fingerprints]:
        names = {
            str(entry.ref): built.get(f"{entry.zoo.name}:{entry.model.name}") for entry in entries
        }
        return {name: Fingerprints(of, of) for name, of in names.items() if of}

    monkeypatch.setattr(structures, "known", known)
    table = zoodiff.names(["resnet50"], zoos=["torchvision", "timm", "keras"])
    columns(200)
    head, _, row, *_ = printed(capsys, table)
    assert head.split() == [
        "name",
        "networks",
        "keras",
        "timm",
        "torchvision",
        "recipes",
        "top-1",
        "%",
    ]
    model = registry.find_model("timm", "resnet50")
    like = [
        w
        for w in model.weights
        if w.preprocessing and w.preprocessing.input_size == (224, 224)
        if (w.labels or model.labels).classes == 1000
    ]
    assert f"A ({len(like)})" in row and "B*" in row and "A (2)" in row
    assert f"2 in {len(like) + 3}" in row
    assert "different (bicubic" in row and ".." in row
    columns(66)
    _, _, row, below, *_ = printed(capsys, table)
    assert below.startswith("  recipes: ") and "different" not in row


def test_zoos_are_listed_where_their_columns_do_not_fit(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: Callable[[int], None],
) -> None:
    columns(40)
    monkeypatch.setattr(structures, "known", lambda entries, **_: {})
    lines = printed(capsys, zoodiff.names(["resnet50"]))
    assert lines[0].split() == ["name", "networks", "zoos", "by", "network"]


def test_what_is_not_built_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(structures, "known", lambda entries, **_: {})
    lines = printed(capsys, zoodiff.names(["vgg16"], zoos=["keras"]))
    assert lines[2].split()[:3] == ["vgg16", "-", "?"]
    assert "? 1 model is not built: --build builds it without weights." in lines
