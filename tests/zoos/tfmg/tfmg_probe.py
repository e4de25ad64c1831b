"""Asks the tfmg backend for facts; run by the environment's interpreter, writes JSON.

python tfmg_probe.py counts NAME...      counts, facts, seconds and memory of each network
python tfmg_probe.py outputs NAME...     the graph interpreted in numpy against TensorFlow
python tfmg_probe.py profile NAME...     TensorFlow's own profiler
python tfmg_probe.py names               classifiers that the packages know
python tfmg_probe.py checkpoints         published checkpoints, made here, restored
python tfmg_probe.py prepare             preprocessing of a gradient
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from support.interpret import interpret
from zoodiff.errors import ZoodiffError
from zoodiff.frontends.tensorflow.graph import variable_parameters
from zoodiff.graph.cost import count
from zoodiff.workers.inside.handlers import peak_rss_bytes
from zoodiff.zoos.tfmg import official as tfmg_official
from zoodiff.zoos.tfmg import slim as tfmg_slim
from zoodiff.zoos.tfmg.backend import TfmgBackend, cache_folder
from zoodiff.zoos.tfmg.catalogue import ZOO, recipes

MODELS = {model.name: model for model in ZOO.models()}


def counts(backend: TfmgBackend, *names: str) -> Any:
    found = {}
    for name in names:
        begin = time.perf_counter()
        graph = backend.describe(name, "random")
        seconds = time.perf_counter() - begin
        found[name] = {
            "counts": asdict(count(graph)),
            "facts": dict(backend.facts(name, "random")),
            "operators": Counter(node.op for node in graph.nodes),
            "outputs": [tensor.shape for tensor in graph.outputs],
            "inputs": [tensor.shape for tensor in graph.inputs],
            "open": sum(-1 in tensor.shape for tensor in graph.tensors.values()),
            "parameter_names": len({p.name for n in graph.nodes for p in n.parameters}),
            "unused": [p.name for p in graph.unused_parameters],
            "strides": [(n.name, n.attributes["strides"]) for n in graph.nodes if n.op == "Conv"],
            "dilations": sorted(
                {n.attributes["dilations"][0] for n in graph.nodes if n.op == "Conv"}
            ),
            "epsilons": sorted(
                {n.attributes["epsilon"] for n in graph.nodes if "epsilon" in n.attributes}
            ),
            "seconds": seconds,
            "peak": peak_rss_bytes(),
        }
    return found


def outputs(backend: TfmgBackend, *names: str) -> Any:
    """Largest difference over the largest output, with every variable drawn anew."""
    found = {}
    for name in names:
        graph = backend.describe(name, "random")
        height, width = MODELS[name].input_shape[1:]
        image = np.random.default_rng(0).standard_normal((1, height, width, 3)).astype("float32")
        run = _slim if name.startswith(tfmg_slim.PREFIX) else _official
        expected, weights = run(name, image)
        actual = interpret(graph, weights, image).reshape(1, -1)
        spread = float(np.abs(expected).max())
        found[name] = [float(np.abs(actual - expected).max()) / spread, spread]
    return found


def _official(name: str, image: Any) -> Any:
    import tf_keras

    recipe = recipes()[name]
    tf_keras.backend.clear_session()
    model = tfmg_official.build(recipe.experiment, recipe.overrides, MODELS[name].input_shape[1:])
    for variable in model.weights:
        variable.assign(_drawn(variable.name, variable.shape.as_list()))
    names = [p.name for p in variable_parameters(model.weights)]
    values = dict(zip(names, (v.numpy() for v in model.weights), strict=True))
    return model(image, training=False).numpy(), values


def _slim(name: str, image: Any) -> Any:
    import tensorflow as tf

    model = MODELS[name]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        data, logits = tfmg_slim.build(
            name.removeprefix(tfmg_slim.PREFIX), model.labels.classes, model.input_shape[1:]
        )
        variables = tf.compat.v1.global_variables()
        for variable in variables:
            variable.load(_drawn(variable.name, variable.shape.as_list()), session)
        names = [p.name for p in variable_parameters(variables)]
        values = dict(zip(names, session.run(variables), strict=True))
        return session.run(logits, {data: image}).reshape(1, -1), values


_GENERATOR = np.random.default_rng(1)


def _drawn(name: str, shape: list[int]) -> Any:
    """Values that keep activations in range and make every parameter count."""
    if "variance" in name or "gamma" in name:
        return _GENERATOR.uniform(0.5, 1.5, shape)
    fan_in = np.prod(shape[:-1]) if len(shape) > 1 else 100.0
    return _GENERATOR.standard_normal(shape) * np.sqrt(2.0 / fan_in)


def profile(*names: str) -> Any:
    """Floating-point operations of products, as TensorFlow's profiler counts them."""
    import tensorflow as tf

    found = {}
    for name in names:
        model = MODELS[name]
        if name.startswith(tfmg_slim.PREFIX):
            graph = tf.Graph()
            with graph.as_default():
                short = name.removeprefix(tfmg_slim.PREFIX)
                tfmg_slim.build(short, model.labels.classes, model.input_shape[1:])
        else:
            recipe = recipes()[name]
            size = model.input_shape[1:]
            _, function = tfmg_official.symbolic(recipe.experiment, recipe.overrides, size)
            graph = function.graph
        options = tf.compat.v1.profiler.ProfileOptionBuilder(
            tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        )
        options = options.with_empty_output().with_accounted_types(
            ["Conv2D", "DepthwiseConv2dNative", "MatMul"]
        )
        result = tf.compat.v1.profiler.profile(graph, cmd="op", options=options.build())
        kinds = {"Conv2D", "DepthwiseConv2dNative", "MatMul"}
        found[name] = sum(c.float_ops for c in _tree(result) if c.name in kinds)
    return found


def _tree(node: Any) -> Any:
    return [node, *(inner for child in node.children for inner in _tree(child))]


def rest(backend: TfmgBackend) -> Any:
    return {
        "names": list(backend.models()),
        "versions": dict(backend.versions()),
        "operations": profile("resnet_50", "slim/inception_v1"),
        "prepared": prepare(),
    }


def checkpoints(backend: TfmgBackend) -> Any:
    """Pack random weights the way the zoo packs its own, and load them as published ones."""
    import tensorflow as tf

    # TensorFlow starts with the first network; threads are set before.
    for setting in ("intra", "inter"):
        getattr(tf.config.threading, f"set_{setting}_op_parallelism_threads")(1)
    image = np.random.default_rng(0).random((2, 224, 224, 3), dtype=np.float32)
    folder = cache_folder()
    folder.mkdir(parents=True)
    found: dict[str, Any] = {}
    official = MODELS["resnet_50"]
    recipe = recipes()["resnet_50"]
    model = tfmg_official.build(recipe.experiment, recipe.overrides, (224, 224))
    saved = tf.train.Checkpoint(model=model).save(str(folder / "made" / "ckpt"))
    _pack(folder, official.weights[0].url, Path(saved).parent)
    network = backend.load("resnet_50", None, seed=5, threads=1)
    expected = model(image, training=False).numpy()
    found["official"] = [
        network.weights_state,
        float(np.abs(network.run(image) - expected).max()),
        float(np.abs(expected).max()),
        len(network.weights_sha256 or ""),
    ]
    slim = MODELS["slim/inception_v1"]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        data, logits = tfmg_slim.build("inception_v1", 1001, (224, 224), None)
        session.run(tf.compat.v1.global_variables_initializer())
        stem = folder / "slim" / "inception_v1.ckpt"
        stem.parent.mkdir()
        tf.compat.v1.train.Saver().save(session, str(stem), write_meta_graph=False)
        expected = session.run(logits, {data: image})
    (stem.parent / "checkpoint").unlink()
    _pack(folder, slim.weights[0].url, stem.parent)
    network = backend.load("slim/inception_v1", None, seed=5, threads=1)
    found["slim"] = [
        network.weights_state,
        float(np.abs(network.run(image) - expected).max()),
        float(np.abs(expected).max()),
        len(network.weights_sha256 or ""),
    ]
    for name, wrong in (("slim/inception_v2", stem.parent), ("resnet_101", folder / "made")):
        _pack(folder, MODELS[name].weights[0].url, wrong)
        found[f"wrong {name}"] = _error(lambda name=name: backend.load(name, None, **_SEEDED))
    torn = folder / Path(MODELS["slim/vgg_16"].weights[0].url or "").name
    torn.write_bytes(b"no archive")
    found["torn"] = _error(lambda: backend.load("slim/vgg_16", None, **_SEEDED))
    begin = time.perf_counter()
    found["missing"] = _error(lambda: backend.load("resnet_rs_50", None, **_SEEDED))
    found["missing seconds"] = time.perf_counter() - begin
    found["left"] = [path.name for path in folder.glob("*.part")]
    found["unknown"] = _error(lambda: backend.describe("resnet_51", None))
    found["unknown weights"] = _error(lambda: backend.describe("resnet_50", "imagenet"))
    for name in ("mobilenet_v3_small", "slim/alexnet_v2"):
        runs = [backend.load(name, "random", seed=seed, threads=1).run(image) for seed in (1, 1, 2)]
        found[f"seeds {name}"] = [
            bool(np.array_equal(runs[0], runs[1])),
            bool(np.array_equal(runs[0], runs[2])),
            list(runs[0].shape),
        ]
    found["threads"] = _error(lambda: backend.load("resnet_18", None, seed=1, threads=2))
    return found


_SEEDED: dict[str, Any] = {"seed": 1, "threads": 1}


def _pack(folder: Path, url: str | None, content: Path) -> None:
    assert url is not None
    with tarfile.open(folder / Path(url).name, "w:gz", compresslevel=1) as archive:
        for path in sorted(content.iterdir()):
            archive.add(path, arcname=path.name)


def _error(call: Any) -> list[str]:
    try:
        call()
    except ZoodiffError as error:
        return [type(error).__name__, str(error)]
    return ["none", ""]


def prepare() -> Any:
    """The ends of a horizontal gradient after each preprocessing."""
    from zoodiff.zoos.tfmg.preprocessing import prepare as apply

    found: dict[str, Any] = {}
    ramp = np.tile(np.arange(512) / 2, (256, 1))
    images = np.repeat(ramp[None, :, :, None], 3, axis=3).astype(np.uint8)
    for name in ("resnet_18", "slim/vgg_a", "slim/resnet_v2_50"):
        made = apply(images, MODELS[name].preprocessing, name)
        found[name] = {
            "shape": list(made.shape),
            "dtype": str(made.dtype),
            "left": made[0, 0, 0].tolist(),
            "right": made[0, 0, -1].tolist(),
        }
    return found


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    kind, *names = sys.argv[1:]
    action = {f.__name__: f for f in (counts, outputs, checkpoints, rest)}[kind]
    print("\n" + json.dumps(action(TfmgBackend(), *names)))


if __name__ == "__main__":
    main()
