"""Files of several inputs and outputs of one type, held against the network that was exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras")
pytest.importorskip("tensorflow")
pytest.importorskip("ai_edge_litert")
pytest.importorskip("tflite")

import zoodiff
from zoodiff.errors import MeasurementError
from zoodiff.frontends.tflite.file import inputs_of
from zoodiff.frontends.tflite.reader import read
from zoodiff.zoos.files.tensorflow import TensorFlowFiles
from zoodiff.zoos.files.tflite import TFLiteFiles

pytestmark = [pytest.mark.keras, pytest.mark.tflite]
_FORMATS = {"litert": "network.tflite", "tf_saved_model": "network"}


def _network(swapped: bool = False) -> Any:
    """A network whose two inputs are of one type and do not mean the same, with two outputs."""
    import keras

    keras.utils.set_random_seed(3)
    ids = {name: keras.Input((6,), dtype="int32", name=name) for name in ("zeta", "alpha", "mid")}
    table = keras.layers.Embedding(9, 4, name="table")
    first, second = (table(ids[name]) for name in ("zeta", "alpha"))
    if swapped:
        first, second = second, first
    x = keras.layers.Dense(5, name="near")(first) - 2.0 * keras.layers.Dense(5, name="far")(second)
    x = x * keras.ops.cast(ids["mid"], "float32")[:, :, None]
    last = keras.layers.Dense(5, activation="tanh", name="last")(x)
    return keras.Model(ids, {"hidden": x, "answer": last})


def _inputs() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    ids = {name: rng.integers(0, 9, (1, 6)).astype("int32") for name in ("zeta", "alpha")}
    return {**ids, "mid": np.array([[1, 1, 0, 1, 0, 1]], "int32")}


@pytest.fixture(scope="module")
def network() -> Any:
    return _network()


@pytest.fixture(scope="module")
def files(network: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    import keras

    folder = tmp_path_factory.mktemp("several")
    signature = [
        {name: keras.InputSpec(shape=(1, 6), dtype="int32", name=name) for name in _inputs()}
    ]
    paths = {}
    for form, name in _FORMATS.items():
        paths[form] = folder / name
        network.export(paths[form], format=form, verbose=False, input_signature=signature)
    return paths


def test_inputs_of_a_tflite_file_are_called_as_its_signature_calls_them(
    files: dict[str, Path],
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    told = Interpreter(str(files["litert"])).get_signature_runner().get_input_details()
    found = inputs_of(read(files["litert"]))
    assert {name: each.index for name, each in found.items()} == {
        name: details["index"] for name, details in told.items()
    }


@pytest.mark.parametrize("form", list(_FORMATS))
def test_a_file_computes_from_named_inputs_what_the_network_does(
    form: str, files: dict[str, Path], network: Any
) -> None:
    backend = {"litert": TFLiteFiles, "tf_saved_model": TensorFlowFiles}[form]()
    graph = backend.describe(str(files[form]), None)
    assert {tensor.name for tensor in graph.inputs} == set(_inputs())
    loaded = backend.load(str(files[form]), None, seed=0, threads=1)
    given = loaded.run_named(_inputs())
    wanted = network(_inputs())
    assert set(given) == {"hidden", "answer"}
    for name, array in wanted.items():
        np.testing.assert_allclose(given[name], np.asarray(array), rtol=1e-4, atol=1e-5)
    with pytest.raises(MeasurementError, match="no input other"):
        loaded.run_named({**_inputs(), "other": np.zeros((1, 6), "int32")})
    with pytest.raises(MeasurementError, match="several inputs"):
        loaded.run(np.zeros((1, 6), np.float32))


@pytest.mark.parametrize("form", list(_FORMATS))
def test_a_network_and_its_export_are_one_function_and_another_is_not(
    form: str, files: dict[str, Path], network: Any
) -> None:
    assert zoodiff.diff(network, files[form], example=_inputs()).same_function is True
    assert zoodiff.diff(_network(swapped=True), files[form], example=_inputs()).same_function is (
        False
    )


def test_a_batch_is_not_run_where_its_first_output_would_hide_others(tmp_path: Path) -> None:
    import keras

    image = keras.Input((4, 4, 3), name="image")
    outputs = {name: keras.layers.Conv2D(2, 3, name=name)(image) for name in ("far", "near")}
    path = tmp_path / "network"
    keras.Model(image, outputs).export(path, format="tf_saved_model", verbose=False)
    loaded = TensorFlowFiles().load(f"{path}?size=4", None, seed=0, threads=1)
    pixels = np.random.default_rng(1).standard_normal((1, 4, 4, 3), np.float32)
    with pytest.raises(MeasurementError, match="2 outputs"):
        loaded.run(pixels)
    given = loaded.run_named({"image": pixels.transpose(0, 3, 1, 2)})
    assert {name: x.shape for name, x in given.items()} == dict.fromkeys(outputs, (1, 2, 2, 2))
