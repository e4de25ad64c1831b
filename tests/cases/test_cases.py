"""The rebuilt discrepancies build, and running both files gives the truth that is written down."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from benchmarks.cases.not_rebuilt import NOT_REBUILT
from benchmarks.cases.page import page
from benchmarks.cases.programs import PROGRAMS, of_answer
from benchmarks.cases.registry import SUBJECTS, Case, all_cases
from benchmarks.cases.scoring import ProgramAnswer, Score, score
from benchmarks.cases.truth import truth

pytestmark = pytest.mark.onnx

CASES = {case.name: case for case in all_cases()}
LIGHT = [case for case in CASES.values() if not case.needs]
WITH_TORCH = [case for case in CASES.values() if "torch" in case.needs]
WITH_LIBRARIES = [case for case in CASES.values() if case.is_recipe and case not in WITH_TORCH]
WITH_KERAS = [case for case in CASES.values() if "keras" in case.needs]


def check(case: Case, folder: Path) -> None:
    absent = [name for name in case.needs if find_spec(name) is None]
    if absent:
        pytest.skip(f"needs {', '.join(absent)}")
    a, b = case.build(folder)
    run = truth(a, b, runtime=case.runtime)
    assert run.same == case.same, run


@pytest.mark.parametrize("case", [*LIGHT, *WITH_LIBRARIES], ids=lambda case: case.name)
def test_running_both_files_gives_the_truth(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.torch
@pytest.mark.parametrize("case", WITH_TORCH, ids=lambda case: case.name)
def test_running_both_exports_gives_the_truth(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.keras
@pytest.mark.tflite
@pytest.mark.parametrize("case", WITH_KERAS, ids=lambda case: case.name)
def test_running_both_conversions_gives_the_truth(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_every_case_is_run_by_one_of_the_tests_above() -> None:
    assert len(CASES) == len({*LIGHT, *WITH_LIBRARIES, *WITH_TORCH, *WITH_KERAS}) >= 80
    assert {case.module.rpartition(".")[2] for case in CASES.values()} == set(SUBJECTS)


def test_a_report_is_rebuilt_or_the_reason_is_given() -> None:
    rebuilt = {report for case in CASES.values() for report in case.reports}
    corpus = {f"Z{number:03}" for number in range(1, 123)}
    assert corpus - rebuilt - set(NOT_REBUILT) == set()
    assert {report for report in rebuilt if report.startswith("Z")} <= corpus


@pytest.mark.e2e
@pytest.mark.parametrize(
    "name",
    [
        "counting_of_padding",
        "stride_placement",
        "bias_absorbed_by_a_norm",
        "one_layer_wrong",
        "auto_pad_resolved_rightly",
        "order_of_channels",
    ],
)
def test_zoodiff_is_right_with_cause_and_place(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    a, b = case.build(tmp_path)
    answer = PROGRAMS[0].ask(tmp_path, case, a, b)
    assert score(case, answer).exact, answer


def test_an_answer_is_held_against_truth_cause_and_every_place() -> None:
    case = CASES["stride_placement"]
    places = ("layer2.1.conv", "layer2.2.conv")
    assert score(case, ProgramAnswer(False, "ARC101 stride placement", places)) == Score(
        True, True, True
    )
    assert score(case, ProgramAnswer(False, "ARC107 padding", places[:1])) == Score(
        True, False, False
    )
    assert not score(case, ProgramAnswer(None, "arc101", places)).answer


def test_nothing_said_of_a_harmless_difference_is_right_only_beside_the_right_answer() -> None:
    case = CASES["gelu_written_out"]
    assert score(case, ProgramAnswer(True)) == Score(True, True, None)
    assert score(case, ProgramAnswer(False)) == Score(False, False, None)


def test_a_place_may_be_a_part_of_a_layer_but_not_a_longer_name() -> None:
    case = CASES["quick_gelu"]
    assert score(case, ProgramAnswer(False, "QuickGELU", ("act.gate",))).place
    assert not score(case, ProgramAnswer(False, "QuickGELU", ("activation",))).place


def test_an_answer_is_read_from_all_that_zoodiff_says() -> None:
    finding = {"code": "ARC104", "name": "dilation", "left": "1", "right": "2"}
    answer = of_answer(
        {
            "answer": {
                "relation": "different functions",
                "same_function": False,
                "sentence": "different functions",
                "reason": "",
                "because": ["ARC104", "weights"],
                "up_to": [],
                "evidence": {"weights": {"sameness": "differ", "relations": ["kernels rotated"]}},
                "domain": {"notes": []},
            },
            "findings": [{**finding, "places_a": ["conv1"], "places_b": ["conv_1"]}],
            "weights": {"layers": [{"a": "fc", "b": "head", "sameness": "differ"}]},
        }
    )
    assert answer.same is False
    assert answer.places == ("conv1", "conv_1", "fc", "head")
    for said in ("ARC104 dilation 1 2", "weights differ", "kernels rotated"):
        assert said in answer.said


def test_the_page_says_where_another_program_is_better() -> None:
    case = CASES["quick_gelu"]
    answers = {
        "zoodiff": {case.name: ProgramAnswer(True)},
        "Polygraphy": {case.name: ProgramAnswer(False)},
        "always different": {case.name: ProgramAnswer(False)},
    }
    scores = {
        program: {name: score(case, answer) for name, answer in by_case.items()}
        for program, by_case in answers.items()
    }
    text = page([case], scores, answers)
    better = text.partition("## Where another program is better")[2].partition("##")[0]
    assert "(`quick_gelu`): Polygraphy right; zoodiff: same" in better


def test_a_program_that_cannot_read_a_file_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"no network")
    answer = PROGRAMS[0].ask(tmp_path, CASES["quick_gelu"], path, path)
    assert answer.same is None and answer.unread


def test_the_cases_import_nothing_of_zoodiff() -> None:
    folder = Path(__file__).resolve().parents[2] / "benchmarks" / "cases"
    done = subprocess.run(
        ["grep", "-rlE", r"(import|from) zoodiff", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
