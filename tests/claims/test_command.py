"""``zoodiff claims``: its table, its JSON and its errors."""

import json
from dataclasses import fields

import pytest
from typer.testing import CliRunner

from zoodiff.claims.catalogue import Claim, load
from zoodiff.cli.app import app
from zoodiff.errors import ZoodiffError


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["claims", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    if isinstance(done.exception, ZoodiffError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_the_table_shows_numbers_sources_and_who_publishes_no_preprocessing() -> None:
    text = run("vgg19")
    line = next(line for line in text.splitlines() if "IMAGENET1K_V1" in line)
    for cell in ("torchvision", "72.376", "90.876", "143.67 M", "19.632 G", "224x224", "yes"):
        assert cell in line
    assert "preprocessing published" in text
    assert "No preprocessing is published by: onnx_turnkey." in text
    assert "onnx/models validated/vision/classification/vgg/README.md@b1eeaa1ac722" in text
    assert "2019-11-13 to 2022-02-17" in text


def test_doubts_are_printed() -> None:
    assert "? mmpretrain resnet34_8xb32_in1k: parameters are 0.10 times" in run("resnet34")


@pytest.mark.parametrize(
    ("options", "kept", "gone"),
    [
        (("--zoo", "onnx"), "resnet50-v1-7", "IMAGENET1K_V1"),
        (("--weights", "IMAGENET1K_V1"), "IMAGENET1K_V1", "IMAGENET1K_V2"),
        (("--precision", "fp32"), "IMAGENET1K_V1", "FBGEMM"),
        (("--precision", "int8"), "FBGEMM", "IMAGENET1K_V1"),
        (("--extra-data", "exclude"), "IMAGENET1K_V1", "swsl"),
        (("--input-size", "224"), "IMAGENET1K_V1", "288x288"),
        (("--as-of", "2022-03-31"), "IMAGENET1K_V1", "IMAGENET1K_V2"),
    ],
)
def test_options_select(options: tuple[str, ...], kept: str, gone: str) -> None:
    everything, selected = run("resnet50"), run("resnet50", *options)
    assert kept in everything
    assert gone in everything
    assert kept in selected
    assert gone not in selected


def test_the_largest_input_of_each_zoo() -> None:
    found = json.loads(run("mobilenet_v1", "--zoo", "tfmg", "--input-size", "largest", "--json"))
    assert {claim["input_height"] for claim in found} == {224}


def test_nothing_left_is_said() -> None:
    assert "is left by these options" in run("vgg19", "--weights", "none-of-this-name")


def test_json_has_a_claims_fields() -> None:
    found = json.loads(run("resnet50", "--zoo", "torchvision", "--json"))
    assert set(found[0]) == {field.name for field in fields(Claim)} | {"entry"}
    (first,) = [claim for claim in found if claim["entry_weights"] == "IMAGENET1K_V1"]
    assert first["entry"] == "torchvision:resnet50@IMAGENET1K_V1"
    assert (first["top1_percent"], first["macs"]) == (76.13, 4_089_000_000)
    assert first["published_on"] == "2021-06-15"


def test_without_an_architecture_all_are_listed() -> None:
    rows = {row["architecture"]: row for row in json.loads(run("--json"))}
    assert sum(row["claims"] for row in rows.values()) == len(load()) == 3910
    assert rows["vgg19"]["spread_points"] == pytest.approx(3.048)  # gluoncv 74.11, Open MZ 71.062
    assert rows["beit3_base_patch16"]["spread_points"] is None
    assert "1048 architectures, 3910 claims" in run()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("resnet5",), 'no claims about "resnet5"; did you mean resnet50'),
        (("resnet50", "--zoo", "kers"), "--zoo: no claims of a zoo"),
        (("resnet50", "--as-of", "spring"), "--as-of = 'spring' is not valid"),
        (("resnet50", "--extra-data", "no"), "--extra-data = 'no' is not valid"),
        (("resnet50", "--input-size", "big"), "--input-size = 'big' is not valid"),
    ],
)
def test_errors_are_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ZoodiffError) as caught:
        run(*arguments)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
