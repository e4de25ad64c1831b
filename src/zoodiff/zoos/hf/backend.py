"""The worker side of the zoo ``hf``: builds, describes and runs networks of transformers."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.torch_compat import import_torchvision
from zoodiff.zoos.base import Network, OwnRecipe, WeightsState
from zoodiff.zoos.hf import config as network_config
from zoodiff.zoos.hf import entries, image_processor, networks, own_recipes, snapshots
from zoodiff.zoos.hf.architectures import Architecture, architectures, known
from zoodiff.zoos.hf.known_checkpoints import checkpoints
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.torch_network import TorchNetwork
from zoodiff.zoos.runtime.weights_access import counts_of_torch
from zoodiff.zoos.scan import allowed
from zoodiff.zoos.steady import steady

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph


@dataclass(frozen=True)
class Source:
    """What a model's name stands for."""

    architecture: Architecture
    values: Mapping[str, Any] | None
    """The arguments of the configuration; None for its defaults."""
    input_shape: tuple[int, int, int]
    folder: Path | None = None
    """The folder with its files, if there is one."""


class HfBackend:
    """transformers' networks; raises ImportError without transformers."""

    def __init__(self) -> None:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        self._torchvision = import_torchvision()
        self._transformers = importlib.import_module("transformers")
        self._transformers.logging.set_verbosity_error()
        self._transformers.logging.disable_progress_bar()
        self._last: tuple[str, Any, Any] | None = None

    def versions(self) -> Mapping[str, str]:
        """Versions of the frameworks that are really imported."""
        import torch

        return {
            "torch": torch.__version__,
            "torchvision": self._torchvision.__version__,
            "transformers": self._transformers.__version__,
        }

    def models(self) -> Sequence[str]:
        """All entries whose class the installed transformers has, ordered by name."""
        listed = {name: name for name in architectures()}
        listed |= {name: c.architecture.name for name, c in checkpoints().items()}
        return sorted(n for n, own in listed.items() if hasattr(self._transformers, own))

    def modes(self) -> Sequence[str]:
        """Eagerly, as transformers does, or by ``torch.compile``, or on CUDA."""
        return modes.TORCH_ANYWHERE

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the network that transformers builds from the configuration.

        Raises MeasurementError where it cannot be built without values or cannot be traced,
        WeightsUnavailableError where its configuration is in its repository only.
        """
        from zoodiff.frontends.torch.export import to_graph

        source = self.source(model)
        module, tables = self.structure(model)
        with networks.attention_as_run():
            return to_graph(module, (1, *source.input_shape), f"hf:{model}", tables)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return transformers' own count of parameters, and the values in floating buffers."""
        module, _ = self.structure(model)
        folder = self.source(model).folder
        digest = None
        if weights != RANDOM and folder is not None and (folder / entries.WEIGHTS).exists():
            with steady(folder / entries.WEIGHTS) as read:
                digest = read.digest
        return {
            "parameters": int(module.num_parameters()),
            "statistics": counts_of_torch(module)["statistics"],
            "sha256": digest,
        }

    def source(self, model: str) -> Source:
        """Return what a name stands for; raise UnknownNameError for any other name."""
        if model.startswith("/"):
            return _of_folder(Path(model))
        if model in architectures():
            own = architectures()[model]
            return Source(own, None, own.input_shape)
        checkpoint = checkpoints().get(model)
        if checkpoint is None:
            raise UnknownNameError(f"no entry `hf:{model}`{entries.suggestion(model)}")
        if checkpoint.values is None:
            raise WeightsUnavailableError(
                f"hf:{model} is described by {network_config.FILE} of {snapshots.url(model)}, "
                f"which is not here; where there is a network, get it with: hf download {model}"
            )
        shape = (3, checkpoint.size, checkpoint.size)
        return Source(checkpoint.architecture, checkpoint.values, shape)

    def structure(self, model: str) -> tuple[Any, Mapping[str, NDArray[np.generic]]]:
        """Return the module on the meta device, and its buffers of whole numbers by name."""
        # A worker asks for the graph and then for the facts of the same network.
        if self._last is None or self._last[0] != model:
            source = self.source(model)
            self._demand(source.architecture, model)
            config = networks.configuration(source.architecture.name, source.values)
            self._last = (model, *networks.without_values(source.architecture.name, config))
        return self._last[1], self._last[2]

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with weights; random ones come from transformers' initialisers and ``seed``.

        Raises WeightsUnavailableError where the weights cannot be had, RefusedError for a damaged
        file and for a pickle that nobody allowed, MeasurementError where it does not fit.
        """
        import torch

        mode = modes.choose(mode, modes.TORCH_ANYWHERE, "transformers")
        torch.set_num_threads(threads)
        source, state, digest = self.source(model) if weights == RANDOM else None, "random", None
        if source is None:
            with load_stages.stage(load_stages.CHECKS):
                source = self._fetched(model)
        self._demand(source.architecture, model)
        torch.manual_seed(seed)
        name = source.architecture.name
        config = networks.configuration(name, source.values)
        if weights == RANDOM:
            with load_stages.stage(load_stages.BUILD):
                module = networks.build(name, config)
        else:
            file = self._weights_file(source)
            if file is None:
                raise WeightsUnavailableError(f"hf:{model} has no published weights; use @random")
            module, digest = _with_weights(name, config, file, model)
            state = "file" if model.startswith("/") else "published"
        with load_stages.stage(load_stages.COMPILE):
            forward = modes.torch_forward(module, mode)
        return TorchNetwork(
            weights_state=_state(state),
            weights_sha256=digest,
            input_shape=(1, *source.input_shape),
            layout="NCHW",
            scope=modes.torch_scope(mode),
            _module=module,
            _forward=forward,
            _transform=self.transform(source),
        )

    def transform(
        self, source: Source, backend: image_processor.Backend = "torchvision"
    ) -> Callable[[NDArray[np.uint8]], Any]:
        """Return transformers' own image processor, for an array of images."""
        raw = entries.read_processor(source.folder) if source.folder else {}
        name = image_processor.class_name(raw, source.architecture.model_type)

        def transform(images: NDArray[np.uint8]) -> Any:
            if name is None or name not in image_processor.known().classes:
                raise MeasurementError(
                    f"transformers has no image processor for {source.architecture.name}"
                )
            own = networks.image_processor_class(name, backend)
            return own.from_dict(dict(raw))(list(images), return_tensors="pt")["pixel_values"]

        return transform

    def recipes(self, model: str, weights: str) -> Sequence[OwnRecipe]:
        """Return the slow and the fast image processor of a class or of a repository's files.

        Raises WeightsUnavailableError for a checkpoint whose files are not in the cache.
        """
        return own_recipes.recipes(*self._processor_of(model))

    def prepared(
        self, model: str, weights: str, processor: str, image: bytes | NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return what the slow or fast image processor makes of an image that Pillow decodes."""
        assert isinstance(image, bytes)
        return own_recipes.prepared(*self._processor_of(model), processor, image)

    def _processor_of(self, model: str) -> tuple[Mapping[str, Any], str]:
        """Return the configuration of a model's image processor, and the type of the model."""
        if model.startswith("/"):
            folder = Path(model)
            own = entries.read_config(folder).architecture
            return entries.read_processor(folder), own.model_type
        if model in architectures():
            return {}, architectures()[model].model_type
        if model not in checkpoints():
            raise UnknownNameError(f"no entry `hf:{model}`{entries.suggestion(model)}")
        raise WeightsUnavailableError(
            f"its recipe is in {image_processor.FILE} of {snapshots.url(model)}, which is not "
            f"here; where there is a network, get it with: hf download {model}"
        )

    def _demand(self, architecture: Architecture, model: str) -> None:
        """Raise MeasurementError for a class that this version of transformers does not have."""
        if not hasattr(self._transformers, architecture.name):
            raise MeasurementError(
                f"transformers {self._transformers.__version__} has no {architecture.name} for "
                f"hf:{model}; the catalogue is that of transformers {known().version}: install "
                "that version"
            )

    def _fetched(self, model: str) -> Source:
        """Return a source with its files; those of a known checkpoint are fetched."""
        if model.startswith("/") or model in architectures():
            return self.source(model)
        if model not in checkpoints():
            raise UnknownNameError(f"no entry `hf:{model}`{entries.suggestion(model)}")
        needed = (network_config.FILE, entries.WEIGHTS)
        snapshot = snapshots.find(model, snapshots.MAIN, needed, (image_processor.FILE,))
        return _of_folder(snapshot.folder)

    def _weights_file(self, source: Source) -> Path | None:
        if source.folder is None:
            return None
        file, pickle = source.folder / entries.WEIGHTS, source.folder / entries.PICKLE
        if not file.exists() and pickle.exists():
            allowed.demand(pickle, f"a pickle in the place of {entries.WEIGHTS}")
            return pickle
        if not file.exists():
            raise WeightsUnavailableError(
                f"{source.folder} has no {entries.WEIGHTS}, and zoodiff loads no other weights for "
                "hf; use @random"
            )
        return file


def _of_folder(folder: Path) -> Source:
    config = entries.read_config(folder)
    spec = entries.read_preprocessing(folder, config)
    default = spec.input_size or config.architecture.input_shape[1:]
    shape = (3, *network_config.image_size(config.values, default))
    return Source(config.architecture, config.values, shape, folder)


def _with_weights(name: str, config: Any, file: Path, model: str) -> tuple[Any, str]:
    """Return the network with the weights of a file, and the file's sha256."""
    with contextlib.ExitStack() as stack:
        with load_stages.stage(load_stages.CHECKS):
            digest: str = stack.enter_context(steady(file)).digest
        with load_stages.stage(load_stages.WEIGHTS):
            module = networks.with_weights(name, config, file, f"hf:{model}")
    return module, digest


def _state(name: str) -> WeightsState:
    states: dict[str, WeightsState] = {"random": "random", "file": "file", "published": "published"}
    return states[name]
