"""What the libraries of Paddle's networks have in common: a worker for one of them.

Networks are described with lazy parameters, which have shapes and no values. Paddle keeps the
moving mean and variance of a batch norm as parameters that are not trained: they are statistics
here.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.frontends.paddle.program import owned, to_graph
from zoodiff.zoos.base import Model, Network, WeightsState
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


def import_paddle() -> Any:
    """Return Paddle without what it writes when it is imported; raises ImportError without it."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import paddle
    return paddle


@dataclass(frozen=True)
class Library:
    """A library of networks: the zoo's catalogue, and how a worker builds its networks."""

    zoo: str
    publisher: str
    """Who publishes the weights, as a sentence says it."""
    models: Sequence[Model]
    builders: Callable[[], Sequence[str]]
    """Returns the names of the networks that the installed library can build."""
    build: Callable[[str], Any]
    """Returns the layer of a network with Paddle's own initial values, by name."""
    prepare: Callable[[Model, NDArray[np.uint8]], NDArray[np.float32]]
    """Applies a network's preprocessing; raises MeasurementError if none is published."""
    versions: Mapping[str, str]
    traced_as_written: Callable[[], AbstractContextManager[None]] = nullcontext
    """A context in which the networks' code is traced as it is; see ``describe``."""


@dataclass
class PaddleNetwork:
    """A network with values in its weights; ``run`` is one call without gradients."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    scope: Mapping[str, str]
    _layer: Any
    _prepare: Callable[[NDArray[np.uint8]], NDArray[np.float32]]

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
        """Apply the published preprocessing; raises MeasurementError if there is none."""
        return self._prepare(images)


class LayerBackend:
    """The worker side of a zoo whose networks are layers of Paddle."""

    def __init__(self, library: Library) -> None:
        self._paddle = import_paddle()
        self._library = library
        self._models = {model.name: model for model in library.models}

    def versions(self) -> Mapping[str, str]:
        """Return the versions of Paddle and of the library."""
        return {"paddle": self._paddle.__version__, **self._library.versions}

    def models(self) -> Sequence[str]:
        """Return the networks that the installed library can build, ordered by name."""
        return self._library.builders()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the network's static program; no weights are allocated.

        A network that cannot be traced as it is written is traced as Paddle rewrites it.
        """
        entry = self._choose(model, weights)
        shape, source = (1, *entry.input_shape), f"{self._library.zoo}:{model}"
        try:
            with self._library.traced_as_written():
                return to_graph(self._without_values(entry), shape, source)
        except MeasurementError:
            return to_graph(self._without_values(entry), shape, source)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the values in trained parameters and in all others, as Paddle has them."""
        layer = self._without_values(self._choose(model, weights))
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
        zoo = self._library.zoo
        modes.choose(mode, MODES, zoo)
        entry = self._choose(model, weights)
        published = next((w for w in entry.weights if w.name == weights), entry.default_weights)
        if weights != RANDOM and published is not None:
            raise WeightsUnavailableError(
                f"{self._library.publisher} publishes the weights of {zoo}:{model} as a pickle "
                f"({published.url}), which zoodiff does not load; use {zoo}:{model}@random"
            )
        self._paddle.base.core.set_num_threads(threads)
        self._paddle.seed(seed)
        with load_stages.stage(load_stages.BUILD), self._own_names():
            layer = self._library.build(entry.name)
            layer.eval()
        return PaddleNetwork(
            weights_state="random",
            weights_sha256=None,
            input_shape=(1, *entry.input_shape),
            layout="NCHW",
            scope=_SCOPE,
            _layer=layer,
            _prepare=lambda images: self._library.prepare(entry, images),
        )

    def _without_values(self, model: Model) -> Any:
        with without_values(self._paddle), self._own_names():
            return self._library.build(model.name)

    @contextmanager
    def _own_names(self) -> Iterator[None]:
        """Let a network name its parameters as if it were the first that the process builds.

        Networks that name parameters themselves cannot be built twice in a process otherwise.
        """
        with warnings.catch_warnings(), self._paddle.utils.unique_name.guard():
            warnings.simplefilter("ignore")
            yield

    def _choose(self, model: str, weights: str | None) -> Model:
        zoo, entry = self._library.zoo, self._models.get(model)
        if entry is None:
            raise UnknownNameError(f"no entry `{zoo}:{model}`{did_you_mean(model, self._models)}")
        names = [*(w.name for w in entry.weights), RANDOM]
        if weights is not None and weights not in names:
            hint = did_you_mean(weights, names) or f"; there are {', '.join(names)}"
            raise UnknownNameError(f'{zoo}:{model} has no weights "{weights}"{hint}')
        return entry


@contextmanager
def without_values(paddle: Any) -> Iterator[None]:
    """Let layers be built whose parameters have shapes and no values.

    A constructor that scales the initial value of a parameter, or sets it to another, does nothing
    here: there is no value.
    """
    parameter = paddle.base.framework.EagerParamBase
    without_effect = {
        "set_value": lambda self, value: None,
        "__mul__": lambda self, factor: self,
        "__truediv__": lambda self, divisor: self,
    }
    before = {name: vars(parameter).get(name) for name in without_effect}
    for name, method in without_effect.items():
        setattr(parameter, name, method)
    try:
        with paddle.LazyGuard():
            yield
    finally:
        for name, method in before.items():
            if method is None:
                delattr(parameter, name)
            else:
                setattr(parameter, name, method)


def access(layer: Any) -> WeightsAccess:
    """Return the parameters and buffers of a layer, by their names in its graph."""
    tensors = dict(owned(layer).values())

    def write(weights: Mapping[str, NDArray[Any]]) -> None:
        for name, array in weights.items():
            tensors[name].set_value(array.astype(str(tensors[name].dtype).removeprefix("paddle.")))

    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    return WeightsAccess(shapes, lambda name: tensors[name].numpy(), write)
