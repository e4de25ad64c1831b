"""Sound ONNX files of many opsets and data sets of images."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from support.security.sound import named, sound


def model(opset: int = 17, dtype: Any = np.float32, batch: int | str = 1, extra=()) -> Any:
    from onnx import helper, numpy_helper

    random = np.random.default_rng(0)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    weights = {
        "k": random.standard_normal((4, 3, 3, 3)).astype(dtype),
        "s": np.ones(4, dtype),
        "b": np.zeros(4, dtype),
        "w": random.standard_normal((4, 3)).astype(dtype),
        "c": np.zeros(3, dtype),
    }
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["1"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["1", "s", "b", "b", "s"], ["2"]),
        helper.make_node("Relu", ["2"], ["3"]),
        helper.make_node("GlobalAveragePool", ["3"], ["4"]),
        helper.make_node("Flatten", ["4"], ["5"]),
        helper.make_node("Gemm", ["5", "w", "c"], ["6"]),
        *extra,
        helper.make_node("Softmax", ["7" if extra else "6"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", kind, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info("y", kind, [batch, 3])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8 if opset < 18 else 9)


def _saved(name: str, make: Callable[[], Any], *, run: bool = True) -> None:
    def write(folder: Path) -> Path:
        (folder / "a.onnx").write_bytes(make().SerializeToString())
        return folder / "a.onnx"

    named("onnx", f"onnx_{name}", write, run=run)


for _opset in (7, 9, 10, 11, 12, 13, 14, 15, 17, 18, 20):
    _saved(f"of_opset_{_opset}", lambda opset=_opset: model(opset))
_saved("in_half_precision", lambda: model(dtype=np.float16), run=False)
_saved("in_double_precision", lambda: model(dtype=np.float64), run=False)
_saved("with_an_open_batch", lambda: model(batch="N"))


def _branches() -> Any:
    from onnx import TensorProto, helper

    def side(value: float) -> Any:
        tensor = helper.make_tensor("v", TensorProto.FLOAT, [1, 3], [value] * 3)
        node = helper.make_node("Constant", [], ["z"], value=tensor)
        output = helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 3])
        return helper.make_graph([node], "side", [], [output])

    flag = helper.make_tensor("f", TensorProto.BOOL, [], [True])
    return model(
        extra=[
            helper.make_node("Constant", [], ["f"], value=flag),
            helper.make_node("If", ["f"], ["z"], then_branch=side(1.0), else_branch=side(2.0)),
            helper.make_node("Add", ["6", "z"], ["7"]),
        ]
    )


_saved("with_branches", _branches)


def _apart(folder: Path, location: str, *, whole: bool) -> Path:
    import onnx
    from onnx.external_data_helper import convert_model_to_external_data

    (folder / location).parent.mkdir(exist_ok=True)
    made = model()
    convert_model_to_external_data(
        made, all_tensors_to_one_file=whole, location=location, size_threshold=0
    )
    onnx.save(made, folder / "a.onnx")
    return folder / "a.onnx"


@sound("onnx")
def onnx_with_its_weights_beside(folder: Path) -> Path:
    return _apart(folder, "a.onnx.data", whole=True)


@sound("onnx")
def onnx_with_its_weights_in_a_folder(folder: Path) -> Path:
    return _apart(folder, "data/weights.bin", whole=True)


@sound("onnx")
def onnx_with_a_name_of_another_script(folder: Path) -> Path:
    return _apart(folder, "gewichte-ä-重み.bin", whole=True)


@sound("onnx")
def onnx_behind_a_link(folder: Path) -> Path:
    (folder / "real").mkdir()
    (folder / "real" / "a.onnx").write_bytes(model().SerializeToString())
    (folder / "link.onnx").symlink_to(folder / "real" / "a.onnx")
    return folder / "link.onnx"


@sound("onnx")
def onnx_quantised(folder: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    (folder / "float.onnx").write_bytes(model().SerializeToString())
    quantize_dynamic(folder / "float.onnx", folder / "a.onnx", weight_type=QuantType.QUInt8)
    return folder / "a.onnx"


@sound("onnx")
def onnx_optimised_by_its_runtime(folder: Path) -> Path:
    """ONNX Runtime writes operators and layouts of its own."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "a.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model().SerializeToString(), options)
    domains = {node.domain for node in onnx.load(folder / "a.onnx").graph.node}
    assert domains & {"com.microsoft", "com.microsoft.nchwc"}
    return folder / "a.onnx"


@sound("onnx")
def onnx_with_functions_of_its_own(folder: Path) -> Path:
    from onnx import helper

    opset = [helper.make_opsetid("", 17)]
    body = [helper.make_node("Mul", ["a", "a"], ["b"])]
    made = model(extra=[helper.make_node("Square", ["6"], ["7"], domain="own")])
    made.functions.append(helper.make_function("own", "Square", ["a"], ["b"], body, opset))
    made.opset_import.append(helper.make_opsetid("own", 1))
    (folder / "a.onnx").write_bytes(made.SerializeToString())
    return folder / "a.onnx"


@sound("onnx")
def onnx_with_operators_of_its_runtime(folder: Path) -> Path:
    from onnx import helper

    made = model(extra=[helper.make_node("QuickGelu", ["6"], ["7"], domain="com.microsoft")])
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    (folder / "a.onnx").write_bytes(made.SerializeToString())
    return folder / "a.onnx"


@sound("onnx")
def onnx_with_what_is_said_of_it(folder: Path) -> Path:
    (folder / "a.onnx").write_bytes(model().SerializeToString())
    (folder / "labels.txt").write_text("one\ntwo\nthree\n")
    (folder / "a.onnx.toml").write_text('labels = "labels.txt"\n[preprocessing]\nresize = 20\n')
    return folder / "a.onnx"


def jpeg() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (20, 16), (200, 100, 50)).save(buffer, "JPEG")
    return buffer.getvalue()


@sound("images")
def images_in_a_folder(folder: Path) -> Path:
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        (folder / name / "0.jpg").write_bytes(jpeg())
    return folder


@sound("images")
def images_behind_links(folder: Path) -> Path:
    (folder / "real.bin").write_bytes(jpeg())
    (folder / "0.jpg").symlink_to("real.bin")
    return folder


@sound("images")
def images_in_a_shard(folder: Path) -> Path:
    with tarfile.open(folder / "a.tar", "w") as target:
        for name, data in (("./x/0.jpg", jpeg()), ("./x/0.cls", b"3")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return folder / "a.tar"


@sound("images")
def images_in_parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": [{"bytes": jpeg()}], "label": [1]}), folder / "a.parquet")
    return folder / "a.parquet"


@sound("images")
def images_of_cifar(folder: Path) -> Path:
    (folder / "test_batch.bin").write_bytes(struct.pack("B", 3) + bytes(3072))
    return folder / "test_batch.bin"
