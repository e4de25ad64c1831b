"""Accuracy on images: against a hand calculation, an independent program, and damage."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoodiff
from support.colours import COLOURS, PLAIN, network, painted
from zoodiff.accuracy import encoded
from zoodiff.accuracy.comparison import compare
from zoodiff.accuracy.measure import Settings, measure, of_record, prepare
from zoodiff.accuracy.predictions import (
    Stored,
    from_parquet,
    predictions,
    probabilities,
    to_parquet,
)
from zoodiff.accuracy.subject import changes_of, evaluated_entry
from zoodiff.data.labels import find
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, MissingFrameworkError, StudyError, UsageError
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues
from zoodiff.zoos import registry

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"


# Reading outputs


def test_predictions_by_hand() -> None:
    outputs = np.log(np.array([[0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]]))
    found = predictions(outputs, np.array([2, 0, 1]), np.arange(3))
    assert found.classes.tolist() == [[1, 2, 0], [0, 1, 2], [2, 0, 1]]
    assert found.rank.tolist() == [2, 1, 3]  # of equal ones the lower class comes first
    np.testing.assert_allclose(found.probability, [0.3, 0.5, 0.2], rtol=1e-6)
    np.testing.assert_allclose(found.margin, [0.3, 0.2, 0.4], rtol=1e-6)
    assert found.hits(1).tolist() == [False, True, False]
    assert found.hits(2).tolist() == [True, True, False]


def test_a_background_class_is_no_class_of_the_images() -> None:
    outputs = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    found = predictions(outputs, np.array([0, 1]), np.array([1, 2]))
    assert found.classes[:, 0].tolist() == [-1, 1]
    assert found.rank.tolist() == [2, 1]


def test_without_a_label_there_is_no_rank() -> None:
    found = predictions(np.array([[0.5, 0.3, 0.2]]), np.array([-1]), np.arange(3))
    assert found.rank.tolist() == [0]
    assert np.isnan(found.probability[0])
    assert not found.hits(1)[0]


def test_what_is_a_probability_already_is_left() -> None:
    shares = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(probabilities(shares), shares)
    eight_bits = np.round(shares * 256) / 256 * 1.1
    np.testing.assert_allclose(probabilities(eight_bits), eight_bits / eight_bits.sum())
    np.testing.assert_allclose(probabilities(shares * 10).sum(), 1)
    assert probabilities(shares * 10)[0, 0] > 0.99


def test_parquet_keeps_everything_and_little_space(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    count = 50_000
    found = predictions(rng.normal(size=(count, 20)), rng.integers(0, 20, count), np.arange(20))
    keys = rng.integers(0, 2**63, count, dtype=np.uint64)
    stored = Stored(found, np.arange(count, dtype=np.int32), rng.integers(0, 20, count), keys)
    data = to_parquet(stored)
    again = from_parquet(data)
    for name, values in found.arrays().items():
        assert np.array_equal(values, again.predictions.arrays()[name])
    assert np.array_equal(again.keys, keys)
    # Eight entries of 50,000 images are to take under 100 MB.
    assert len(data) * 8 < 100e6


def run(folder: Path, data: Path, *paths: str, **settings: object):
    store = Store(folder / "results")
    store.prepare()
    with WorkerPool() as engine:
        subjects = [evaluated_entry(engine, registry.resolve(x), changes=PLAIN) for x in paths]
        return (
            measure(engine, subjects, open_images(str(data)), store, Settings(**settings)),  # type: ignore[arg-type]
            store,
        )


@pytest.mark.onnx
def test_accuracy_by_hand(tmp_path: Path) -> None:
    data = painted(tmp_path / "data")
    right, swapped = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (1, 0, 2, 3))
    outcome, store = run(tmp_path, data, right, swapped, pipelines=2, batch=3)
    first, second = (record.values for record in outcome.records)
    assert isinstance(first, AccuracyValues)
    assert isinstance(second, AccuracyValues)
    assert first.images == second.images == 32
    assert first.top1.value == 100 * 28 / 32
    # Two of four classes are swapped: 7 of 8 are right in the others, 1 of 8 by the wrong folder.
    assert second.top1.value == 100 * (14 + 1) / 32
    found = compare(outcome.records, store)
    (pair,) = found.pairs
    assert (pair.only_first, pair.only_second) == (14, 1)
    assert pair.agreement == 50.0
    assert pair.verdict == "different"
    assert pair.p_value == pytest.approx(2 * (1 + 15) / 2**15)
    assert {flip.label for flip in pair.flips} <= {0, 1}


@pytest.mark.onnx
def test_the_same_in_python(tmp_path: Path) -> None:
    paths = [network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (1, 0, 2, 3))]
    fields = ["value_range=0,1", "mean=0,0,0", "std=1,1,1"]
    found = zoodiff.accuracy(
        paths, painted(tmp_path / "data"), tmp_path / "results", preprocessing=fields
    )
    outcome, store = run(tmp_path / "cli", painted(tmp_path / "data"), *paths)
    assert [row.top1 for row in found.rows] == [
        row.top1 for row in compare(outcome.records, store, within=0.5).rows
    ]
    (pair,) = found.pairs
    assert (pair.first, pair.second) == tuple(row.entry for row in found.rows)


@pytest.mark.onnx
def test_one_file_that_cannot_be_opened_costs_only_itself(tmp_path: Path) -> None:
    good, broken = network(tmp_path / "a.onnx"), tmp_path / "b.onnx"
    broken.write_bytes(Path(good).read_bytes()[:40])
    fields, data = ["value_range=0,1", "mean=0,0,0", "std=1,1,1"], painted(tmp_path / "data")
    report = zoodiff.accuracy([good, broken], data, tmp_path / "results", preprocessing=fields)
    assert [row.entry for row in report.rows] == [f"file:{good}"]
    (failure,) = report.failures
    assert failure.entry == f"file:{broken}"
    assert not report.complete
    assert report.to_dict()["failures"][0]["entry"] == failure.entry
    with pytest.raises(MeasurementError, match="no entry can be opened"):
        zoodiff.accuracy([broken, broken], data, tmp_path / "results")


@pytest.mark.onnx
def test_a_background_class_is_found_by_the_number_of_outputs_only_for_imagenet(tmp_path) -> None:
    data = painted(tmp_path / "data")
    outcome = None
    with pytest.raises(MeasurementError, match="has 5 outputs, which fit no label space"):
        outcome, _ = run(tmp_path, data, network(tmp_path / "a.onnx", extra=1))
    assert outcome is None


@pytest.mark.onnx
def test_batch_and_lanes_change_nothing(tmp_path: Path) -> None:
    data = painted(tmp_path / "data", each=40)
    path = network(tmp_path / "a.onnx")
    tables = []
    for pipelines, batch in ((1, 1), (2, 7), (1, 64)):
        outcome, store = run(tmp_path, data, path, pipelines=pipelines, batch=batch, fresh=True)
        tables.append(of_record(store, outcome.records[0]))
    for other in tables[1:]:
        assert np.array_equal(other.images, tables[0].images)
        assert np.array_equal(other.predictions.rank, tables[0].predictions.rank)
        np.testing.assert_allclose(
            other.predictions.probability, tables[0].predictions.probability, rtol=1e-5
        )


@pytest.mark.onnx
@pytest.mark.parametrize(("all_pipelines", "one_pipeline"), [(1, 1), (400, 200), (1 << 20, 100)])
def test_how_many_images_are_held_at_once_changes_nothing(
    all_pipelines: int, one_pipeline: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one byte every image is a large one, handed over alone."""
    data = painted(tmp_path / "data")
    (data / "0" / "broken.png").symlink_to("broken.png")
    paths = [network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (1, 0, 2, 3))]
    one, _ = run(tmp_path / "whole", data, *paths, pipelines=2, batch=3, bad_percent=50)
    monkeypatch.setattr(encoded, "_ALL_PIPELINES", all_pipelines)
    monkeypatch.setattr(encoded, "_ONE_PIPELINE", one_pipeline)
    other, _ = run(tmp_path / "pieces", data, *paths, pipelines=2, batch=3, bad_percent=50)
    assert len(one.left_out) == 1
    assert one.left_out == other.left_out
    assert [r.values.top1 for r in one.records] == [r.values.top1 for r in other.records]
    hashes = [r.values.predictions_sha256 for r in one.records]
    assert hashes == [r.values.predictions_sha256 for r in other.records]


@pytest.mark.onnx
def test_finished_measurements_are_not_made_again(tmp_path: Path) -> None:
    data = painted(tmp_path / "data")
    one, two = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (1, 0, 2, 3))
    first, _ = run(tmp_path, data, one)
    again, _ = run(tmp_path, data, one, two)
    assert first.images_per_second is not None
    assert again.records[0].digest == first.records[0].digest
    assert len(again.records) == 2
    third, _ = run(tmp_path, data, one, two)
    assert third.images_per_second is None
    # Another content of the data, or of the file, is another measurement.
    (data / "0" / "0-1.png").write_bytes((data / "1" / "1-2.png").read_bytes())
    fourth, _ = run(tmp_path, data, one)
    assert fourth.images_per_second is not None
    assert fourth.records[0].conditions["data_sha256"] != first.records[0].conditions["data_sha256"]
    network(tmp_path / "a.onnx", (3, 2, 1, 0))
    fifth, _ = run(tmp_path, data, one)
    assert fifth.records[0].values != fourth.records[0].values


@pytest.mark.onnx
def test_damaged_images_count_for_nobody(tmp_path: Path) -> None:
    data = painted(tmp_path / "data", each=30)
    whole = (data / "1" / "1-5.png").read_bytes()
    (data / "1" / "1-5.png").write_bytes(whole[: len(whole) // 2])
    (data / "2" / "2-5.png").write_bytes(b"")
    (data / "3" / "note.png").write_bytes(b"this is text")
    path = network(tmp_path / "a.onnx")
    with pytest.raises(MeasurementError, match=r"3 of 121 images could not be decoded.*--max-bad"):
        run(tmp_path, data, path)
    outcome, _ = run(tmp_path, data, path, bad_percent=5.0)
    assert sorted(outcome.left_out) == ["1/1-5.png", "2/2-5.png", "3/note.png"]
    values = outcome.records[0].values
    assert isinstance(values, AccuracyValues)
    assert (values.images, values.left_out) == (118, 3)
    assert "empty" in outcome.left_out["2/2-5.png"]


@pytest.mark.onnx
def test_images_of_one_pixel_are_images(tmp_path: Path) -> None:
    for label, colour in enumerate(COLOURS):
        folder = tmp_path / "data" / str(label)
        folder.mkdir(parents=True)
        Image.fromarray(colour[None, None]).save(folder / "x.png")
    outcome, _ = run(tmp_path, tmp_path / "data", network(tmp_path / "a.onnx"))
    values = outcome.records[0].values
    assert isinstance(values, AccuracyValues)
    assert values.top1.value == 100.0


@pytest.mark.onnx
def test_implausible_accuracies_fail_their_checks(tmp_path: Path) -> None:
    data = painted(tmp_path / "data", each=30)
    outcome, _ = run(tmp_path, data, network(tmp_path / "a.onnx", (1, 2, 3, 0)))
    values = outcome.records[0].values
    assert isinstance(values, AccuracyValues)
    assert "no better than chance" in values.failed_checks[0]
    path = network(tmp_path / "b.onnx")
    store = Store(tmp_path / "results")
    with WorkerPool() as engine:
        dark = changes_of(["mean=-1e4,0,0"])
        subjects = [evaluated_entry(engine, registry.resolve(path), changes=dark)]
        constant = measure(engine, subjects, open_images(str(data)), store, Settings())
    values = constant.records[0].values
    assert isinstance(values, AccuracyValues)
    assert any("one class for 100 %" in check for check in values.failed_checks)


@pytest.mark.onnx
def test_classes_that_an_entry_does_not_know_count_as_wrong_and_are_said(tmp_path: Path) -> None:
    space = tmp_path / "labels.txt"
    space.write_text("red\ngreen\nblue\nyellow\n")
    for word, colour in (("red", 0), ("blue", 2), ("unicorn", 2)):
        (tmp_path / "data" / word).mkdir(parents=True)
        Image.fromarray(np.full((20, 20, 3), COLOURS[colour])).save(
            tmp_path / "data" / word / "1.png"
        )
    path, store = network(tmp_path / "a.onnx"), Store(tmp_path / "results")
    store.prepare()
    with WorkerPool() as engine:
        one = evaluated_entry(
            engine, registry.resolve(path), changes=PLAIN, labels=find(str(space))
        )
        (record,) = measure(
            engine, [one], open_images(str(tmp_path / "data")), store, Settings()
        ).records
    assert isinstance(record.values, AccuracyValues)
    assert record.values.top1.value == pytest.approx(200 / 3)
    assert record.values.failed_checks == [
        "it has no output for 1 of 3 classes, unicorn for one: 1 of 3 images count as wrong"
    ]


@pytest.mark.onnx
def test_answers_that_depend_on_the_batch_are_doubtful(tmp_path: Path) -> None:
    import onnx
    from onnx import helper

    plain = network(tmp_path / "a.onnx")
    model = onnx.load(plain)
    # What is left running in training mode: outputs less their mean over the batch.
    model.graph.node[-1].output[0] = "scores"
    mean = helper.make_node("ReduceMean", ["scores"], ["mean"], axes=[0], keepdims=1)
    model.graph.node.extend([mean, helper.make_node("Sub", ["scores", "mean"], ["y"])])
    onnx.save(model, tmp_path / "b.onnx")
    data = painted(tmp_path / "data")
    outcome, _ = run(tmp_path, data, plain, str(tmp_path / "b.onnx"), batch=8)
    first, second = (record.values for record in outcome.records)
    assert isinstance(first, AccuracyValues)
    assert isinstance(second, AccuracyValues)
    assert first.failed_checks == []
    (check,) = second.failed_checks
    assert "its answers depend on more than the image" in check


@pytest.mark.onnx
def test_outputs_that_are_no_numbers_are_no_result(tmp_path: Path) -> None:
    data = painted(tmp_path / "data")
    good, bad = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx")
    tiny = ["std=1e-40,1e-40,1e-40", "mean=0,0,0"]  # dividing by it overflows
    store = Store(tmp_path / "results")
    with WorkerPool() as engine:
        subjects = [
            evaluated_entry(engine, registry.resolve(good), changes=PLAIN),
            evaluated_entry(engine, registry.resolve(bad), changes=changes_of(tiny)),
        ]
        outcome = measure(engine, subjects, open_images(str(data)), store, Settings())
    assert [record.entry for record in outcome.records] == [subjects[0].name]
    assert "gave outputs that are no numbers" in outcome.failures[0].reason


@pytest.mark.onnx
def test_bad_questions(tmp_path: Path) -> None:
    data = painted(tmp_path / "data")
    path = network(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match="is named twice"):
        run(tmp_path, data, path, path)
    for file in (data / "0").iterdir():
        file.rename(tmp_path / file.name)
    with pytest.raises(UsageError, match="have no labels"):
        run(tmp_path, tmp_path, path)


@pytest.mark.onnx
def test_a_killed_run_goes_on_and_ends_alike(tmp_path: Path) -> None:
    data = painted(tmp_path / "data", each=500)
    path = network(tmp_path / "a.onnx")
    command = [
        *(sys.executable, "-m", "zoodiff.cli.app", "accuracy", path, "--data", str(data)),
        *("--pipelines", "1", "--results", str(tmp_path / "killed"), "--json", "--batch", "1"),
        *("--preprocessing", "value_range=0,1", "--preprocessing", "mean=0,0,0"),
        *("--preprocessing", "std=1,1,1"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    parts = tmp_path / "killed" / "unfinished"
    deadline = time.monotonic() + 60
    while len(list(parts.glob("*/*.npz"))) < 2 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    kept = len(list(parts.glob("*/0*.npz")))
    assert kept >= 1
    # A part that the kill left damaged counts as missing.
    next(iter(sorted(parts.glob("*/0*.npz")))).write_bytes(b"half")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout
    (again,) = list(Store(tmp_path / "killed"))
    outcome, _ = run(tmp_path, data, path, pipelines=1)
    assert again.values.top1 == outcome.records[0].values.top1  # type: ignore[union-attr]
    assert again.conditions["data_sha256"] == outcome.records[0].conditions["data_sha256"]
    assert not list(parts.glob("*"))


# Real files and images


@pytest.mark.tflite
@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")
def test_top1_as_an_independent_program_has_it(tmp_path: Path) -> None:
    expected: dict[tuple[str, str], list[int]] = {}
    with (REAL / "expected_top5.csv").open() as file:
        for row in csv.DictReader(file):
            top = [int(row[f"top{k}"]) for k in range(1, 6)]
            expected[row["model"], row["image"]] = top
    usual = {"resize": 256, "resize_policy": "short_side", "interpolation": "bilinear"}
    files = {
        "mobilenet_v2_1.0_224_quant.edgetpu.tflite": {"value_range": (-1.0, 1.0)},
        "mobilenet_v2_1.0_224_int8.tflm.tflite": changes_of(
            ["value_range=0,1", "mean=0.485,0.456,0.406", "std=0.229,0.224,0.225"]
        ),
    }
    images = open_images(str(REAL / "images"))
    store = Store(tmp_path)
    store.prepare()
    with WorkerPool() as engine:
        subjects = [
            evaluated_entry(
                engine, registry.resolve(str(REAL / "models" / name)), changes={**usual, **own}
            )
            for name, own in files.items()
        ]
        outcome = measure(engine, subjects, images, store, Settings(pipelines=2))
    for record, name in zip(outcome.records, files, strict=True):
        stored = of_record(store, record)
        assert len(stored.images) == 250
        first = stored.predictions.classes[:, 0].tolist()
        same = [
            top == expected[name, images.samples[number].name][0]
            for number, top in zip(stored.images, first, strict=True)
        ]
        assert sum(same) >= 248


# Deciding early


@pytest.mark.onnx
def test_a_clear_difference_is_decided_by_few_images_and_stays_decided(tmp_path: Path) -> None:
    data = painted(tmp_path / "data", each=500)
    right, swapped = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (1, 0, 2, 3))
    outcome, store = run(tmp_path, data, right, swapped, decide=5.0, pipelines=2)
    values = outcome.records[0].values
    assert isinstance(values, AccuracyValues)
    assert values.images < 1000  # of 2,000
    (pair,) = compare(outcome.records, store, within=5.0).pairs
    assert pair.verdict == "different"
    assert pair.sequence is not None
    assert pair.sequence.low > 5.0
    again, _ = run(tmp_path, data, right, swapped, decide=5.0, pipelines=2)
    assert again.images_per_second is None


@pytest.mark.onnx
def test_what_is_not_decided_sees_all_images(tmp_path: Path) -> None:
    data = painted(tmp_path / "data", each=30)
    one, two = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (0, 1, 2, 3))
    outcome, store = run(tmp_path, data, one, two, decide=0.5)
    values = outcome.records[0].values
    assert isinstance(values, AccuracyValues)
    assert values.images == 120
    (pair,) = compare(outcome.records, store, within=0.5).pairs
    assert pair.verdict == "not decided"


# Without labels


@pytest.mark.onnx
def test_agreement_without_labels_by_hand(tmp_path: Path) -> None:
    from zoodiff.accuracy.agreement import agree

    data = tmp_path / "flat"
    data.mkdir()
    for k, image in enumerate(sorted(painted(tmp_path / "data", each=4, wrong=0).rglob("*.png"))):
        (data / f"{k}.png").write_bytes(image.read_bytes())
    space = tmp_path / "colours.txt"
    space.write_text("red\ngreen\nblue\nyellow\n")
    images = open_images(str(data))
    assert not images.labelled
    names = (network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (1, 0, 2, 3)))
    with WorkerPool() as engine:
        one, other = (
            evaluated_entry(engine, registry.resolve(x), changes=PLAIN, labels=find(str(space)))
            for x in names
        )
        found = agree(engine, [one, other], images, Settings())
        with pytest.raises(UsageError, match="one entry alone has no accuracy"):
            agree(engine, [one], images, Settings())
    (pair,) = found.pairs
    assert pair.images == 16
    assert pair.changed.value == 50.0  # two of four colours are swapped
    assert pair.top5 == 4
    # Swapping two probabilities p and q of a row gives the divergence of (p, q) and (q, p).
    swapped = [value for _, value in pair.worst]
    assert swapped == sorted(swapped, reverse=True)
    assert 0 < pair.divergence < 1


# In studies

STUDY = """
name = "colours"
title = "Two networks on painted images"

[accuracy]
entries = ["{a}", "{b}", "{c}"]
data = "data"
batch = 4
"""


@pytest.mark.onnx
def test_a_study_measures_accuracy_on_images(tmp_path: Path) -> None:
    painted(tmp_path / "data")
    names = [network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", (1, 0, 2, 3))]
    for name in names:
        # The same network in two zoos, as far as the study is concerned.
        Path(name + ".toml").write_text(
            'architecture = "colours"\n[preprocessing]\nvalue_range = [0, 1]\n'
            "mean = [0, 0, 0]\nstd = [1, 1, 1]\n"
        )
    damaged = tmp_path / "c.onnx"
    damaged.write_bytes(Path(names[0]).read_bytes()[:200])
    path = tmp_path / "study.toml"
    path.write_text(STUDY.format(a=names[0], b=names[1], c=damaged))
    found = zoodiff.run_study(str(path), tmp_path / "results")
    assert [record.values.top1.value for record in found.records] == [87.5, 100 * 15 / 32]
    (pair,) = found.measured_accuracy
    assert pair.difference == 87.5 - 100 * 15 / 32
    assert pair.verdict == "discrepancy"
    (failure,) = found.failures
    assert failure.kind == "accuracy"
    assert "c.onnx" in failure.entry
    again = zoodiff.run_study(str(path), tmp_path / "results")
    assert [one.finished for one in again.records] == [one.finished for one in found.records]
    written = zoodiff.write_report(found, tmp_path / "report")
    assert "87.5" in written.markdown.read_text()


def test_a_study_of_images_that_are_not_there_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(STUDY.format(a="torchvision:alexnet", b="keras:VGG16", c="keras:VGG19"))
    with pytest.raises(StudyError, match=r"study.toml, line 7: .*data"):
        zoodiff.run_study(str(path), tmp_path / "results")
    (tmp_path / "data").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "data" / "a.png")
    with pytest.raises(StudyError, match="have no labels"):
        zoodiff.run_study(str(path), tmp_path / "results")


def test_without_pyarrow_accuracy_names_the_extra_before_any_image_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingFrameworkError, match=r"pip install \"zoodiff\[accuracy\]\""):
        prepare([], open_images(str(painted(tmp_path))), Settings())
    with pytest.raises(MissingFrameworkError, match="stored predictions"):
        from_parquet(b"PAR1")
