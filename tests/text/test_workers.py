"""What workers say: names, versions, facts, errors, last words, all of them untrusted."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.text import harmless, hostile_texts
from support.text.commands import said
from support.text.hostile_world import write_data
from zoodiff.zoos import registry
from zoodiff.zoos.base import Model, Weights

_cycle = itertools.cycle(t for t in hostile_texts.TEXTS.values() if len(t) < 1000)
MODELS = ("small", "wide", "crashes", "refuses", "raises", "lies")


@pytest.fixture(autouse=True)
def telling(fake_zoo: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two zoos whose catalogues and workers tell untrusted texts."""
    models = [
        Model(
            name,
            next(_cycle),
            weights=(Weights("w1", default=True, parameters=12),),
            input_shape=(3, 8, 8),
            note=next(_cycle),
        )
        for name in MODELS
    ]
    for zoo in registry.zoos().values():
        zoo.backend = "telling_backend:make"
        zoo.title = next(_cycle)
        monkeypatch.setattr(zoo, "models", lambda: models)
    registry._models.cache_clear()
    broken = {next(_cycle): f"the plugin {next(_cycle)} cannot be loaded: {next(_cycle)}"}
    monkeypatch.setattr(registry, "broken", lambda: broken)
    monkeypatch.chdir(tmp_path)
    yield
    registry._models.cache_clear()


def assert_harmless(words: str, codes: tuple[int, ...] = (0, 3)) -> str:
    text, code = said(words.split())
    assert not harmless.problems(text), words
    assert code in codes, text
    assert "unexpected" not in text
    if "--json" in words and code == 0:
        assert json.loads(text[text.index("{") if "{" in text else 0 :])
    return text


@pytest.mark.parametrize(
    "words",
    [
        *("zoos", "zoos --json", "list", "list --json", "list --by-fingerprint"),
        *("list --by-fingerprint --json", "env list"),
        *("show fake:small", "show fake:small --layers", "show fake:small --layers --json"),
        *("show fake:small --catalogue-only", "fingerprint fake:small other:small"),
        "diff fake:small other:wide --places",
        "diff fake:small other:wide --json",
        "diff fake:small other:wide --weights --places",
        "diff fake:small other:wide --prove",
        "diff fake:small other:wide --preprocessing",
        *("compare fake:small other:wide", "compare fake:small other:wide --json"),
        "latency fake:small other:small --seconds 0.1 --processes 2 --environment",
        "latency fake:small other:small --seconds 0.1 --processes 2 --json",
    ],
)
def test_a_network_whose_every_name_is_hostile(words: str) -> None:
    assert_harmless(words)


def test_layers_are_all_shown() -> None:
    text = assert_harmless("show fake:small --layers")
    assert "[link=https://evil.example]click[/link]" in re.sub(r"\n", "", text)
    assert ":skull:" in text
    assert r"a\x1b]0;owned\x07b" in text


@pytest.mark.parametrize("kind", ["json", "dot", pytest.param("onnx", marks=pytest.mark.onnx)])
def test_a_graph_that_is_saved(kind: str, tmp_path: Path) -> None:
    assert_harmless(f"show fake:small --save graph.{kind}")
    content = (tmp_path / f"graph.{kind}").read_bytes()
    if kind == "onnx":
        onnx = pytest.importorskip("onnx", reason="the onnx extra")
        graph = onnx.load_from_string(content).graph
        names = [o for node in graph.node for o in node.output]
        assert len(set(names)) == len(names)
        for text in (*names, *(n.name for n in graph.node), graph.name):
            assert not harmless.problems(text, allowed="")
    else:
        assert not harmless.problems(content.decode())
    if kind == "json":
        json.loads(content)


@pytest.mark.parametrize("model", ["crashes", "refuses", "raises", "lies"])
@pytest.mark.parametrize(
    "words",
    [
        *("show fake:{}", "fingerprint fake:{}", "diff fake:small other:{}"),
        *("compare fake:{} other:small", "compare fake:{} other:small --json"),
    ],
)
def test_a_worker_that_fails_with_hostile_words(words: str, model: str) -> None:
    text = assert_harmless(words.format(model), (3,))
    assert "\\x1b" in text or "\\u202e" in text or model == "refuses", text


def test_last_words_are_one_line() -> None:
    text = assert_harmless("show fake:crashes", (3,))
    assert "its last words" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("more", ["", " --json", " --explain", " --infer-preprocessing"])
def test_accuracy_of_hostile_entries_on_hostile_data(more: str, tmp_path: Path) -> None:
    write_data(tmp_path / "data", hostile_texts.file_names()[:4], images=3)
    (tmp_path / "data" / hostile_texts.file_names()[0] / "bad \x1b]0;x\x07.png").write_bytes(b"x")
    words = f"accuracy fake:small other:wide --data data --max-bad 50{more}"
    assert_harmless(words, (0, 2, 3))


def test_a_study_over_hostile_entries(tmp_path: Path) -> None:
    study = 'name = "s"\ntitle = "[bold]\\u001b]0;x\\u0007"\n[architecture]\nentries = ['
    study += ", ".join(f'"fake:{model}"' for model in MODELS) + "]\n"
    (tmp_path / "s.toml").write_text(study)
    assert_harmless("run s.toml", (3,))
    written = (tmp_path / "results" / "report" / "s").rglob("*")
    for path in (path for path in written if path.is_file()):
        text = harmless.without_libraries(path.read_text(encoding="utf-8"))
        assert not harmless.problems(text, allowed="\n\t"), path.name
    assert_harmless("report --json")
    assert_harmless("store verify")
