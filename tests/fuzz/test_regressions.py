"""What fuzzing found, each as it was found, cut down to what matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoodiff.data.labels import IMAGENET_1K, find, mapping
from zoodiff.data.layouts import open_images
from zoodiff.errors import StudyError, UsageError, ZoodiffError
from zoodiff.study.config import parse
from zoodiff.study.plan import plan
from zoodiff.zoos import registry
from zoodiff.zoos.timm.pretrained_cfg import from_timm

LONG = "a" * 5000
"""Longer than any file name may be."""


def test_digits_that_are_no_numbers_are_words_in_label_files(tmp_path: Path) -> None:
    """``str.isdigit`` is true of a superscript two, and ``int`` takes at most 4,300 digits."""
    path = tmp_path / "labels.txt"
    path.write_text(f"² tench\n{'9' * 5000} goldfish\ngoldfish\n", encoding="utf-8")
    assert find(str(path)).names[0] == "² tench"


@pytest.mark.parametrize("label", ["²", "9" * 5000])
def test_digits_that_are_no_numbers_are_no_classes(tmp_path: Path, label: str) -> None:
    (tmp_path / "1.jpg").write_bytes(b"x")
    truth = tmp_path / "truth.txt"
    truth.write_text(f"1.jpg {label}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="which does not exist"):
        open_images(str(tmp_path), truth=truth)


def test_digits_that_are_no_numbers_are_words_in_names_of_folders(tmp_path: Path) -> None:
    for name in ("²", "3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(b"x")
    found = open_images(str(tmp_path))
    assert found.space is not None
    assert found.space.names == ("3", "²")


def test_a_folder_is_no_class_of_a_billion(tmp_path: Path) -> None:
    """An array of as many numbers as classes would have been made."""
    (tmp_path / "999999999").mkdir()
    (tmp_path / "999999999" / "1.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="is no number of a class"):
        mapping(open_images(str(tmp_path)).space or IMAGENET_1K, IMAGENET_1K)


def test_kaggles_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.JPEG").write_bytes(b"x")
    (tmp_path / "LOC_val_solution.csv").write_bytes(b"ImageId,PredictionString\n\xff,n01440764\n")
    with pytest.raises(UsageError, match="cannot read the labels"):
        open_images(str(tmp_path))


@pytest.mark.parametrize("name", ["", ".", "/", LONG, f"file:{LONG}", "a\0b.onnx"])
def test_names_that_no_model_file_has_are_refused(name: str) -> None:
    with pytest.raises(ZoodiffError):
        registry.resolve(name)


def test_an_empty_entry_of_a_study_is_refused_with_its_line() -> None:
    text = 'name = "s"\ntitle = "t"\n[architecture]\nentries = [""]\n'
    with pytest.raises(StudyError, match="line 4"):
        plan(parse(text))


@pytest.mark.parametrize("weights", [f"{LONG}.pth", "a\0b.pth"])
def test_names_that_no_weights_file_has_are_refused(weights: str) -> None:
    with pytest.raises(ZoodiffError):
        registry.resolve(f"torchvision:resnet18@{weights}")


def test_names_that_no_label_file_has_are_refused() -> None:
    with pytest.raises(UsageError, match="no label space"):
        find(LONG)


@pytest.mark.parametrize(
    "pattern", ["{0..99999}{0..99999}", "{1..99999999999999}", LONG, "\0", "{1..\0}-*"]
)
def test_patterns_of_too_many_files_are_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(UsageError):
        open_images(f"{tmp_path}/{pattern}.tar")


def test_a_hundred_thousand_searches_are_refused(tmp_path: Path) -> None:
    """Each takes a tenth of a millisecond in an empty folder."""
    (tmp_path / "1.tar").write_bytes(b"")
    with pytest.raises(UsageError, match="more than 1,000 patterns"):
        open_images(f"{tmp_path}/{{0..99999}},*")


TIMM = {"input_size": [3, 9, 9], "mean": [0.5] * 3, "std": [0.5] * 3}


@pytest.mark.parametrize(
    "config",
    [
        *([], 3, {}, {**TIMM, "mean": None}, {**TIMM, "std": [1]}, {**TIMM, "input_size": "3"}),
        *({**TIMM, "crop_pct": pct} for pct in (float("nan"), -1, 1e-300, "a")),
        *({**TIMM, "input_size": size} for size in ([3, 9], [3, 0, 9], [3, 10**30, 9])),
    ],
)
def test_what_is_no_configuration_of_timm_is_refused(config: object) -> None:
    with pytest.raises(UsageError, match="not valid"):
        from_timm(config)  # type: ignore[arg-type]
