"""What is no network: one sentence that names what may be given, and nothing imported."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.errors import UsageError
from zoodiff.zoos.objects.entries import ACCEPTED


class Almost:
    """Looks like a network, and is none of a framework."""

    def forward(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (42, "an int is no network"),
        ({"weight": np.zeros(2)}, "a dict is no network"),
        (np.zeros(3), "a numpy.ndarray is no network"),
        (None, "None is no network"),
        (Almost, "Almost is a class, of which an instance may be a network"),
        (Almost(), "Almost is no network"),
        (len, "a builtin_function_or_method is no network"),
    ],
)
def test_what_is_no_network_is_told_what_is(value: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        zoodiff.diff(value, "a.onnx", example=np.zeros(2))
    text = str(caught.value)
    assert said in text
    assert text.endswith(f"give {ACCEPTED}")
    assert "\n" not in text


def test_no_framework_is_imported_for_other_objects() -> None:
    frameworks = ["torch", "keras", "tensorflow", "onnx", "onnx_ir", "onnxruntime", "transformers"]
    program = (
        "import sys, zoodiff\n"
        "try:\n    zoodiff.diff(42, 'a.onnx')\n"
        "except zoodiff.ZoodiffError:\n    pass\n"
        f"loaded = set({frameworks}) & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_functions_that_take_names_say_which_take_networks() -> None:
    for function in (zoodiff.resolve, zoodiff.entry_facts):
        with pytest.raises(
            UsageError, match="Almost is no name of an entry; networks in Python are"
        ):
            function(Almost())  # type: ignore[arg-type]
