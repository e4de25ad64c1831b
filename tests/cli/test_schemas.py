"""What commands print with ``--json`` is what the published schemas say, and nothing else."""

from __future__ import annotations

import json
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import zoodiff
from support import company, schemas
from support.text.commands import commands, ran
from support.text.hostile_world import network, results_folder, write_data
from zoodiff.api.schemas.names import DOCUMENTS
from zoodiff.architecture import graph_index
from zoodiff.architecture.graph_index import ExportedIndex, ImportedIndex

ROOT = Path(__file__).parents[2]
WITH_JSON = {
    words for words, command in commands() if any("--json" in one.opts for one in command.params)
}


def test_the_published_schemas_are_current() -> None:
    pages = runpy.run_path(str(ROOT / "tools" / "write_schemas.py"))["pages"]()
    published = {path.name: path.read_text("utf-8") for path in schemas.FOLDER.iterdir()}
    assert published == pages, "run python tools/write_schemas.py"


def test_every_command_with_json_has_a_document() -> None:
    named = {document.command for document in DOCUMENTS.values()}
    assert named >= WITH_JSON
    assert {"-".join(words.split()) for words in WITH_JSON} <= set(DOCUMENTS)


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object in a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_objects_with_keys_of_their_own_are_closed(name: str) -> None:
    schema = zoodiff.json_schema(name)
    assert schemas.validator(name).schema == json.loads(json.dumps(schema))
    for one in objects(schema):
        assert (one["additionalProperties"] is False) == ("properties" in one), one
    assert DOCUMENTS[name].names_itself == ("properties" in schema)
    if DOCUMENTS[name].names_itself:
        assert schema["properties"]["schema"]["const"] == f"zoodiff/{name}/1"


def test_other_keys_missing_keys_and_other_types_are_refused() -> None:
    good = {"schema": "zoodiff/example/1", "files": ["a.onnx"]}
    assert not schemas.problems("example", good)
    for bad in ({**good, "more": 1}, {"files": []}, {**good, "files": [1]}, {**good, "schema": 1}):
        assert schemas.problems("example", bad), bad


CASES = (
    ("list", "list resnet5"),
    ("names", "names resnet50 --zoos torchvision,timm"),
    ("show", "show torchvision:resnet50 --catalogue-only"),
    ("show", "show keras:VGG16 --catalogue-only"),
    ("claims", "claims resnet50"),
    ("claims", "claims --min 85"),
    ("claims-spreads", "claims"),
    ("claims-latency", "claims resnet50 --latency"),
    ("claims-test-set", "claims resnet50 --test-set all"),
    ("claims-recipes", "claims resnet50 --recipes"),
    ("claims-rankings", "claims --rankings V100 'NVIDIA T4'"),
    ("which", "which resnet50"),
    ("which", "which resnet50 --results results"),
    ("report", "report run --results results"),
    ("report-changes", "report run run --results results"),
    ("rules", "rules"),
    ("rules", "rules ARC101"),
    ("schema", "schema"),
    ("example", "example small"),
    ("zoos", "zoos"),
    ("error", "zoos add none.toml"),
    ("env-list", "env list"),
    ("index", "index"),
    ("store-verify", "store verify"),
    ("store-export", "store export out.tar"),
    ("store-import", "store import out.tar --results new"),
    ("store-gc", "store gc --older-than 0s --unnamed"),
    ("error", "show torchvision:resnet5"),
    ("error", "claims resnet50 --min 5 --latency --recipes"),
)


def printed(words: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a command prints as JSON; the fixture ``valid_documents`` has checked it, too."""
    code, out, err = ran([*shlex.split(words), "--json"], monkeypatch)
    assert code in (0, 1, 2, 3), err
    return json.loads(out)


def check(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Check a document from outside, and return it."""
    document = printed(words, monkeypatch)
    assert not schemas.problems(name, document)
    if DOCUMENTS[name].names_itself:
        assert next(iter(document)) == "schema"
    return document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("world")
    results_folder(place / "results")
    return place


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ZOODIFF_HOME", str(folder / "home"))
    monkeypatch.setenv("ZOODIFF_QUIET", "1")


@pytest.mark.parametrize(("name", "words"), CASES)
def test_documents_without_a_framework(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(name, words, monkeypatch)


def test_text_stands_for_numbers_that_json_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    from zoodiff.cli.render.console import print_json

    print_json(zoodiff.json_schema("latency"))
    assert "inf" in capsys.readouterr().out


FAST = "--seconds 0.3 --processes 2"
WITH_ONNX = (
    ("zoos-add", "zoos add models.toml"),
    ("show", "show a.onnx --layers"),
    ("show", "show acme:tiny --catalogue-only"),
    ("zoos-remove", "zoos remove acme"),
    ("fingerprint", "fingerprint a.onnx b.onnx none.onnx"),
    ("diff", "diff a.onnx b.onnx --prove"),
    ("diff", "diff a.onnx c.onnx --fail-on any"),
    ("diff", "diff a.onnx c.onnx --graph-only"),
    ("diff", "diff a.onnx one.onnx"),
    ("diff-preprocessing", "diff a.onnx b.onnx --preprocessing"),
    ("error", "diff a.onnx none.onnx"),
    ("latency", f"latency a.onnx b.onnx {FAST} --environment"),
    ("latency", f"latency one.onnx two.onnx {FAST} --no-why --cold --sweep 2"),
    ("accuracy", "accuracy one.onnx two.onnx --data data --labels two.txt --explain"),
    ("accuracy", "accuracy one.onnx none.onnx --data data --labels two.txt"),
    ("agreement", "accuracy one.onnx two.onnx --data flat --labels two.txt"),
    ("compare", "compare a.onnx b.onnx"),
    ("compare", "compare one.onnx c.onnx --latency --rounds 3"),
    ("run", "run study.toml"),
    ("index", "index"),
)


def test_documents_of_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_index, "export", lambda *_, **__: ExportedIndex(1, 2, 3))
    monkeypatch.setattr(graph_index, "bring", lambda *_, **__: ImportedIndex(1, 2, 3))
    check("index-export", "index export out.idx", monkeypatch)
    check("index-import", "index import out.idx", monkeypatch)


@pytest.mark.onnx
def test_documents_about_onnx_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="the onnx extra")
    zoodiff.write_example(folder)
    for seed, name in enumerate(("one", "two")):
        network(folder / f"{name}.onnx", outputs=2, seed=seed)
    write_data(folder / "data", ["cat", "dog"])
    (folder / "flat").mkdir()
    for path in (folder / "data").rglob("*.png"):
        (folder / "flat" / f"{path.parent.name} {path.name}").write_bytes(path.read_bytes())
    (folder / "two.txt").write_text("cat\ndog\n")
    company.write_zoo(folder).rename(folder / "models.toml")
    (folder / "study.toml").write_text(
        'name = "s"\ntitle = "t"\nquestion = "q?"\n'
        '[architecture]\nentries = ["file:a.onnx", "file:c.onnx", "file:none.onnx"]\n'
    )
    (folder / "none.onnx").write_bytes(b"no network")
    wrong = {}
    for name, words in WITH_ONNX:
        document = printed(words, monkeypatch)
        if problems := schemas.problems(name, document):
            wrong[words] = [document.get("error"), problems]
    assert not wrong, json.dumps(wrong, indent=1)
