"""Hostile Keras files: code, unknown classes, paths, and HDF5 that points elsewhere."""

from __future__ import annotations

import io
import json
import shlex
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from support.security.hostile import trick


@cache
def sound() -> dict[str, bytes]:
    """The members of a Keras file with one convolution."""
    import keras

    image = keras.Input((8, 8, 3))
    made = keras.layers.Conv2D(4, 3, name="conv")(image)
    made = keras.layers.GlobalAveragePooling2D()(made)
    model = keras.Model(image, keras.layers.Dense(5, activation="softmax")(made))
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "a.keras")
        with zipfile.ZipFile(Path(folder) / "a.keras") as source:
            return {name: source.read(name) for name in source.namelist()}


def written(folder: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(folder / "a.keras", "w") as target:
        for name, data in members.items():
            target.writestr(name, data)
    return folder / "a.keras"


def _with_layer(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The second layer of the network, the convolution, changed in the configuration."""
    members = dict(sound())
    config = json.loads(members["config.json"])
    change(config["config"]["layers"][1])
    members["config.json"] = json.dumps(config).encode()
    return written(folder, members)


def lambda_layer(folder: Path, mark: Path) -> Path:
    """A layer whose Python makes the mark, by a program and by itself, once it is in a worker."""
    import keras

    text = f"touch {shlex.quote(str(mark))}"
    # Building the layer may run it in the test's own process, where it does nothing.
    harm = keras.layers.Lambda(
        lambda x: (
            [
                __import__("os").system(text),
                __import__("pathlib").Path(text.rsplit(maxsplit=1)[-1]).touch(),
            ]
            if "ZOODIFF_CONFINED" in __import__("os").environ
            else None,
            x,
        )[1],
        output_shape=(8, 8, 3),
        name="harm",
    )
    image = keras.Input((8, 8, 3))
    made = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(harm(image)))
    keras.Model(image, made).save(folder / "a.keras")
    return folder / "a.keras"


@trick("SEC103")
def lambda_that_nobody_allowed(folder: Path, mark: Path) -> Path:
    return lambda_layer(folder, mark)


@trick("contained", allowed=True)
def lambda_that_was_allowed_and_does_harm(folder: Path, mark: Path) -> Path:
    return lambda_layer(folder, mark)


@trick("SEC103")
def lambda_as_an_activation(folder: Path, mark: Path) -> Path:
    code = {"class_name": "__lambda__", "config": {"value": "abcd"}}
    return _with_layer(folder, lambda one: one["config"].update(activation=code))


@trick("SEC103")
def pickled_module_of_torch(folder: Path, mark: Path) -> Path:
    return _with_layer(folder, lambda one: one.update(class_name="TorchModuleWrapper"))


@trick("SEC105")
def class_of_a_module_that_runs(folder: Path, mark: Path) -> Path:
    """Keras imports the module that a configuration names."""
    (folder / "harm.py").write_text(f"open({str(mark)!r}, 'w')\n")
    return _with_layer(folder, lambda one: one.update(module="harm", class_name="Harm"))


@trick("SEC105")
def function_that_fetches(folder: Path, mark: Path) -> Path:
    fetch = {
        "module": "keras.utils",
        "class_name": "function",
        "config": "get_file",
        "registered_name": "get_file",
    }
    return _with_layer(folder, lambda one: one["config"].update(activation=fetch))


@trick("SEC105")
def function_of_python(folder: Path, mark: Path) -> Path:
    call = {"module": "builtins", "class_name": "function", "config": "eval"}
    return _with_layer(folder, lambda one: one["config"].update(activation=call))


@trick("SEC105")
def class_out_of_the_insides_of_keras(folder: Path, mark: Path) -> Path:
    call = {"module": "keras.src.utils.file_utils", "class_name": "function", "config": "get_file"}
    return _with_layer(folder, lambda one: one["config"].update(activation=call))


@trick("SEC105")
def class_that_a_stranger_registered(folder: Path, mark: Path) -> Path:
    return _with_layer(folder, lambda one: one.update(registered_name="stranger>Conv"))


@trick("SEC110")
def layer_that_loads_another_model(folder: Path, mark: Path) -> Path:
    layer = {"class_name": "TFSMLayer", "config": {"filepath": "/somewhere", "name": "x"}}
    return _with_layer(folder, lambda one: one.update(layer))


@trick("SEC110")
def layer_that_reads_its_vocabulary(folder: Path, mark: Path) -> Path:
    layer = {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd", "name": "x"}}
    return _with_layer(folder, lambda one: one.update(layer))


def _function(module: str, name: str, **more: Any) -> dict[str, Any]:
    said = {"module": module, "class_name": "function", "config": name, "registered_name": name}
    return {**said, **more}


def _activation(name: str, function: dict[str, Any], code: str = "SEC105") -> None:
    """A function that the convolution would call with its output."""

    def write(folder: Path, mark: Path) -> Path:
        return _with_layer(folder, lambda one: one["config"].update(activation=function))

    write.__name__ = name
    trick(code)(write)


_activation("function_that_builds_what_a_text_says", _function("keras.models", "model_from_json"))
_activation(
    "function_that_builds_a_network_of_the_zoo",
    _function("keras.applications.resnet50", "ResNet50"),
)
_activation("function_that_fetches_a_data_set", _function("keras.datasets.mnist", "load_data"))
_activation(
    "function_under_the_name_of_another",
    _function("keras.activations", "relu", registered_name="deserialize"),
)
_activation("function_without_a_module", _function("", "deserialize"))
_activation(
    "specification_that_is_a_function",
    {
        "module": "keras.layers",
        "class_name": "__typespec__",
        "spec_name": "deserialize",
        "config": [],
    },
)


@trick("SEC105")
def function_among_the_branches_of_an_operation(folder: Path, mark: Path) -> Path:
    """Keras gives functions to operations, which call them with what else they are given."""
    text = '{"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}'
    branch = _function("keras.models", "model_from_json")

    def change(one: dict[str, Any]) -> None:
        one.update(module="keras.src.ops.core", class_name="Switch", config={"name": "switch"})
        one["inbound_nodes"] = [{"args": [0, [branch], text], "kwargs": {}}]

    return _with_layer(folder, change)


@trick("SEC105")
def layer_of_the_old_form_that_is_a_function(folder: Path, mark: Path) -> Path:
    """Without a module a name is looked up among all that Keras's layers import."""
    inner = {"config": {"class_name": "Dense", "config": {"units": 1}}}

    def change(one: dict[str, Any]) -> None:
        one.pop("module")
        one.pop("registered_name", None)
        one.update(class_name="deserialize", config=inner)

    return _with_layer(folder, change)


@trick("SEC105")
def class_whose_name_holds_a_package(folder: Path, mark: Path) -> Path:
    def change(one: dict[str, Any]) -> None:
        one.pop("registered_name", None)
        one.update(class_name="stranger>Conv")

    return _with_layer(folder, change)


@trick("SEC105")
def callback_that_writes(folder: Path, mark: Path) -> Path:
    layer = {"module": "keras.callbacks", "class_name": "CSVLogger"}
    return _with_layer(folder, lambda one: one.update(layer, config={"filename": str(mark)}))


@trick("SEC103")
def code_by_the_module_that_defines_it(folder: Path, mark: Path) -> Path:
    layer = {"module": "keras.src.utils.jax_layer", "class_name": "JaxLayer", "config": {}}
    return _with_layer(folder, lambda one: one.update(layer))


@trick("SEC110")
def vocabulary_that_is_a_path_in_disguise(folder: Path, mark: Path) -> Path:
    path = {"class_name": "__bytes__", "config": {"value": "/etc/passwd"}}
    layer = {"class_name": "TextVectorization", "config": {"vocabulary": path, "name": "x"}}
    return _with_layer(folder, lambda one: one.update(layer))


@trick("contained")
def configuration_nested_without_end(folder: Path, mark: Path) -> Path:
    return written(folder, {**sound(), "config.json": b'{"config":' * 100_000})


@trick("SEC120")
def asset_that_climbs(folder: Path, mark: Path) -> Path:
    return written(folder, {**sound(), f"assets/../../{mark.name}": b"x"})


def _with_weights(folder: Path, change: Callable[[Any], None]) -> Path:
    import h5py

    buffer = io.BytesIO(sound()["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        change(file)
    return written(folder, {**sound(), "model.weights.h5": buffer.getvalue()})


def _replaced(made: Callable[[Any, str], None]) -> Callable[[Any], None]:
    """Put something in the place of the convolution's kernel."""

    def change(file: Any) -> None:
        place = "layers/conv2d/vars"
        if place not in file:
            place = next(n for n in file["layers"] if n.startswith("conv"))
            place = f"layers/{place}/vars"
        del file[place]["0"]
        made(file[place], "0")

    return change


@trick("SEC110")
def external_link(folder: Path, mark: Path) -> Path:
    import h5py

    def made(group: Any, name: str) -> None:
        group[name] = h5py.ExternalLink("/etc/passwd", "/x")

    return _with_weights(folder, _replaced(made))


@trick("SEC110")
def soft_link(folder: Path, mark: Path) -> Path:
    import h5py

    def made(group: Any, name: str) -> None:
        group[name] = h5py.SoftLink("/layers")

    return _with_weights(folder, _replaced(made))


@trick("SEC110")
def external_storage(folder: Path, mark: Path) -> Path:
    def made(group: Any, name: str) -> None:
        group.create_dataset(
            name, (3, 3, 3, 4), "f4", external=[("/etc/passwd", 0, 3 * 3 * 3 * 4 * 4)]
        )

    return _with_weights(folder, _replaced(made))


@trick("SEC110")
def virtual_array(folder: Path, mark: Path) -> Path:
    import h5py

    def made(group: Any, name: str) -> None:
        layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 3, 3, 4))
        group.create_virtual_dataset(name, layout)

    return _with_weights(folder, _replaced(made))


@trick("SEC122")
def array_of_a_terabyte(folder: Path, mark: Path) -> Path:
    def made(group: Any, name: str) -> None:
        group.create_dataset(name, (1 << 20, 1 << 18), "f4", chunks=(1024, 1024), compression=9)

    return _with_weights(folder, _replaced(made))


@trick("SEC104")
def array_that_needs_a_plug_in(folder: Path, mark: Path) -> Path:
    import h5py

    def made(group: Any, name: str) -> None:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((1,))
        settings.set_filter(31_999, h5py.h5z.FLAG_OPTIONAL, (1,))
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, settings)

    return _with_weights(folder, _replaced(made))


@trick("contained")
def weights_that_are_cut_off(folder: Path, mark: Path) -> Path:
    whole = sound()["model.weights.h5"]
    return written(folder, {**sound(), "model.weights.h5": whole[: len(whole) // 2]})
