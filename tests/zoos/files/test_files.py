"""Model files as entries: what a file is, how it is named; one network in every format."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import (
    MeasurementError,
    UnknownNameError,
    UnreadableFileError,
    UsageError,
)
from zoodiff.zoos import registry
from zoodiff.zoos.files import FileEntry, is_file
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.files.formats import KERAS, ONNX, SAVED_MODEL, TFLITE, recognise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:x", True),
        ("folder/x", True),
        ("x.onnx", True),
        ("x.xml", True),
        ("x.onnx?size=64", True),
        ("torchvision:resnet50", False),
        ("torchvision:resnet50@a/b", False),
        ("resnet50", False),
    ],
)
def test_a_path_is_told_from_an_entry(text: str, expected: bool) -> None:
    assert is_file(text) == expected


def test_what_is_there_is_a_file(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "saved").mkdir()
    monkeypatch.chdir(tmp_path)
    assert is_file("saved")


@pytest.mark.parametrize("name", ["my model@home.onnx", "plain.onnx"])
def test_names_survive(tmp_path: Path, monkeypatch, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x08\x08")
    monkeypatch.chdir(tmp_path)
    for text, weights, size in (
        (name, "file", 224),
        (f"file:{name}", "file", 224),
        (f"{name}?size=64", "file", 64),
        (f"file:{name}@random", "random", 224),
        (f"{name}?size=64@random", "random", 64),
    ):
        entry = registry.resolve(text)
        assert isinstance(entry, FileEntry)
        assert entry.weights_name == weights
        assert opened(entry.model.name) == (tmp_path / name, size)
        again = registry.resolve(str(entry.ref))
        assert (again.model, again.weights_name) == (entry.model, weights)
        assert registry.resolve(entry.ref.with_weights("random")).weights is None


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name in names:
            made.writestr(name, "x")
    return path


def test_formats_are_told_by_content(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    (tmp_path / "a.bin").write_bytes(b"\x08\x08\x12\x00")
    (tmp_path / "b.bin").write_bytes(b"\x1c\x00\x00\x00TFL3")
    (tmp_path / "c.bin").write_bytes(b"\x0a\x10")
    assert recognise(tmp_path / "saved") is SAVED_MODEL
    assert recognise(tmp_path / "a.bin") is ONNX
    assert recognise(tmp_path / "b.bin") is TFLITE
    assert recognise(tmp_path / "c.bin") is SAVED_MODEL
    assert recognise(archive(tmp_path / "d", "config.json", "model.weights.h5")) is KERAS


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "of no format that zoodiff knows"),
        (b"\x89HDF\r\n\x1a\nxx", "an HDF5 file without a Keras model"),
        (b"\x89HDF\r\n\x1a\n... model_config ...", r"load_model\('x'\)\.save\('x\.keras'\)"),
        (b"\x89HDF\r\n\x1a\n... layers ...", "with weights but no network"),
        (b"\x10\0\0\0\0\0\0\0{}              ", "safetensors file, which holds weights"),
        (b"\x80\x02}q\x00", "a PyTorch checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"PK\x03\x04nonsense", "a damaged archive"),
        (b"<!DOCTYPE html>", "of no format that zoodiff knows"),
    ],
)
def test_other_formats_are_refused_in_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=sentence) as caught:
        recognise(path)
    assert "\n" not in str(caught.value)
    assert "zoodiff reads ONNX, TFLite" in str(caught.value) or "damaged" in str(caught.value)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("x/data.pkl",), "holds weights without a network"),
        (("readme",), "an archive of something else"),
    ],
)
def test_archives_are_told_apart(tmp_path: Path, names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        recognise(archive(tmp_path / "x", *names))


def test_torchscript_is_known_by_its_parts(tmp_path: Path) -> None:
    names = ("x/constants.pkl", "x/data.pkl", "x/code/a.py")
    assert recognise(archive(tmp_path / "x", *names)).name == "file-torchscript"


def test_what_is_not_there_or_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="there is no file"):
        registry.resolve(str(tmp_path / "missing.onnx"))
    with pytest.raises(UnreadableFileError, match=r"a folder without saved_model\.pb"):
        registry.resolve(f"file:{tmp_path}")
    (tmp_path / "x.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(UsageError, match="is no size of an image"):
        registry.resolve(f"{tmp_path}/x.onnx?size=0")


needs_all = pytest.mark.skipif(
    any(importlib.util.find_spec(x) is None for x in ("tensorflow", "onnx", "tf2onnx", "tflite")),
    reason="needs the extras keras, onnx and tflite",
)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    """One network in five formats."""
    import numpy as np

    from zoodiff.zoos.keras.backend import import_keras

    keras, tf = import_keras()
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("files")
    layers = keras.layers
    image = keras.Input((33, 35, 3), batch_size=1)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization(epsilon=0.01)(x))
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(3, 2, "same")(x))
    model = keras.Model(image, layers.Dense(5, activation="softmax")(x))
    random = np.random.default_rng(0)
    for variable in model.weights:
        if len(variable.shape) == 1:
            variable.assign(random.uniform(0.5, 1.0, variable.shape))
    found = {name: folder / name for name in ("x.keras", "saved", "x.onnx", "x.tflite", "x.pb")}
    model.save(found["x.keras"])
    model.export(found["saved"], verbose=False)
    model.export(found["x.onnx"], format="onnx", verbose=False)
    found["x.tflite"].write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2 as frozen,
    )

    function = tf.function(lambda batch: model(batch, training=False))
    traced = function.get_concrete_function(tf.TensorSpec((1, 33, 35, 3)))
    found["x.pb"].write_bytes(frozen(traced).graph.as_graph_def().SerializeToString())
    return found


@pytest.mark.keras
@pytest.mark.onnx
@needs_all
@pytest.mark.parametrize("name", ["saved", "x.onnx", "x.tflite", "x.pb"])
@pytest.mark.usefixtures("kept_workers")
def test_five_formats_are_one_network(written: dict[str, Path], name: str) -> None:
    from zoodiff import api

    found = api.diff(str(written["x.keras"]), str(written[name]))
    said = [(f.code, f.left, f.right) for f in found.findings]
    assert found.sameness != "different", said
    assert set(found.up_to) <= {"ARC112"}, said
    assert found.a.counts.macs == found.b.counts.macs
    if name in {"saved", "x.pb"}:
        assert found.sameness == "same"
        assert found.a.counts == found.b.counts


@pytest.mark.keras
@pytest.mark.onnx
@needs_all
@pytest.mark.parametrize("name", ["x.keras", "saved", "x.onnx", "x.tflite", "x.pb"])
def test_the_hash_of_what_was_read_is_in_the_record(
    written: dict[str, Path], kept_workers: WorkerPool, name: str
) -> None:
    from zoodiff.architecture import describe as architecture
    from zoodiff.zoos.digest import sha256_of

    expected = sha256_of(written[name])
    entry = registry.resolve(f"file:{written[name]}")
    assert architecture.measure(kept_workers, entry, "0" * 64).weights.sha256 == expected
    asked = {"handle": "x", "model": entry.model.name, "weights": entry.weights_name}
    answer = kept_workers.worker(entry.worker).call(
        "load", doing="loading it", **asked, seed=0, threads=1
    )
    assert answer["weights_sha256"] == expected


@pytest.mark.keras
@needs_all
@pytest.mark.usefixtures("kept_workers")
def test_a_damaged_file_is_one_error(written: dict[str, Path], tmp_path: Path) -> None:
    from zoodiff import api

    path = tmp_path / "x.keras"
    path.write_bytes(written["x.keras"].read_bytes()[:-3000])
    with pytest.raises((MeasurementError, UsageError), match=r"x\.keras"):
        api.describe(str(path))
    path = tmp_path / "x.pb"
    path.write_bytes(written["x.pb"].read_bytes()[:-100])
    with pytest.raises(MeasurementError, match="is no frozen graph"):
        api.describe(str(path))
