"""Hostile ONNX and TFLite files: data elsewhere, places that lie, graphs without end."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.security.hostile import trick


def model(weights: dict[str, str] | None, **more: Any) -> Any:
    """A network whose weight lies where ``weights`` says."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    kernel = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "kernel")
    if weights is not None:
        kernel.ClearField("raw_data")
        kernel.data_location = TensorProto.EXTERNAL
        for key, value in weights.items():
            kernel.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        more.get("nodes") or [helper.make_node("Conv", ["x", "kernel"], ["y"])],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, more.get("shape", [1, 4, 6, 6]))],
        [kernel],
    )
    opsets = [helper.make_opsetid("", 17), *more.get("opsets", ())]
    functions = more.get("functions", [])
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9)


def saved(folder: Path, made: Any) -> Path:
    (folder / "a.onnx").write_bytes(made.SerializeToString())
    return folder / "a.onnx"


def _weights_at(name: str, code: str, **said: str) -> None:
    def write(folder: Path, mark: Path) -> Path:
        (folder / "weights.bin").write_bytes(bytes(4 * 3 * 9 * 4))
        place = said.get("location", "weights.bin").replace("MARK", str(mark))
        return saved(folder, model({**said, "location": place}))

    write.__name__ = f"weights_{name}"
    trick(code)(write)


_weights_at("at_an_absolute_path", "SEC110", location="/etc/passwd")
_weights_at("that_climb", "SEC110", location="../../../../../../etc/passwd")
_weights_at("that_climb_from_a_folder", "SEC110", location="x/../../etc/passwd")
_weights_at("that_climb_on_windows", "SEC110", location="..\\..\\secret")
_weights_at("on_a_drive", "SEC110", location="C:secret")
_weights_at("that_climb_by_wide_dots", "SEC110", location="\uff0e\uff0e/\uff0e\uff0e/secret")
_weights_at("under_a_name_that_cannot_be_seen", "SEC110", location="weights\u200b.bin")
_weights_at("under_a_name_that_is_turned", "SEC110", location="nib.\u202ethgiew")
_weights_at("under_a_name_with_a_nul", "SEC110", location="weights.bin\0x")
_weights_at("beyond_the_end", "SEC111", offset=str(1 << 40), length="432")
_weights_at("of_a_terabyte", "SEC111", offset="0", length=str(1 << 40))
_weights_at("before_the_start", "SEC111", offset="-8", length="432")
_weights_at("at_no_number", "SEC111", offset="0x10; rm", length="432")
_weights_at("in_a_folder", "SEC110", location=".")
_weights_at(
    "at_an_address_in_memory",
    "SEC110",
    location="*/_ORT_MEM_ADDR_/*",
    offset=str(1 << 32),
    length="432",
)


@trick("SEC110")
def weights_at_two_places(folder: Path, mark: Path) -> Path:
    """Readers differ in which of the two they take."""
    made = model({"location": "../../../../../../etc/passwd"})
    made.graph.initializer[0].external_data.add(key="location", value="weights.bin")
    return saved(folder, made)


@trick("SEC110")
def weights_outside_in_the_default_of_a_function(folder: Path, mark: Path) -> Path:
    from onnx import TensorProto, helper

    body = [helper.make_node("Constant", [], ["w"]), helper.make_node("Conv", ["x", "w"], ["y"])]
    body[0].attribute.add(name="value", ref_attr_name="weights", type=4)
    opset = [helper.make_opsetid("", 17)]
    function = helper.make_function("own", "Layer", ["x"], ["y"], body, opset)
    default = function.attribute_proto.add(name="weights", type=4)
    default.t.MergeFrom(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3, 3, 3]))
    default.t.data_location = TensorProto.EXTERNAL
    default.t.external_data.add(key="location", value="/etc/passwd")
    nodes = [helper.make_node("Layer", ["x"], ["y"], domain="own")]
    made = model(None, nodes=nodes, functions=[function], opsets=[helper.make_opsetid("own", 1)])
    return saved(folder, made)


@trick("SEC110")
def weights_behind_a_link(folder: Path, mark: Path) -> Path:
    (folder / "weights.bin").symlink_to("/etc/passwd")
    return saved(folder, model({"location": "weights.bin"}))


@trick("SEC110")
def weights_behind_a_linked_folder(folder: Path, mark: Path) -> Path:
    (folder / "data").symlink_to("/etc", target_is_directory=True)
    return saved(folder, model({"location": "data/passwd"}))


@trick("SEC110")
def weights_in_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "weights.bin")
    return saved(folder, model({"location": "weights.bin"}))


@trick("SEC110")
def weights_outside_in_a_function(folder: Path, mark: Path) -> Path:
    from onnx import TensorProto, helper

    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3, 3, 3])
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="/etc/passwd")
    body = [
        helper.make_node("Constant", [], ["w"], value=outside),
        helper.make_node("Conv", ["x", "w"], ["y"]),
    ]
    opset = [helper.make_opsetid("", 17)]
    function = helper.make_function("own", "Layer", ["x"], ["y"], body, opset)
    nodes = [helper.make_node("Layer", ["x"], ["y"], domain="own")]
    made = model(None, nodes=nodes, functions=[function], opsets=[helper.make_opsetid("own", 1)])
    return saved(folder, made)


def _branch(depth: int, leaf: Any) -> Any:
    from onnx import TensorProto, helper

    nodes = [leaf]
    for level in range(depth):
        output = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
        inner = helper.make_graph(nodes, f"g{level}", [], [output])
        nodes = [helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)]
    return nodes[0]


@trick("SEC110")
def weights_outside_in_a_branch(folder: Path, mark: Path) -> Path:
    from onnx import TensorProto, helper

    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="../secret")
    leaf = helper.make_node("Constant", [], ["z"], value=outside)
    conv = helper.make_node("Conv", ["x", "kernel"], ["y"])
    return saved(folder, model(None, nodes=[conv, _branch(2, leaf)]))


@trick("SEC110")
def weights_outside_in_a_sparse_tensor(folder: Path, mark: Path) -> Path:
    from onnx import TensorProto

    made = model(None)
    sparse = made.graph.sparse_initializer.add(dims=[4])
    sparse.values.data_type = TensorProto.FLOAT
    sparse.values.dims.append(1)
    sparse.values.name = "hidden"
    sparse.values.external_data.add(key="location", value="/etc/passwd")
    return saved(folder, made)


@trick("SEC104")
def operator_of_a_foreign_library(folder: Path, mark: Path) -> Path:
    from onnx import helper

    nodes = [helper.make_node("Run", ["x"], ["y"], domain="strange", command=f"touch {mark}")]
    return saved(folder, model(None, nodes=nodes, opsets=[helper.make_opsetid("strange", 1)]))


@trick("SEC104")
def operator_of_python(folder: Path, mark: Path) -> Path:
    from onnx import helper

    nodes = [helper.make_node("PyOp", ["x"], ["y"], domain="pyopmulti_1", module="os")]
    opsets = [helper.make_opsetid("pyopmulti_1", 1)]
    return saved(folder, model(None, nodes=nodes, opsets=opsets))


def _operator(name: str, domain: str, kind: str, **attributes: Any) -> None:
    """A network of one operator."""

    def write(folder: Path, mark: Path) -> Path:
        from onnx import helper

        nodes = [helper.make_node(kind, ["x"], ["y"], domain=domain, **attributes)]
        return saved(folder, model(None, nodes=nodes, opsets=[helper.make_opsetid(domain, 1)]))

    write.__name__ = f"operator_{name}"
    trick("SEC104")(write)


_operator(
    "that_takes_a_compiled_network_from_a_file",
    "com.microsoft",
    "EPContext",
    embed_mode=0,
    ep_cache_context="../../etc/passwd",
)
_operator("that_is_a_compiled_network", "com.microsoft", "Snpe", DLC="program")
_operator("of_torch", "org.pytorch.aten", "ATen", operator="aten::from_file", overload_name="")
_operator("of_an_extension", "ai.onnx.contrib", "PyOp", id=1)
_operator("of_a_domain_that_looks_like_the_standard", "ai.onnx ", "Relu")
_operator("that_onnx_runtime_does_not_have", "com.microsoft", "LoadLibrary")


@trick("SEC104")
def foreign_operator_in_a_branch(folder: Path, mark: Path) -> Path:
    from onnx import helper

    conv = helper.make_node("Conv", ["x", "kernel"], ["y"])
    leaf = helper.make_node("Run", ["x"], ["z"], domain="strange")
    opsets = [helper.make_opsetid("strange", 1)]
    return saved(folder, model(None, nodes=[conv, _branch(2, leaf)], opsets=opsets))


@trick("SEC104")
def compiled_network_under_the_name_of_a_function(folder: Path, mark: Path) -> Path:
    """A file's own functions may have any name but those that are refused."""
    from onnx import helper

    opset = [helper.make_opsetid("", 17)]
    body = [helper.make_node("Relu", ["x"], ["y"])]
    function = helper.make_function("com.microsoft", "EPContext", ["x"], ["y"], body, opset)
    nodes = [helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft")]
    opsets = [helper.make_opsetid("com.microsoft", 1)]
    return saved(folder, model(None, nodes=nodes, functions=[function], opsets=opsets))


@trick("contained")
def settings_of_a_session_in_a_file(folder: Path, mark: Path) -> Path:
    """ONNX Runtime takes settings from a file if a variable of the environment says so."""
    made = model(None)
    settings = '{"session_options": {"enable_profiling": 1, "graph_optimization_level": 0}}'
    made.metadata_props.add(key="ort_config", value=settings)
    return saved(folder, made)


@trick("contained")
def tensor_made_of_a_shape_without_end(folder: Path, mark: Path) -> Path:
    from onnx import TensorProto, helper

    shape = helper.make_tensor("s", TensorProto.INT64, [2], [1 << 24, 1 << 20])
    nodes = [
        helper.make_node("Constant", [], ["s"], value=shape),
        helper.make_node("ConstantOfShape", ["s"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["r"], keepdims=0),
        helper.make_node("Conv", ["x", "kernel"], ["c"]),
        helper.make_node("Add", ["c", "r"], ["y"]),
    ]
    return saved(folder, model(None, nodes=nodes))


@trick("contained")
def tile_without_end(folder: Path, mark: Path) -> Path:
    from onnx import TensorProto, helper

    counts = helper.make_tensor("n", TensorProto.INT64, [4], [1 << 14, 1, 1 << 12, 1 << 12])
    nodes = [
        helper.make_node("Constant", [], ["n"], value=counts),
        helper.make_node("Tile", ["kernel", "n"], ["big"]),
        helper.make_node("Conv", ["x", "kernel"], ["c"]),
        helper.make_node("ReduceMax", ["big"], ["m"], keepdims=0),
        helper.make_node("Add", ["c", "m"], ["y"]),
    ]
    return saved(folder, model(None, nodes=nodes))


@trick("contained")
def graph_that_bites_its_tail(folder: Path, mark: Path) -> Path:
    from onnx import helper

    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "kernel"], ["y"]),
    ]
    return saved(folder, model(None, nodes=nodes))


@trick("contained")
def branches_within_branches(folder: Path, mark: Path) -> Path:
    from onnx import helper

    leaf = helper.make_node("Constant", [], ["z"], value_float=1.0)
    conv = helper.make_node("Conv", ["x", "kernel"], ["y"])
    made = model(None, nodes=[conv, _branch(10, leaf)])
    return saved(folder, made)


@trick("contained")
def messages_nested_without_end(folder: Path, mark: Path) -> Path:
    data = b""
    for _ in range(3000):  # attribute g of a node of a graph
        for field in (1, 5, 6):
            key = bytes([field << 3 | 2])
            size, length = len(data), b""
            while size > 0x7F:
                length += bytes([size & 0x7F | 0x80])
                size >>= 7
            data = key + length + bytes([size]) + data
    size, length = len(data), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    (folder / "a.onnx").write_bytes(b"\x08\x08\x3a" + length + bytes([size]) + data)
    return folder / "a.onnx"


@trick("contained")
def message_longer_than_the_file(folder: Path, mark: Path) -> Path:
    (folder / "a.onnx").write_bytes(b"\x08\x08\x3a\xff\xff\xff\xff\x7f" + b"x" * 100)
    return folder / "a.onnx"


def _flatbuffer(folder: Path, change: Callable[[bytearray], None]) -> Path:
    """A header of TFLite, with offsets and vectors as they should not be."""
    data = bytearray(struct.pack("<I4s", 24, b"TFL3") + bytes(512))
    # A table at 24 whose vtable at 8 has 5 fields, all at plausible places.
    struct.pack_into("<HHHHHHH", data, 8, 14, 24, 4, 8, 12, 16, 20)
    struct.pack_into("<i", data, 24, 16)
    change(data)
    (folder / "a.tflite").write_bytes(bytes(data))
    return folder / "a.tflite"


@trick("contained")
def flatbuffer_with_offsets_beyond_its_end(folder: Path, mark: Path) -> Path:
    return _flatbuffer(folder, lambda d: struct.pack_into("<IIII", d, 28, 3, *[0x7FFFFFF0] * 3))


@trick("contained")
def flatbuffer_with_vectors_without_end(folder: Path, mark: Path) -> Path:
    def change(data: bytearray) -> None:
        struct.pack_into("<IIII", data, 28, 3, 32, 32, 32)
        for place in range(60, 80, 4):
            struct.pack_into("<I", data, place, 0x7FFFFFFF)

    return _flatbuffer(folder, change)


@trick("contained")
def flatbuffer_that_points_at_itself(folder: Path, mark: Path) -> Path:
    return _flatbuffer(folder, lambda d: struct.pack_into("<IIII", d, 28, 3, 0, 0, 0))


@trick("contained")
def flatbuffer_of_the_letters_alone(folder: Path, mark: Path) -> Path:
    (folder / "a.tflite").write_bytes(b"\xff\xff\xff\x7fTFL3")
    return folder / "a.tflite"
