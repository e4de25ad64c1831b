"""Every parser of foreign bytes for a moment: what it refuses, it refuses in one sentence."""

from __future__ import annotations

import contextlib
import os

import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, given, settings

from support.fuzzing.registry import TARGETS
from support.fuzzing.structured import inputs
from zoodiff.errors import ZoodiffError

TIMES = int(os.environ.get("ZOODIFF_FUZZ_TIMES", "1"))
"""By how much there are more examples than continuous integration can afford.

The plain number of examples is the same ones each time, so that a change is judged by what it
does; every larger number draws new ones.
"""


MARKERS = {
    **{"torchvision": "torch", "cv2": "opencv", "keras": "keras", "tensorflow": "keras"},
    **{"onnx": "onnx", "onnxruntime": "onnx", "tflite": "tflite", "ai_edge_litert": "tflite"},
}


def marked(name: str) -> ParameterSet:
    """A target with the markers of the frameworks that it needs."""
    markers = {MARKERS[module] for module in TARGETS[name].needs if module in MARKERS}
    return pytest.param(name, marks=[getattr(pytest.mark, marker) for marker in sorted(markers)])


@pytest.mark.parametrize("name", map(marked, TARGETS))
def test_a_parser_lets_nothing_pass_but_its_own_errors(name: str) -> None:
    target = TARGETS[name]
    if target.missing:
        pytest.skip(f"needs {target.missing}")

    @settings(
        max_examples=target.examples * TIMES,
        database=None,
        derandomize=TIMES == 1,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(target))
    def parse(data: bytes) -> None:
        with contextlib.suppress(ZoodiffError):
            target.parse(data)

    parse()
