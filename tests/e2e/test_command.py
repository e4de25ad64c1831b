"""The installed command, as a user calls it: exit codes, one-sentence errors, no framework."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.e2e

COMMAND = shutil.which("zoodiff", path=str(Path(sys.executable).parent)) or "zoodiff"
FRAMEWORKS = ("torch", "torchvision", "keras", "tensorflow", "tf_keras", "onnx", "onnxruntime")
COMMANDS = (
    *("zoos", "list", "show", "claims", "compare", "diff", "fingerprint", "rules", "accuracy"),
    *("example", "latency", "which", "names", "schema"),
    *("run", "report", "env", "store"),
)


def zoodiff(*arguments: str, cwd: Path | None = None, **variables: str):
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"} | variables,
        timeout=300,
        check=False,
    )


def imported(*arguments: str) -> set[str]:
    """Top-level modules that a command imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "zoodiff.cli.app", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return {
        match[1].split(".")[0]
        for match in re.finditer(r"import time:.*\|\s*([\w.]+)$", done.stderr, re.MULTILINE)
    }


@pytest.mark.parametrize("arguments", [["--help"], ["claims", "resnet50"], ["list"], ["zoos"]])
def test_no_framework_is_imported(arguments: list[str]) -> None:
    modules = imported(*arguments)
    assert "zoodiff" in modules
    assert not modules.intersection(FRAMEWORKS)


def test_help_and_claims_stay_light() -> None:
    """What makes a command slow to start: none of these for help and claims."""
    heavy = {"pydantic", "numpy", "scipy", "pandas", "pyarrow", "statsmodels", "jinja2", "sklearn"}
    assert not imported("--help") & heavy
    assert not imported("claims", "resnet50") & (heavy - {"pydantic", "numpy"})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_its_page_names_every_option(command: str) -> None:
    done = zoodiff(command, "--help")
    assert done.returncode == 0
    page = Path(__file__).parents[2] / "docs" / "commands" / f"{command}.md"
    text = page.read_text()
    for option in set(re.findall(r"(--[a-z][a-z0-9-]+)", done.stdout)) - {"--help"}:
        assert option in text or command == "env", f"{page.name} says nothing of {option}"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "torchvision:resnet5"], r"did you mean resnet50, resnext50_32x4d\?"),
        (["show", "nozoo:resnet50"], r'no zoo "nozoo"'),
        (["show", "resnet50"], "is not an entry; write zoo:model"),
        (["claims", "resnet5000"], "did you mean"),
        (["compare", "resnet5"], 'no architecture "resnet5"; did you mean'),
        (["run", "quik"], 'no study "quik"; did you mean quick'),
        (["run", "missing.toml"], "no study file missing.toml"),
        (["report", "--results", "nowhere"], "there is no run in nowhere"),
        (["list", "zzzz"], 'no architecture or model matches "zzzz"'),
        (["list", "--zoo", "tochvision"], "did you mean torchvision"),
        (["env", "create", "tfgm"], "did you mean tfmg"),
        (["rules", "ARC999"], 'there is no rule "ARC999"; there are ARC101'),
        (["diff", "torchvision:resnet50", "missing.onnx"], "there is no file missing.onnx"),
        (["diff", "keras:VGG16", "keras:VGG1"], "did you mean VGG16"),
        (["fingerprint", "README"], "is not an entry; write zoo:model"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = zoodiff(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert re.search(sentence, done.stderr)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = zoodiff("--debug", "show", "nozoo:x", cwd=tmp_path)
    assert "Traceback" in done.stderr


def test_unknown_options_are_usage_errors() -> None:
    assert zoodiff("list", "--nonsense").returncode == 2
    assert zoodiff("nonsense").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["zoos"],
        ["list", "resnet50"],
        ["claims", "resnet50"],
        ["show", "torchvision:resnet50", "--catalogue-only"],
        ["env", "list"],
    ],
)
def test_json_is_json(arguments: list[str]) -> None:
    done = zoodiff(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def test_an_unwritable_results_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = zoodiff("run", "quick", "--results", "file", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot write the results folder file" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def channels_last_network(path: Path) -> str:
    """A convolution and a linear layer of random weights that takes (1, 16, 12, 3)."""
    from onnx import TensorProto, helper, numpy_helper

    def stored(name: str, *shape: int):
        numbers = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        return numpy_helper.from_array(numbers, name)

    nodes = [
        helper.make_node("Transpose", ["x"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["first", "w"], ["map"], kernel_shape=[3, 3]),
        helper.make_node("GlobalAveragePool", ["map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "v"], ["y"]),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 12, 3])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])
    weights = [stored("w", 8, 3, 3, 3), stored("v", 8, 10)]
    graph = helper.make_graph(nodes, "small", [image], [scores], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path.name


@pytest.mark.onnx
def test_a_file_is_shown_and_compared_like_any_entry(tmp_path: Path) -> None:
    one = channels_last_network(tmp_path / "one.onnx")
    shown = zoodiff("show", one, "--json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["counts"]["parameters"] == 8 * 27 + 80
    two = channels_last_network(tmp_path / "two.onnx")
    compared = zoodiff("compare", one, two, "--latency", "--rounds", "3", cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert compared.stdout.count("16x12") == 2
    assert "no architecture" not in compared.stderr
