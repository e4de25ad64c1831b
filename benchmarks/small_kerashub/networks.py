"""Small random networks of KerasHub's backbones, and inputs that they take."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from benchmarks.small_kerashub.configurations import CONFIGURATIONS, LAYERS
from benchmarks.small_kerashub.parts import VOCABULARY
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
LARGEST = 3_000_000
"""Values above which a network counts as not built."""
_LENGTH = 8
"""What stands in for an open length."""
_SOUND = 1600
"""What stands in for the open length of a sound."""
_SEGMENTS = 2


class NotBuiltError(Exception):
    """The configuration gives no network that runs and depends on its inputs."""


@dataclass(frozen=True)
class Sample:
    """A network of Keras and what it is called with, by the names of its inputs."""

    architecture: str
    network: Any
    inputs: Arrays

    @property
    def parameters(self) -> int:
        """How many numbers its weights have."""
        return int(self.network.count_params())

    def outputs(self, inputs: Arrays | None = None) -> list[NDArray[Any]]:
        """Return what the network gives for its own inputs or others."""
        import keras

        chosen = self.inputs if inputs is None else inputs
        returned = self.network(packed(self.network, chosen), training=False)
        return [np.asarray(x) for x in keras.tree.flatten(returned)]

    def drawn(self, count: int) -> list[Arrays]:
        """Return other inputs, drawn anew; the first hides nothing."""
        return [
            {name: draw(name, x.shape, x.dtype, k + 1, hidden=k) for name, x in self.inputs.items()}
            for k in range(count)
        ]


def architectures() -> tuple[str, ...]:
    """Return the names of all networks: classes of backbones, and recurrent layers of Keras."""
    return (*CONFIGURATIONS, *LAYERS)


def build(architecture: str) -> Sample:
    """Return a small network, always the same; raises NotBuiltError with the problem."""
    import keras

    seed = zlib.crc32(architecture.encode())
    keras.utils.set_random_seed(seed % 2**31)
    try:
        network = _network(architecture)
        if network.count_params() > LARGEST:
            raise NotBuiltError(f"{network.count_params():,} values")
        draw_weights(network, seed)
        inputs = {
            tensor.name: draw(tensor.name, _closed(tensor), np.dtype(tensor.dtype), 0)
            for tensor in network.inputs
        }
        sample = Sample(architecture, network, inputs)
        problem = _problem(sample)
    except NotBuiltError:
        raise
    except Exception as error:  # a network of odd sizes may fail in any way
        raise NotBuiltError(" ".join(f"{type(error).__name__}: {error}".split())[:300]) from None
    if problem:
        raise NotBuiltError(problem)
    return sample


def _network(architecture: str) -> Any:
    import keras

    if architecture in LAYERS:
        x = keras.Input((_LENGTH, 4), name="series")
        return keras.Model(x, LAYERS[architecture](keras.layers, x))
    import keras_hub

    arguments = CONFIGURATIONS[architecture]
    if callable(arguments):
        arguments = arguments(keras_hub.models)
    return getattr(keras_hub.models, architecture)(**arguments)


def packed(network: Any, inputs: Arrays) -> Any:
    """Return inputs by name in the structure that the network takes."""
    import keras

    names = [tensor.name for tensor in network.inputs]
    return keras.tree.pack_sequence_as(network._inputs_struct, [inputs[name] for name in names])


def _closed(tensor: Any) -> tuple[int, ...]:
    """The shape of an input at batch size 1."""
    sound = len(tensor.shape) == 3 and tensor.shape[-1] == 1
    usual = _SOUND if sound else _LENGTH
    return (1, *(usual if n is None else int(n) for n in tensor.shape[1:]))


def draw(
    name: str, shape: Sequence[int], dtype: np.dtype[Any], seed: int, hidden: int = 0
) -> NDArray[Any]:
    """Return an input by its name: a mask that hides the last steps, ids, or real numbers."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if "mask" in name and dtype.kind in "iub":
        mask = np.ones(shape, dtype)
        mask[..., shape[-1] - 2 * hidden :] = 0
        return mask
    if "position" in name and dtype.kind in "iu":
        return np.broadcast_to(np.arange(shape[-1]), shape).astype(dtype)
    if dtype.kind in "iub":
        high = _SEGMENTS if "segment" in name else VOCABULARY
        return rng.integers(0 if "segment" in name else 3, high, shape).astype(dtype)
    if "ids" in name:
        return rng.integers(0, 4, shape).astype(dtype)
    return (rng.normal(size=shape) * 1.7**seed).astype(dtype)


def _problem(sample: Sample) -> str:
    """Why nothing can be asked about a network that runs; empty where something can."""
    outputs = sample.outputs()
    if not all(bool(np.isfinite(x).all()) for x in outputs):
        return "it gives no finite numbers"
    others = sample.outputs(sample.drawn(2)[1])
    if not any(
        float(np.abs(x - y).max()) > 1e-3 * float(np.abs(x).max())
        for x, y in zip(outputs, others, strict=True)
        if x.size and x.dtype.kind == "f"
    ):
        return "its outputs do not depend on its inputs"
    return ""


def draw_weights(network: Any, seed: int) -> None:
    """Draw weights so that differences show: no scale is 1, no bias is 0, no layer is faint."""
    rng = np.random.default_rng(seed)
    trained = {id(v) for v in network.trainable_variables}
    for variable in network.variables:
        value = np.asarray(variable)
        if value.dtype.kind != "f" or not value.size:
            continue
        shape = value.shape
        if id(variable) not in trained:
            if variable.name == "moving_mean":
                variable.assign(rng.normal(0, 0.3, shape))
            elif variable.name == "moving_variance":
                variable.assign(0.5 + rng.random(shape))
        elif "embedding" in variable.path.rpartition("/")[2]:
            variable.assign(rng.normal(0, 0.7, shape))
        elif value.ndim >= 2 and np.ptp(value) > 0:
            variable.assign(rng.normal(0, 1 / prod(shape[:-1]) ** 0.5, shape))
        else:
            variable.assign(value + rng.normal(0, 0.2, shape))


def described(inputs: Mapping[str, NDArray[Any]]) -> dict[str, list[int]]:
    """Return the shapes of inputs, for JSON."""
    return {name: list(x.shape) for name, x in inputs.items()}
