"""Everything that the installed frameworks know is judged: allowed, or refused for a reason."""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoodiff.workers import environments
from zoodiff.zoos.scan import graph_nodes, judged
from zoodiff.zoos.scan import keras as keras_look
from zoodiff.zoos.tfmg.catalogue import ENVIRONMENT

LISTS = ("keras_objects", "onnx_operators", "openvino_operators", "tensorflow_operators")
REGISTERED = """
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session as session
known = op_def_pb2.OpList.FromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
print(*(one.name for one in known.op), sep="\\n")
"""


def unjudged(list_name: str, names: set[str]) -> list[str]:
    known = judged.judged(list_name)
    return sorted(name for name in names if known.why_not(name) == judged.UNKNOWN)


@pytest.mark.parametrize("name", LISTS)
def test_no_name_is_judged_twice(name: str) -> None:
    file = Path(judged.__file__).parent / f"{name}.toml"
    groups = tomllib.loads(file.read_text())
    names = [
        group.get("prefix", "") + one
        for kind in ("allowed", "refused")
        for group in groups[kind]
        for one in group["names"].split()
    ]
    assert sorted(names) == sorted(set(names))
    assert all(group["because"].split()[0].endswith(("s", "s,")) for group in groups["refused"])


def test_what_is_in_neither_list_is_unknown() -> None:
    assert unjudged("tensorflow_operators", {"MatMul", "WriteFile", "New"}) == ["New"]
    assert unjudged("keras_objects", {"keras.ops.new", "keras.datasets.new.load"}) == [
        "keras.ops.new"
    ]


@pytest.mark.keras
@pytest.mark.parametrize(
    "python",
    [
        pytest.param("own", id="the shared environment"),
        pytest.param("tfmg", id="that of Model Garden", marks=pytest.mark.tfmg),
    ],
)
def test_every_operator_of_tensorflow_is_judged(python: str) -> None:
    binary = environments.interpreter(ENVIRONMENT.name) if python == "tfmg" else sys.executable
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    listed = subprocess.run(
        [str(binary), "-c", REGISTERED], check=True, capture_output=True, text=True, env=quiet
    )
    names = set(listed.stdout.split())
    assert len(names) > 1500
    assert not unjudged("tensorflow_operators", names)


@pytest.mark.openvino
def test_every_operator_of_openvino_is_judged() -> None:
    folder = Path(importlib.util.find_spec("openvino").origin).parent
    sources = [path.read_text() for path in folder.glob("opset*/ops.py")]
    names = {n for text in sources for n in re.findall(r"\.create\(\s*\"(\w+)\"", text)}
    assert len(names) > 150
    spelt = {"PRelu": "PReLU", "Relu": "ReLU", "Softmax": "SoftMax"}
    assert not unjudged("openvino_operators", {spelt.get(name, name) for name in names})


def test_what_saves_is_refused_but_for_savers() -> None:
    assert set(judged.judged("tensorflow_operators").refused) > graph_nodes.SAVING


@pytest.mark.keras
def test_every_class_and_function_of_keras_is_judged() -> None:
    from keras.src.api_export import REGISTERED_NAMES_TO_OBJS, REGISTERED_OBJS_TO_NAMES
    from keras.src.saving.keras_saveable import KerasSaveable

    _import_all_of_keras()
    names = set(REGISTERED_NAMES_TO_OBJS) | {
        f"{one.__module__}.{one.__qualname__}"
        for one in _subclasses(KerasSaveable)
        if one not in REGISTERED_OBJS_TO_NAMES and one.__module__.startswith("keras.")
    }
    assert len(names) > 1000
    assert not unjudged("keras_objects", names)


@pytest.mark.keras
def test_a_class_of_keras_is_named_like_no_other_that_is_refused() -> None:
    """Since a class may be named by the module that defines it, its name alone must tell."""
    from keras.src.saving.keras_saveable import KerasSaveable

    _import_all_of_keras()
    objects = judged.judged("keras_objects")
    bare = {full.rpartition(".")[2] for full in objects.refused} & keras_look._classes()
    assert not bare
    for one in _subclasses(KerasSaveable):
        if one.__name__ in keras_look._classes() and one.__module__.startswith("keras."):
            why = keras_look._why_not(one.__module__, one.__name__, function=False)
            assert why is None, f"{one}: {why}"


def test_code_in_keras_is_refused_as_code() -> None:
    refused = judged.judged("keras_objects").refused
    code = {name.rpartition(".")[2] for name, why in refused.items() if why == "carries code"}
    assert code == keras_look._CODE.keys() - {"__lambda__"}


@pytest.mark.onnx
def test_every_operator_of_onnx_runtime_is_judged() -> None:
    import onnx
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    from zoodiff.zoos.scan.onnx import why_not

    known = {(one.domain, one.name) for one in onnx.defs.get_all_schemas()}
    known |= {(one.domain, one.name) for one in runtime.get_all_operator_schema()}
    assert len(known) > 300
    reasons = {(domain, name): why_not(domain, name) for domain, name in known}
    assert not [names for names, why in reasons.items() if why == judged.UNKNOWN]
    assert reasons["com.microsoft", "EPContext"] and not reasons["", "Conv"]


def _import_all_of_keras() -> None:
    import keras

    for one in pkgutil.walk_packages(keras.src.__path__, "keras.src."):
        if not one.name.endswith("_test") and not one.name.startswith(
            ("keras.src.testing", "keras.src.backend.")
        ):
            importlib.import_module(one.name)


def _subclasses(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)
