"""Hostile SavedModels and frozen graphs: operators that reach for files, Python, the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.security.hostile import trick


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


def _after(tf: Any, x: Any, done: Any) -> Any:
    with tf.control_dependencies([done]):
        return tf.identity(x)


def _made(tf: Any, operator: str, inputs: list[Any], outputs: list[Any], **attributes: Any) -> Any:
    """The outputs of an operator that has no function in Python."""
    made = {key: tf.compat.v1.AttrValue(**value) for key, value in attributes.items()}
    graph = tf.compat.v1.get_default_graph()
    return graph.create_op(operator, inputs, outputs, attrs=made)


def _text(tf: Any, variant: Any) -> Any:
    """The only element of a data set of texts."""
    shapes = {"output_types": [tf.string], "output_shapes": [()]}
    return tf.raw_ops.DatasetToSingleElement(dataset=variant, **shapes)[0]


def _records(tf: Any, x: Any, mark: Path, operator: str) -> Any:
    texts = tf.data.Dataset.from_tensors(tf.constant("x"))._variant_tensor
    write = getattr(tf.raw_ops, operator)
    return _after(tf, x, write(input_dataset=texts, filename=str(mark), compression_type=""))


def _saved_data_set(tf: Any, x: Any, mark: Path) -> Any:
    texts = tf.data.Dataset.from_tensors(tf.constant("x"))
    shard = tf.function(lambda text: tf.constant(0, tf.int64)).get_concrete_function(
        tf.TensorSpec((), tf.string)
    )
    saved = tf.raw_ops.SaveDataset(
        input_dataset=texts._variant_tensor,
        path=str(mark),
        shard_func_other_args=[],
        shard_func=shard,
        compression="",
        use_shard_func=False,
    )
    return _after(tf, x, saved)


def _in_a_map(tf: Any, x: Any, mark: Path) -> Any:
    """The operator is in a function that only an attribute names."""

    def write(number: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(mark), "x")]):
            return tf.identity(number)

    total = tf.data.Dataset.range(1).map(write).reduce(tf.constant(0, tf.int64), lambda n, m: n + m)
    return x + tf.cast(total, tf.float32)


def _data_set_of_a_text(tf: Any, x: Any, mark: Path) -> Any:
    """The graph is a text among the constants."""
    with tf.init_scope():
        lines = tf.data.TextLineDataset("/etc/passwd").take(1)
        graph = tf.raw_ops.DatasetToGraphV2(input_dataset=lines._variant_tensor).numpy()
    graph = tf.strings.join(
        [tf.constant(graph), tf.strings.substr(tf.strings.as_string(x[0, 0]), 0, 0)]
    )
    return _length(tf, x, _text(tf, tf.raw_ops.DatasetFromGraph(graph_def=graph)))


def _candidates(tf: Any, x: Any, mark: Path) -> Any:
    found = tf.raw_ops.FixedUnigramCandidateSampler(
        true_classes=tf.constant([[0]], tf.int64),
        num_true=1,
        num_sampled=1,
        unique=False,
        range_max=10,
        vocab_file="/etc/passwd",
    )
    return x + found.true_expected_count[0]


def _records_read(tf: Any, x: Any, mark: Path) -> Any:
    found = tf.raw_ops.RecordInput(file_pattern="/etc/pass*", batch_size=1, file_parallelism=1)
    return _length(tf, x, found[0])


def _listed(tf: Any, x: Any, mark: Path) -> Any:
    found = tf.raw_ops.ExperimentalMatchingFilesDataset(patterns=["/etc/passw?"])
    return _length(tf, x, _text(tf, found))


def _chunk(tf: Any, x: Any, mark: Path) -> Any:
    found = tf.raw_ops.SnapshotChunkDataset(
        chunk_file="/etc/passwd", output_types=[tf.string], output_shapes=[()], compression=""
    )
    return _length(tf, x, _text(tf, found))


def _service(tf: Any, x: Any, mark: Path) -> Any:
    texts = tf.data.Dataset.from_tensors(tf.constant("x"))._variant_tensor
    saved = tf.raw_ops.DistributedSave(
        dataset=texts, directory=str(mark), address="127.0.0.1:9", metadata=""
    )
    return _after(tf, x, saved)


def _protobuf(tf: Any, x: Any, mark: Path) -> Any:
    found = tf.raw_ops.DecodeProtoV2(
        bytes=tf.constant(["x"]),
        message_type="x.X",
        field_names=["a"],
        output_types=[tf.float32],
        descriptor_source="/etc/passwd",
    )
    return x + tf.cast(found.sizes[0, 0], tf.float32)


def _statistics(tf: Any, x: Any, mark: Path) -> Any:
    args = [x[0, 0], x[0, 0], tf.constant([1], tf.int64)]
    kinds = [one.dtype.as_datatype_enum for one in args]
    given = {
        "Tin": {"list": tf.compat.v1.AttrValue.ListValue(type=kinds)},
        "ids": {"list": tf.compat.v1.AttrValue.ListValue(s=[b"a"])},
        "calibration_methods": {"list": tf.compat.v1.AttrValue.ListValue(i=[1])},
        "output_file_path": {"s": str(mark).encode()},
    }
    return _after(tf, x, _made(tf, "CalibrationStatisticsSaver", args, [], **given))


def _queue(tf: Any, x: Any, mark: Path) -> Any:
    """Nobody puts anything in, so whoever takes something out waits for ever."""
    queue = tf.raw_ops.FIFOQueueV2(component_types=[tf.float32])
    return x + tf.raw_ops.QueueDequeueV2(handle=queue, component_types=[tf.float32])[0]


def _stage(tf: Any, x: Any, mark: Path) -> Any:
    return x + tf.raw_ops.Unstage(dtypes=[tf.float32])[0]


def _remote(tf: Any, x: Any, mark: Path) -> Any:
    double = tf.function(lambda y: y * 2.0).get_concrete_function(tf.TensorSpec(x.shape))
    target = "/job:worker/replica:0/task:0/device:CPU:0"
    found = tf.raw_ops.RemoteCall(target=target, args=[x], Tout=[tf.float32], f=double)[0]
    found.set_shape(x.shape)
    return found


def _machine_code(tf: Any, x: Any, mark: Path) -> Any:
    """Asks XLA to call a function of the process by its name."""
    given = {
        "target_name": {"s": b"system"},
        "backend_config": {"s": f"touch {mark}".encode()},
        "T": {"list": tf.compat.v1.AttrValue.ListValue(type=[x.dtype.as_datatype_enum])},
        "dtype": {"type": x.dtype.as_datatype_enum},
        "shape": {"shape": tf.TensorShape(()).as_proto()},
    }
    return x + _made(tf, "XlaCustomCall", [x], [x.dtype], **given).outputs[0]


_with(lambda tf, x, mark: _records(tf, x, mark, "DatasetToTFRecord"), "writes_records")
_with(
    lambda tf, x, mark: _records(tf, x, mark, "ExperimentalDatasetToTFRecord"),
    "writes_records_by_an_experiment",
)
_with(_saved_data_set, "saves_a_data_set")
_with(_in_a_map, "writes_in_the_function_of_a_data_set")
_with(_data_set_of_a_text, "makes_a_data_set_of_a_text")
_with(_candidates, "reads_a_vocabulary")
_with(_records_read, "reads_records")
_with(_listed, "lists_files_as_a_data_set")
_with(_chunk, "reads_a_snapshot")
_with(_service, "asks_a_service_to_save")
_with(_protobuf, "reads_a_descriptor")
_with(_statistics, "writes_statistics")
_with(_queue, "waits_for_a_queue")
_with(_stage, "waits_for_a_stage")
_with(_remote, "calls_another_machine")
_with(_machine_code, "calls_machine_code")
_with(
    lambda tf, x, mark: _after(tf, x, tf.raw_ops.Abort(error_msg="x", exit_without_error=True)),
    "ends_the_process",
)


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


@trick("SEC104")
def frozen_graph_with_a_foreign_operator(folder: Path, mark: Path) -> Path:
    return frozen(folder, {"name": "y", "op": "StrangeRun", "input": ["x"]})
