"""What the mini-zoos state of their preprocessing is what they were trained with."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

pytest.importorskip("sklearn")

from zoodiff.data import digits
from zoodiff.preprocessing.completed import completed
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.numbers import to_input
from zoodiff.preprocessing.pixels import pixels
from zoodiff.zoos.mini import catalogue


@pytest.mark.parametrize("zoo", [catalogue.TORCH, catalogue.KERAS, catalogue.TFMG, catalogue.ONNX])
def test_the_stated_preprocessing_is_that_of_the_training(zoo: catalogue.MiniZoo) -> None:
    (model,) = zoo.models()
    spec, assumed = completed(model.preprocessing, (8, 8))
    assert assumed == ()
    images = digits.images()
    decoded = np.stack([pixels(images.read(k), [geometry_of(spec)])[0] for k in range(50)])
    backend = importlib.import_module(zoo.worker.backend.partition(":")[0])
    expected = backend.prepare(digits.load().test.images[:50])
    given = to_input(decoded, spec, spec.layout or "")
    assert given.shape == expected.shape
    np.testing.assert_allclose(given, expected, rtol=1e-6, atol=2e-6 * np.abs(expected).max())
