"""Modules and functions of TensorFlow as entries, beside each other, Keras and their exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.errors import MeasurementError, UsageError

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.keras

IDS = np.arange(7, dtype=np.int32)[None]
MASK = np.ones((1, 7), np.float32)
SIGNATURE = [tf.TensorSpec([None, 7], tf.int32, name="ids"), tf.TensorSpec([None, 7], name="mask")]


class Reader(tf.Module):  # type: ignore[misc, name-defined]
    """Ids and a mask in, two outputs; called in several ways."""

    def __init__(self, plant: str = "") -> None:
        super().__init__()
        random = np.random.default_rng(0)
        table = random.standard_normal((30, 8)).astype(np.float32)
        bias = random.standard_normal(3).astype(np.float32)
        if plant == "row":
            table[[28, 29]] = table[[29, 28]]
        if plant == "bias":
            bias[0] += 0.01
        self.epsilon = 1e-2 if plant == "epsilon" else 1e-5
        self.table = tf.Variable(table, name="table")
        self.weight = tf.Variable(random.standard_normal((8, 3)).astype(np.float32), name="weight")
        self.bias = tf.Variable(bias, name="bias")

    def __call__(self, ids: Any, mask: Any) -> Any:
        x = tf.gather(self.table, ids)
        mean = tf.reduce_mean(x, -1, keepdims=True)
        variance = tf.reduce_mean(tf.square(x - mean), -1, keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + self.epsilon) * mask[..., None]
        return {"logits": x @ self.weight + self.bias, "pooled": tf.reduce_sum(x, 1)}

    @tf.function(input_signature=SIGNATURE)
    def serve(self, ids: Any, mask: Any) -> Any:
        return self(ids, mask)

    @tf.function
    def free(self, ids: Any, mask: Any) -> Any:
        return self(ids, mask)


class Convolution(tf.Module):  # type: ignore[misc, name-defined]
    """An image of any size in; one of its operands is no variable but a tensor."""

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__()
        random = np.random.default_rng(0)
        self.kernel = tf.Variable(random.standard_normal((3, 3, 3, 4)).astype(np.float32))
        self.shift = tf.constant(random.standard_normal(4).astype(np.float32) + shift)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], name="image")])
    def __call__(self, image: Any) -> Any:
        x = tf.nn.relu(tf.nn.conv2d(image, self.kernel, 1, "SAME") + self.shift)
        return tf.reduce_mean(x, [1, 2])


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def test_a_module_its_functions_and_its_saved_model_are_one_function(
    reader: Reader, tmp_path: Path
) -> None:
    example = {"mask": MASK, "ids": IDS}
    concrete = reader.free.get_concrete_function(IDS, MASK)
    tf.saved_model.save(reader, tmp_path / "saved", signatures={"serving_default": reader.serve})
    loaded = tf.saved_model.load(tmp_path / "saved")
    for held in (reader.serve, reader.free, concrete, loaded):
        report = zoodiff.diff(reader, held, example=example)
        assert report.same_function is True
        assert len(repr(report)) < 400
    inputs = report.a.graph.inputs
    assert [(each.name, each.shape) for each in inputs] == [("ids", (1, 7)), ("mask", (1, 7))]


@pytest.mark.onnx
def test_a_function_and_its_onnx_file_are_one_function(reader: Reader) -> None:
    tf2onnx = pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    exported, _ = tf2onnx.convert.from_function(reader.serve, input_signature=SIGNATURE, opset=17)
    assert zoodiff.diff(reader.serve, exported).same_function is True
    changed = Reader("bias")
    assert zoodiff.diff(changed.serve, exported).same_function is False


def test_a_module_and_its_file_are_one_function(tmp_path: Path) -> None:
    network, changed = Convolution(), Convolution(0.1)
    tf.saved_model.save(network, tmp_path / "saved")
    assert zoodiff.diff(network, tmp_path / "saved").same_function is True
    assert zoodiff.diff(changed, tmp_path / "saved").same_function is False


@pytest.mark.parametrize(
    ("plant", "cause"), [("row", "weights"), ("bias", "weights"), ("epsilon", "ARC178")]
)
def test_a_planted_change_is_told(reader: Reader, plant: str, cause: str) -> None:
    changed = Reader(plant)
    before = changed.table.numpy()
    report = zoodiff.diff(reader.serve, changed.serve)
    assert report.same_function is False
    assert report.answer.because == (cause,)
    assert any("int32 1x7, 0 to 29" in text for text in report.answer.domain.inputs)
    np.testing.assert_array_equal(changed.table.numpy(), before)


def test_images_keep_their_order_and_may_have_any_size() -> None:
    network = Convolution()
    assert zoodiff.diff(network, Convolution()).same_function is True
    image = np.random.default_rng(0).random((1, 20, 24, 3), dtype=np.float32)
    report = zoodiff.diff(network, Convolution(), example=image)
    assert report.same_function is True
    assert report.a.graph.inputs[0].shape == (1, 3, 20, 24)
    cube = np.random.default_rng(0).random((1, 3, 3, 3), dtype=np.float32)
    (array,) = zoodiff.describe(network, example=cube).inputs
    assert array.shape == (1, 3, 3, 3)
    assert zoodiff.diff(network, Convolution(), example=cube).same_function is True


def test_a_tensor_that_is_no_variable_counts_too() -> None:
    assert zoodiff.diff(Convolution(), Convolution(0.1)).same_function is False


def test_a_function_of_a_model_of_keras_is_the_model() -> None:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((12, 12, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    function = tf.function(model, input_signature=[tf.TensorSpec([None, 12, 12, 3])])
    assert zoodiff.diff(model, function).same_function is True


def test_random_numbers_of_a_function_decide_nothing() -> None:
    @tf.function(input_signature=[tf.TensorSpec([1, 5], name="x")])
    def noisy(x: Any) -> Any:
        return x + tf.random.normal([1, 5])

    report = zoodiff.diff(noisy, noisy)
    assert report.same_function is None
    assert "depend on chance (random numbers: tf::RandomStandardNormal)" in report.answer.reason


def test_what_is_missing_is_one_sentence(reader: Reader) -> None:
    with pytest.raises(UsageError, match=r"Reader does not show.*\(ids, mask\).*example=\(ids"):
        zoodiff.diff(reader, reader)
    with pytest.raises(UsageError, match=r"free does not show.*input_signature"):
        zoodiff.diff(reader.free, reader)
    with pytest.raises(UsageError, match=r"serve takes \(ids, mask\), and the example has 1"):
        zoodiff.diff(reader.serve, reader.serve, example=IDS)
    with pytest.raises(UsageError, match=r"input ids has the shape \[1, 5\].*\(None, 7\)"):
        zoodiff.diff(reader.serve, reader.serve, example=(IDS[:, :5], MASK[:, :5]))
    with pytest.raises(UsageError, match="no network that zoodiff knows"):
        zoodiff.diff(reader.bias, reader.serve)


def test_a_module_without_a_call_names_its_functions() -> None:
    class Several(tf.Module):  # type: ignore[misc, name-defined]
        @tf.function(input_signature=[tf.TensorSpec([1, 2])])
        def first(self, x: Any) -> Any:
            return x

        @tf.function(input_signature=[tf.TensorSpec([1, 2])])
        def second(self, x: Any) -> Any:
            return x

    with pytest.raises(UsageError, match="it has the functions first, second"):
        zoodiff.diff(Several(), Several())


def test_a_function_that_cannot_be_traced_says_why_in_one_line() -> None:
    @tf.function(input_signature=[tf.TensorSpec([1, 2], name="x")])
    def broken(x: Any) -> Any:
        raise ValueError("no such thing")

    with pytest.raises(MeasurementError, match=r"cannot trace broken \(ValueError: no such thing"):
        zoodiff.diff(broken, broken)
