"""Model Garden's slim networks: ``tf_slim.nets``, graphs of TensorFlow 1."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zoodiff.errors import WeightsUnavailableError

_MODULES = {
    "alexnet": "alexnet_v2_arg_scope",
    "inception_v1": "inception_v1_arg_scope",
    "inception_v2": "inception_v2_arg_scope",
    "inception_v3": "inception_v3_arg_scope",
    "overfeat": "overfeat_arg_scope",
    "resnet_v1": "resnet_arg_scope",
    "resnet_v2": "resnet_arg_scope",
    "vgg": "vgg_arg_scope",
}
"""The settings (weight decay, batch norm) of the networks in each module of ``tf_slim.nets``."""
PREFIX = "slim/"
SESSION = "session"
"""The only mode of these networks."""


def known() -> dict[str, str]:
    """Return the module of every slim network that classifies, by name without the prefix."""
    modules: dict[str, str] = {}
    for module_name in _MODULES:
        module = _module(module_name)
        for name, value in vars(module).items():
            # vgg_d and vgg_e are second names of vgg_16 and vgg_19.
            if not inspect.isfunction(value) or value.__name__ != name:
                continue
            if value.__module__ != module.__name__:
                continue
            taken = inspect.signature(value).parameters
            # A function with the parameter blocks generates networks.
            if {"inputs", "num_classes", "is_training"} <= set(taken) and "blocks" not in taken:
                modules[name] = module_name
    return modules


def default_image_size(name: str) -> int | None:
    """Return the input size that a network's function declares, if it does."""
    module = _module(known()[name])
    owner = getattr(module, name)
    generator = getattr(module, known()[name], None)
    size = getattr(owner, "default_image_size", getattr(generator, "default_image_size", None))
    return None if size is None else int(size)


def build(name: str, classes: int, size: tuple[int, int], batch: int | None = 1) -> tuple[Any, Any]:
    """Add an inference network to the default graph; return its input and its logits."""
    import tensorflow as tf
    import tf_slim

    module_name = known()[name]
    module = _module(module_name)
    image = tf.compat.v1.placeholder(tf.float32, [batch, *size, 3], name="image")
    with _tensors_by_identity(), tf_slim.arg_scope(getattr(module, _MODULES[module_name])()):
        logits, _ = getattr(module, name)(image, num_classes=classes, is_training=False)
    return image, logits


def restore(session: Any, checkpoint: str) -> None:
    """Restore a published checkpoint into a session's graph.

    Raises WeightsUnavailableError if the checkpoint does not fit the network.
    """
    import tensorflow as tf

    variables = tf.compat.v1.global_variables()
    try:
        tf.compat.v1.train.Saver(variables).restore(session, checkpoint)
    except (ValueError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsUnavailableError(
            f"the published checkpoint does not fit the network that the installed tf_slim "
            f"builds ({reason}); use random weights"
        ) from error


def counts() -> Mapping[str, int]:
    """Return TensorFlow's own counts of the default graph's variables."""
    import tensorflow as tf

    trainable = sum(v.shape.num_elements() for v in tf.compat.v1.trainable_variables())
    everything = sum(v.shape.num_elements() for v in tf.compat.v1.global_variables())
    return {"parameters": trainable, "statistics": everything - trainable}


@contextmanager
def _tensors_by_identity() -> Iterator[None]:
    """Compare variables as TensorFlow 1 did, by identity.

    Its layers put all variables into a set for each added variable; with TensorFlow 2's equality,
    describing a ResNet-200 takes three times as long.
    """
    import tensorflow as tf

    tf.compat.v1.disable_tensor_equality()
    try:
        yield
    finally:
        tf.compat.v1.enable_tensor_equality()


def _module(name: str) -> Any:
    _alias_legacy_layers()
    return importlib.import_module(f"tf_slim.nets.{name}")


def _alias_legacy_layers() -> None:
    """Provide ``tf_keras.legacy_tf_layers`` for slim if it is missing.

    TensorFlow 2.20 imports the layers of TensorFlow 1, including slim's batch normalisation, by
    that name; they are now in ``tf_keras.src.legacy_tf_layers``.
    """
    name = "tf_keras.legacy_tf_layers"
    if name in sys.modules:
        return
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        sys.modules[name] = importlib.import_module("tf_keras.src.legacy_tf_layers")
