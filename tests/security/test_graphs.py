"""The look at TensorFlow's graphs, where a whole file would say less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zoodiff.errors import RefusedError
from zoodiff.zoos.scan import graphs

pytestmark = pytest.mark.keras
FILE = Path("a.pb")


def graph(*nodes: tuple[str, str, list[str]]) -> Any:
    from tensorflow.core.framework import graph_pb2

    made = graph_pb2.GraphDef()
    for name, operator, inputs in nodes:
        made.node.add(name=name, op=operator, input=inputs)
    return made


def test_what_a_saver_left_in_a_frozen_graph_is_let_pass() -> None:
    left = [
        ("save/Const", "Const", []),
        ("save/SaveV2", "SaveV2", ["save/Const"]),
        ("save_1/RestoreV2", "RestoreV2", ["save/Const"]),
        ("save_1/Assign", "Assign", ["w", "save_1/RestoreV2"]),
    ]
    graphs.check_graph(graph(("x", "Placeholder", []), ("y", "Relu", ["x"]), *left), FILE)
    for name in ("y", "saved/y", "x/save/y"):
        with pytest.raises(RefusedError, match=f"SaveV2; the network has the node '{name}'"):
            graphs.check_graph(graph(*left, (name, "Identity", ["^save/SaveV2"])), FILE)


@pytest.mark.parametrize(
    ("device", "remote"),
    [
        ("", False),
        ("/cpu:0", False),
        ("/job:localhost/replica:0/task:0/device:GPU:1", False),
        ("/device:CPU:0/job:worker", True),
        ("/job:localhosts/task:0", True),
        ("/job:", True),
    ],
)
def test_devices_of_other_processes_are_refused(device: str, remote: bool) -> None:
    made = graph(("x", "Placeholder", []))
    made.node[0].device = device
    if not remote:
        graphs.check_graph(made, FILE)
        return
    with pytest.raises(RefusedError, match=r"SEC104: a\.pb .*of another process"):
        graphs.check_graph(made, FILE)


def test_a_function_with_the_name_of_a_refused_operator_is_refused() -> None:
    made = graph(("x", "Placeholder", []), ("y", "WriteFile", ["x"]), ("z", "Own", ["x"]))
    for name in ("WriteFile", "Own"):
        made.library.function.add().signature.name = name
    with pytest.raises(RefusedError, match=r"may: WriteFile \(reads or writes files\)$"):
        graphs.check_graph(made, FILE)
    made.node[1].op = "Relu"
    graphs.check_graph(made, FILE)


def test_lists_of_tensors_may_be_constants_and_nothing_else_that_is_opaque() -> None:
    from tensorflow.core.framework import types_pb2

    made = graph(("x", "Const", []))
    value = made.node[0].attr["value"].tensor
    value.dtype = types_pb2.DT_VARIANT
    outer = value.variant_val.add(type_name="tensorflow::TensorList")
    graphs.check_graph(made, FILE)
    inner = outer.tensors.add(dtype=types_pb2.DT_VARIANT).variant_val.add()
    inner.type_name = "tensorflow::DatasetVariantWrapper"
    with pytest.raises(RefusedError, match="'x' holds an object of the kind 'tensorflow::Dataset"):
        graphs.check_graph(made, FILE)
