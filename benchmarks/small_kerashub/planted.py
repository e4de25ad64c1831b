"""One change of a network that shows in its outputs: a norm, columns, a bias, an activation."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from benchmarks.small_kerashub.networks import Sample, build

VISIBLE = 1e-3
"""Least deviation, relative to the spread, of a change that counts."""


def plant(sample: Sample) -> tuple[str, Sample] | None:
    """Return the name of a change and a changed copy; None where none that is tried shows.

    Which change is tried first depends on the architecture's name.
    """
    kinds = list(_KINDS)
    start = zlib.crc32(sample.architecture.encode()) % len(kinds)
    for name in kinds[start:] + kinds[:start]:
        other = build(sample.architecture)
        inputs = {
            theirs.name: sample.inputs[own.name]
            for theirs, own in zip(other.network.inputs, sample.network.inputs, strict=True)
        }
        other = Sample(sample.architecture, other.network, inputs)
        if _KINDS[name](other.network) and shows(sample, other):
            return name, other
    return None


def shows(a: Sample, b: Sample) -> bool:
    """Return whether outputs of two networks of the same inputs differ visibly."""
    for inputs in (a.inputs, *a.drawn(2)):
        renamed = dict(zip(b.inputs, inputs.values(), strict=True))
        for x, y in zip(a.outputs(inputs), b.outputs(renamed), strict=True):
            if not x.size or x.dtype.kind != "f":
                continue
            spread = float(np.abs(x - x.mean()).max())
            if float(np.abs(x - y).max()) > VISIBLE * max(spread, 1e-6):
                return True
    return False


def _layers(network: Any) -> Iterator[Any]:
    yield from network._flatten_layers(include_self=False, recursive=True)


def _epsilon(network: Any) -> bool:
    """Set the epsilon of the last norm to a tenth."""
    for layer in reversed(list(_layers(network))):
        if isinstance(getattr(layer, "epsilon", None), float) and layer._trainable_variables:
            layer.epsilon = 0.1
            return True
    return False


def _columns(network: Any) -> bool:
    """Exchange two columns of the last kernel."""
    kernels = [
        v for v in network.trainable_variables if v.name.endswith("kernel") and v.shape[-1] > 3
    ]
    if not kernels:
        return False
    value = np.asarray(kernels[-1]).copy()
    value[..., [0, 2]] = value[..., [2, 0]]
    kernels[-1].assign(value)
    return True


def _bias(network: Any) -> bool:
    """Leave out the first bias."""
    biases = [v for v in network.trainable_variables if v.name in {"bias", "beta"}]
    if not biases:
        return False
    biases[0].assign(np.zeros(biases[0].shape, "float32"))
    return True


def _activation(network: Any) -> bool:
    """Replace the first activation by another one."""
    import keras

    for layer in _layers(network):
        name = getattr(getattr(layer, "activation", None), "__name__", "")
        if name in {"gelu", "relu", "silu", "swish"}:
            layer.activation = keras.activations.get("elu" if name == "relu" else "relu")
            return True
    return False


_KINDS: dict[str, Callable[[Any], bool]] = {
    "another epsilon": _epsilon,
    "two columns exchanged": _columns,
    "a bias left out": _bias,
    "another activation": _activation,
}
