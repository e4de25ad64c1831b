"""Which files of a repository are variants of its network, and what config.json says."""

from __future__ import annotations

import pytest

from zoodiff.data.labels import UNKNOWN
from zoodiff.zoos.hf_onnx.labels import image_size, label_space
from zoodiff.zoos.hf_onnx.layout import variants

COMMUNITY = ["bnb4", "fp16", "int8", "q4", "q4f16", "quantized", "uint8"]


def test_the_layout_of_the_community_names_variants_as_transformers_js_does() -> None:
    files = ["onnx/model.onnx", *(f"onnx/model_{suffix}.onnx" for suffix in COMMUNITY)]
    assert list(variants(files)) == ["fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4"]
    assert variants(files)["q8"] == "onnx/model_quantized.onnx"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["model.onnx", "model.onnx_data"], ["fp32"]),
        (["model.onnx", "onnx/model_q4.onnx"], ["q4"]),
        (["onnx/model_q4.onnx", "onnx/model_fp16.onnx"], ["fp16", "q4"]),
        (["resnet50.onnx", "resnet50-int8.onnx"], ["fp32", "int8"]),
        (["onnx/model.onnx", "onnx/decoder_model.onnx"], ["fp32"]),
        (["onnx/encoder.onnx", "onnx/decoder.onnx"], []),
        (["a/b/model.onnx", "model.safetensors", "README.md"], []),
        ([], []),
    ],
)
def test_other_layouts(files: list[str], expected: list[str]) -> None:
    assert list(variants(files)) == expected


def test_labels_are_in_the_order_of_their_numbers() -> None:
    names = {str(k): f"name {k}" for k in reversed(range(12))}
    assert label_space({"id2label": names}).names == tuple(f"name {k}" for k in range(12))


def test_placeholders_are_no_names() -> None:
    space = label_space({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}})
    assert (space.classes, space.names) == (2, ())


@pytest.mark.parametrize(
    "raw",
    [{}, {"id2label": {"0": "a", "2": "b"}}, {"id2label": {"0": "a", "1": 3}}, {"id2label": [1]}],
)
def test_labels_that_are_not_understood_are_unknown(raw: dict[str, object]) -> None:
    assert label_space(raw) == UNKNOWN


@pytest.mark.parametrize(
    ("value", "size"),
    [(224, (224, 224)), ([256, 320], (256, 320)), (0, None), (True, None), ("224", None)],
)
def test_the_image_size_of_a_configuration(value: object, size: tuple[int, int] | None) -> None:
    assert image_size({"image_size": value}) == size
