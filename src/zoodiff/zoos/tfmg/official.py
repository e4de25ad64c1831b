"""Model Garden's ``official.vision`` classifiers: configurations, networks, checkpoints.

A network is built by the package's own model factory from an experiment of its registry, with
changes as in the experiment's YAML files.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from zoodiff.errors import WeightsUnavailableError


def known() -> list[tuple[str, str, str, int | str]]:
    """Return (name, experiment, backbone, variant) of every classifier the package can build.

    Variants come from the backbones' own tables. ResNets with a depth of 200 or more are published
    only as ResNet-RS. SpineNet and MobileDet are detection backbones without a classification
    experiment.
    """
    from official.vision.modeling.backbones import (
        efficientnet,
        mobilenet,
        resnet,
        resnet_deeplab,
        revnet,
        vit_specs,
    )

    classifiers: list[tuple[str, str, str, int | str]] = []
    for depth in resnet.RESNET_SPECS:
        if depth <= 152:
            classifiers.append((f"resnet_{depth}", "resnet_imagenet", "resnet", depth))
        if depth >= 50:
            classifiers.append((f"resnet_rs_{depth}", "resnet_rs_imagenet", "resnet", depth))
    for depth in resnet_deeplab.RESNET_SPECS:
        if depth <= 152:
            name = f"dilated_resnet_{depth}"
            classifiers.append((name, "resnet_imagenet", "dilated_resnet", depth))
    for depth in revnet.REVNET_SPECS:
        classifiers.append((f"revnet_{depth}", "revnet_imagenet", "revnet", depth))
    for variant in mobilenet.SUPPORTED_SPECS_MAP:
        classifiers.append((_snake(variant), "mobilenet_imagenet", "mobilenet", variant))
    for variant in efficientnet.SCALING_MAP:
        name = f"efficientnet_{variant}"
        classifiers.append((name, "image_classification", "efficientnet", variant))
    for variant in vit_specs.VIT_SPECS:
        name = variant.replace("-", "_")
        classifiers.append((name, "vit_imagenet_pretrain", "vit", variant))
    return sorted(classifiers)


def model_config(experiment: str, overrides: Mapping[str, Any]) -> Any:
    """Return the model part of an experiment of the package's registry, with changes."""
    from official.core import exp_factory
    from official.vision.configs import image_classification  # noqa: F401 - registers experiments

    config = exp_factory.get_exp_config(experiment)
    config.override({"task": {"model": copy.deepcopy(dict(overrides))}})
    return config.task.model


def build(experiment: str, overrides: Mapping[str, Any], size: Sequence[int]) -> Any:
    """Build the Keras model with the package's own factory; ``size`` is (height, width)."""
    import tf_keras
    from official.vision.modeling import factory

    config = model_config(experiment, overrides)
    specification = tf_keras.layers.InputSpec(shape=[None, *size, 3])
    return factory.build_classification_model(specification, config)


def symbolic(experiment: str, overrides: Mapping[str, Any], size: Sequence[int]) -> tuple[Any, Any]:
    """Return the Keras model, its variables without values, and its inference function."""
    import tensorflow as tf
    import tf_keras

    # Restarts the numbering of names. Not inside without_values: it drops creators of variables.
    tf_keras.backend.clear_session()
    with forgotten_gradients():
        with without_values():
            model = build(experiment, overrides, size)
        return model, trace(model, tf.TensorSpec((1, *size, 3), name="image"))


def trace(model: Callable[..., Any], specification: Any, *, xla: bool = False) -> Any:
    """Return the concrete function of one inference."""
    import tensorflow as tf

    function = tf.function(
        lambda image: model(image, training=False), autograph=False, jit_compile=xla or None
    )
    return function.get_concrete_function(specification)


@contextmanager
def without_values() -> Iterator[None]:
    """Create variables with a name and a shape but without memory."""
    import tensorflow as tf
    from tensorflow.python.ops.resource_variable_ops import UninitializedVariable

    def create(_next: Callable[..., Any], **options: Any) -> object:
        shape, dtype = options.get("shape"), options.get("dtype")
        if shape is None or dtype is None:
            value = options["initial_value"]
            value = tf.convert_to_tensor(value() if callable(value) else value, dtype=dtype)
            shape, dtype = value.shape, value.dtype
        keys = ("trainable", "name", "synchronization", "aggregation")
        chosen = {key: options[key] for key in keys if options.get(key) is not None}
        return UninitializedVariable(shape=shape, dtype=dtype, **chosen)

    with tf.variable_creator_scope(create):
        yield


@contextmanager
def forgotten_gradients() -> Iterator[None]:
    """Remove the gradients that functions in the block register, for example swish.

    TensorFlow keeps them, and with them every graph, until the process ends: a worker would grow by
    some 0.1 GB per ResNet-RS.
    """
    from tensorflow.python.framework import ops

    registered: dict[str, Any] = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            del registered[name]


def restore(model: Any, checkpoint: str) -> None:
    """Restore a published checkpoint as the package's own task does.

    Raises WeightsUnavailableError if the checkpoint does not fit the network.
    """
    import tensorflow as tf

    try:
        status = tf.train.Checkpoint(model=model).read(checkpoint)
        status.expect_partial().assert_existing_objects_matched()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsUnavailableError(
            f"the published checkpoint does not fit the network that the installed "
            f"tf-models-official builds ({reason}); use random weights"
        ) from error


def _snake(name: str) -> str:
    """Return a name in snake case: ``MobileNetV3Large`` as ``mobilenet_v3_large``."""
    words = name.replace("MobileNet", "Mobilenet").replace("EdgeTPU", "Edgetpu")
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words)
    return re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])", "_", spaced).lower()
