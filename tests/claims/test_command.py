"""``zoodiff claims``: its table, its JSON and its errors."""

import json
from dataclasses import fields

import pytest
from typer.testing import CliRunner

from zoodiff.claims import provided
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
    text = run("vgg19", "--wide")
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
    everything, selected = run("resnet50", "--wide"), run("resnet50", "--wide", *options)
    assert kept in everything
    assert gone in everything
    assert kept in selected
    assert gone not in selected


def test_the_largest_input_of_each_zoo() -> None:
    found = json.loads(run("mobilenet_v1", "--zoo", "tfmg", "--input-size", "largest", "--json"))
    assert {claim["input_height"] for claim in found} == {224}


def widths(text: str) -> list[int]:
    """Widths of the lines of tables; sources and remarks are sentences."""
    return [
        len(line) for line in text.splitlines() if not line.startswith(("[", "?", "=", "Sources"))
    ]


@pytest.mark.parametrize(
    "words",
    [
        "vgg19",
        "mobilenet_v3_large --latency",
        "resnet50 --latency",
        "pplcnet_x1_0 --latency",
        "beit_base_patch16 --test-set all",
        "resnet50 --recipes",
        "--rankings i7-12700H i9-10940X --limit 4",
        "--sort macs --limit 40",
        "",
    ],
)
def test_tables_fit_80_columns(words: str) -> None:
    text = run(*words.split())
    assert len(text.splitlines()) > 5
    assert max(widths(text)) <= 80


def test_times_of_another_batch_or_measure_are_in_tables_of_their_own() -> None:
    text = run("resnet50", "--latency", "--zoo", "keras", "--zoo", "timm", "--machine", "A100")
    assert text.startswith("per inference step, batch 32")
    both = run("resnet50", "--latency", "--sort", "ms", "--zoo", "timm")
    titles = [line for line in both.splitlines() if line.startswith("batch step, batch")]
    assert len(titles) == len(set(titles)) > 2


def test_a_table_about_all_networks_is_limited_unless_asked() -> None:
    text = run("--latency", "--zoo", "keras")
    assert "84 times" in text
    everything = run("--latency", "--zoo", "paddleclas")
    assert "100 of 2812 rows; --limit says how many are shown." in everything
    assert len(json.loads(run("--latency", "--zoo", "paddleclas", "--json"))) == 2812


def test_doubtful_and_copied_times_say_why() -> None:
    text = run("mobilenet_v3_large", "--latency", "--zoo", "keras")
    assert "= keras mobilenet_v3_large_1.0_224 on Google Pixel 1: equal to the last digit: " in text
    assert "? paddleclas AlexNet on NVIDIA V100: the zoo also publishes" in run(
        "alexnet", "--latency", "--batch", "4"
    )


def test_a_ranking_says_its_conditions_and_what_the_regression_is() -> None:
    text = run("--rankings", "V100", "NVIDIA T4", "--limit", "2")
    assert "NVIDIA V100 GPU | NVIDIA T4 GPU" in text
    assert "paddleclas; batch step, batch 4; fp32; Paddle Inference + TensorRT" in text
    assert "No regression: the zoo publishes no MACs" in text
    timm = run("--rankings", "RTX 4090", "RTX 3090", "--limit", "2")
    assert "the runtime's version differs too: 2.9.1+cu128 | 2.4.0+cu124" in timm
    assert "a description and no cause" in timm


def test_a_machine_of_almost_the_same_name_is_suggested() -> None:
    with pytest.raises(ZoodiffError, match=r"or do you mean NVIDIA T4\?"):
        run("--rankings", "V100", "T4")


def test_nothing_left_is_said() -> None:
    assert "is left by these options" in run("vgg19", "--weights", "none-of-this-name")
    text = run("resnet50", "--latency", "--zoo", "keras", "--batch", "3")
    assert "--batch 3 leaves none; there is 1, 4, 8, 32, 512, 1024, ..." in text
    together = run("resnet50", "--latency", "--zoo", "keras", "--batch", "4")
    assert "--zoo keras and --batch 4 leave none together" in together
    assert json.loads(run("resnet50", "--latency", "--batch", "3", "--json")) == []


def test_json_has_a_claims_fields() -> None:
    found = json.loads(run("resnet50", "--zoo", "torchvision", "--json"))
    assert set(found[0]) == {field.name for field in fields(Claim)} | {"entry"}
    (first,) = [claim for claim in found if claim["entry_weights"] == "IMAGENET1K_V1"]
    assert first["entry"] == "torchvision:resnet50@IMAGENET1K_V1"
    assert (first["top1_percent"], first["macs"]) == (76.13, 4_089_000_000)
    assert first["published_on"] == "2021-06-15"


def test_without_an_architecture_all_are_listed() -> None:
    rows = {row["architecture"]: row for row in json.loads(run("--json"))}
    assert sum(row["claims"] for row in rows.values()) == len(load())
    assert len(load()) == 3910 + len(provided.claims())
    assert rows["vgg19"]["spread_points"] == pytest.approx(3.198)  # pytorchcv 74.26, Open MZ 71.062
    assert rows["beit3_base_patch16"]["spread_points"] is None
    assert f"{len(rows)} architectures, {len(load())} claims" in run()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("resnet5",), 'no claims about "resnet5"; did you mean resnet50'),
        (("resnet50", "--zoo", "kers"), "--zoo: no claims of a zoo"),
        (("resnet50", "--as-of", "spring"), "--as-of = 'spring' is not valid"),
        (("resnet50", "--extra-data", "no"), "--extra-data = 'no' is not valid"),
        (("resnet50", "--input-size", "big"), "--input-size = 'big' is not valid"),
        (("resnet50", "--latency", "--input-size", "largest"), "--input-size = 'largest' is not"),
        (("resnet50", "--latency", "--recipes"), "--latency and --recipes are different tables"),
        (("resnet50", "--latency", "--as-of", "2022-01-01"), "--as-of does not go with --latency"),
        (("resnet50", "--batch", "4"), "--batch does not go with the table of accuracies"),
        (("resnet50", "--rankings", "V100", "T4"), "an architecture does not go with --rankings"),
        (("resnet50", "--latency", "--sort", "mss"), "cannot sort by 'mss'; did you mean ms?"),
        (("resnet5", "--latency"), 'no times are published about "resnet5"; did you mean resn'),
        (("resnet50", "--latency", "--zoo", "kers"), '--zoo: no times of a zoo "kers"'),
        (("--rankings", "V100", "V100"), "both names mean NVIDIA V100; name two machines"),
        (("--rankings", "V10", "T40"), 'no times of a machine "T40"'),
        (("--rankings", "Galaxy", "T4"), '"Galaxy" may mean Samsung Galaxy S24, Samsung Galaxy'),
        (("--rankings", "V100", "T4"), "NVIDIA V100 and T4 share fewer than 5 networks of one zoo"),
        (("--rankings", "V100", "RTX 4090"), "NVIDIA V100 and RTX 4090 share fewer than 5"),
    ],
)
def test_errors_are_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ZoodiffError) as caught:
        run(*arguments)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
