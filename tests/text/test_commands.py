"""Every command over untrusted files, as a user calls it: in a pipe and on a terminal."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.text import harmless, hostile_texts
from support.text.commands import commands
from support.text.hostile_world import (
    bundle,
    network,
    results_folder,
    strew,
    study_text,
    write_data,
)

pytestmark = [pytest.mark.e2e, pytest.mark.onnx]
COMMAND = shutil.which("zoodiff", path=str(Path(sys.executable).parent)) or "zoodiff"
CLASSES = hostile_texts.file_names()
FAST = ("--seconds", "0.2", "--processes", "2", "--no-why")


@dataclass(frozen=True)
class World:
    folder: Path
    networks: tuple[str, ...]
    """Names of files with hostile names inside and outside."""
    odd: str
    """A network whose name is no UTF-8."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    pytest.importorskip("onnx", reason="the onnx extra")
    folder = tmp_path_factory.mktemp("world")
    parts: list[str] = []
    for text in CLASSES:  # as many tricks to a name as fit
        if not parts or len(os.fsencode(parts[-1] + text)) > 200:
            parts.append("./")
        parts[-1] += f"{text} "
    names = tuple(f"{part}.onnx" for part in parts if part.isascii() or "\udce9" not in part)
    odd = next(f"{part}.onnx" for part in parts if "\udce9" in part)
    texts = hostile_texts.unicode_texts()
    for seed, name in enumerate((*names, odd)):
        network(folder / name, outputs=len(CLASSES), seed=seed, texts=texts if seed < 2 else ())
    write_data(folder / "data", CLASSES, images=1)
    write_data(folder / "bad", CLASSES[:3])
    for text in CLASSES[:6]:
        (folder / "bad" / CLASSES[0] / f"{text}.png").write_bytes(b"no image")
    network(folder / "three.onnx", outputs=3)
    network(folder / "other.onnx", outputs=3, seed=1)
    (folder / "labels.txt").write_text("\n".join(t.replace("\n", "") for t in texts[:3]) + "\n")
    _studies(folder, names, texts)
    _sidecars(folder, texts)
    results_folder(folder / "kept", list(hostile_texts.TEXTS.values())[:-2])
    results_folder(folder / "broken", CLASSES)
    strew(folder / "broken", CLASSES)
    bundle(folder / "bundle.tar", "runs/\x1b]0;x\x07\n\u202e/run.json")
    return World(folder, names, odd)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _studies(folder: Path, names: Sequence[str], texts: Sequence[str]) -> None:
    entries = f"entries = [{', '.join(quoted(f'file:{name}') for name in names[:3])}]\n"
    head = study_text(texts)
    (folder / "good.toml").write_text(f"{head}[architecture]\n{entries}")
    every = quoted("".join(texts))
    broken = {
        "key.toml": f"{head}{every} = 1\n",
        "entry.toml": f"{head}[architecture]\nentries = [{every}]\n",
        "zoo.toml": f"{head}[architecture]\narchitectures = [{every}]\nzoos = [{every}]\n",
        "data.toml": f"{head}[accuracy]\n{entries}data = {every}\n",
        "labels.toml": f'{head}[accuracy]\n{entries}data = "data"\nlabels = {every}\n',
        "truth.toml": f'{head}[accuracy]\n{entries}data = "data"\ntruth = {every}\n',
        "claims.toml": f"{head}[claims]\n{every} = {every}\n",
        "code.toml": f"allow_code = [{every}]\n{head}",
        "name.toml": f"name = {every}\ntitle = {every}\n",
        "syntax.toml": f"title = \x1b]0;x\x07\u202e {every}\n",
    }
    for name, text in broken.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "bytes.toml").write_bytes(b'title = "\x1b]0;x\x07\xff"\n')


def _sidecars(folder: Path, texts: Sequence[str]) -> None:
    every = quoted("".join(texts))
    sidecars = {
        "labels": f"labels = {every}\n",
        "key": f"{every} = 1\n",
        "architecture": f"architecture = {every}\n",
        "preprocessing": f"[preprocessing]\ninterpolation = {every}\n",
        "inner": f"[preprocessing]\n{every} = 1\n",
    }
    for name, text in sidecars.items():
        network(folder / f"{name}.onnx", outputs=3)
        (folder / f"{name}.onnx.toml").write_text(text, encoding="utf-8")


def cases(world: World) -> dict[str, list[list[str]]]:
    """What is called of each command; a new command needs a case here."""
    first, second, *_ = world.networks
    sides = [f"{name}.onnx" for name in ("labels", "key", "architecture", "preprocessing", "inner")]
    broken = sorted(p.name for p in world.folder.glob("*.toml") if "onnx" not in p.name)
    broken.remove("good.toml")
    small = ["three.onnx", "other.onnx"]
    return {
        "zoos": [[]],
        "zoos add": [[name] for name in broken],
        "zoos remove": [[first]],
        "example": [[first]],
        "index": [[]],
        "list": [[first[2:]]],
        "names": [[first], ["vgg16", "--csv", "names.csv", "--html", "n.html"]],
        "audit-recipes": [[first], ["vgg16", "--zoos", first], ["vgg16", "--images", first]],
        "show": [[first, "--layers"], [world.odd], *([side] for side in sides), ["-" + first]],
        "claims": [
            [first],
            ["resnet50", "--zoo", first],
            [first, "--latency"],
            ["resnet50", "--latency", "--machine", first],
            ["resnet50", "--test-set", first],
            ["--rankings", first, second],
            ["resnet50", "--sort", first],
        ],
        "which": [
            [first],
            ["resnet50", "--zoo", first],
            ["resnet50", "--machine", first],
            ["resnet50", "--max-macs", first],
            ["resnet50", "--results", "kept"],
            ["resnet50", "--results", "broken"],
            ["--task", first],
        ],
        "compare": [[first, second], [world.odd, first]],
        "diff": [[first, second, "--places"], [first, world.odd], [first, second, "--weights"]],
        "accuracy": [
            [first, second, "--data", "data", "--evidence", "evidence"],
            [*small, "--data", "bad", "--max-bad", "90", "--labels", "labels.txt"],
            [*small, "--data", "bad"],
            [first, "--data", f"data/{CLASSES[0]}"],
        ],
        "latency": [[first, world.odd, *FAST], [first, "--mode", first]],
        "fingerprint": [[first, world.odd]],
        "run": [["good.toml"], *([name] for name in broken)],
        "report": [
            ["--results", "kept"],
            ["--results", "broken"],
            [first, "--results", "broken"],
            ["kept", "broken"],
        ],
        "rules": [[first]],
        "schema": [[first], ["diff"]],
        "env create": [[first]],
        "env list": [[]],
        "env remove": [[first]],
        "index export": [["out.idx"], ["out.idx", "--zoo", first]],
        "index import": [["bundle.tar"], [first]],
        "store verify": [["--results", "broken"], ["--results", "kept"]],
        "store gc": [["--results", "broken", "--older-than", "1s", "--unnamed"]],
        "store export": [["out.tar", "--results", "kept"], ["out.tar", "--run", first]],
        "store import": [["bundle.tar", "--results", "new"], [first, "--results", "new"]],
    }


WORDS = [words for words, _ in commands()]


def test_every_command_has_a_case() -> None:
    nowhere = World(Path("/nowhere"), ("./a.onnx", "./b.onnx"), "./c.onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "glob", lambda *_: [Path("good.toml")])
        assert set(cases(nowhere)) == set(WORDS)


def environment(**variables: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return kept | {"ZOODIFF_RESULTS": "results"} | variables


def piped(world: World, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        cwd=world.folder,
        env=environment(NO_COLOR="1", TERM="dumb"),
        timeout=300,
        check=False,
    )


def on_terminal(world: World, arguments: Sequence[str], *, columns: int = 80) -> tuple[str, int]:
    """What a terminal gets of a command, both streams, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=world.folder,
        env=environment(TERM="xterm-256color"),
        start_new_session=True,
    )
    os.close(theirs)
    got, end = b"", time.monotonic() + 300
    while time.monotonic() < end:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        got += part
    os.close(ours)
    return got.decode("utf-8"), process.wait(timeout=60)


def assert_fine(text: str, code: int, arguments: Sequence[str]) -> None:
    assert not harmless.problems(text), arguments
    assert code in (0, 1, 2, 3), text
    for word in ("unexpected", "Traceback", "Exception ignored"):
        assert word not in text, text


@pytest.mark.parametrize("words", WORDS)
def test_in_a_pipe(world: World, words: str) -> None:
    for arguments in cases(world)[words]:
        done = piped(world, [*words.split(), *arguments])
        text = done.stdout.decode("utf-8") + done.stderr.decode("utf-8")
        assert_fine(text, done.returncode, arguments)


@pytest.mark.parametrize("words", WORDS)
def test_on_a_terminal(world: World, words: str) -> None:
    for arguments in cases(world)[words][:3]:
        text, code = on_terminal(world, [*words.split(), *arguments])
        plain = harmless.uncoloured(text)
        assert_fine(plain, code, arguments)
        links = re.findall(r"\x1b\]8;|\x1b\]0;", text)
        assert not links


WITH_JSON = [
    words for words, command in commands() if any("--json" in one.opts for one in command.params)
]


@pytest.mark.parametrize("words", WITH_JSON)
def test_as_json(world: World, words: str) -> None:
    for arguments in cases(world)[words][:2]:
        done = piped(world, [*words.split(), *arguments, "--json"])
        text = done.stdout.decode("utf-8")
        assert_fine(text + done.stderr.decode("utf-8"), done.returncode, arguments)
        if done.returncode in (0, 3) and text:
            json.loads(text)


def test_names_are_exact_in_json(world: World) -> None:
    first = world.networks[0]
    done = piped(world, ["show", first, "--layers", "--json"])
    facts = json.loads(done.stdout)
    assert facts["entry"] == f"file:{first}"
    names = {layer["name"] for layer in facts["layers"]}
    assert hostile_texts.TERMINAL["sets the title"] + " 0" in names


def test_markup_is_shown_and_not_followed(world: World) -> None:
    text, _ = on_terminal(world, ["show", world.networks[0], "--layers"], columns=2000)
    plain = re.sub(r"\s", "", harmless.uncoloured(text))
    for markup in ("rich, bold", "rich, link", "emoji by name", "HTML, script"):
        assert re.sub(r"\s", "", hostile_texts.MARKUP[markup])[:12] in plain, markup


def test_files_that_are_written(world: World) -> None:
    """Reports, evidence and graphs of what the tests above measured, or of what is measured now."""
    first, second, *_ = world.networks
    piped(world, ["run", "good.toml", "--results", "own", "--report", "report"])
    piped(world, ["accuracy", first, second, "--data", "data", "--evidence", "proof"])
    for kind in ("dot", "json"):
        piped(world, ["show", first, "--save", f"graph.{kind}"])
    written = [
        *(p for p in (world.folder / "report").rglob("*") if p.is_file()),
        *(p for p in (world.folder / "proof").rglob("*") if p.suffix in (".md", ".json", ".py")),
        *(world.folder / f"graph.{kind}" for kind in ("dot", "json")),
    ]
    assert {p.suffix for p in written} >= {".html", ".md", ".csv", ".json", ".py", ".dot"}
    for path in written:
        text = harmless.without_libraries(path.read_bytes().decode("utf-8"))
        assert not harmless.problems(text, allowed="\n\t"), path
        if path.suffix == ".py":
            compile(text, str(path), "exec")
        if path.suffix == ".json":
            json.loads(text)
        if path.suffix == ".csv":
            assert list(csv.reader(text.splitlines()))
    for folder in (world.folder / "proof").iterdir():
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", folder.name)
    if shutil.which("dot"):
        drawn = ["dot", "-Tsvg", str(world.folder / "graph.dot")]
        subprocess.run(drawn, check=True, capture_output=True, timeout=300)


def test_the_program_of_evidence_runs_nothing_of_a_name(world: World) -> None:
    trick = './a""" + str(1 and open("owned", "w")) + """ \' \\ .onnx'
    network(world.folder / trick, outputs=3)
    data = ["--data", "bad", "--max-bad", "90", "--labels", "labels.txt"]
    piped(world, ["accuracy", trick, "other.onnx", *data, "--evidence", "trick"])
    (program,) = (world.folder / "trick").glob("*/repeat.py")
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=world.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not harmless.problems(done.stdout)
    assert not (world.folder / "owned").exists()
