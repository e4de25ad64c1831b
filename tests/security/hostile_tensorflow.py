"""Hostile SavedModels and frozen graphs: operators that reach for files, Python, the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile import trick


def saved_model(folder: Path, call: Callable[[Any], Any], **held: Any) -> Path:
    """A SavedModel of one signature that computes ``call`` of an image."""
    import tensorflow as tf

    module = tf.Module()
    for name, value in held.items():
        setattr(module, name, value)
    module.scale = tf.Variable(2.0)
    spec = tf.TensorSpec((1, 8, 8, 3), tf.float32, name="x")
    signature = tf.function(lambda x: {"y": call(x * module.scale)}, input_signature=[spec])
    module.call = signature
    tf.saved_model.save(module, str(folder / "model"), signatures=signature)
    return folder / "model"


def _mean(x: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_mean(x, (1, 2))


def _with(make: Callable[[Any, Any, Path], Any], name: str) -> None:
    """A SavedModel whose output also depends on what an operator read or did."""

    def write(folder: Path, mark: Path) -> Path:
        import tensorflow as tf

        return saved_model(folder, lambda x: make(tf, _mean(x), mark))

    write.__name__ = f"saved_model_that_{name}"
    trick("SEC104")(write)


def _length(tf: Any, x: Any, text: Any) -> Any:
    return x + tf.cast(tf.strings.length(text), tf.float32)


def _write_file(tf: Any, x: Any, mark: Path) -> Any:
    with tf.control_dependencies([tf.io.write_file(str(mark), "x")]):
        return tf.identity(x)


def _print(tf: Any, x: Any, mark: Path) -> Any:
    with tf.control_dependencies([tf.print(x, output_stream=f"file://{mark}")]):
        return tf.identity(x)


def _loop(tf: Any, x: Any, mark: Path) -> Any:
    """The operator is in the body of a loop in a function."""

    def body(k: Any, y: Any) -> Any:
        return k + 1, _length(tf, y, tf.io.read_file("/etc/passwd"))

    return tf.while_loop(lambda k, y: k < 2, body, [tf.constant(0), x])[1]


def _python(tf: Any, x: Any, mark: Path) -> Any:
    found = tf.py_function(lambda y: y, [x], tf.float32)
    found.set_shape(x.shape)
    return found


def _numpy(tf: Any, x: Any, mark: Path) -> Any:
    found = tf.numpy_function(lambda y: y, [x], tf.float32)
    found.set_shape(x.shape)
    return found


def _restore(tf: Any, x: Any, mark: Path) -> Any:
    found = tf.raw_ops.RestoreV2(
        prefix="/etc/x", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    )
    return x + tf.reshape(found[0], ())


def _save(tf: Any, x: Any, mark: Path) -> Any:
    saved = tf.raw_ops.SaveV2(
        prefix=str(mark), tensor_names=["a"], shape_and_slices=[""], tensors=[x]
    )
    with tf.control_dependencies([saved]):
        return tf.identity(x)


def _lines(tf: Any, x: Any, mark: Path) -> Any:
    lines = tf.data.TextLineDataset("/etc/passwd")
    return x + tf.cast(lines.reduce(tf.constant(0), lambda n, _: n + 1), tf.float32)


def _summary(tf: Any, x: Any, mark: Path) -> Any:
    writer = tf.raw_ops.SummaryWriter(shared_name="w", container="")
    made = tf.raw_ops.CreateSummaryFileWriter(
        writer=writer, logdir=str(mark), max_queue=1, flush_millis=1, filename_suffix=""
    )
    with tf.control_dependencies([made]):
        return tf.identity(x)


_with(lambda tf, x, mark: _length(tf, x, tf.io.read_file("/etc/passwd")), "reads_a_file")
_with(_write_file, "writes_a_file")
_with(
    lambda tf, x, mark: _length(tf, x, tf.strings.reduce_join(tf.io.matching_files("/etc/*"))),
    "lists_files",
)
_with(_print, "prints_into_a_file")
_with(_loop, "reads_in_a_loop")
_with(_python, "runs_python")
_with(_numpy, "runs_python_on_arrays")
_with(_restore, "restores_other_weights")
_with(_save, "saves_its_input")
_with(_lines, "reads_lines")
_with(_summary, "writes_summaries")


def _changed(folder: Path, change: Callable[[Any], None]) -> Path:
    """A sound SavedModel whose protobuf was edited."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = saved_model(folder, _mean)
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    change(saved)
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    return path


@trick("SEC110")
def asset_of_a_saved_model_outside(folder: Path, mark: Path) -> Path:
    def change(saved: Any) -> None:
        asset = saved.meta_graphs[0].asset_file_def.add(filename="../../../../etc/passwd")
        asset.tensor_info.name = "x:0"

    return _changed(folder, change)


@trick("SEC110")
def variables_behind_a_link(folder: Path, mark: Path) -> Path:
    path = saved_model(folder, _mean)
    data = next((path / "variables").glob("*.data*"))
    data.rename(folder / "elsewhere")
    data.symlink_to(folder / "elsewhere")
    return path


@trick("SEC104")
def file_operator_among_the_functions_that_save(folder: Path, mark: Path) -> Path:
    def change(saved: Any) -> None:
        for function in saved.meta_graphs[0].graph_def.library.function:
            if "traced_restore" in function.signature.name:
                function.node_def.add(name="hidden", op="ReadFile", input=["file_prefix"])

    return _changed(folder, change)


@trick("contained")
def saved_model_of_noise(folder: Path, mark: Path) -> Path:
    (folder / "model").mkdir()
    (folder / "model" / "saved_model.pb").write_bytes(bytes(range(256)) * 20)
    return folder / "model"


def frozen(folder: Path, *nodes: dict[str, Any]) -> Path:
    """A frozen graph: a placeholder, and nodes given by operator, inputs and attributes."""
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef()
    image = graph.node.add(name="x", op="Placeholder")
    image.attr["dtype"].type = tf.float32.as_datatype_enum
    for size in (1, 8, 8, 3):
        image.attr["shape"].shape.dim.add(size=size)
    for one in nodes:
        node = graph.node.add(name=one["name"], op=one["op"], input=one.get("input", []))
        for key, value in one.get("types", {}).items():
            node.attr[key].type = value.as_datatype_enum
        for key, value in one.get("texts", {}).items():
            node.attr[key].s = value.encode()
    (folder / "a.pb").write_bytes(graph.SerializeToString())
    return folder / "a.pb"


@trick("SEC104")
def frozen_graph_that_reads_a_file(folder: Path, mark: Path) -> Path:
    return frozen(folder, {"name": "y", "op": "ReadFile", "input": ["x"]})


@trick("SEC104")
def frozen_graph_that_maps_memory(folder: Path, mark: Path) -> Path:
    import tensorflow as tf

    node = {"name": "y", "op": "ImmutableConst", "types": {"dtype": tf.float32}}
    return frozen(folder, {**node, "texts": {"memory_region_name": "/etc/passwd"}})


@trick("SEC104")
def frozen_graph_that_runs_python(folder: Path, mark: Path) -> Path:
    import tensorflow as tf

    node = {"name": "y", "op": "PyFunc", "input": ["x"], "texts": {"token": "pyfunc_0"}}
    return frozen(folder, {**node, "types": {"Tout": tf.float32}})


@trick("SEC104")
def frozen_graph_that_restores(folder: Path, mark: Path) -> Path:
    return frozen(folder, {"name": "y", "op": "RestoreV2", "input": ["x"]})


@trick("contained")
def frozen_graph_with_a_foreign_operator(folder: Path, mark: Path) -> Path:
    return frozen(folder, {"name": "y", "op": "StrangeRun", "input": ["x"]})
