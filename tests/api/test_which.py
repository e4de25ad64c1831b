"""Which network to take: counted on the catalogue's file, and on records made here."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import zoodiff
from support.records import a_record
from zoodiff.api.claimed.which_report import WhichRow
from zoodiff.claims.candidates import Candidate, Figure, candidates, published_times
from zoodiff.claims.catalogue import claims_for
from zoodiff.claims.times import latency_claims
from zoodiff.cli.app import app
from zoodiff.errors import UnknownNameError, UsageError, ZoodiffError
from zoodiff.results import Interval
from zoodiff.store.folder import Store
from zoodiff.store.records import (
    AccuracyValues,
    ArchitectureValues,
    LatencyValues,
    Record,
    WeightsInfo,
    attachment_name,
    key_of,
)

FILE = Path(zoodiff.__file__).parent / "claims" / "data" / "claims.csv"


def names(rows: tuple[WhichRow, ...]) -> set[str]:
    return {row.candidate.name for row in rows}


def row(report: zoodiff.WhichReport, name: str) -> WhichRow:
    (found,) = [each for each in report.rows if each.candidate.name == name]
    return found


def test_the_front_of_resnet50_is_that_of_the_file() -> None:
    """Among torchvision's fp32 rows, by comparing every pair of the file's numbers."""
    with FILE.open(encoding="utf-8", newline="") as lines:
        rows = [
            (each["entry_weights"], float(each["top1_percent"]), int(each["bytes"]))
            for each in csv.DictReader(lines)
            if (each["architecture"], each["zoo"]) == ("mobilenet_v3_large", "torchvision")
            and each["precision"] == "fp32"
            and not each["withdrawn_on"]
        ]
    best = {
        weights
        for weights, top1, size in rows
        if not any(a >= top1 and b <= size and (a, b) != (top1, size) for _, a, b in rows)
    }
    report = zoodiff.which("mobilenet_v3_large", zoos=("torchvision",), precision="fp32")
    assert {each.candidate.name.partition("@")[2] for each in report.front} == best
    assert report.left == len(rows) >= 2
    assert report.ranked_by == ("top1", "macs", "size")
    assert {each.origin for each in report.rows} == {"claim"}


def test_filters_keep_what_they_say() -> None:
    report = zoodiff.which("resnet50", max_macs="3G", min_top1=75, max_size="110M")
    assert report.rows
    for each in report.rows:
        assert each.candidate.macs is not None
        assert each.candidate.macs.value <= 3e9
        assert each.candidate.top1_percent is not None
        assert each.candidate.top1_percent.value >= 75
        assert each.candidate.bytes is not None
        assert each.candidate.bytes.value <= 110e6
    assert {each.candidate.precision for each in zoodiff.which("resnet50", precision="int8").rows} \
        == {"int8"}  # fmt: skip
    assert {each.candidate.zoo for each in zoodiff.which("vgg16", zoos=("Keras",)).rows} == {
        "keras"
    }


def test_a_task_has_all_networks() -> None:
    everything = zoodiff.which(task="classification")
    assert everything.left == everything.known > 3000
    front = everything.front
    assert len({each.candidate.architecture for each in front}) > 10
    best = max(
        (each for each in everything.rows if each.standing != "not ranked"),
        key=lambda each: each.candidate.top1_percent.value if each.candidate.top1_percent else 0,
    )
    assert best.standing == "front"


def test_unknown_and_doubtful_figures_are_not_ranked() -> None:
    report = zoodiff.which("resnet34", zoos=("mmpretrain",))
    (doubtful,) = [each for each in report.rows if (each.reason or "").startswith("doubtful")]
    assert "parameters are 0.10 times" in (doubtful.reason or "")
    keras = zoodiff.which("resnet50", zoos=("keras",))
    assert {each.reason for each in keras.rows if each.candidate.macs is None} \
        == {"no macs known"}  # fmt: skip


def test_published_times_of_one_machine_and_one_batch_join_the_ranking() -> None:
    report = zoodiff.which("resnet50", zoos=("timm",), machine="i7-12700H")
    assert report.ranked_by[-1] == "latency"
    conditions = report.latency_conditions or ""
    assert "batch step, batch 1; fp32 nchw compile" in conditions
    assert conditions.endswith("on Intel Core i7-12700H CPU")
    published = {
        claim.image_size: claim.milliseconds
        for claim in latency_claims("resnet50")
        if (claim.machine, claim.model) == ("Intel Core i7-12700H", "resnet50")
    }
    timed = [each.candidate for each in report.rows if each.candidate.milliseconds]
    assert len(timed) > 5
    for candidate in timed:
        assert candidate.milliseconds is not None
        assert candidate.milliseconds.value == published[candidate.input_size]
    fast = zoodiff.which("resnet50", machine="i7-12700H", max_latency=40)
    assert all((each.candidate.milliseconds or Figure(99, "claim", "")).value <= 40
               for each in fast.rows)  # fmt: skip


def test_times_are_those_of_the_conditions_that_most_candidates_have() -> None:
    claims = [claim for claim in latency_claims("resnet50") if claim.zoo == "timm"]
    known = [each for each in candidates(claims_for("resnet50")) if each.zoo == "timm"]
    times = published_times(claims, "RTX 4090", known)
    counts: dict[Any, set[int]] = {}
    for claim in claims:
        if claim.machine == "RTX 4090" and claim.model == "resnet50" and claim.image_size:
            key = (claim.batch, claim.layout, claim.compile_mode)
            counts.setdefault(key, set()).add(claim.image_size)
    joined = sum(times.of(each) is not None for each in known)
    most = max(
        sum(each.input_size in sizes and each.precision == "fp32" for each in known)
        for sizes in counts.values()
    )
    assert joined == most > 5


# Measurements


ENTRY = "torchvision:resnet50@IMAGENET1K_V1"
SOME = Interval(value=50.0, low=40.0, high=60.0)


def record(values: Any, entry: str = ENTRY, state: str = "published", **changes: Any) -> Record:
    zoo, _, rest = entry.partition(":")
    model, _, weights = rest.partition("@")
    fields = {"key": key_of(kind=values.kind, entry=entry, more=str(changes)), "zoo": zoo}
    fields |= {"model": model, "architecture": "resnet50", "values": values}
    fields |= {"weights": WeightsInfo(name=weights, state=state)}
    return a_record(entry).model_copy(update=fields | changes)


def accuracy(top1: float) -> AccuracyValues:
    return AccuracyValues(
        top1=Interval(value=top1, low=top1 - 1, high=top1 + 1),
        top5=SOME,
        images=1000,
        predictions_file=attachment_name("0" * 16, b"p"),
        predictions_sha256="0" * 64,
        seconds=1.0,
    )


def latency(milliseconds: float, repeat: int = 0) -> LatencyValues:
    return LatencyValues(
        median_ms=Interval(value=milliseconds, low=1.0, high=99.0),
        p10_ms=1.0,
        p90_ms=9.0,
        calls=9,
        round_medians_ms=[milliseconds],
        group="g",
        repeat=repeat,
    )


def conditions(batch: int = 1, size: int = 224) -> dict[str, Any]:
    shape = sorted([batch, 3, size, size])
    return {"batch": batch, "threads": 2, "mode": "eager", "pause_ms": 0.0, "input_shape": shape}


def stored(folder: Path, *records: Record) -> Path:
    store = Store(folder)
    for each in records:
        store.put(each, b"p" if each.attachment else None)
    return folder


def test_a_measured_accuracy_replaces_the_claim_and_is_compared_with_measured_ones(
    tmp_path: Path,
) -> None:
    data = {"data": "val"}
    results = stored(
        tmp_path / "r",
        record(accuracy(70.0), conditions=data),
        record(accuracy(60.0), "torchvision:resnet50@IMAGENET1K_V2", conditions=data),
        record(accuracy(0.1), "keras:ResNet50@imagenet", "random", conditions=data),
    )
    report = zoodiff.which("resnet50", results=results)
    first, second = row(report, ENTRY), row(report, "torchvision:resnet50@IMAGENET1K_V2")
    assert first.candidate.top1_percent == Figure(70.0, "measured", "1000 images of val")
    assert first.origin == "claim; top1 measured"
    # The claims say that V2 is the better one; what was measured here says the opposite.
    assert (first.standing, second.standing) == ("front", "dominated")
    keras = row(report, "keras:ResNet50@imagenet").candidate.top1_percent
    assert keras is not None
    assert keras.origin == "claim"  # random weights have no accuracy
    text = run("resnet50", "--results", str(results))
    assert "claim; top1 measured" in text.replace("\n", " ")
    assert "Measured and claimed accuracies are not compared" in text
    assert "are not compared" not in run("resnet50")


def test_counted_macs_and_measured_times_join_by_network_and_size(tmp_path: Path) -> None:
    counted = a_record().values
    assert isinstance(counted, ArchitectureValues)
    keras = "keras:ResNet50@imagenet"
    shape = {"macs": 3_858_000_000, "input_shape": [1, 3, 224, 224]}
    results = stored(
        tmp_path / "r",
        record(counted.model_copy(update=shape), keras, "none"),
        record(latency(30.0), keras, "random", conditions=conditions()),
        record(latency(7.0, repeat=1), keras, "random", conditions=conditions(), key="1" * 64),
        record(latency(20.0), ENTRY, "random", conditions=conditions()),
        record(latency(1.0), ENTRY, "random", conditions=conditions(batch=8)),
    )
    report = zoodiff.which("resnet50", results=results, zoos=("keras", "torchvision"))
    mine = row(report, keras).candidate
    assert mine.macs == Figure(3.858e9, "measured", "counted on its graph")
    assert mine.milliseconds is not None
    assert (mine.milliseconds.value, mine.milliseconds.origin) == (30.0, "measured")
    assert row(report, keras).origin == "claim; macs, latency measured"
    # Both weights of torchvision's network have its time.
    timed = [
        r for r in report.rows if r.candidate.milliseconds and r.candidate.zoo == "torchvision"
    ]
    assert {each.candidate.milliseconds.value for each in timed if each.candidate.milliseconds} \
        == {20.0}  # fmt: skip
    assert len(timed) >= 2
    assert report.latency_conditions == "measured: batch 1, 2 threads, on p, 2 cores"


def test_an_entry_without_claims_is_a_candidate_if_it_was_measured(tmp_path: Path) -> None:
    results = stored(tmp_path / "r", record(accuracy(71.0), "file:mine.onnx", "file"))
    report = zoodiff.which("resnet50", results=results)
    mine = row(report, "file:mine.onnx")
    assert (mine.origin, mine.standing) == ("measured", "not ranked")
    assert mine.reason == "no macs, size known"
    assert "file:mine.onnx" not in names(zoodiff.which("vgg16", results=results).rows)


def test_an_architecture_without_claims_is_known_if_it_was_measured(tmp_path: Path) -> None:
    mine = record(accuracy(71.0), "file:mine.onnx", "file", architecture="our_net")
    results = stored(tmp_path / "r", mine)
    assert names(zoodiff.which("our_net", results=results).rows) == {"file:mine.onnx"}
    with pytest.raises(UnknownNameError, match='no claims about "other_net"'):
        zoodiff.which("other_net", results=results)


# Errors and output


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "resnet50", "max_macs": "1G"}, "--max-macs 1G leaves none"),
        ({"name": "resnet50", "zoos": ("keras",), "min_top1": 76.0}, "--zoo keras and --min-top1"),
        ({"name": "resnet50", "zoos": ("keras",), "precision": "int8"}, "leave none together"),
        ({}, "name an architecture, or a task"),
        ({"name": "vgg16", "task": "classification"}, "not both"),
        ({"task": "detection"}, "there is classification"),
        ({"name": "vgg16", "sort": "speed"}, "cannot sort by 'speed'"),
        ({"name": "vgg16", "max_macs": "5 apples"}, "--max-macs 5 apples is not valid"),
        ({"name": "vgg16", "max_size": "-1M"}, "--max-size -1M is not valid"),
        ({"name": "vgg16", "max_size": 0}, "--max-size 0 is not valid"),
        ({"name": "vgg16", "max_latency": 5.0}, "--max-latency needs times"),
        ({"name": "vgg16", "precision": "fp16"}, "--precision fp16 is not valid"),
        ({"name": "vgg16", "results": "/nowhere/at/all"}, "there are no results in"),
    ],
)
def test_errors_are_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        zoodiff.which(**fields)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean resnet50"):
        zoodiff.which("resnet5")
    with pytest.raises(UnknownNameError, match='zoo "kers"; did you mean keras'):
        zoodiff.which("resnet50", zoos=("kers",))
    with pytest.raises(UnknownNameError, match='no times of a machine "V99"'):
        zoodiff.which("resnet50", machine="V99")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["which", *arguments])
    if isinstance(done.exception, ZoodiffError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    "words",
    [
        "resnet50",
        "--task classification --limit 60",
        "mobilenet_v2 --machine Pixel-1",
        "resnet50 --machine i7-12700H --sort latency",
    ],
)
def test_the_table_fits_80_columns_and_says_claim_or_measurement(words: str) -> None:
    text = run(*words.split())
    table = text.split("* Pareto front")[0].rstrip().splitlines()
    assert max(map(len, table)) <= 80
    assert sum("claim" in line for line in table) > 3
    assert "candidates" in text


def test_json_says_where_each_number_is_from() -> None:
    report = json.loads(run("resnet50", "--max-macs", "5G", "--json"))
    first = report["rows"][0]
    assert first["standing"] == "front"
    assert first["top1_percent"]["origin"] == "claim"
    assert first["top1_percent"]["source"]
    assert len(report["rows"]) == report["left"] < report["known"]
    limited = json.loads(run("resnet50", "--limit", "2", "--json"))
    assert len(limited["rows"]) == 2


def test_a_claim_without_parameters_of_the_classifier_gives_no_size() -> None:
    hub = [each for each in candidates(claims_for("resnet50", zoo="keras_hub")) if each]
    assert hub
    assert all(isinstance(each, Candidate) and each.bytes is None for each in hub)
