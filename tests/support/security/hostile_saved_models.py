"""Hostile SavedModels by what stands around their operators: savers, starts, objects, devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.security.hostile import trick
from support.security.hostile_tensorflow import frozen, saved_model


def _mean(x: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_mean(x, (1, 2))


def _edited(path: Path, change: Callable[[Any], None]) -> Path:
    """A SavedModel whose only graph, with what belongs to it, was changed."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    change(saved.meta_graphs[0])
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    return path


def _changed(folder: Path, change: Callable[[Any], None]) -> Path:
    return _edited(saved_model(folder, _mean), change)


def _function(meta: Any, name: str) -> Any:
    library = meta.graph_def.library.function
    return next(one for one in library if name in one.signature.name)


def first_version(
    folder: Path, add: Callable[[Any, Any], Any], change: Callable[[Any], None]
) -> Path:
    """A SavedModel as TensorFlow 1 writes it, with nodes added and its protobuf changed.

    ``add`` gets the mean of the image and returns what the signature gives.
    """
    import tensorflow as tf

    old = tf.compat.v1
    path = folder / "model"
    with tf.Graph().as_default(), old.Session() as session:
        image = old.placeholder(tf.float32, (1, 8, 8, 3), name="x")
        weight = old.get_variable("w", (), use_resource=True)
        output = add(tf, tf.reduce_mean(image, (1, 2)) * weight)
        session.run(weight.initializer)
        builder = old.saved_model.Builder(str(path))
        signature = old.saved_model.predict_signature_def({"x": image}, {"y": output})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    return _edited(path, change)


def _saving(tf: Any, y: Any, mark: Path) -> Any:
    """An operation under the name of a saver's that writes files beside the mark."""
    with (
        tf.name_scope("save"),
        tf.control_dependencies(
            [
                tf.raw_ops.SaveV2(
                    prefix=str(mark), tensor_names=["a"], shape_and_slices=[""], tensors=[y]
                )
            ]
        ),
    ):
        return tf.identity(y, name="harm")


def _started(name: str) -> Callable[[Callable[[Any], None]], None]:
    """Put a change by which loading runs the operation that saves into the list."""

    def keep(change: Callable[[Any], None]) -> None:
        def write(folder: Path, mark: Path) -> Path:
            def add(tf: Any, y: Any) -> Any:
                kinds = [tf.compat.v1.GraphKeys.LOCAL_VARIABLES]
                tf.compat.v1.get_variable("v", (), collections=kinds, use_resource=True)
                _saving(tf, tf.constant(1.0), mark)
                return tf.identity(y)

            return first_version(folder, add, change)

        write.__name__ = name
        trick("SEC104")(write)

    return keep


@trick("SEC104")
def signature_that_saves_under_the_name_of_a_saver(folder: Path, mark: Path) -> Path:
    return first_version(folder, lambda tf, y: _saving(tf, y, mark), lambda meta: None)


@_started("saver_that_saves_while_it_restores")
def _(meta: Any) -> None:
    meta.saver_def.restore_op_name = "save/harm"


@_started("start_that_saves")
def _(meta: Any) -> None:
    meta.collection_def["saved_model_main_op"].node_list.value.append("save/harm")


@_started("signature_of_the_start_that_saves")
def _(meta: Any) -> None:
    start = meta.signature_def["__saved_model_init_op"]
    start.outputs["__saved_model_init_op"].name = "save/harm"


@_started("variable_that_saves_when_it_is_set")
def _(meta: Any) -> None:
    from tensorflow.core.framework import variable_pb2

    variables = meta.collection_def["local_variables"].bytes_list
    variable = variable_pb2.VariableDef.FromString(variables.value[0])
    variable.initializer_name = "save/harm"
    variables.value[0] = variable.SerializeToString()


@trick("SEC104")
def saver_that_restores_from_elsewhere(folder: Path, mark: Path) -> Path:
    def change(meta: Any) -> None:
        for node in meta.graph_def.node:
            if node.op == "RestoreV2":
                node.input[0] = "elsewhere"

    def add(tf: Any, y: Any) -> Any:
        tf.constant("/etc/variables", name="elsewhere")
        return tf.identity(y)

    return first_version(folder, add, change)


@trick("SEC110")
def asset_in_a_collection_outside(folder: Path, mark: Path) -> Path:
    def change(meta: Any) -> None:
        from tensorflow.core.protobuf import meta_graph_pb2

        asset = meta_graph_pb2.AssetFileDef(filename="../../../../etc/passwd")
        asset.tensor_info.name = "x:0"
        meta.collection_def["saved_model_assets"].any_list.value.add().Pack(asset)

    return first_version(folder, lambda tf, y: tf.identity(y), change)


@trick("SEC104")
def function_that_saves_under_the_name_of_a_saver(folder: Path, mark: Path) -> Path:
    """The object graph calls it, whatever it is called."""
    import tensorflow as tf

    def save(x: Any) -> Any:
        saved = tf.raw_ops.SaveV2(
            prefix=str(mark), tensor_names=["a"], shape_and_slices=[""], tensors=[x]
        )
        with tf.control_dependencies([saved]):
            return _mean(x)

    path = saved_model(folder, save)
    content = (path / "saved_model.pb").read_bytes()
    name = next(
        one.signature.name
        for one in _meta(content).graph_def.library.function
        if any(node.op == "SaveV2" for node in one.node_def) and "traced" not in one.signature.name
    )
    other = "__inference__traced_save_".ljust(len(name), "7")[: len(name)]
    (path / "saved_model.pb").write_bytes(content.replace(name.encode(), other.encode()))
    return path


def _meta(content: bytes) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]


@trick("SEC104")
def function_that_grappler_puts_in_the_place_of_another(folder: Path, mark: Path) -> Path:
    """Nothing calls the function that saves; it says that it implements the same on a processor."""
    import tensorflow as tf

    def kind(device: str) -> Any:
        attributes = {"api_implements": "mean", "api_preferred_device": device}
        return tf.function(
            input_signature=[tf.TensorSpec((1, 8, 8, 3))],
            experimental_attributes=attributes,
            autograph=False,
        )

    def save(x: Any) -> Any:
        saved = tf.raw_ops.SaveV2(
            prefix=str(mark), tensor_names=["a"], shape_and_slices=[""], tensors=[x]
        )
        with tf.control_dependencies([saved]):
            return _mean(x)

    harm, plain = kind("CPU")(save), kind("GPU")(_mean)

    def call(x: Any) -> Any:
        harm.get_concrete_function().add_to_graph(tf.compat.v1.get_default_graph())
        return plain(x)

    return saved_model(folder, call)


@trick("SEC104")
def gradient_that_saves(folder: Path, mark: Path) -> Path:
    def change(meta: Any) -> None:
        name = _function(meta, "traced_save").signature.name
        meta.graph_def.library.registered_gradients.add(
            gradient_func=name, registered_op_type="CustomGradient-7"
        )

    return _changed(folder, change)


@trick("SEC104")
def operator_on_another_machine(folder: Path, mark: Path) -> Path:
    def change(meta: Any) -> None:
        for node in _function(meta, "lambda").node_def:
            node.device = "/job:worker/replica:0/task:0/device:CPU:0"

    return _changed(folder, change)


@trick("SEC104")
def variable_on_another_machine(folder: Path, mark: Path) -> Path:
    def change(meta: Any) -> None:
        for one in meta.object_graph_def.nodes:
            if one.WhichOneof("kind") == "variable":
                one.variable.device = "/job:ps/task:0"

    return _changed(folder, change)


@trick("SEC104")
def function_of_another_file(folder: Path, mark: Path) -> Path:
    """A worker holds the functions of all files that it opened, this one's is not among them."""

    def change(meta: Any) -> None:
        node = _function(meta, "lambda").node_def[0]
        node.attr["f"].func.name = "_harmless"
        node.attr["f"].func.attr["g"].func.name = "__inference__traced_save_5_load_1"
        meta.graph_def.library.function.add().signature.name = "_harmless"

    return _changed(folder, change)


@trick("SEC104")
def two_functions_of_one_name(folder: Path, mark: Path) -> Path:
    def change(meta: Any) -> None:
        meta.graph_def.library.function.add().CopyFrom(_function(meta, "lambda"))

    return _changed(folder, change)


@trick("SEC105")
def object_of_a_strange_class(folder: Path, mark: Path) -> Path:
    def change(meta: Any) -> None:
        meta.object_graph_def.nodes[0].registered_name = "stranger.Loader"

    return _changed(folder, change)


@trick("SEC104")
def table_filled_from_a_file_at_the_start(folder: Path, mark: Path) -> Path:
    import tensorflow as tf

    (folder / "words.txt").write_text("a\nb\n")
    kinds = (tf.string, tf.lookup.TextFileIndex.WHOLE_LINE)
    numbers = (tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
    rows = tf.lookup.TextFileInitializer(str(folder / "words.txt"), *kinds, *numbers)
    table = tf.lookup.StaticHashTable(rows, -1)
    path = saved_model(
        folder,
        lambda x: _mean(x) + tf.cast(table.lookup(tf.constant(["a"])), tf.float32),
        table=table,
    )
    (folder / "words.txt").unlink()
    return path


@trick("SEC104")
def text_in_an_encoding_that_is_a_path(folder: Path, mark: Path) -> Path:
    """The library for encodings looks for tables of unknown ones among files."""
    import tensorflow as tf

    def call(x: Any) -> Any:
        text = tf.strings.unicode_transcode(tf.constant(["a"]), "UTF-8", "UTF-8")
        return _mean(x) + tf.cast(tf.strings.length(text), tf.float32)

    def change(meta: Any) -> None:
        for function in meta.graph_def.library.function:
            for node in function.node_def:
                if node.op == "UnicodeTranscode":
                    node.attr["input_encoding"].s = b"../../../../tmp/table"

    return _edited(saved_model(folder, call), change)


@trick("SEC104")
def constant_that_is_a_handle(folder: Path, mark: Path) -> Path:
    """A handle names a resource of the process, such as a variable of another network."""
    import tensorflow as tf

    def change(meta: Any) -> None:
        node = _function(meta, "lambda").node_def.add(name="handle", op="Const")
        node.attr["dtype"].type = tf.resource.as_datatype_enum
        node.attr["value"].tensor.dtype = tf.resource.as_datatype_enum
        node.attr["value"].tensor.resource_handle_val.add(name="w", container="localhost")

    return _changed(folder, change)


@trick("SEC104")
def text_that_becomes_a_data_set(folder: Path, mark: Path) -> Path:
    import tensorflow as tf

    def call(x: Any) -> Any:
        made = tf.io.parse_tensor(tf.strings.as_string(x[0, 0, 0, 0]), tf.variant)
        return _mean(x) + tf.cast(tf.raw_ops.TensorListLength(input_handle=made), tf.float32)

    return saved_model(folder, call)


@trick("SEC104")
def frozen_graph_with_a_function_that_reads(folder: Path, mark: Path) -> Path:
    """Only an attribute names the function."""
    import tensorflow as tf

    path = frozen(folder, {"name": "y", "op": "StatefulPartitionedCall", "input": ["x"]})
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    graph.node[1].attr["f"].func.name = "read"
    function = graph.library.function.add()
    function.signature.name = "read"
    function.node_def.add(name="r", op="ReadFile", input=["x"])
    path.write_bytes(graph.SerializeToString())
    return path


@trick("SEC104")
def frozen_graph_that_takes_what_its_saver_restored(folder: Path, mark: Path) -> Path:
    return frozen(
        folder,
        {"name": "save/RestoreV2", "op": "RestoreV2", "input": ["x"]},
        {"name": "y", "op": "Identity", "input": ["save/RestoreV2"]},
    )
