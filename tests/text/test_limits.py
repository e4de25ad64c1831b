"""Every command that starts workers has both limits, and so has every function of the API."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import zoodiff
from support.text.commands import commands
from zoodiff import api
from zoodiff.cli.app import app
from zoodiff.cli.limits import SECONDS, limits_of
from zoodiff.workers.limits import Limits

SOURCE = Path(zoodiff.__file__).parent
WITHOUT_WORKERS = {
    *(
        "claims",
        "example",
        "rules",
        "schema",
        "which",
        "zoos",
        "env create",
        "env list",
        "env remove",
    ),
    *("store export", "store gc", "store import", "store verify"),
    *("zoos add", "zoos remove", "index", "index export", "index import"),
}
OPTIONS = {"--worker-seconds", "--worker-memory"}


def test_every_command_that_starts_workers_has_both_options() -> None:
    for words, command in commands():
        options = {option for one in command.params for option in one.opts}
        expected = set() if words in WITHOUT_WORKERS else OPTIONS
        assert options & OPTIONS == expected, words


def test_every_engine_of_commands_and_api_is_given_limits() -> None:
    folders = (
        "cli",
        "api",
        "report",
        "study",
        "accuracy",
        "latency",
        "architecture",
        "equivalence",
        "host",
    )
    for path in [file for folder in folders for file in (SOURCE / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            assert name != "WorkerPool" or node.args, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize(
    "name",
    [
        *("describe", "diff", "prove", "diff_weights", "fingerprints", "survey", "accuracy"),
        *("latency", "run_study", "compare_entries", "write_report", "report_server"),
    ],
)
def test_every_function_that_starts_workers_takes_limits(name: str) -> None:
    requests = {"accuracy": api.AccuracyRequest, "latency": api.LatencyRequest}
    taker = requests.get(name, getattr(api, name))
    assert "limits" in inspect.signature(taker).parameters


def advice() -> Iterator[tuple[str, str]]:
    """Options that texts outside of the command line name."""
    for path in SOURCE.rglob("*.py"):
        if "cli" in path.parts or path.name in ("bubblewrap.py", "child.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", node.value):
                    yield path.relative_to(SOURCE).as_posix(), option


def test_advice_names_options_that_there_are() -> None:
    known = {option for _, command in commands() for one in command.params for option in one.opts}
    known |= {"--help", "--debug", "--no-why", "--quiet", "--require-sandbox"}
    inner = {"--requests", "--replies", "--backend", "--scratch", "--memory"}  # of the worker
    pip = {"--progress-bar", "--constraint", "--no-deps", "--revision"}  # of other programs
    styles = {"--plot-background"}
    foreign = {(place, one) for place, one in advice() if one not in known | inner | pip | styles}
    assert not foreign


def test_the_default_is_that_of_workers() -> None:
    assert limits_of(SECONDS, None) == Limits()
    assert limits_of(1.5, 2.0) == Limits(1.5, 2_000_000_000)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "x"])
@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_what_is_no_limit_is_refused(option: str, value: str) -> None:
    done = CliRunner().invoke(app, ["fingerprint", "torchvision:resnet18", option, value])
    assert done.exit_code == 2
    assert option in done.output


@pytest.mark.onnx
def test_a_limit_that_is_too_short_ends_the_worker(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the onnx extra")
    from support.text.hostile_world import network

    network(tmp_path / "net.onnx", outputs=2)
    words = ["fingerprint", str(tmp_path / "net.onnx"), "--worker-seconds", "0.001"]
    done = CliRunner().invoke(app, words)
    assert re.search("ran out of its time.*--worker-seconds", str(done.exception))
