"""The worker side of Keras files (``.keras``)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.zoos.base import Network
from zoodiff.zoos.files.entries import opened
from zoodiff.zoos.files.guarded import guarded
from zoodiff.zoos.keras.backend import KerasNetwork, import_keras
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.scan import keras as scan
from zoodiff.zoos.steady import Followed, steady

if TYPE_CHECKING:
    from zoodiff.graph.ir import Graph


@guarded
class KerasFiles:
    """Files that ``Model.save`` writes; see ``zoodiff.zoos.base.Backend``.

    Read in Keras's safe mode, which runs no code of the file, unless the user allowed the code of
    this file.
    """

    def __init__(self) -> None:
        self._keras, self._tf = import_keras()
        self._followed = Followed()

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        return {"keras": self._keras.__version__, "tensorflow": self._tf.__version__}

    def models(self) -> Sequence[str]:
        """Return no models: files are named, not listed."""
        return ()

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the model in the file."""
        from zoodiff.frontends.keras.functional import to_graph

        with self._followed.first(opened(model)[0]):
            return to_graph(self._open(model))

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return scalars in trainable weights and in all others, as Keras counts them."""
        with self._followed.again(opened(model)[0]) as file:
            network = self._open(model)
        trainable = sum(int(v.value.shape.num_elements()) for v in network.trainable_weights)
        return {
            "parameters": trainable,
            "statistics": int(network.count_params()) - trainable,
            "sha256": file.digest,
        }

    def modes(self) -> Sequence[str]:
        """Return the modes of the zoo ``keras``."""
        return modes.KERAS

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Load the model; ``random`` weights keep the file's values until ``assign``."""
        mode = modes.choose(mode, modes.KERAS, "a Keras file")
        path, _ = opened(model)
        with contextlib.ExitStack() as stack:
            with load_stages.stage(load_stages.CHECKS):
                file = stack.enter_context(steady(path))
            with load_stages.stage(load_stages.BUILD):
                network = self._open(model)

        def compiled() -> Any:
            return modes.tensorflow_call(
                self._tf, lambda batch: network(batch, training=False), mode
            )

        def prepare(pixels: object) -> object:
            raise UsageError(f"{path.name} does not say how images are prepared")

        return KerasNetwork(
            weights_state="random" if weights == RANDOM else "file",
            weights_sha256=None if weights == RANDOM else file.digest,
            input_shape=(1, *network.input_shape[1:]),
            layout="NHWC",
            _call=compiled(),
            _preprocess=prepare,
            _model=network,
            _compile=compiled,
            scope=modes.keras_scope(mode),
        )

    def _open(self, model: str) -> Any:
        path, extent = opened(model)
        with load_stages.stage(load_stages.CHECKS):
            carries_code = scan.check(path)
        self._keras.utils.clear_session(free_memory=False)
        try:
            network = self._keras.saving.load_model(path, compile=False, safe_mode=not carries_code)
        except Exception as error:  # Keras raises many kinds
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"{path} cannot be loaded ({reason})") from None
        shape = getattr(network, "input_shape", None)
        if not isinstance(shape, tuple):
            raise MeasurementError(f"{path} holds no network of one input")
        if None in shape[1:]:
            image = self._keras.Input([n or extent for n in shape[1:]])
            network = self._keras.Model(image, network(image))
        return network
