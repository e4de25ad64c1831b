"""What is named together is compared, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support.onnx_networks import network
from support.records import a_record
from zoodiff.api.studies import RunRequest, compare, run
from zoodiff.architecture import mismatches
from zoodiff.cli.render.studies import print_result
from zoodiff.report.sections import summary
from zoodiff.study.config import parse
from zoodiff.study.plan import plan
from zoodiff.study.result import StudyResult

pytestmark = pytest.mark.onnx

HEAD = 'name = "s"\ntitle = "t"\n'


def normed(path: Path, *, folded: bool = False, slopes: bool = False) -> None:
    """A convolution with its batch norm, or the norm folded, or a PReLU instead of the ReLU."""
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((8, 3, 3, 3)).astype(np.float32)
    gamma, beta, mean = (rng.standard_normal(8).astype(np.float32) for _ in range(3))
    variance = rng.uniform(0.5, 2, 8).astype(np.float32)
    factor = gamma / np.sqrt(variance + 1e-5)
    tensors = {"w": kernel * factor[:, None, None, None], "b": beta - mean * factor}
    nodes = [helper.make_node("Conv", ["image", "w", "b"], ["n"], "conv")]
    if not folded:
        tensors = {"w": kernel, "gamma": gamma, "beta": beta, "mean": mean, "var": variance}
        nodes = [
            helper.make_node("Conv", ["image", "w"], ["c"], "conv"),
            helper.make_node(
                "BatchNormalization", ["c", "gamma", "beta", "mean", "var"], ["n"], "norm"
            ),
        ]
    if slopes:
        tensors["slopes"] = np.full((8, 1, 1), 0.2, np.float32)
        nodes.append(helper.make_node("PRelu", ["n", "slopes"], ["y"], "prelu"))
    else:
        nodes.append(helper.make_node("Relu", ["n"], ["y"], "relu"))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 14, 14])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files of two networks, named differently, so that each is its own architecture."""
    monkeypatch.chdir(tmp_path)
    network(tmp_path / "one.onnx")
    network(tmp_path / "two.onnx", seed=1)
    network(tmp_path / "wide.onnx", kernel=5)
    return tmp_path


def groups(text: str, kind: str = "architecture") -> dict[str, list[str]]:
    comparisons = plan(parse(HEAD + text)).comparisons
    return {one.name: one.entries for one in comparisons if one.kind == kind}


RESNETS = ["torchvision:resnet18@random", "keras:ResNet50@random"]


def test_the_entries_of_a_section_are_one_comparison() -> None:
    text = f"[architecture]\nentries = {RESNETS}\n"
    assert list(groups(text).values()) == [RESNETS]


def test_by_architecture_is_one_comparison_for_each() -> None:
    text = f'[architecture]\ncompare = "by architecture"\nentries = {RESNETS}\n'
    assert groups(text) == {"resnet18": RESNETS[:1], "resnet50": RESNETS[1:]}


def test_what_is_not_named_is_sorted_by_architecture() -> None:
    text = '[architecture]\narchitectures = ["vgg16", "vgg19"]\nzoos = ["torchvision", "keras"]\n'
    found = groups(text)
    assert list(found) == ["vgg16", "vgg19"]
    assert all(len(entries) == 2 for entries in found.values())


def test_groups_are_compared_in_every_section_and_timed_in_turns() -> None:
    text = (
        f'[[group]]\nname = "pair"\nentries = {RESNETS}\n'
        f'[[group]]\nname = "other"\nentries = ["torchvision:alexnet@random", "{RESNETS[0]}"]\n'
        "[architecture]\n[latency]\n"
    )
    planned = plan(parse(HEAD + text))
    for kind in ("architecture", "latency"):
        assert list(groups(text, kind)) == ["pair", "other"]
    timed = [task for task in planned.tasks if task.kind == "latency"]
    assert [len(task.entries) for task in timed] == [2, 2]
    described = [task.entries[0].ref for task in planned.tasks if task.kind == "architecture"]
    assert len(described) == len(set(described)) == 3


def test_files_of_one_command_are_compared_and_nothing_else_is_said(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = compare(["one.onnx", "wide.onnx"], files / "r").result
    assert result.claimed is None
    assert {mismatch.property for mismatch in result.mismatches} == {"parameters", "MACs"}
    print_result(result)
    printed = capsys.readouterr().out
    assert (
        "file:one.onnx and file:wide.onnx: different architectures, because ARC103 kernel size "
        in printed
    )
    assert "nothing was run" in printed
    assert "equal in every count" not in printed
    assert "resnet" not in printed.lower()


def test_files_that_are_alike_are_one_architecture(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_result(compare(["one.onnx", "two.onnx"], files / "r").result)
    printed = capsys.readouterr().out
    assert "file:one.onnx and file:two.onnx: the same architecture\n" in printed
    assert "nothing was run" in printed


@pytest.mark.torch
def test_two_architectures_of_one_command_do_not_contradict_each_other(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["torchvision:resnet18@random", "torchvision:resnet34@random"]
    result = compare(names, files / "r").result
    print_result(result)
    printed = capsys.readouterr().out
    assert (
        "torchvision:resnet18@random and torchvision:resnet34@random: different architectures, "
        "because ARC" in printed
    )
    assert "equal in every count" not in printed


def test_files_of_one_command_are_timed_in_one_run_and_ranked(files: Path) -> None:
    result = compare(["one.onnx", "wide.onnx"], files / "r", latency=True, rounds=3).result
    (pair,) = result.latency
    assert {pair.high_entry, pair.low_entry} == {"file:one.onnx", "file:wide.onnx"}
    assert len(result.controls) == 1


def test_a_study_in_which_nothing_is_compared_says_so_first(files: Path) -> None:
    text = '[architecture]\ncompare = "by architecture"\nentries = ["one.onnx", "two.onnx"]\n'
    result = run(RunRequest(study=parse(HEAD + text), results=files / "r")).result
    said = summary.sentences(result)
    assert said[0].startswith("Nothing was compared: 2 entries were measured, and no two of them")
    assert not any("Nothing that was asked for is missing" in sentence for sentence in said)
    together = text.replace('compare = "by architecture"\n', "")
    result = run(RunRequest(study=parse(HEAD + together), results=files / "r")).result
    said = summary.sentences(result)
    assert result.not_compared is None
    assert "In 1 group with at least two entries, all graphs agree." in said
    assert "Nothing that was asked for is missing." in said


def test_a_file_that_cannot_be_opened_leaves_the_others_compared(files: Path) -> None:
    (files / "notes.keras").write_text("no network")
    study_run = compare(["notes.keras", "one.onnx", "wide.onnx"], files / "r")
    assert [failure.entry for failure in study_run.failures] == ["file:notes.keras"]
    assert study_run.result.mismatches
    assert not study_run.complete


def test_a_run_of_an_older_version_is_compared_by_architecture(files: Path) -> None:
    """Its manifest says nothing of comparisons."""
    from zoodiff.store.folder import Store
    from zoodiff.study.assemble import assemble

    result = compare(["one.onnx", "wide.onnx"], files / "r").result
    store = Store(files / "r")
    manifest = store.read_manifest(result.study)
    assert manifest is not None
    raw = json.loads(manifest.to_bytes())
    assert raw["comparisons"]
    old = manifest.model_copy(update={"comparisons": None})
    assert {one.name for one in assemble(store, old).comparisons} == {"one.onnx", "wide.onnx"}


def counted(**changes: int | str) -> StudyResult:
    """Two entries of one architecture, whose second one has other counts."""
    from support.report_examples import example

    first, second = a_record("fake:a@w"), a_record("fake:b@w")
    other = second.values.model_copy(update=changes)
    records = [first, second.model_copy(update={"values": other})]
    changed = {"records": records, "mismatches": mismatches.mismatches(records), "comparisons": []}
    changed |= {"differences": [], "graphs": []}
    return example().model_copy(update=changed)


def test_harmless_counts_have_their_own_number() -> None:
    """Folding norms changes parameters and norms, and no answer; MACs do not change by it."""
    folded = counted(parameters=10, normalisations=3)
    assert (
        "0 are not the same network in every zoo, and 1 differs in parameters or norms alone"
        in (" ".join(summary.sentences(folded)))
    )
    moved = counted(macs=13)
    assert "1 is not the same network in every zoo." in " ".join(summary.sentences(moved))


def test_a_folded_norm_is_harmless_and_a_learned_slope_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    normed(tmp_path / "plain.onnx")
    normed(tmp_path / "folded.onnx", folded=True)
    normed(tmp_path / "slopes.onnx", slopes=True)
    harmless = compare(["plain.onnx", "folded.onnx"], tmp_path / "r").result
    assert {one.property for one in harmless.mismatches} == {"parameters", "normalisations"}
    assert not any(one.has_effect for one in harmless.mismatches)
    learned = compare(["plain.onnx", "slopes.onnx"], tmp_path / "r").result
    assert {one.property for one in learned.mismatches} == {"parameters"}
    assert all(one.has_effect for one in learned.mismatches)
