"""The worker side of the zoo ``paddle``; runs in the zoo's own environment.

Networks are described with lazy parameters, which have shapes and no values. Paddle keeps the
moving mean and variance of a batch norm as parameters that are not trained: they are statistics
here.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.frontends.paddle.program import owned, to_graph
from zoodiff.zoos.base import Model, Network, WeightsState
from zoodiff.zoos.paddle.catalogue import ZOO
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.weights_access import WeightsAccess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

MODES = (modes.EAGER,)
_SCOPE = {
    "entry_point": "call of the layer without gradients",
    "mode": modes.EAGER,
    "compiles": modes.NOT_AT_ALL,
}


@dataclass
class PaddleNetwork:
    """A network with values in its weights; ``run`` is one call without gradients."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    scope: Mapping[str, str]
    _layer: Any

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits ``(batch, classes)``; of a network with several outputs, the first."""
        import paddle

        with paddle.no_grad():
            output = self._layer(paddle.to_tensor(batch))
        first = output[0] if isinstance(output, list | tuple) else output
        result: NDArray[np.float32] = first.numpy()
        return result

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return parameters and buffers by their names in the layer."""
        return access(self._layer)

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace parameters and buffers by name."""
        access(self._layer).assign(weights)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise MeasurementError: ``paddle.vision`` publishes no preprocessing."""
        raise MeasurementError(
            "paddle.vision publishes no preprocessing with its networks; give one of your own"
        )


class PaddleBackend:
    """The networks of ``paddle.vision.models``; raises ImportError without Paddle."""

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import paddle
        self._paddle = paddle
        self._models = {model.name: model for model in ZOO.models()}

    def versions(self) -> Mapping[str, str]:
        """Return the version of the imported framework."""
        return {"paddle": self._paddle.__version__}

    def models(self) -> Sequence[str]:
        """Return the public builders of the installed Paddle, and its LeNet, ordered by name."""
        return builders(self._paddle)

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the network's static program; no weights are allocated."""
        entry = self._choose(model, weights)
        with self._paddle.LazyGuard():
            layer = self._build(entry)
        return to_graph(layer, (1, *entry.input_shape), f"paddle:{model}")

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the values in trained parameters and in all others, as Paddle has them."""
        entry = self._choose(model, weights)
        with self._paddle.LazyGuard():
            layer = self._build(entry)
        parameters = list(layer.parameters())
        trained = sum(int(p.size) for p in parameters if not p.stop_gradient)
        buffers = [b for b in layer.buffers() if b.is_floating_point()]
        everything = sum(int(tensor.size) for tensor in [*parameters, *buffers])
        return {"parameters": trained, "statistics": everything - trained}

    def modes(self) -> Sequence[str]:
        """Return the only mode, a call of the layer."""
        return MODES

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with random weights from Paddle's own initialisers and ``seed``.

        Raises WeightsUnavailableError for published weights, which are pickles.
        """
        modes.choose(mode, MODES, "paddle")
        entry = self._choose(model, weights)
        published = entry.default_weights
        if weights != RANDOM and published is not None:
            raise WeightsUnavailableError(
                f"Paddle publishes the weights of paddle:{model} as a pickle ({published.url}), "
                f"which zoodiff does not load; use paddle:{model}@random"
            )
        self._paddle.base.core.set_num_threads(threads)
        self._paddle.seed(seed)
        with load_stages.stage(load_stages.BUILD):
            layer = self._build(entry)
            layer.eval()
        return PaddleNetwork(
            weights_state="random",
            weights_sha256=None,
            input_shape=(1, *entry.input_shape),
            layout="NCHW",
            scope=_SCOPE,
            _layer=layer,
        )

    def _build(self, model: Model) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(self._paddle.vision.models, model.name)()

    def _choose(self, model: str, weights: str | None) -> Model:
        entry = self._models.get(model)
        if entry is None:
            raise UnknownNameError(f"no entry `paddle:{model}`{did_you_mean(model, self._models)}")
        names = [*(w.name for w in entry.weights), RANDOM]
        if weights is not None and weights not in names:
            hint = did_you_mean(weights, names) or f"; there are {', '.join(names)}"
            raise UnknownNameError(f'paddle:{model} has no weights "{weights}"{hint}')
        return entry


def builders(paddle: Any) -> list[str]:
    """Return the public functions of ``paddle.vision.models``, and LeNet, which has none."""
    own = paddle.vision.models
    names = [name for name in own.__all__ if not inspect.isclass(getattr(own, name))]
    return sorted([*names, "LeNet"])


def access(layer: Any) -> WeightsAccess:
    """Return the parameters and buffers of a layer, by their names in its graph."""
    tensors = dict(owned(layer).values())

    def write(weights: Mapping[str, NDArray[Any]]) -> None:
        for name, array in weights.items():
            tensors[name].set_value(array.astype(str(tensors[name].dtype).removeprefix("paddle.")))

    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    return WeightsAccess(shapes, lambda name: tensors[name].numpy(), write)
