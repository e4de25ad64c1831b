"""Asks zoodiff and other programs what they say of two files, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases.registry import Case
from benchmarks.cases.scoring import ProgramAnswer

Ask = Callable[[Path, Case, Path, Path], ProgramAnswer]
"""Takes the folder of the program's virtual environment, the case, and both files."""
_SECONDS = 300


@dataclass(frozen=True)
class Program:
    """A program that compares two files, and how it is installed."""

    name: str
    packages: tuple[str, ...]
    """What pip installs for it; empty: it is part of the environment that runs the cases."""
    ask: Ask
    says: str
    """What its answer is taken from."""


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    quiet = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "COLUMNS": "400",
    }
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env=quiet,
        check=False,
    )


def _ask_zoodiff(_: Path, case: Case, a: Path, b: Path) -> ProgramAnswer:
    zoodiff = Path(sys.executable).with_name("zoodiff")
    options = ["--preprocessing"] if case.is_recipe else []
    done = _run(zoodiff, "diff", a, b, "--json", *options)
    try:
        reply = json.loads(done.stdout)
    except ValueError:
        return ProgramAnswer(None, unread=_last_line(done.stderr))
    if options:
        return _of_recipes(reply)
    if "answer" not in reply and "sameness" in reply:  # before there was one answer
        weights = json.loads(_run(zoodiff, "diff", a, b, "--json", "--weights").stdout or "{}")
        return of_structure(reply | weights)
    return of_answer(reply)


def of_answer(reply: dict[str, Any]) -> ProgramAnswer:
    """Read zoodiff's one answer: ``answer``, with ``findings`` and ``weights`` beside it."""
    answer = reply.get("answer")
    if answer is None:
        return ProgramAnswer(None, unread=str(reply.get("error", "no answer")))
    findings = reply.get("findings", [])
    held = answer.get("evidence", {}).get("weights", {})
    said = [answer["relation"], answer["sentence"], answer.get("reason") or ""]
    said += [*answer["because"], *answer["up_to"], *held.get("relations", [])]
    said += [f"weights {held.get('sameness', '')}", *answer.get("domain", {}).get("notes", [])]
    said += [" ".join(str(f[key]) for key in ("code", "name", "left", "right")) for f in findings]
    places = [*_places(findings), *_layers_that_differ(reply.get("weights") or {})]
    return ProgramAnswer(
        answer["same_function"],
        " | ".join(said),
        tuple(places),
        relation=answer["relation"],
        because=tuple(answer["because"]),
    )


def of_structure(reply: dict[str, Any]) -> ProgramAnswer:
    """Read what zoodiff said before it had one answer: its verdict of the graph and of weights."""
    findings, held = reply["findings"], reply.get("weights") or {}
    same = reply["sameness"] != "different" and held.get("sameness") != "differ"
    said = [f"weights {held.get('sameness', '')}"]
    said += [" ".join(str(f[key]) for key in ("code", "name", "left", "right")) for f in findings]
    places = [*_places(findings), *_layers_that_differ(held)]
    return ProgramAnswer(same, " | ".join(said), tuple(places))


def _places(findings: list[dict[str, Any]]) -> list[str]:
    return [p for finding in findings for side in "ab" for p in finding[f"places_{side}"]]


def _layers_that_differ(held: dict[str, Any]) -> list[str]:
    layers = [layer for layer in held.get("layers", []) if layer["sameness"] == "differ"]
    relations = held.get("relations") or []
    named = [
        str(place)
        for relation in relations
        if isinstance(relation, dict)
        for key in ("places", "places_a", "places_b", "layers")
        for place in relation.get(key, [])
    ]
    return [str(layer[side]) for layer in layers for side in "ab"] + named


def _of_recipes(reply: dict[str, Any]) -> ProgramAnswer:
    findings = reply["findings"]
    doubts = [str(doubt) for doubt in reply.get("doubts", []) if doubt]
    said = [" ".join(str(value) for value in finding.values()) for finding in findings]
    return ProgramAnswer(not findings and not doubts, " | ".join(said + doubts))


def _ask_polygraphy(folder: Path, case: Case, a: Path, b: Path) -> ProgramAnswer:
    with tempfile.TemporaryDirectory() as kept:
        inputs, outputs = Path(kept, "inputs.json"), Path(kept, "outputs.json")
        command = (folder / "bin" / "polygraphy", "run")
        shapes = [f"image:{list(case.shape)}".replace(" ", "")] if case.shape else []
        options = ["--onnxrt", *(["--input-shapes", *shapes] if shapes else [])]
        first = _run(*command, a, *options, "--save-inputs", inputs, "--save-outputs", outputs)
        if first.returncode:
            return ProgramAnswer(None, unread=_last_line(first.stdout + first.stderr))
        second = _run(*command, b, *options, "--load-inputs", inputs, "--load-outputs", outputs)
    if "Accuracy Summary" not in second.stdout + second.stderr:
        return ProgramAnswer(None, unread=_last_line(second.stdout + second.stderr))
    return ProgramAnswer(second.returncode == 0)


def _ask_onnx_diff(folder: Path, _: Case, a: Path, b: Path) -> ProgramAnswer:
    done = _run(folder / "bin" / "onnxdiff", a, b)
    if "Exact Match" in done.stdout:
        return ProgramAnswer(True)
    if "Difference Detected" in done.stdout:
        return ProgramAnswer(False)
    return ProgramAnswer(None, unread=_last_line(done.stdout + done.stderr))


def _ask_diffonnx(folder: Path, _: Case, a: Path, b: Path) -> ProgramAnswer:
    done = _run(folder / "bin" / "diffonnx", "-v", a, b)
    text = done.stdout
    if "Equal Outputs:" not in text:
        return ProgramAnswer(None, unread=_last_line(text + done.stderr))
    nodes = text.partition("| Graph.Nodes ")[2].rpartition("| Graph.Misc ")[0]
    places = tuple(dict.fromkeys(re.findall(r"[\w./]+", nodes)))
    return ProgramAnswer("Not Equal Outputs" not in text, places=places)


def _ask_onnxdiffer(folder: Path, _: Case, a: Path, b: Path) -> ProgramAnswer:
    files = ("--onnx_a", a, "--onnx_b", b, "--struct", "1", "--ort", "1")
    done = _run(folder / "bin" / "onnxdiff", *files)
    verdict = re.search(r"verify complete:\s*(True|False)", done.stdout)
    if verdict is None:
        return ProgramAnswer(None, unread=_last_line(done.stdout + done.stderr))
    return ProgramAnswer(verdict[1] == "True")


def _ask_torch(_: Path, case: Case, a: Path, b: Path) -> ProgramAnswer:
    if (a.suffix, b.suffix) != (".pt2", ".onnx"):
        return ProgramAnswer(None, unread="takes a program of torch.export and an ONNX file only")
    done = _run(sys.executable, "-c", _VERIFICATION, a, b)
    if done.returncode:
        return ProgramAnswer(None, unread=_last_line(done.stderr))
    return ProgramAnswer(float(done.stdout.split()[-1]) < 1e-4)


_VERIFICATION = """
import sys, onnx_ir, torch
program = torch.export.load(sys.argv[1])
checked = torch.onnx.ONNXProgram(onnx_ir.load(sys.argv[2]), program)
from torch.onnx.verification import verify_onnx_program
inputs = (torch.randn(2, 3, 16, 16),)
print(max(info.max_abs_diff for info in verify_onnx_program(checked, args=inputs)))
"""


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else "nothing was printed"


def _always_different(_: Path, case: Case, a: Path, b: Path) -> ProgramAnswer:
    return ProgramAnswer(False)


PROGRAMS = (
    Program("zoodiff", (), _ask_zoodiff, "`diff --json`: its answer, findings and weights"),
    Program(
        "Polygraphy",
        ("polygraphy", "onnx", "onnxruntime"),
        _ask_polygraphy,
        "`polygraphy run --onnxrt` on both, outputs compared; it names no causes",
    ),
    Program(
        "diffonnx",
        ("diffonnx",),
        _ask_diffonnx,
        "equal outputs or not; layers that it lists as mismatched; it names no causes",
    ),
    Program(
        "onnxdiffer",
        ("onnxdiffer",),
        _ask_onnxdiffer,
        "its comparison of outputs (`--ort`)",
    ),
    Program("onnx-diff", ("onnx-diff",), _ask_onnx_diff, '"exact match" of the two files, or not'),
    Program(
        "torch.onnx.verification",
        (),
        _ask_torch,
        "`verify_onnx_program` of a program and an ONNX file",
    ),
    Program("always different", (), _always_different, "for comparison"),
)


def environment(program: Program, cache: Path) -> Path:
    """Return the program's own virtual environment, made on the first call."""
    folder = cache / re.sub(r"\W", "_", program.name)
    if not program.packages or (folder / "installed").is_file():
        return folder
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--clear", folder], check=True)
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "install", *program.packages], check=True)
    (folder / "installed").touch()
    return folder
